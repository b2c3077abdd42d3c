//! Time as the simulators see it.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The machine's clock.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Milliseconds since the epoch, as Clerk writes every time.
pub fn now_millis() -> i64 {
    now().as_millisecond()
}

/// Reads a date-time as Stream accepts it in requests: an RFC 3339 string or Unix nanoseconds.
pub fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => Timestamp::from_nanosecond(i128::from(number.as_i64()?)).ok(),
        _ => None,
    }
}

/// Writes a date-time as RFC 3339 with nine fraction digits, the form of captured webhook deliveries.
pub fn rfc3339(at: Timestamp) -> Value {
    json!(format!("{at:.9}"))
}

/// Writes a date-time as whole Unix nanoseconds, the form of the OpenAPI file.
pub fn unix_nanoseconds(at: Timestamp) -> Value {
    json!(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX))
}
