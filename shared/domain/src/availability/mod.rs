//! When an interviewer can be booked: declared rules, and the slots that follow from them.
//!
//! A rule is a one-time window between two instants or a weekly window in local time. Weekly rules keep local time
//! and zone, so 18:00 stays 18:00 across a daylight-saving change. Slots are never stored: [`slots`] computes them from
//! rules, taken quarter-hours, a range and `now`, and [`find_slot`] answers for one start without expanding a range.

mod notation;
mod overlap;
mod range;
mod request;
mod tiling;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::AvailabilityId;
use crate::problem::{FieldError, Kind, Problem, ValidationError};

pub use notation::{
    LOCAL_TIME, LocalTime, NotationError, TIME_ZONE, Weekday, ZoneName, parse_date, parse_instant, zone_data_version,
};
pub use range::SlotRange;
pub use request::{ChangedAvailability, NewAvailability, NewEnd};
pub use tiling::{Slot, SlotTime, bookable_until, find_slot, slots};

/// The lengths a session can have, in minutes.
pub const SESSION_MINUTES: [u32; 4] = [30, 45, 60, 90];
/// The longest of them.
pub const LONGEST_SESSION: jiff::SignedDuration =
    jiff::SignedDuration::from_mins(SESSION_MINUTES[SESSION_MINUTES.len() - 1] as i64);
/// How many rules one interviewer can have.
pub const MAX_RULES: usize = 60;
/// How many bytes all rules of one interviewer may have as JSON. Every booking reads them, and the table counts by size.
pub const MAX_BYTES: usize = 32 * 1024;
/// How many of them an exception takes.
const EXCEPTION_BYTES: usize = 13;
/// How many days ahead of now a booking can start.
pub const MAX_DAYS_AHEAD: u32 = 180;

/// An interviewer's availability rule, stored and returned as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityRule {
    /// Identifies the rule.
    pub availability_id: AvailabilityId,
    /// How long each session lasts, in minutes: 30, 45, 60 or 90.
    pub session_minutes: u32,
    /// When the rule was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When it applies.
    #[serde(flatten)]
    pub kind: RuleKind,
}

/// When a rule applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum RuleKind {
    /// Once, between two instants.
    OneTime {
        /// When the window starts.
        #[schemars(with = "String", extend("format" = "date-time"))]
        start_time: Timestamp,
        /// When the window ends.
        #[schemars(with = "String", extend("format" = "date-time"))]
        end_time: Timestamp,
    },
    /// Weekly, between two local times.
    Weekly(WeeklyWindow),
}

/// A weekly window in local time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeeklyWindow {
    /// The weekdays, Monday first.
    pub weekdays: Vec<Weekday>,
    /// Local start time.
    pub start_local: LocalTime,
    /// Local end time, after the start; `24:00` at most.
    pub end_local: LocalTime,
    /// IANA time zone.
    pub timezone: ZoneName,
    /// The first local date on which it can apply.
    #[schemars(with = "String", extend("format" = "date"))]
    pub from: Date,
    /// The last local date on which it can apply; open-ended if absent.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Date>,
    /// Local dates on which it does not apply, in order.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub exceptions: Vec<Date>,
}

impl AvailabilityRule {
    /// Whether no moment of the rule lies after `now`, so that it can never yield a slot again.
    pub fn is_spent(&self, now: Timestamp) -> bool {
        match &self.kind {
            RuleKind::OneTime { end_time, .. } => *end_time <= now,
            RuleKind::Weekly(weekly) => {
                weekly.until.is_some_and(|until| until < weekly.timezone.zone().to_datetime(now).date())
            }
        }
    }
}

/// Why the rules of an interviewer could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AvailabilityError {
    /// There are as many rules as there can be.
    #[error("an interviewer has at most {MAX_RULES} availability rules")]
    LimitReached,
    /// All rules together are too long, which only exceptions can bring about.
    #[error("{0}")]
    TooLong(ValidationError),
    /// The new rule overlaps this one of the same interviewer.
    #[error("the time overlaps the availability rule {0}")]
    Overlap(AvailabilityId),
    /// There is no such rule.
    #[error("there is no such availability rule")]
    NotFound,
}

impl Problem for AvailabilityError {
    fn kind(&self) -> Kind {
        match self {
            Self::LimitReached | Self::Overlap(_) => Kind::Conflict,
            Self::TooLong(refusal) => refusal.kind(),
            Self::NotFound => Kind::NotFound,
        }
    }
    fn fields(&self) -> &[FieldError] {
        if let Self::TooLong(refusal) = self { refusal.fields() } else { &[] }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::LimitReached => "availability_limit",
            Self::TooLong(refusal) => refusal.code(),
            Self::Overlap(_) => "availability_overlap",
            Self::NotFound => "not_found",
        }
    }
}

