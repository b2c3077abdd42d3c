//! Reading what a provider says in place of nothing.

use serde::{Deserialize, Deserializer};

/// Reads `null` like a missing member: providers send it in place of a list, a text or a number.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
