//! Requests that declare availability: refused by field, or a rule whose slots keep every promise.

use domain::availability::{
    Availability, AvailabilityError, AvailabilityRule, NewAvailability, RuleKind, SESSION_MINUTES, SlotRange,
    find_slot, slots,
};
use domain::calendar::{QuarterHours, is_on_quarter_hour};
use domain::ids::AvailabilityId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use ulid::Ulid;

const FIELDS: [&str; 10] = [
    "sessionMinutes",
    "startTime",
    "endTime",
    "weekdays",
    "startLocal",
    "endLocal",
    "timezone",
    "from",
    "until",
    "exceptions",
];

/// Holds the check and what follows from it to their properties. The input is a body of `POST /api/availability`. Says whether
/// it is a rule that offers something.
pub fn hold(input: &[u8]) -> bool {
    let now: Timestamp = "2026-11-20T10:07:00Z".parse().unwrap();
    hold_range(input, now);
    let Ok(request) = serde_json::from_slice::<NewAvailability>(input) else { return false };
    let id = |n: u128| AvailabilityId::new(Ulid::from_parts(1_795_167_000_000, n));
    let rule = match request.clone().check(id(1), now) {
        Ok(rule) => rule,
        Err(refused) => {
            assert!(!refused.0.is_empty());
            assert!(refused.0.iter().all(|error| FIELDS.contains(&error.field.as_str())), "{refused}");
            return false;
        }
    };
    hold_rule(&rule, now);
    let json = serde_json::to_vec(&rule).unwrap();
    assert_eq!(serde_json::from_slice::<AvailabilityRule>(&json).unwrap(), rule);

    let mut availability = Availability::default();
    availability.add(rule.clone(), now).unwrap();
    let open = hold_slots(&rule, now);
    let again = availability.add(request.check(id(2), now).unwrap(), now);
    // A window without an open day meets nothing, not even itself.
    assert!(again == Err(AvailabilityError::Overlap(id(1))) || (again.is_ok() && !open), "{again:?}");
    open
}

fn hold_rule(rule: &AvailabilityRule, now: Timestamp) {
    assert!(SESSION_MINUTES.contains(&rule.session_minutes) && !rule.is_spent(now));
    match &rule.kind {
        RuleKind::OneTime { start_time, end_time } => {
            let length = end_time.duration_since(*start_time);
            assert!(is_on_quarter_hour(*start_time) && is_on_quarter_hour(*end_time) && *end_time > now);
            assert!(length >= SignedDuration::from_mins(rule.session_minutes.into()));
            assert!(length <= SignedDuration::from_hours(24));
        }
        RuleKind::Weekly(window) => {
            assert!((1..=7).contains(&window.weekdays.len()) && window.weekdays.is_sorted_by(|a, b| a < b));
            assert!(window.start_local.is_on_quarter_hour() && window.end_local.is_on_quarter_hour());
            assert!(window.end_local.minutes() >= window.start_local.minutes() + rule.session_minutes);
            assert!(window.exceptions.len() <= 366 && window.exceptions.is_sorted_by(|a, b| a < b));
            assert!(window.until.is_none_or(|until| until >= window.from));
            assert_eq!(window.timezone.as_str().parse(), Ok(window.timezone.clone()));
        }
    }
}

/// Holds the slots of the coming weeks and of the last that can be booked to their promises; whether there were any.
fn hold_slots(rule: &AvailabilityRule, now: Timestamp) -> bool {
    let rules = std::slice::from_ref(rule);
    let mut any = false;
    for (first_day, days) in [(0, 14), (174, 7)] {
        let start = now + SignedDuration::from_hours(24 * first_day);
        let range = start..start + SignedDuration::from_hours(24 * days);
        let found = slots(rules, &|_| QuarterHours::EMPTY, range.clone(), now, 77);
        assert!(found.windows(2).all(|pair| pair[0].end_time <= pair[1].start_time));
        for slot in &found {
            assert!(slot.start_time > now && range.contains(&slot.start_time));
            let length = slot.end_time.duration_since(slot.start_time);
            assert_eq!(length, SignedDuration::from_mins(rule.session_minutes.into()));
            assert_eq!(slot.price_credits, (77 * u64::from(rule.session_minutes)).div_ceil(60));
        }
        for slot in found.iter().step_by(7) {
            assert_eq!(find_slot(rules, slot.start_time).map(|found| found.end_time), Some(slot.end_time));
            assert_eq!(find_slot(rules, slot.start_time + SignedDuration::from_mins(5)), None);
        }
        any |= !found.is_empty();
    }
    any
}

/// The texts of a body are also what somebody may ask a range of slots with.
fn hold_range(input: &[u8], now: Timestamp) {
    let Ok(Value::Object(body)) = serde_json::from_slice(input) else { return };
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name)).and_then(Value::as_str);
    let (from, to) = (text(["from", "startTime"]), text(["until", "endTime"]));
    let named = text(["timezone", "timezone"]).and_then(|name| TimeZone::get(name).ok());
    match SlotRange::parse(from, to, &named.unwrap_or(TimeZone::UTC), now) {
        Ok(range) => {
            let length = range.end.duration_since(range.start);
            // Where the clock of a zone is set back, or a day left out, a month is that much longer or shorter.
            let month = SignedDuration::from_hours(24 * 31);
            assert!(length > SignedDuration::ZERO && length <= month + SignedDuration::from_hours(24));
            assert!(range.instants().contains(&range.start));
        }
        Err(refused) => assert!(refused.0.iter().all(|error| ["from", "to"].contains(&error.field.as_str()))),
    }
}