/// All rules of one interviewer, in the order in which they were declared. The version is the one that was read (0:
/// never stored); the store writes version + 1 on the condition that it is still the one read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// The rules.
    pub rules: Vec<AvailabilityRule>,
    /// The version that was read.
    pub version: u64,
}

impl Availability {
    /// Adds a rule. Rules whose time has passed make room first, since they can yield no slot any more.
    pub fn add(&mut self, rule: AvailabilityRule, now: Timestamp) -> Result<(), AvailabilityError> {
        if let Some(rival) = overlap::first_overlap(&self.rules, &rule, now) {
            return Err(AvailabilityError::Overlap(rival.availability_id));
        }
        let current = self.rules.iter().filter(|rule| !rule.is_spent(now)).count();
        if current >= MAX_RULES {
            return Err(AvailabilityError::LimitReached);
        }
        self.rules.retain(|rule| !rule.is_spent(now));
        self.rules.push(rule);
        self.check_length()
    }

    /// Refuses rules that are too long together. A booking reads all of them, whatever it is about.
    pub fn check_length(&self) -> Result<(), AvailabilityError> {
        let bytes = serde_json::to_vec(&self.rules).map_or(usize::MAX, |json| json.len());
        let Some(over) = bytes.checked_sub(MAX_BYTES).filter(|over| *over > 0) else { return Ok(()) };
        let message = format!(
            "of all your rules together there are at least {} too many: leave out dates that are over or far ahead, or \
             delete rules that you no longer need",
            over.div_ceil(EXCEPTION_BYTES)
        );
        Err(AvailabilityError::TooLong(ValidationError::field("exceptions", message)))
    }

    /// The rule with this id.
    pub fn rule(&self, id: AvailabilityId) -> Result<&AvailabilityRule, AvailabilityError> {
        self.rules.iter().find(|rule| rule.availability_id == id).ok_or(AvailabilityError::NotFound)
    }

    /// Puts a changed rule in the place of what it was; bookings that were made from it stand.
    pub fn change(&mut self, rule: AvailabilityRule, now: Timestamp) -> Result<(), AvailabilityError> {
        let others = self.rules.iter().filter(|other| other.availability_id != rule.availability_id);
        if let Some(rival) = overlap::first_overlap(others, &rule, now) {
            return Err(AvailabilityError::Overlap(rival.availability_id));
        }
        let place = self.rules.iter_mut().find(|other| other.availability_id == rule.availability_id);
        *place.ok_or(AvailabilityError::NotFound)? = rule;
        self.check_length()
    }

