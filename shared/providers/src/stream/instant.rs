//! Stream's date-times. The API description types them as Unix nanoseconds, but webhooks have arrived with RFC 3339 text of
//! up to nine fraction digits; both are understood everywhere.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// An instant in either form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InstantVisitor)
    }
}

struct InstantVisitor;

impl de::Visitor<'_> for InstantVisitor {
    type Value = Instant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 date-time or Unix nanoseconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Instant, E> {
        text.parse().map(Instant).map_err(|_| E::invalid_value(de::Unexpected::Other("text"), &self))
    }

    fn visit_i64<E: de::Error>(self, nanoseconds: i64) -> Result<Instant, E> {
        Timestamp::from_nanosecond(nanoseconds.into())
            .map(Instant)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(nanoseconds), &self))
    }

    fn visit_u64<E: de::Error>(self, nanoseconds: u64) -> Result<Instant, E> {
        Timestamp::from_nanosecond(nanoseconds.into())
            .map(Instant)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(nanoseconds), &self))
    }

    /// JSON written by way of floating-point numbers, as in `1.7951635e18`.
    fn visit_f64<E: de::Error>(self, nanoseconds: f64) -> Result<Instant, E> {
        let refused = || E::invalid_value(de::Unexpected::Float(nanoseconds), &self);
        let whole = format!("{nanoseconds:.0}").parse().map_err(|_| refused())?;
        Timestamp::from_nanosecond(whole).map(Instant).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_instant() {
        for json in
            ["\"2026-11-20T08:31:40.769328551Z\"", "\"2026-11-20T10:31:40.769328551+02:00\"", "1795163500769328551"]
        {
            let Instant(read) = serde_json::from_str(json).unwrap();
            assert_eq!(read.as_nanosecond(), 1_795_163_500_769_328_551, "{json}");
        }
        let Instant(rounded) = serde_json::from_str("1.7951635007693286e18").unwrap();
        assert_eq!(rounded.as_second(), 1_795_163_500);
        let Instant(whole) = serde_json::from_str("\"2026-11-20T08:31:40Z\"").unwrap();
        assert_eq!(whole.as_second(), 1_795_163_500);
        for wrong in ["\"\"", "\"2026-11-20T08:31:40\"", "\"tomorrow\"", "1e300", "null", "true", "[]"] {
            assert!(serde_json::from_str::<Instant>(wrong).is_err(), "{wrong}");
        }
    }
}
