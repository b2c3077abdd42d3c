//! What the deliveries of all providers have in common: why one is not accepted, and how its body is read.

use domain::reading::{self, Unreadable};
use jiff::Timestamp;
use serde::Deserialize;

/// How far a signed time may lie from now, either way: the tolerance of the libraries of Svix and Stripe.
const TOLERANCE_SECONDS: u64 = 300;

/// Why a delivery is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header that belongs to the signature is missing, empty or not text.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// The signed time is not a number of seconds.
    #[error("the timestamp is malformed")]
    Timestamp,
    /// Signed more than five minutes ago: perhaps a replay.
    #[error("the timestamp is too old")]
    TooOld,
    /// Signed more than five minutes ahead.
    #[error("the timestamp is too far ahead")]
    TooNew,
    /// No signature fits any of the secrets; the secret may have been rotated.
    #[error("no signature matches")]
    NoMatch,
}

/// Whether a signed time, in seconds since 1970, is near enough to now.
pub(crate) fn check_age(signed_at: &str, now: Timestamp) -> Result<(), SignatureError> {
    let signed_at: i64 = signed_at.parse().map_err(|_| SignatureError::Timestamp)?;
    let now = now.as_second();
    match now.abs_diff(signed_at) {
        ..=TOLERANCE_SECONDS => Ok(()),
        _ if signed_at < now => Err(SignatureError::TooOld),
        _ => Err(SignatureError::TooNew),
    }
}

/// A body that does not have the form of its event. Of its content it repeats only the name of an event we know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("of {}, {why}", .event.unwrap_or("an event"))]
pub struct ParseError {
    /// The event's name, where that could be read.
    pub event: Option<&'static str>,
    /// Which member is missing or wrong.
    pub why: Unreadable,
}

impl ParseError {
    /// A body of which not even the event's name can be read.
    pub(crate) fn nameless(why: Unreadable) -> Self {
        Self { event: None, why }
    }
}

/// What names the event in all but Razorpay's deliveries.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
}

/// The `type` of a delivery's event.
pub(crate) fn kind(body: &[u8]) -> Result<String, ParseError> {
    reading::read::<Envelope>(body).map(|envelope| envelope.kind).map_err(ParseError::nameless)
}
