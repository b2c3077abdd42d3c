//! Which of a person's time is taken: quarter-hours of UTC days, one calendar day per stored item.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Seconds of a quarter of an hour.
pub(crate) const QUARTER_SECONDS: i64 = 15 * 60;
const DAY_SECONDS: i64 = 24 * 60 * 60;
const QUARTERS_PER_DAY: u32 = 96;

/// A day of UTC, written `yyyy-mm-dd`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(Date);

impl UtcDay {
    /// The day that `instant` lies in.
    pub fn containing(instant: Timestamp) -> Self {
        Self(TimeZone::UTC.to_datetime(instant).date())
    }

    /// The day as a date.
    pub fn date(self) -> Date {
        self.0
    }
}

impl From<Date> for UtcDay {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A text that is not a day, or not a set of quarter-hours, in the notation we use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotationError(&'static str);

impl FromStr for UtcDay {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        let refused = NotationError("a day such as 2026-11-20");
        match text.parse::<Date>() {
            // One day has one spelling: it is part of keys.
            Ok(date) if date.to_string() == text => Ok(Self(date)),
            _ => Err(refused),
        }
    }
}

impl Serialize for UtcDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of the 96 quarter-hours of a UTC day. As text it is 24 hexadecimal digits, one per hour: the first digit is
/// 00:00 to 01:00, and its highest bit is the quarter that begins at 00:00.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct QuarterHours(u128);

impl QuarterHours {
    /// No quarter-hour.
    pub const EMPTY: Self = Self(0);
    /// The whole day.
    pub const ALL: Self = Self((1 << QUARTERS_PER_DAY) - 1);

    /// The quarters `first..end`, counted from 00:00; what lies past the day's 96 is left out.
    pub fn span(first: u32, end: u32) -> Self {
        let from = |quarter: u32| Self::ALL.0 >> quarter.min(QUARTERS_PER_DAY);
        Self(from(first) & !from(end))
    }

    /// Whether no quarter-hour is in the set.
    pub fn is_free(self) -> bool {
        self.0 == 0
    }

    /// Whether the two have a quarter-hour in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every quarter-hour of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Puts the quarter-hours of `other` in.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Takes the quarter-hours of `other` out.
    pub fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// How many quarter-hours are in the set.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl fmt::Display for QuarterHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:024x}", self.0)
    }
}

impl fmt::Debug for QuarterHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for QuarterHours {
    type Err = NotationError;
    fn from_str(text: &str) -> Result<Self, NotationError> {
        let refused = NotationError("24 lower-case hexadecimal digits");
        if text.len() != 24 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refused);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| refused)
    }
}

impl Serialize for QuarterHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuarterHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A stretch of time that cannot be written as quarter-hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuarterHourError {
    /// One of its ends is not on a quarter-hour.
    #[error("a session starts and ends on a quarter-hour")]
    OffGrid,
    /// It does not end after it starts.
    #[error("a session ends after it starts")]
    Empty,
    /// It is longer than a day.
    #[error("a session lasts at most a day")]
    TooLong,
}

/// Whether `instant` is the first moment of a quarter-hour. Every zone's offset has been a multiple of 15 minutes for
/// decades, so this holds in local time and in UTC alike.
pub fn is_on_quarter_hour(instant: Timestamp) -> bool {
    instant.subsec_nanosecond() == 0 && instant.as_second().rem_euclid(QUARTER_SECONDS) == 0
}

/// The quarter-hours from `start` to `end`, per UTC day they lie in, in order: one entry, or two across midnight.
pub fn quarter_hours(start: Timestamp, end: Timestamp) -> Result<Vec<(UtcDay, QuarterHours)>, QuarterHourError> {
    if !is_on_quarter_hour(start) || !is_on_quarter_hour(end) {
        return Err(QuarterHourError::OffGrid);
    }
    let seconds = end.as_second() - start.as_second();
    if seconds <= 0 {
        return Err(QuarterHourError::Empty);
    }
    if seconds > DAY_SECONDS {
        return Err(QuarterHourError::TooLong);
    }
    let quarter = |seconds: i64| u32::try_from(seconds / QUARTER_SECONDS).unwrap_or(0);
    let first = quarter(start.as_second().rem_euclid(DAY_SECONDS));
    let last = first + quarter(seconds);
    let day = UtcDay::containing(start);
    let mut days = vec![(day, QuarterHours::span(first, last))];
    if last > QUARTERS_PER_DAY {
        let next = day.date().checked_add(1.day()).map_err(|_| QuarterHourError::TooLong)?;
        days.push((UtcDay(next), QuarterHours::span(0, last - QUARTERS_PER_DAY)));
    }
    Ok(days)
}

