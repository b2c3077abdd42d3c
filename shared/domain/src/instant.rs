//! Instants as everybody writes them here: RFC 3339 with `Z` or an offset, and nothing else that could be read as one.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

/// A text that is not what its notation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct NotationError(pub &'static str);

/// How an instant is written, for those who wrote something else.
pub const INSTANT: &str = "an instant in RFC 3339 such as 2026-12-08T09:00:00Z";

/// An instant of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl FromStr for Instant {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        parse_instant(text).map(Self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, INSTANT)
    }
}

impl schemars::JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Reads what is written as a text. What is no text at all is told that it should be `expected`.
pub(crate) fn read_text<'de, D, T>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Text<T>(&'static str, PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> serde::de::Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(expected, PhantomData))
}

/// The instant that `text` names by RFC 3339: a date, `T`, a time of day with any fraction of a second, and `Z` or an offset
/// such as `+01:00`; both letters may be small. Of a fraction, nanoseconds are kept. A leap second, which can only end a month
/// in UTC, is the second after it, as Unix time counts. Years that no clock of ours reaches are refused.
pub fn parse_instant(text: &str) -> Result<Timestamp, NotationError> {
    read_instant(text.as_bytes()).ok_or(NotationError(INSTANT))
}

/// The same for the end of a stretch of time: what lies behind the last instant that there is here is that one.
pub fn parse_end(text: &str) -> Result<Timestamp, NotationError> {
    parse_instant(text).or_else(|refused| match written(text.as_bytes()) {
        Some((date_time, _, _)) if date_time.year() == 9999 => Ok(Timestamp::MAX),
        _ => Err(refused),
    })
}

fn read_instant(text: &[u8]) -> Option<Timestamp> {
    let (date_time, offset, is_leap) = written(text)?;
    let at = offset.to_timestamp(date_time).ok()?;
    if is_leap { after_a_leap_second(at) } else { Some(at) }
}

/// Date and time of day as they are written, the offset, and whether the second is a leap second.
fn written(text: &[u8]) -> Option<(DateTime, Offset, bool)> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let &[y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2] = date else { return None };
    let &[b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2] = time else { return None };
    let year = i16::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    let date = Date::new(year, two_digits([o1, o2])?, two_digits([d1, d2])?).ok()?;
    let (second, is_leap) = match two_digits([s1, s2])? {
        60 => (59, true),
        second => (second, false),
    };
    let (nanosecond, zone) = fraction(rest)?;
    let nanosecond = if is_leap { 0 } else { nanosecond };
    let time = Time::new(two_digits([h1, h2])?, two_digits([m1, m2])?, second, nanosecond).ok()?;
    Some((date.to_datetime(time), offset(zone)?, is_leap))
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

fn two_digits(digits: [u8; 2]) -> Option<i8> {
    i8::try_from(number(&digits)?).ok()
}

/// The nanoseconds of a fraction, if there is one, and what follows it.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some((b'.', text)) = text.split_first() else { return Some((0, text)) };
    let length = text.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some((padded.fold(0, |number, digit| number * 10 + i32::from(digit - b'0')), rest))
}

fn offset(text: &[u8]) -> Option<Offset> {
    match text {
        [b'Z' | b'z'] => Some(Offset::UTC),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two_digits([h1, h2])?, two_digits([m1, m2])?);
            let minutes = (hours <= 23 && minutes <= 59).then(|| i32::from(hours) * 60 + i32::from(minutes))?;
            Offset::from_seconds(if sign == b'-' { -60 * minutes } else { 60 * minutes }).ok()
        }
        _ => None,
    }
}

