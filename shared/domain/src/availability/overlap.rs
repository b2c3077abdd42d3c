//! Whether two rules overlap, judged on real instants: rules may be in different zones, and two that are apart in
//! winter can meet in the weeks in which only one of their clocks has changed.

use std::cmp::{max, min};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{AvailabilityRule, RuleKind, WeeklyWindow};

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Weekly rules are compared over this many days from when both apply: a bit more than a year, which holds every
/// constellation of two clocks that recurs yearly, and more than twice as far as anything can be booked.
const HORIZON_DAYS: i64 = 400;
/// No two offsets of a zone are further apart than this, so that a local time at least this far from any change of the
/// clock is shown exactly once.
const SAFE_SECONDS: i64 = 26 * 60 * 60;

/// The first of `rules` that overlaps `rule` at some time that is not over.
pub(super) fn first_overlap<'a>(
    rules: impl IntoIterator<Item = &'a AvailabilityRule>,
    rule: &AvailabilityRule,
    now: Timestamp,
) -> Option<&'a AvailabilityRule> {
    rules.into_iter().find(|other| overlap(other, rule, now))
}

fn overlap(a: &AvailabilityRule, b: &AvailabilityRule, now: Timestamp) -> bool {
    if let (RuleKind::Weekly(a), RuleKind::Weekly(b)) = (&a.kind, &b.kind)
        && a.timezone == b.timezone
        && !clocks_meet(a, b)
    {
        return false;
    }
    let today = now.as_second().div_euclid(DAY_SECONDS);
    let (a_first, a_last) = span_days(&a.kind);
    let (b_first, b_last) = span_days(&b.kind);
    let first = max(max(a_first, b_first), today - 1);
    let last = min(min(a_last, b_last), first + HORIZON_DAYS);
    if first > last {
        return false;
    }
    let (a, b) = (windows(&a.kind, first, last), windows(&b.kind, first, last));
    meet(&a, &b, now.as_second())
}

/// On one clock two windows can only meet on a common weekday and at common times: later local times of a day are never
/// reached before earlier ones, and no window crosses midnight.
fn clocks_meet(a: &WeeklyWindow, b: &WeeklyWindow) -> bool {
    a.start_local < b.end_local
        && b.start_local < a.end_local
        && a.weekdays.iter().any(|weekday| b.weekdays.contains(weekday))
}

/// The first and the last UTC day, counted from 1970-01-01, on which the rule can have a moment.
fn span_days(kind: &RuleKind) -> (i64, i64) {
    match kind {
        RuleKind::OneTime { start_time, end_time } => {
            (start_time.as_second().div_euclid(DAY_SECONDS), end_time.as_second().div_euclid(DAY_SECONDS))
        }
        RuleKind::Weekly(window) => {
            (day_number(window.from) - 1, window.until.map_or(i64::MAX, |until| day_number(until) + 1))
        }
    }
}

fn day_number(date: Date) -> i64 {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_or(0, |midnight| midnight.as_second().div_euclid(DAY_SECONDS))
}

fn date_of(day: i64) -> Option<Date> {
    Timestamp::from_second(day.checked_mul(DAY_SECONDS)?)
        .ok()
        .map(|midnight| TimeZone::UTC.to_datetime(midnight).date())
}

/// Whether an interval of one list overlaps one of the other at some time after `now`. Both are in order.
fn meet(a: &[(i64, i64)], b: &[(i64, i64)], now: i64) -> bool {
    let (mut i, mut j) = (0, 0);
    while let (Some(&(a_start, a_end)), Some(&(b_start, b_end))) = (a.get(i), b.get(j)) {
        if max(max(a_start, b_start), now) < min(a_end, b_end) {
            return true;
        }
        if a_end <= b_end {
            i += 1;
        } else {
            j += 1;
        }
    }
    false
}