/// The person's time is taken already, at least in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is taken")]
pub struct Taken;

/// One person's UTC day as it is stored: what is taken, and the version of the item. The version is the one that was
/// read (0: never stored); the store writes version + 1 on the condition that it is still the one read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayCalendar {
    /// Which day.
    pub day: UtcDay,
    /// What is taken of it.
    pub taken: QuarterHours,
    /// The version that was read.
    pub version: u64,
}

impl DayCalendar {
    /// A day of which nothing has ever been stored.
    pub fn empty(day: UtcDay) -> Self {
        Self { day, taken: QuarterHours::EMPTY, version: 0 }
    }

    /// Takes `hours`, all of them or, where one is taken already, none.
    pub fn claim(&mut self, hours: QuarterHours) -> Result<(), Taken> {
        if self.taken.overlaps(hours) {
            return Err(Taken);
        }
        self.taken.insert(hours);
        Ok(())
    }

    /// Gives `hours` back; what was not taken stays free.
    pub fn release(&mut self, hours: QuarterHours) {
        self.taken.remove(hours);
    }
}

/// The quarter-hours of `days` that begin after `now`, are taken, and belong to none of the `known` sessions.
pub fn unexplained(
    days: &[DayCalendar],
    known: &[(Timestamp, Timestamp)],
    now: Timestamp,
) -> Vec<(UtcDay, QuarterHours)> {
    let explained: Vec<(UtcDay, QuarterHours)> =
        known.iter().flat_map(|(start, end)| quarter_hours(*start, *end).unwrap_or_default()).collect();
    let today = UtcDay::containing(now);
    let gone = u32::try_from(now.as_second().rem_euclid(DAY_SECONDS) / QUARTER_SECONDS + 1).unwrap_or(QUARTERS_PER_DAY);
    let left = |calendar: &DayCalendar| {
        let mut taken = calendar.taken;
        for (_, hours) in explained.iter().filter(|(day, _)| *day == calendar.day) {
            taken.remove(*hours);
        }
        if calendar.day == today {
            taken.remove(QuarterHours::span(0, gone));
        }
        (calendar.day, taken)
    };
    days.iter().filter(|calendar| calendar.day >= today).map(left).filter(|(_, hours)| !hours.is_free()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_session_within_a_day_is_one_entry() {
        let days = quarter_hours(at("2026-11-20T10:15:00Z"), at("2026-11-20T11:00:00Z")).unwrap();
        assert_eq!(days, [("2026-11-20".parse().unwrap(), QuarterHours::span(41, 44))]);
        assert_eq!(days[0].1.to_string(), "000000000070000000000000");
    }

    #[test]
    fn a_session_across_midnight_is_split_and_one_that_ends_at_midnight_is_not() {
        let days = quarter_hours(at("2024-02-28T23:30:00Z"), at("2024-02-29T00:15:00Z")).unwrap();
        let texts: Vec<String> = days.iter().map(|(day, hours)| format!("{day} {hours}")).collect();
        assert_eq!(texts, ["2024-02-28 000000000000000000000003", "2024-02-29 800000000000000000000000"]);
        assert_eq!(quarter_hours(at("2026-11-20T23:30:00Z"), at("2026-11-21T00:00:00Z")).unwrap().len(), 1);
    }

    #[test]
    fn times_off_the_grid_are_refused() {
        let start = at("2026-11-20T10:00:00Z");
        for (end, error) in [
            ("2026-11-20T10:50:00Z", QuarterHourError::OffGrid),
            ("2026-11-20T10:45:00.001Z", QuarterHourError::OffGrid),
            ("2026-11-20T10:00:00Z", QuarterHourError::Empty),
            ("2026-11-20T09:45:00Z", QuarterHourError::Empty),
            ("2026-11-21T10:15:00Z", QuarterHourError::TooLong),
        ] {
            assert_eq!(quarter_hours(start, at(end)), Err(error), "{end}");
        }
        let last = Timestamp::from_second(Timestamp::MAX.as_second() / QUARTER_SECONDS * QUARTER_SECONDS).unwrap();
        assert_eq!(quarter_hours(last, Timestamp::MAX), Err(QuarterHourError::OffGrid));
        assert!(quarter_hours(Timestamp::MIN, Timestamp::MAX).is_err());
    }

    #[test]
    fn only_the_one_spelling_is_read() {
        for wrong in ["", "0", "00000000007000000000000g", "00000000007000000000000A", "+00000000000000000000000"] {
            assert!(wrong.parse::<QuarterHours>().is_err(), "{wrong} was taken");
        }
        for wrong in ["", "20261120", "2026-11-31", "2026-11-20T00:00:00", "2026-1-2"] {
            assert!(wrong.parse::<UtcDay>().is_err(), "{wrong} was taken");
        }
    }

    proptest! {
        #[test]
        fn claiming_and_releasing_are_inverse(bits in any::<u128>(), first in 0u32..96, length in 1u32..=6) {
            let mut calendar = DayCalendar { taken: QuarterHours(bits & QuarterHours::ALL.0), ..DayCalendar::empty(UtcDay(Date::constant(2026, 3, 1))) };
            let before = calendar.clone();
            let hours = QuarterHours::span(first, first + length);
            match calendar.claim(hours) {
                Ok(()) => {
                    prop_assert!(calendar.taken.contains(hours));
                    prop_assert_eq!(calendar.claim(hours), Err(Taken));
                    prop_assert_eq!(calendar.taken.count(), before.taken.count() + hours.count());
                    calendar.release(hours);
                }
                Err(Taken) => prop_assert!(before.taken.overlaps(hours)),
            }
            prop_assert_eq!(calendar, before);
        }

        #[test]
        fn what_is_unexplained_is_what_is_taken_later_by_sessions_that_are_not_known(
            sessions in prop::collection::btree_map(-40i64..300, any::<bool>(), 0..12),
            length in 1i64..=6,
            late in 0i64..900,
        ) {
            let now = at("2026-11-20T12:00:00Z") + jiff::SignedDuration::from_secs(late);
            let instant = |quarter: i64| at("2026-11-20T12:00:00Z") + jiff::SignedDuration::from_mins(15 * quarter);
            let (mut days, mut known, mut hidden) = (Vec::<DayCalendar>::new(), Vec::new(), 0);
            let mut free_from = i64::MIN;
            for (quarter, is_known) in sessions.into_iter().filter(|(quarter, _)| {
                let is_free = *quarter >= free_from;
                free_from = if is_free { quarter + length } else { free_from };
                is_free
            }) {
                let times = (instant(quarter), instant(quarter + length));
                for (day, hours) in quarter_hours(times.0, times.1).unwrap() {
                    if days.iter().all(|known| known.day != day) {
                        days.push(DayCalendar::empty(day));
                    }
                    days.iter_mut().find(|known| known.day == day).unwrap().claim(hours).unwrap();
                }
                if is_known {
                    known.push(times);
                } else {
                    hidden += (quarter..quarter + length).filter(|quarter| instant(*quarter) > now).count();
                }
            }
            let found = unexplained(&days, &known, now);
            prop_assert_eq!(found.iter().map(|(_, hours)| hours.count()).sum::<u32>(), u32::try_from(hidden).unwrap());
        }

        #[test]
        fn the_text_of_a_set_is_read_back(bits in any::<u128>()) {
            let set = QuarterHours(bits & QuarterHours::ALL.0);
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(json.len(), 26);
            prop_assert_eq!(serde_json::from_str::<QuarterHours>(&json).unwrap(), set);
        }

        #[test]
        fn the_split_covers_exactly_the_session(quarter in -2_000_000i64..4_000_000, length in 1i64..=96) {
            let start = Timestamp::from_second(quarter * QUARTER_SECONDS).unwrap();
            let end = Timestamp::from_second((quarter + length) * QUARTER_SECONDS).unwrap();
            let days = quarter_hours(start, end).unwrap();
            prop_assert!(days.len() <= 2);
            let total: u32 = days.iter().map(|(_, hours)| hours.count()).sum();
            prop_assert_eq!(i64::from(total), length);
            prop_assert!(days.iter().all(|(_, hours)| !hours.is_free()));
        }
    }
}
