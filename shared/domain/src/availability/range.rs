//! The range of time for which slots are asked.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::notation::{parse_date, parse_instant};
use crate::instant::parse_end;
use crate::problem::{FieldError, ValidationError};

const MAX_DAYS: i32 = 31;
const DEFAULT_DAYS: i32 = 7;

/// From when (inclusive) until when (exclusive) a slot may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// When it starts.
    pub start: Timestamp,
    /// The moment at which the range ends.
    pub end: Timestamp,
}

enum Edge {
    Day(Date, Timestamp),
    Moment(Timestamp),
}

impl Edge {
    fn parse(field: &str, text: &str, zone: &TimeZone) -> Result<Self, FieldError> {
        let refused =
            || FieldError::new(field, "must be a date or an instant, such as 2026-11-20 or 2026-11-20T10:00:00Z");
        if let Ok(date) = parse_date(text) {
            return day(date, zone).ok_or_else(refused);
        }
        let read = if field == "to" { parse_end } else { parse_instant };
        read(text).map(Self::Moment).map_err(|_| refused())
    }

    fn moment(&self) -> Timestamp {
        match self {
            Self::Day(_, moment) | Self::Moment(moment) => *moment,
        }
    }

    fn later_by_days(&self, days: i32, zone: &TimeZone) -> Option<Self> {
        match self {
            Self::Day(date, _) => day(date.checked_add(days.days()).ok()?, zone),
            Self::Moment(moment) => {
                moment.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok().map(Self::Moment)
            }
        }
    }
}

/// A day begins with its first moment: where midnight is skipped, when the clock jumps past it.
fn day(date: Date, zone: &TimeZone) -> Option<Edge> {
    let midnight = date.to_zoned(zone.clone()).ok()?;
    midnight.start_of_day().ok().map(|start| Edge::Day(date, start.timestamp()))
}

impl SlotRange {
    /// Reads `from` and `to`, each a date in `zone` (the interviewer's) or an instant; `to` is exclusive. Without `from`
    /// the range begins `now`; without `to` it is seven days long. At most 31 days: by the calendar between two
    /// dates, so that a month in which the clock is set back fits, and elapsed otherwise, with the hour that such a
    /// change can add.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Self, ValidationError> {
        let from = from.map_or(Ok(Edge::Moment(now)), |text| Edge::parse("from", text, zone));
        let to = to.map(|text| Edge::parse("to", text, zone)).transpose();
        let (from, to) = match (from, to) {
            (Ok(from), Ok(to)) => (from, to),
            (from, to) => {
                let errors = [from.err(), to.err()];
                return Err(ValidationError(errors.into_iter().flatten().collect()));
            }
        };
        let too_far = || ValidationError::field("from", "is too far in the future");
        let to = match to {
            Some(to) => to,
            None => from.later_by_days(DEFAULT_DAYS, zone).ok_or_else(too_far)?,
        };
        let (start, end) = (from.moment(), to.moment());
        if end <= start {
            return Err(ValidationError::field("to", "must be after from"));
        }
        let too_long = match (&from, &to) {
            (Edge::Day(first, _), Edge::Day(last, _)) => {
                first.checked_add(MAX_DAYS.days()).is_ok_and(|latest| *last > latest)
            }
            _ => end.duration_since(start) > SignedDuration::from_hours(24 * i64::from(MAX_DAYS) + 1),
        };
        if too_long {
            return Err(ValidationError::field("to", format!("must be at most {MAX_DAYS} days after from")));
        }
        Ok(Self { start, end })
    }

    /// The range as Rust's own type.
    pub fn instants(self) -> Range<Timestamp> {
        self.start..self.end
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;

    const NOW: &str = "2026-11-20T10:07:00Z";

    fn parse(from: Option<&str>, to: Option<&str>, zone: &str) -> Result<(String, String), ValidationError> {
        let range = SlotRange::parse(from, to, &TimeZone::get(zone).unwrap(), at(NOW))?;
        Ok((range.start.to_string(), range.end.to_string()))
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn dates_are_days_of_the_interviewer_and_to_is_exclusive() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            parse(Some("2026-10-24"), Some("2026-10-26"), berlin),
            Ok(pair("2026-10-23T22:00:00Z", "2026-10-25T23:00:00Z"))
        );
        assert_eq!(
            parse(Some("2026-11-20T10:00:00Z"), Some("2026-11-22"), berlin),
            Ok(pair("2026-11-20T10:00:00Z", "2026-11-21T23:00:00Z"))
        );
        assert_eq!(
            parse(Some("2026-03-08"), Some("2026-03-09"), "America/Havana"),
            Ok(pair("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"))
        );
    }

    #[test]
    fn the_default_is_the_next_seven_days() {
        assert_eq!(parse(None, None, "UTC"), Ok(pair("2026-11-20T10:07:00Z", "2026-11-27T10:07:00Z")));
        assert_eq!(parse(Some("2026-12-01"), None, "UTC"), Ok(pair("2026-12-01T00:00:00Z", "2026-12-08T00:00:00Z")));
        assert_eq!(parse(None, Some("2026-11-21"), "UTC"), Ok(pair("2026-11-20T10:07:00Z", "2026-11-21T00:00:00Z")));
    }

    #[test]
    fn thirty_one_days_fit_even_when_the_clock_is_set_back() {
        assert!(parse(Some("2026-10-10"), Some("2026-11-10"), "America/New_York").is_ok());
        assert!(parse(Some("2026-10-10T04:00:00Z"), Some("2026-11-10T05:00:00Z"), "UTC").is_ok());
        for (from, to) in [
            ("2026-10-10", "2026-11-11"),
            ("2026-10-10T04:00:00Z", "2026-11-10T05:00:01Z"),
            ("2026-10-10", "2027-10-10"),
            ("2026-10-10", "9999-12-30"),
        ] {
            assert_eq!(parse(Some(from), Some(to), "America/New_York").unwrap_err().0[0].field, "to", "{from} {to}");
        }
    }

    #[test]
    fn an_end_behind_the_last_instant_is_that_one() {
        let last = Timestamp::MAX.to_string();
        for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:60Z", "9999-12-30T23:00:00-23:59"] {
            assert_eq!(parse(Some("9999-12-20T00:00:00Z"), Some(end), "UTC"), Ok(pair("9999-12-20T00:00:00Z", &last)));
            assert_eq!(parse(None, Some(end), "UTC").unwrap_err().0[0].field, "to", "31 days");
            assert_eq!(parse(Some(end), None, "UTC").unwrap_err().0[0].field, "from");
        }
        for end in ["9999-12-32T00:00:00Z", "-009999-01-01T00:00:00Z", "9999-12-31T24:00:00Z"] {
            assert!(parse(Some("9999-12-20T00:00:00Z"), Some(end), "UTC").is_err(), "{end}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        for (from, to, fields) in [
            (Some(""), None, vec!["from"]),
            (Some("tomorrow"), Some("2026-13-01"), vec!["from", "to"]),
            (Some("2026-11-20T10:00:00"), None, vec!["from"]),
            (Some("2026-11-21"), Some("2026-11-21"), vec!["to"]),
            (None, Some("2026-11-20"), vec!["to"]),
            (Some("2026-11-22"), Some("2026-11-21"), vec!["to"]),
            (Some("9999-12-30"), None, vec!["from"]),
            (Some("9999-12-31"), None, vec!["from"]),
        ] {
            let refused = parse(from, to, "Asia/Kathmandu").unwrap_err();
            let named: Vec<&str> = refused.0.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(named, fields, "{from:?} {to:?}");
        }
    }
}
