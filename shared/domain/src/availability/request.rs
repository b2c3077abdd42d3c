//! The request that declares availability, and the check that makes a rule of it.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::notation::{LocalTime, NotationError, Weekday, ZoneName, parse_date, parse_instant};
use super::{AvailabilityRule, RuleKind, SESSION_MINUTES, WeeklyWindow};
use crate::calendar::is_on_quarter_hour;
use crate::ids::AvailabilityId;
use crate::problem::{FieldError, ValidationError};

/// The years a rule can name.
const YEARS: std::ops::RangeInclusive<i16> = 2020..=2100;
const MAX_EXCEPTIONS: usize = 366;
/// A one-time window is declared at most a year ahead: twice as far as it can be booked, so that nobody has to come
/// back on the day the window becomes bookable, and near enough that a mistyped year is noticed.
const MAX_ONE_TIME_DAYS_AHEAD: i64 = 366;

// Times, dates and zones come as text, so that `check` can say of each field what is wrong with it.
/// A new availability rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum NewAvailability {
    /// A one-time window.
    OneTime {
        /// When the window starts, on a quarter-hour.
        #[schemars(extend("format" = "date-time"))]
        start_time: String,
        /// When the window ends, on a quarter-hour, at most 24 hours later.
        #[schemars(extend("format" = "date-time"))]
        end_time: String,
        /// How long each session lasts, in minutes: 30, 45, 60 or 90.
        session_minutes: u32,
    },
    /// A weekly window in local time.
    Weekly {
        /// The weekdays.
        #[schemars(with = "Vec<Weekday>", length(min = 1, max = 7))]
        weekdays: Vec<String>,
        /// Local start time, on a quarter-hour.
        #[schemars(with = "LocalTime")]
        start_local: String,
        /// Local end time, on a quarter-hour; `24:00` is the end of the day.
        #[schemars(with = "LocalTime")]
        end_local: String,
        /// An IANA time zone.
        #[schemars(with = "ZoneName")]
        timezone: String,
        /// The first local date.
        #[schemars(extend("format" = "date"))]
        from: String,
        /// The last local date; open-ended if absent.
        #[schemars(extend("format" = "date"))]
        until: Option<String>,
        /// Local dates on which the window is closed.
        #[serde(default)]
        #[schemars(length(max = 366))]
        exceptions: Vec<String>,
        /// How long each session lasts, in minutes: 30, 45, 60 or 90.
        session_minutes: u32,
    },
}

impl NewAvailability {
    /// The rule that is declared, or every field that keeps it from being one.
    pub fn check(self, id: AvailabilityId, now: Timestamp) -> Result<AvailabilityRule, ValidationError> {
        let mut refused = Refused::default();
        let (session_minutes, kind) = match self {
            Self::OneTime { start_time, end_time, session_minutes } => {
                (session_minutes, one_time(&mut refused, &start_time, &end_time, session_minutes, now))
            }
            Self::Weekly { weekdays, start_local, end_local, timezone, from, until, exceptions, session_minutes } => {
                let window = WeeklyText {
                    weekdays: &weekdays,
                    start_local: &start_local,
                    end_local: &end_local,
                    timezone: &timezone,
                    from: &from,
                    until: until.as_deref(),
                    exceptions: &exceptions,
                };
                (session_minutes, window.check(&mut refused, session_minutes, now).map(RuleKind::Weekly))
            }
        };
        refused.unless(SESSION_MINUTES.contains(&session_minutes), "sessionMinutes", "must be 30, 45, 60 or 90");
        match kind {
            Some(kind) if refused.0.is_empty() => {
                Ok(AvailabilityRule { availability_id: id, session_minutes, created_at: now, kind })
            }
            _ => Err(ValidationError(refused.0)),
        }
    }
}

/// What becomes of the end of a rule, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<String>")]
pub enum NewEnd {
    /// It stays as it is.
    #[default]
    AsBefore,
    /// There is none.
    Never,
    /// This is the last local date.
    After(String),
}

impl From<Option<String>> for NewEnd {
    fn from(until: Option<String>) -> Self {
        until.map_or(Self::Never, Self::After)
    }
}

