//! Reading again and deciding again after a rival was faster.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How often an operation is tried before it gives up with [`crate::StoreError::Contended`]. A popular interviewer's day is
/// one item, so that everybody who books on it is everybody's rival: five attempts refused half of 48 who wanted 48
/// different times, and eight a few of 24 on a busy machine. The pauses add up to four seconds at most.
pub const ATTEMPTS: u32 = 12;

/// The pause before attempt `attempt` (1 for the first repeat): random, and growing up to half a second, so that rivals
/// spread out. `random` is any random number.
pub fn pause(attempt: u32, random: u64) -> Duration {
    let ceiling_ms = 16_u64 << attempt.min(5);
    Duration::from_millis(1 + random % ceiling_ms)
}

/// A random number for [`pause`] where no source of ids is at hand: the seed that the standard library draws for its maps.
pub fn any_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Runs `attempt` until its outcome is not contended, at most [`ATTEMPTS`] times. `random` yields random numbers.
pub async fn retry<T, E, F, A>(
    mut random: impl FnMut() -> u64,
    is_contended: impl Fn(&E) -> bool,
    mut attempt: A,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    A: FnMut() -> F,
{
    for number in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if is_contended(&error) => tokio::time::sleep(pause(number, random())).await,
            outcome => return outcome,
        }
    }
    attempt().await
}