/// The second after `at`, where that begins a month in UTC.
fn after_a_leap_second(at: Timestamp) -> Option<Timestamp> {
    let next = at.checked_add(SignedDuration::from_secs(1)).ok()?;
    let utc = Offset::UTC.to_datetime(next);
    (utc.day() == 1 && utc.time() == Time::midnight()).then_some(next)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        parse_instant(text).ok()
    }

    #[test]
    fn instants_are_read_as_rfc_3339_has_them_and_not_otherwise() {
        let nine: Timestamp = "2026-12-08T09:00:00Z".parse().unwrap();
        for same in [
            "2026-12-08T09:00:00Z",
            "2026-12-08t09:00:00z",
            "2026-12-08T10:00:00+01:00",
            "2026-12-08T09:00:00-00:00",
            "2026-12-07T09:01:00-23:59",
            "2026-12-08T14:45:00.000000000000000000+05:45",
        ] {
            assert_eq!(at(same), Some(nine), "{same}");
        }
        let after = |fraction: i64| nine + fraction.nanoseconds();
        assert_eq!(at("2026-12-08T09:00:00.5Z"), Some(after(500_000_000)));
        assert_eq!(at("2026-12-08T09:00:00.0000000019Z"), Some(after(1)));
        for wrong in [
            "",
            "1",
            "2026-12-08",
            "2026-12-08T09:00:00",
            "2026-12-08 09:00:00Z",
            "2026-12-08_09:00:00Z",
            "2026-12-08T09:00Z",
            "2026-12-08T09:00:00 Z",
            " 2026-12-08T09:00:00Z",
            "2026-12-08T09:00:00Z ",
            "2026-12-08T09:00:00Z[Europe/Berlin]",
            "2026-12-08T09:00:00+01",
            "2026-12-08T09:00:00+0100",
            "2026-12-08T09:00:00+24:00",
            "2026-12-08T09:00:00+01:60",
            "2026-12-08T09:00:00+01:00:00",
            "2026-12-08T09:00:00\u{2212}01:00",
            "2026-12-08T09:00:00.Z",
            "2026-12-08T09:00:00,5Z",
            "2026-12-08T24:00:00Z",
            "2026-12-08T09:60:00Z",
            "2026-12-08T09:00:61Z",
            "2026-12-8T09:00:00Z",
            "2026-02-29T09:00:00Z",
            "20261208T090000Z",
            "+002026-12-08T09:00:00Z",
            "2026-W50-2T09:00:00Z",
            "Tue, 08 Dec 2026 09:00:00 GMT",
            "２０２６-12-08T09:00:00Z",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_after_it_and_ends_a_month() {
        assert_eq!(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
        assert_eq!(at("2017-01-01T00:59:60.75+01:00"), at("2017-01-01T00:00:00Z"));
        for never in ["2016-12-30T23:59:60Z", "2016-12-31T23:58:60Z", "2016-12-31T23:59:60+01:00"] {
            assert_eq!(at(never), None, "{never}");
        }
    }

    #[test]
    fn a_request_that_writes_no_instant_is_told_how_one_is_written() {
        for (json, refusal) in [
            (r#""Tue, 08 Dec 2026 09:00:00 GMT""#, format!("must be {INSTANT}")),
            ("1", format!("invalid type: integer `1`, expected {INSTANT} at line 1 column 1")),
        ] {
            let refused = serde_json::from_str::<Instant>(json).unwrap_err().to_string();
            assert!(refused.starts_with(&refusal), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn whatever_rfc_3339_allows_is_read_as_the_same_instant(
            second in -62_000_000_000_i64..253_000_000_000,
            nanosecond in 0..1_000_000_000,
            minutes in -1439..=1439_i32,
            digits in 0..12_usize,
            is_small: bool,
        ) {
            let cut = 10_i32.pow(9 - u32::try_from(digits.min(9)).unwrap());
            let nanosecond = nanosecond / cut * cut;
            let moment = Timestamp::new(second, 0).unwrap();
            let local = Offset::from_seconds(minutes * 60).unwrap().to_datetime(moment);
            prop_assume!((0..=9999).contains(&local.year()));
            let fraction = format!("{nanosecond:09}000")[..digits].to_owned();
            let dot = if digits == 0 { "" } else { "." };
            let sign = if minutes < 0 { '-' } else { '+' };
            let zone = match minutes {
                0 => "Z".to_owned(),
                _ => format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60),
            };
            let mut text = format!("{}{dot}{fraction}{zone}", local.strftime("%Y-%m-%dT%H:%M:%S"));
            if is_small {
                text.make_ascii_lowercase();
            }
            let expected = moment + SignedDuration::from_nanos(i64::from(nanosecond));
            prop_assert_eq!(parse_instant(&text), Ok(expected), "{}", text);
        }

        #[test]
        fn one_changed_character_makes_another_instant_or_none(
            at in 0..20_usize,
            byte in 0x20..0x7f_u8,
        ) {
            let good = "2026-12-08T09:00:00Z";
            let mut text = good.as_bytes().to_vec();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            // What is read at all is what the same digits say by the calendar: an independent reader agrees.
            if let Ok(read) = parse_instant(&text) {
                let oracle: Timestamp = text.to_ascii_uppercase().parse().unwrap();
                let is_leap = &text[17..19] == "60";
                prop_assert!(is_leap || read == oracle, "{text}");
            }
        }

        #[test]
        fn no_text_brings_it_down(text in "\\PC*") {
            let _ = parse_instant(&text);
        }
    }
}