/// What is changed of a weekly rule later, as text; what is none stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedAvailability<'a> {
    /// All local dates on which it does not apply.
    pub exceptions: Option<&'a [String]>,
    /// Until when it applies.
    pub until: &'a NewEnd,
}

impl ChangedAvailability<'_> {
    /// The changed rule, or every field that keeps it from being one.
    pub fn of(&self, rule: &AvailabilityRule, now: Timestamp) -> Result<AvailabilityRule, ValidationError> {
        let mut refused = Refused::default();
        let mut changed = rule.clone();
        match &mut changed.kind {
            RuleKind::OneTime { .. } => {
                refused.unless(self.exceptions.is_none(), "exceptions", "is for weekly availability");
                refused.unless(*self.until == NewEnd::AsBefore, "until", "is for weekly availability");
            }
            RuleKind::Weekly(window) => {
                if let Some(dates) = self.exceptions {
                    window.exceptions = refused.exceptions(dates).unwrap_or_default();
                }
                match self.until {
                    NewEnd::AsBefore => {}
                    NewEnd::Never => window.until = None,
                    NewEnd::After(until) => {
                        window.until = refused.dates("until", until);
                        refused.end(Some(window.from), window.until, Some(&window.timezone), now);
                    }
                }
            }
        }
        if refused.0.is_empty() { Ok(changed) } else { Err(ValidationError(refused.0)) }
    }
}

#[derive(Default)]
struct Refused(Vec<FieldError>);

impl Refused {
    fn unless(&mut self, ok: bool, field: &str, message: impl Into<String>) {
        if !ok {
            self.0.push(FieldError::new(field, message));
        }
    }

    fn parsed<T>(&mut self, field: &str, result: Result<T, NotationError>) -> Option<T> {
        result.map_err(|error| self.unless(false, field, error.to_string())).ok()
    }

    fn dates(&mut self, field: &str, text: &str) -> Option<Date> {
        let date = self.parsed(field, parse_date(text))?;
        self.unless(YEARS.contains(&date.year()), field, "must lie in the years 2020 to 2100");
        Some(date)
    }

    fn exceptions(&mut self, named: &[String]) -> Option<Vec<Date>> {
        if named.len() > MAX_EXCEPTIONS {
            self.unless(false, "exceptions", format!("must have at most {MAX_EXCEPTIONS} dates"));
            return None;
        }
        let mut dates = Vec::with_capacity(named.len());
        for text in named {
            dates.push(self.dates("exceptions", text)?);
        }
        dates.sort_unstable();
        dates.dedup();
        self.unless(dates.len() == named.len(), "exceptions", "must not name a date twice");
        Some(dates)
    }

    /// The end of a rule lies neither before its beginning nor in the past.
    fn end(&mut self, from: Option<Date>, until: Option<Date>, timezone: Option<&ZoneName>, now: Timestamp) {
        if let (Some(from), Some(until)) = (from, until) {
            self.unless(until >= from, "until", "must not be before from");
        }
        if let (Some(until), Some(timezone)) = (until, timezone) {
            let today = timezone.zone().to_datetime(now).date();
            self.unless(until >= today, "until", "must not lie in the past");
        }
    }
}

fn one_time(refused: &mut Refused, start: &str, end: &str, session_minutes: u32, now: Timestamp) -> Option<RuleKind> {
    let start = refused.parsed("startTime", parse_instant(start));
    let end = refused.parsed("endTime", parse_instant(end));
    for (field, time) in [("startTime", start), ("endTime", end)] {
        refused.unless(time.is_none_or(is_on_quarter_hour), field, "must be on a quarter-hour");
    }
    let (start_time, end_time) = (start?, end?);
    if !is_on_quarter_hour(start_time) || !is_on_quarter_hour(end_time) {
        return None;
    }
    let length = end_time.duration_since(start_time);
    if length <= SignedDuration::ZERO {
        refused.unless(false, "endTime", "must be after startTime");
        return None;
    }
    refused.unless(length <= SignedDuration::from_hours(24), "endTime", "must be at most 24 hours after startTime");
    let room = length >= SignedDuration::from_mins(i64::from(session_minutes));
    refused.unless(room, "endTime", "must leave room for one session");
    refused.unless(end_time > now, "endTime", "must not lie in the past");
    let ahead = start_time.duration_since(now) <= SignedDuration::from_hours(24 * MAX_ONE_TIME_DAYS_AHEAD);
    refused.unless(ahead, "startTime", format!("must be at most {MAX_ONE_TIME_DAYS_AHEAD} days ahead"));
    Some(RuleKind::OneTime { start_time, end_time })
}