/// The windows of a rule in seconds since 1970, in order: all that touch the UTC days `first..=last`, and perhaps some
/// just outside.
fn windows(kind: &RuleKind, first: i64, last: i64) -> Vec<(i64, i64)> {
    match kind {
        RuleKind::OneTime { start_time, end_time } => vec![(start_time.as_second(), end_time.as_second())],
        RuleKind::Weekly(window) => {
            let first = max(first - 1, day_number(window.from));
            let last = min(last + 1, window.until.map_or(i64::MAX, day_number));
            weekly_windows(window, first, last)
        }
    }
}

/// A year of windows is needed for each of sixty rules, so whole numbers do what the zone's rules would do more slowly:
/// between two changes of the clock, and away from them, local time is UTC plus a constant.
fn weekly_windows(window: &WeeklyWindow, first: i64, last: i64) -> Vec<(i64, i64)> {
    let mut open = [false; 7];
    for weekday in &window.weekdays {
        open[*weekday as usize] = true;
    }
    let mut closed: Vec<i64> = window.exceptions.iter().copied().map(day_number).collect();
    closed.sort_unstable();
    let (from, to) = (i64::from(window.start_local.minutes()) * 60, i64::from(window.end_local.minutes()) * 60);
    let stretches = Stretch::between(window.timezone.zone(), first, last);
    let mut current = 0;
    let mut found = Vec::new();
    for day in first..=last {
        // The first of January 1970 was a Thursday, which has the index 3.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
        if !open[weekday] || (!closed.is_empty() && closed.binary_search(&day).is_ok()) {
            continue;
        }
        let (local_start, local_end) = (day * DAY_SECONDS + from, day * DAY_SECONDS + to);
        while current + 1 < stretches.len() && !stretches[current].is_before_end(local_end) {
            current += 1;
        }
        let plain = stretches.get(current).and_then(|stretch| stretch.instants(local_start, local_end));
        found.extend(plain.or_else(|| exact(window, day)).filter(|(start, end)| start < end));
    }
    found
}

fn exact(window: &WeeklyWindow, day: i64) -> Option<(i64, i64)> {
    let (start, end) = window.bounds_on(date_of(day)?)?;
    Some((start.as_second(), end.as_second()))
}

/// The time between two changes of a clock, in which its offset is constant.
struct Stretch {
    start: i64,
    end: i64,
    offset: i64,
}

impl Stretch {
    fn between(zone: &TimeZone, first: i64, last: i64) -> Vec<Self> {
        let Ok(start) = Timestamp::from_second((first - 3).saturating_mul(DAY_SECONDS)) else { return Vec::new() };
        let end = (last + 3).saturating_mul(DAY_SECONDS);
        let mut stretches =
            vec![Self { start: i64::MIN, end: i64::MAX, offset: zone.to_offset(start).seconds().into() }];
        stretches[0].start = start.as_second();
        for change in zone.following(start).take_while(|change| change.timestamp().as_second() < end) {
            let at = change.timestamp().as_second();
            if let Some(open) = stretches.last_mut() {
                open.end = at;
            }
            stretches.push(Self { start: at, end: i64::MAX, offset: change.offset().seconds().into() });
        }
        if let Some(open) = stretches.last_mut() {
            open.end = end;
        }
        stretches
    }

    fn is_before_end(&self, local: i64) -> bool {
        local - self.offset <= self.end - SAFE_SECONDS
    }