    /// Removes a rule; bookings that were made from it stand.
    pub fn remove(&mut self, id: AvailabilityId) -> Result<AvailabilityRule, AvailabilityError> {
        let position = self.rules.iter().position(|rule| rule.availability_id == id);
        position.map(|position| self.rules.remove(position)).ok_or(AvailabilityError::NotFound)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ulid::Ulid;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn id(n: u128) -> AvailabilityId {
        AvailabilityId::new(Ulid::from_parts(1_795_167_000_000, n))
    }

    pub(crate) fn one_time(n: u128, start: &str, end: &str, session_minutes: u32) -> AvailabilityRule {
        let kind = RuleKind::OneTime { start_time: at(start), end_time: at(end) };
        AvailabilityRule { availability_id: id(n), session_minutes, created_at: at("2026-01-01T00:00:00Z"), kind }
    }

    pub(crate) fn weekly(
        n: u128,
        zone: &str,
        days: &str,
        window: (&str, &str),
        session_minutes: u32,
    ) -> AvailabilityRule {
        let kind = RuleKind::Weekly(WeeklyWindow {
            weekdays: days.split(' ').map(|day| day.parse().unwrap()).collect(),
            start_local: window.0.parse().unwrap(),
            end_local: window.1.parse().unwrap(),
            timezone: zone.parse().unwrap(),
            from: Date::constant(2020, 1, 1),
            until: None,
            exceptions: Vec::new(),
        });
        AvailabilityRule { availability_id: id(n), session_minutes, created_at: at("2026-01-01T00:00:00Z"), kind }
    }

    pub(crate) const DAILY: &str = "MO TU WE TH FR SA SU";

    pub(crate) fn window(rule: &mut AvailabilityRule) -> &mut WeeklyWindow {
        match &mut rule.kind {
            RuleKind::Weekly(window) => window,
            RuleKind::OneTime { .. } => panic!("a weekly rule was expected"),
        }
    }

    #[test]
    fn the_json_of_a_rule_is_flat_and_read_back() {
        let mut rule = weekly(7, "Europe/Berlin", "MO WE", ("18:00", "24:00"), 45);
        window(&mut rule).exceptions.push(Date::constant(2026, 12, 25));
        insta::assert_json_snapshot!(rule, @r#"
        {
          "availabilityId": "avl_01M7W4N5E00000000000000007",
          "sessionMinutes": 45,
          "createdAt": "2026-01-01T00:00:00Z",
          "kind": "WEEKLY",
          "weekdays": [
            "MO",
            "WE"
          ],
          "startLocal": "18:00",
          "endLocal": "24:00",
          "timezone": "Europe/Berlin",
          "from": "2020-01-01",
          "until": null,
          "exceptions": [
            "2026-12-25"
          ]
        }
        "#);
        let json = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<AvailabilityRule>(&json).unwrap(), rule);
        let once = one_time(1, "2026-12-01T10:00:00Z", "2026-12-01T12:00:00Z", 60);
        let json = serde_json::to_string(&once).unwrap();
        assert!(json.contains(r#""kind":"ONE_TIME","startTime":"2026-12-01T10:00:00Z""#), "{json}");
        assert_eq!(serde_json::from_str::<AvailabilityRule>(&json).unwrap(), once);
    }

    #[test]
    fn the_sixty_first_rule_is_refused_until_a_rule_is_removed_or_spent() {
        let now = at("2026-11-20T00:00:00Z");
        let mut availability = Availability::default();
        for n in 0..60 {
            let start = now + jiff::SignedDuration::from_hours(24 * (n + 1));
            let end = start + jiff::SignedDuration::from_hours(1);
            let kind = RuleKind::OneTime { start_time: start, end_time: end };
            let rule = AvailabilityRule {
                kind,
                ..one_time(n.try_into().unwrap(), "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", 60)
            };
            availability.add(rule, now).unwrap();
        }
        let extra = one_time(99, "2027-11-01T10:00:00Z", "2027-11-01T11:00:00Z", 60);
        let refused = availability.add(extra.clone(), now).unwrap_err();
        assert_eq!(
            (refused.clone(), refused.kind(), refused.code()),
            (AvailabilityError::LimitReached, Kind::Conflict, "availability_limit")
        );
        let later = at("2026-11-22T00:00:00Z");
        availability.add(extra, later).unwrap();
        assert_eq!(availability.rules.len(), 60);
        assert!(availability.rules.iter().all(|rule| rule.availability_id != id(0)));
    }

    #[test]
    fn all_rules_together_stay_short_enough_to_be_read_by_every_booking() {
        let now = at("2026-11-20T00:00:00Z");
        let mut availability = Availability::default();
        let rule = |n: u32, exceptions: i64| {
            let (from, until) = (format!("{:02}:00", n % 24), format!("{:02}:00", n % 24 + 1));
            let mut rule = weekly(n.into(), "America/Argentina/ComodRivadavia", DAILY, (&from, &until), 60);
            let first = Date::constant(2021, 1, 1) + jiff::Span::new().months(n / 24 * 12);
            let window = window(&mut rule);
            (window.from, window.until) = (first, Some(first + jiff::Span::new().days(364)));
            window.exceptions = (0..exceptions).map(|day| first + jiff::Span::new().days(day)).collect();
            rule
        };
        // None of them is spent, or it would make room.
        let now = now - jiff::SignedDuration::from_hours(24 * 366 * 6);
        for n in 0..60 {
            availability.add(rule(n, i64::from(n / 57 * 280)), now).unwrap();
        }
        availability.remove(id(0)).unwrap();
        let before = availability.clone();
        let refused = availability.add(rule(0, 365), now).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Invalid, "validation_failed"));
        let told = &refused.fields()[0];
        assert_eq!(told.field, "exceptions");
        let too_many: i64 = told.message.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
        let mut shorter = before.clone();
        shorter.add(rule(0, 365 - too_many), now).unwrap();
        let mut longer = before;
        assert!(longer.add(rule(0, 365 - too_many + 1), now).is_err());
    }

    #[test]
    fn a_rule_is_removed_once() {
        let now = at("2026-11-20T00:00:00Z");
        let mut availability = Availability::default();
        availability.add(weekly(1, "UTC", "MO", ("10:00", "12:00"), 60), now).unwrap();
        assert_eq!(availability.remove(id(1)).map(|rule| rule.availability_id), Ok(id(1)));
        let missing = availability.remove(id(1)).unwrap_err();
        assert_eq!((missing.kind(), missing.code()), (Kind::NotFound, "not_found"));
    }

    #[test]
    fn a_weekly_rule_is_spent_when_its_last_local_day_is_over() {
        let mut rule = weekly(1, "Pacific/Auckland", "MO", ("10:00", "12:00"), 60);
        window(&mut rule).until = Some(Date::constant(2026, 11, 23));
        assert!(!rule.is_spent(at("2026-11-23T10:59:00Z")));
        assert!(rule.is_spent(at("2026-11-23T11:00:00Z")));
    }
}