struct WeeklyText<'a> {
    weekdays: &'a [String],
    start_local: &'a str,
    end_local: &'a str,
    timezone: &'a str,
    from: &'a str,
    until: Option<&'a str>,
    exceptions: &'a [String],
}

impl WeeklyText<'_> {
    fn check(&self, refused: &mut Refused, session_minutes: u32, now: Timestamp) -> Option<WeeklyWindow> {
        let weekdays = self.weekdays(refused);
        let local = self.local_times(refused, session_minutes);
        let timezone = refused.parsed("timezone", self.timezone.parse::<ZoneName>());
        let from = refused.dates("from", self.from);
        let until = self.until.map(|until| refused.dates("until", until));
        let exceptions = refused.exceptions(self.exceptions);
        refused.end(from, until.flatten(), timezone.as_ref(), now);
        let (start_local, end_local) = local?;
        let until = match until {
            Some(until) => Some(until?),
            None => None,
        };
        Some(WeeklyWindow {
            weekdays: weekdays?,
            start_local,
            end_local,
            timezone: timezone?,
            from: from?,
            until,
            exceptions: exceptions?,
        })
    }

    fn weekdays(&self, refused: &mut Refused) -> Option<Vec<Weekday>> {
        if self.weekdays.is_empty() || self.weekdays.len() > 7 {
            refused.unless(false, "weekdays", "must have 1 to 7 weekdays");
            return None;
        }
        let parsed: Result<Vec<Weekday>, NotationError> = self.weekdays.iter().map(|text| text.parse()).collect();
        let mut weekdays = refused.parsed("weekdays", parsed)?;
        weekdays.sort_unstable();
        weekdays.dedup();
        refused.unless(weekdays.len() == self.weekdays.len(), "weekdays", "must not name a weekday twice");
        Some(weekdays)
    }

    fn local_times(&self, refused: &mut Refused, session_minutes: u32) -> Option<(LocalTime, LocalTime)> {
        let start = refused.parsed("startLocal", self.start_local.parse::<LocalTime>());
        let end = refused.parsed("endLocal", self.end_local.parse::<LocalTime>());
        for (field, time) in [("startLocal", start), ("endLocal", end)] {
            refused.unless(time.is_none_or(LocalTime::is_on_quarter_hour), field, "must be on a quarter-hour");
        }
        let (start, end) = (start?, end?);
        refused.unless(start < LocalTime::END_OF_DAY, "startLocal", "must be before 24:00");
        if end <= start {
            refused.unless(false, "endLocal", "must be after startLocal; a rule does not cross midnight");
            return None;
        }
        let on_grid = start.is_on_quarter_hour() && end.is_on_quarter_hour();
        let room = !on_grid || end.minutes() - start.minutes() >= session_minutes;
        refused.unless(room, "endLocal", "must leave room for one session");
        Some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, id};
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-11-20T10:07:00Z";

    fn weekly() -> Value {
        json!({ "kind": "WEEKLY", "weekdays": ["WE", "MO"], "startLocal": "18:00", "endLocal": "21:00",
                "timezone": "america/new_york", "from": "2026-11-01", "sessionMinutes": 45 })
    }

    fn one_time() -> Value {
        json!({ "kind": "ONE_TIME", "startTime": "2026-11-21T10:00:00Z", "endTime": "2026-11-21T12:00:00+01:00", "sessionMinutes": 60 })
    }

    fn check(request: Value) -> Result<AvailabilityRule, ValidationError> {
        serde_json::from_value::<NewAvailability>(request).unwrap().check(id(1), at(NOW))
    }

    fn with(mut request: Value, changes: Value) -> Value {
        for (key, value) in changes.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    }

    #[test]
    fn good_requests_become_rules() {
        let rule = check(weekly()).unwrap();
        let RuleKind::Weekly(window) = &rule.kind else { panic!("{rule:?}") };
        assert_eq!(window.weekdays, [Weekday::Monday, Weekday::Wednesday]);
        assert_eq!(window.timezone.as_str(), "America/New_York");
        assert_eq!((rule.session_minutes, rule.created_at), (45, at(NOW)));
        let rule = check(one_time()).unwrap();
        let window = RuleKind::OneTime { start_time: at("2026-11-21T10:00:00Z"), end_time: at("2026-11-21T11:00:00Z") };
        assert_eq!(rule.kind, window);
        for fine in [
            json!({ "endLocal": "24:00" }),
            json!({ "startLocal": "00:00", "endLocal": "24:00", "sessionMinutes": 90 }),
            json!({ "until": "2026-11-20" }),
            json!({ "until": null, "exceptions": ["2027-01-01", "2026-12-25"] }),
            json!({ "startLocal": "20:15" }),
        ] {
            assert!(check(with(weekly(), fine.clone())).is_ok(), "{fine}");
        }
    }

    #[test]
    fn each_field_of_a_weekly_rule_is_refused_by_name() {
        for (change, fields) in [
            (json!({ "sessionMinutes": 50 }), vec!["sessionMinutes"]),
            (json!({ "sessionMinutes": 0 }), vec!["sessionMinutes"]),
            (json!({ "weekdays": [] }), vec!["weekdays"]),
            (json!({ "weekdays": ["MO", "MO"] }), vec!["weekdays"]),
            (json!({ "weekdays": ["MONDAY"] }), vec!["weekdays"]),
            (json!({ "weekdays": ["MO", "TU", "WE", "TH", "FR", "SA", "SU", "MO"] }), vec!["weekdays"]),
            (json!({ "startLocal": "18:10" }), vec!["startLocal"]),
            (json!({ "startLocal": "24:00", "endLocal": "24:00" }), vec!["startLocal", "endLocal"]),
            (json!({ "endLocal": "18:00" }), vec!["endLocal"]),
            (json!({ "endLocal": "02:00" }), vec!["endLocal"]),
            (json!({ "endLocal": "18:30" }), vec!["endLocal"]),
            (json!({ "endLocal": "24:15" }), vec!["endLocal"]),
            (json!({ "timezone": "" }), vec!["timezone"]),
            (json!({ "timezone": "+02:00" }), vec!["timezone"]),
            (json!({ "timezone": "Nowhere/Land" }), vec!["timezone"]),
            (json!({ "from": "2026-02-30" }), vec!["from"]),
            (json!({ "from": "1999-01-01" }), vec!["from"]),
            (json!({ "from": "2101-01-01" }), vec!["from"]),
            (json!({ "until": "2026-11-19" }), vec!["until"]),
            (json!({ "from": "2026-12-02", "until": "2026-12-01" }), vec!["until"]),
            (json!({ "until": "" }), vec!["until"]),
            (json!({ "exceptions": ["2026-12-25", "2026-12-25"] }), vec!["exceptions"]),
            (json!({ "exceptions": ["25.12.2026"] }), vec!["exceptions"]),
            (json!({ "timezone": "x", "from": "y", "startLocal": "z" }), vec!["startLocal", "timezone", "from"]),
        ] {
            let refused = check(with(weekly(), change.clone())).expect_err(&change.to_string());
            let named: Vec<&str> = refused.0.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(named, fields, "{change}: {refused}");
        }
        let dates: Vec<String> =
            (0..367).map(|n| (Date::constant(2027, 1, 1) + jiff::Span::new().days(n)).to_string()).collect();
        assert_eq!(check(with(weekly(), json!({ "exceptions": dates }))).unwrap_err().0[0].field, "exceptions");
    }

    #[test]
    fn a_change_is_what_declaring_it_so_would_have_been() {
        let texts = |dates: &[&str]| dates.iter().map(|date| (*date).to_owned()).collect::<Vec<String>>();
        let mut base = weekly();
        (base["from"], base["until"]) = (json!("2026-11-25"), json!("2027-03-01"));
        base["exceptions"] = json!(["2026-12-24"]);
        let rule = check(base.clone()).unwrap();
        let ends =
            [Some("2026-11-25"), Some("2026-11-24"), Some("2026-11-19"), Some("2027-02-30"), Some("2101-01-01"), None];
        let days_off =
            [&["2026-12-31", "2026-12-24"][..], &[], &["2026-12-24", "2026-12-24"], &["soon"], &["1999-12-24"]];
        for until in std::iter::once(None).chain(ends.map(Some)) {
            for dates in std::iter::once(None).chain(days_off.map(Some)) {
                let mut declared = base.clone();
                if let Some(until) = until {
                    declared["until"] = json!(until);
                }
                if let Some(dates) = dates {
                    declared["exceptions"] = json!(dates);
                }
                let dates = dates.map(texts);
                let until = until.map_or(NewEnd::AsBefore, |until| until.map(str::to_owned).into());
                let change = ChangedAvailability { exceptions: dates.as_deref(), until: &until };
                let sorted = |result: Result<AvailabilityRule, ValidationError>| {
                    result.map_err(|refused| {
                        let mut named: Vec<String> =
                            refused.0.iter().map(|e| format!("{} {}", e.field, e.message)).collect();
                        named.sort();
                        named
                    })
                };
                assert_eq!(sorted(change.of(&rule, at(NOW))), sorted(check(declared)), "{change:?}");
            }
        }
    }

    #[test]
    fn each_field_of_a_one_time_rule_is_refused_by_name() {
        for (change, fields) in [
            (json!({ "startTime": "2026-11-21" }), vec!["startTime"]),
            (json!({ "startTime": "2026-11-21T10:00:01Z" }), vec!["startTime"]),
            (json!({ "startTime": "2026-11-21T10:00:00.5Z" }), vec!["startTime"]),
            (json!({ "endTime": "2026-11-21T10:00:00Z" }), vec!["endTime"]),
            (json!({ "endTime": "2026-11-21T10:45:00Z" }), vec!["endTime"]),
            (json!({ "endTime": "2026-11-22T10:15:00Z" }), vec!["endTime"]),
            (json!({ "startTime": "2026-11-20T08:00:00Z", "endTime": "2026-11-20T10:00:00Z" }), vec!["endTime"]),
            (json!({ "startTime": "2028-11-20T08:00:00Z", "endTime": "2028-11-20T10:00:00Z" }), vec!["startTime"]),
            (json!({ "startTime": "9999-12-30T21:00:00Z", "endTime": "9999-12-30T22:00:00Z" }), vec!["startTime"]),
            (json!({ "startTime": "-009999-01-02T21:00:00Z" }), vec!["startTime"]),
            (json!({ "sessionMinutes": 4_000_000_000u32 }), vec!["endTime", "sessionMinutes"]),
        ] {
            let refused = check(with(one_time(), change.clone())).expect_err(&change.to_string());
            let named: Vec<&str> = refused.0.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(named, fields, "{change}: {refused}");
        }
        assert!(check(with(one_time(), json!({ "endTime": "2026-11-22T10:00:00Z" }))).is_ok());
    }

    #[test]
    fn unknown_members_and_wrong_types_are_not_read() {
        for (request, change) in [
            (weekly(), json!({ "extra": 1 })),
            (weekly(), json!({ "startTime": "2026-11-21T10:00:00Z" })),
            (one_time(), json!({ "timezone": "UTC" })),
            (one_time(), json!({ "kind": "DAILY" })),
            (one_time(), json!({ "sessionMinutes": "60" })),
            (one_time(), json!({ "sessionMinutes": -30 })),
            (one_time(), json!({ "sessionMinutes": 30.5 })),
            (one_time(), json!({ "startTime": 1 })),
            (weekly(), json!({ "weekdays": "MO" })),
            (weekly(), json!({ "exceptions": null })),
        ] {
            let request = with(request, change);
            assert!(serde_json::from_value::<NewAvailability>(request.clone()).is_err(), "{request}");
        }
    }

    #[test]
    fn the_schema_describes_both_kinds() {
        let schema = serde_json::to_value(schemars::schema_for!(NewAvailability)).unwrap();
        let kinds = schema["oneOf"].as_array().unwrap();
        assert_eq!(kinds.len(), 2);
        assert!(kinds.iter().all(|kind| kind["additionalProperties"] == false), "{schema:#}");
    }
}