    /// The instants of a local window that lies well within the stretch.
    fn instants(&self, local_start: i64, local_end: i64) -> Option<(i64, i64)> {
        let well_within = local_start - self.offset >= self.start + SAFE_SECONDS && self.is_before_end(local_end);
        well_within.then_some((local_start - self.offset, local_end - self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DAILY, at, id, one_time, weekly, window};
    use super::super::{Availability, AvailabilityError};
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-20T00:00:00Z";

    fn meets(a: &AvailabilityRule, b: &AvailabilityRule) -> bool {
        let found = overlap(a, b, at(NOW));
        assert_eq!(found, overlap(b, a, at(NOW)), "the order of two rules made a difference");
        found
    }

    #[test]
    fn rules_on_one_clock_meet_on_common_days_and_times_only() {
        let evening = weekly(1, "Europe/Berlin", "MO WE", ("18:00", "21:00"), 60);
        for (days, times, expected) in [
            ("MO", ("20:45", "22:00"), true),
            ("MO", ("21:00", "22:00"), false),
            ("TU", ("18:00", "21:00"), false),
            ("WE", ("00:00", "24:00"), true),
            ("SU", ("00:00", "24:00"), false),
        ] {
            assert_eq!(meets(&evening, &weekly(2, "Europe/Berlin", days, times, 30)), expected, "{days} {times:?}");
        }
    }

    #[test]
    fn two_clocks_that_meet_for_a_week_a_year_are_noticed() {
        // 18:00 in Berlin is noon in New York, but 13:00 while only New York has changed its clock in March, and again
        // while only Berlin has in autumn.
        let berlin = weekly(1, "Europe/Berlin", "MO", ("18:00", "19:00"), 60);
        assert!(meets(&berlin, &weekly(2, "America/New_York", "MO", ("13:00", "14:00"), 60)));
        assert!(meets(&berlin, &weekly(2, "America/New_York", "MO", ("12:00", "13:00"), 60)));
        assert!(!meets(&berlin, &weekly(2, "America/New_York", "MO", ("14:00", "15:00"), 60)));
        assert!(!meets(&berlin, &weekly(2, "America/New_York", "MO", ("11:00", "12:00"), 60)));
    }

    #[test]
    fn the_days_around_the_date_line_are_compared_as_instants() {
        let kiribati = weekly(1, "Pacific/Kiritimati", "MO", ("00:00", "01:00"), 60);
        assert!(meets(&kiribati, &weekly(2, "Pacific/Honolulu", "SU", ("00:00", "01:00"), 60)));
        assert!(meets(&kiribati, &one_time(2, "2026-11-22T10:30:00Z", "2026-11-22T11:30:00Z", 60)));
        assert!(!meets(&kiribati, &one_time(2, "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z", 60)));
    }

    #[test]
    fn dates_and_exceptions_keep_rules_apart() {
        let mut autumn = weekly(1, "UTC", DAILY, ("10:00", "12:00"), 60);
        window(&mut autumn).until = Some(Date::constant(2026, 12, 31));
        let mut winter = weekly(2, "UTC", DAILY, ("10:00", "12:00"), 60);
        window(&mut winter).from = Date::constant(2027, 1, 1);
        assert!(!meets(&autumn, &winter));
        window(&mut winter).from = Date::constant(2026, 12, 31);
        assert!(meets(&autumn, &winter));
        window(&mut winter).exceptions = vec![Date::constant(2026, 12, 31)];
        assert!(!meets(&autumn, &winter));
        let last_day = one_time(3, "2026-12-31T11:45:00Z", "2026-12-31T12:45:00Z", 60);
        assert!(meets(&autumn, &last_day));
        assert!(!meets(&winter, &last_day));
    }

    #[test]
    fn far_rules_are_compared_where_they_begin() {
        let always = weekly(1, "Europe/Berlin", "MO", ("10:00", "11:00"), 60);
        let mut far = weekly(2, "Europe/Paris", "MO", ("10:00", "11:00"), 60);
        window(&mut far).from = Date::constant(2090, 6, 1);
        assert!(meets(&always, &far));
    }

    #[test]
    fn what_is_over_does_not_count() {
        let mut old = weekly(1, "UTC", DAILY, ("10:00", "12:00"), 60);
        window(&mut old).until = Some(Date::constant(2026, 11, 19));
        assert!(!meets(&old, &weekly(2, "UTC", DAILY, ("10:00", "12:00"), 60)));
    }

    #[test]
    fn the_error_names_the_rule_in_the_way() {
        let mut availability = Availability::default();
        availability.add(weekly(1, "UTC", "MO", ("10:00", "12:00"), 60), at(NOW)).unwrap();
        availability.add(weekly(2, "UTC", "TU", ("10:00", "12:00"), 60), at(NOW)).unwrap();
        let rival = weekly(3, "Asia/Kolkata", "TU", ("17:00", "18:00"), 60);
        assert_eq!(availability.add(rival, at(NOW)), Err(AvailabilityError::Overlap(id(2))));
        assert_eq!(availability.rules.len(), 2);
    }

    #[test]
    fn sixty_rules_in_many_zones_are_compared_with_another() {
        let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"];
        let mut availability = Availability::default();
        for n in 0..59u32 {
            let minutes = n * 15;
            let start = format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let end = format!("{:02}:{:02}", (minutes + 30) / 60, (minutes + 30) % 60);
            availability.rules.push(weekly(n.into(), zones[n as usize % 5], DAILY, (&start, &end), 30));
        }
        let apart = weekly(99, "UTC", DAILY, ("21:00", "21:30"), 30);
        let before = std::time::Instant::now();
        let found = first_overlap(&availability.rules, &apart, at(NOW)).map(|rule| rule.availability_id);
        // Shown with --nocapture; a time is measured here and never asserted.
        println!("60 rules: {:?}", before.elapsed());
        let expected =
            availability.rules.iter().find(|rule| slow_overlap(rule, &apart)).map(|rule| rule.availability_id);
        assert_eq!(found, expected);
    }

    /// The same question answered with the zone's own rules, day by day.
    fn slow_overlap(a: &AvailabilityRule, b: &AvailabilityRule) -> bool {
        let slow = |rule: &AvailabilityRule| -> Vec<(i64, i64)> {
            let RuleKind::Weekly(window) = &rule.kind else { panic!("a weekly rule was expected") };
            let first = day_number(TimeZone::UTC.to_datetime(at(NOW)).date()) - 1;
            let last = first + HORIZON_DAYS;
            let days = (first..=last).filter(|day| window.opens_on(date_of(*day).unwrap()));
            days.filter_map(|day| exact(window, day)).collect()
        };
        meet(&slow(a), &slow(b), at(NOW).as_second())
    }

    const ZONES: [&str; 10] = [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "America/Havana",
        "Antarctica/Troll",
        "Pacific/Chatham",
        "Asia/Beirut",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_fast_windows_are_the_exact_ones(
            zone in 0..ZONES.len(), first in 18_300i64..45_000, start in 0u32..95, length in 1u32..96, exception in 0i64..60,
        ) {
            let mut rule = weekly(1, ZONES[zone], DAILY, ("00:00", "24:00"), 30);
            let window = window(&mut rule);
            window.start_local = super::super::LocalTime::from_minutes(start * 15).unwrap();
            window.end_local = super::super::LocalTime::from_minutes((start + length).min(96) * 15).unwrap();
            window.exceptions = vec![date_of(first + exception).unwrap()];
            let window = &*window;
            let slow: Vec<(i64, i64)> = (first..=first + 60)
                .filter(|day| window.opens_on(date_of(*day).unwrap()))
                .filter_map(|day| exact(window, day)).filter(|(start, end)| start < end).collect();
            prop_assert_eq!(weekly_windows(window, first, first + 60), slow);
        }

        #[test]
        fn rules_that_overlap_for_slots_are_refused(
            a_zone in 0..ZONES.len(), b_zone in 0..ZONES.len(), a_start in 0u32..94, b_start in 0u32..94,
        ) {
            let make = |n, zone: usize, start: u32| {
                let mut rule = weekly(n, ZONES[zone], "TU FR", ("00:00", "24:00"), 30);
                let window = window(&mut rule);
                window.start_local = super::super::LocalTime::from_minutes(start * 15).unwrap();
                window.end_local = super::super::LocalTime::from_minutes(start * 15 + 30).unwrap();
                rule
            };
            let (a, b) = (make(1, a_zone, a_start), make(2, b_zone, b_start));
            prop_assert_eq!(meets(&a, &b), slow_overlap(&a, &b));
        }
    }
}
