//! An interviewer's availability rules: one document, so that booking reads it by key.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::availability::Availability;
use domain::ids::UserId;

use crate::error::StoreError;
use crate::item::Item;
use crate::{Items, Tx, keys};

/// The rules that were read with `items`.
pub fn rules(items: &Items, user: &UserId) -> Result<Availability, StoreError> {
    Ok(items.get(&keys::availability(user))?.unwrap_or_default())
}

/// Writes rules that were changed, over the version they were read at, and lets bookings know.
pub fn write(tx: &mut Tx, user: &UserId, changed: &Availability) -> Result<(), StoreError> {
    let next = Availability { version: changed.version + 1, ..changed.clone() };
    tx.replace(Item::new(keys::availability(user), "Availability", &next)?, changed.version);
    let number = |n: u64| AttributeValue::N(n.to_string());
    tx.update(
        keys::bookable(user),
        "SET availabilityVersion = :rules ADD version :one",
        vec![(":rules", number(next.version)), (":one", number(1))],
    );
    Ok(())
}
