//! Slots in every zone of the bundled database, around every change of a clock in the years 2025 to 2030, against an
//! oracle that looks at the clock every quarter of an hour.
#![expect(clippy::unwrap_used, reason = "tests")]

mod clock;

use std::collections::{BTreeMap, HashSet};

use clock::{Clock, DAY, QUARTER_SECONDS, Shown, Window, instant, weekday};
use domain::availability::{
    Availability, AvailabilityError, AvailabilityRule, LocalTime, RuleKind, SESSION_MINUTES, SlotTime, Weekday,
    WeeklyWindow, ZoneName, bookable_until, find_slot, slots,
};
use domain::calendar::{QuarterHours, UtcDay, quarter_hours};
use domain::ids::AvailabilityId;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use ulid::Ulid;

/// How far around a change slots are asked for, in quarter-hours: a day and a half.
const AROUND: i64 = 144;
/// How far around a change the clock is watched: far enough for the days whose windows touch those.
const WATCHED: i64 = AROUND + 4 * DAY;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn quarter(moment: Timestamp) -> i64 {
    assert_eq!(moment.as_second().rem_euclid(QUARTER_SECONDS), 0, "{moment} is off the quarter-hours");
    moment.as_second().div_euclid(QUARTER_SECONDS)
}

fn zones() -> Vec<ZoneName> {
    let all = jiff::tz::db().available();
    all.filter(|name| !matches!(name.as_str(), "Etc/Unknown" | "Factory"))
        .map(|name| name.as_str().parse().unwrap())
        .collect()
}

/// Something happens to a zone's clock at this moment, and these zones show the same around it.
struct Change {
    moment: i64,
    zones: Vec<ZoneName>,
    clock: Clock,
}

impl Change {
    /// How far the clock moves, in quarter-hours.
    fn jump(&self) -> i64 {
        self.clock.shown.at(self.moment) - self.clock.shown.at(self.moment - 1) - 1
    }

    fn local_day(&self, moment: i64) -> i64 {
        self.clock.shown.at(moment).div_euclid(DAY)
    }
}

/// Every change of a clock between two instants, in every zone. Zones whose clocks show the same all through the days that
/// are looked at are one case. A zone that never changes is looked at in the middle.
fn changes(from: &str, to: &str, wanted: impl Fn(i64) -> bool) -> Vec<Change> {
    let (from, to) = (at(from), at(to));
    let middle = instant(quarter(from).midpoint(quarter(to)));
    let mut cases: BTreeMap<i64, Vec<(Shown, Vec<ZoneName>)>> = BTreeMap::new();
    for zone in zones() {
        let rules: &TimeZone = zone.zone();
        let offset = |moment: Timestamp| i64::from(rules.to_offset(moment).seconds());
        let moved =
            |moment: Timestamp| (offset(moment) - offset(moment - SignedDuration::from_secs(1))) / QUARTER_SECONDS;
        let within = rules.following(from - SignedDuration::from_secs(1)).take_while(|change| change.timestamp() < to);
        let mut moments: Vec<Timestamp> = within.map(|change| change.timestamp()).collect();
        if moments.is_empty() {
            moments.push(middle);
        }
        for moment in moments.into_iter().filter(|moment| wanted(moved(*moment))).map(quarter) {
            let shown = Shown::watch(rules, moment - WATCHED, moment + WATCHED);
            let same_time = cases.entry(moment).or_default();
            match same_time.iter_mut().find(|(other, _)| *other == shown) {
                Some((_, zones)) => zones.push(zone.clone()),
                None => same_time.push((shown, vec![zone.clone()])),
            }
        }
    }
    let cases = cases.into_iter().flat_map(|(moment, cases)| cases.into_iter().map(move |case| (moment, case)));
    cases.map(|(moment, (shown, zones))| Change { moment, zones, clock: Clock::new(shown) }).collect()
}

/// A small generator, so that a failing case is the same on every machine.
struct Seed(u64);

impl Seed {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }
}

fn local_time(quarters: i64) -> LocalTime {
    LocalTime::from_minutes(u32::try_from(quarters * 15).unwrap()).unwrap()
}

fn rule(n: u128, zone: &ZoneName, window: &Window, session_minutes: u32) -> AvailabilityRule {
    let weekdays = Weekday::ALL.into_iter().zip(window.open).filter(|(_, open)| *open).map(|(weekday, _)| weekday);
    AvailabilityRule {
        availability_id: AvailabilityId::new(Ulid::from_parts(1_795_167_000_000, n)),
        session_minutes,
        created_at: at("2024-01-01T00:00:00Z"),
        kind: RuleKind::Weekly(WeeklyWindow {
            weekdays: weekdays.collect(),
            start_local: local_time(window.start),
            end_local: local_time(window.end),
            timezone: zone.clone(),
            from: Date::constant(1970, 1, 2),
            until: None,
            exceptions: Vec::new(),
        }),
    }
}

/// Windows that matter at a change: the whole day, an evening until 24:00, those that begin, end or lie where the clock
/// jumps, and two at random. Every other one is open only on the weekdays of the change.
fn windows(change: &Change, seed: &mut Seed) -> Vec<Window> {
    let jump = change.clock.shown.at(change.moment - 1).rem_euclid(DAY) + 1;
    let mut spans = vec![(0, DAY), (72, DAY), (90, DAY)];
    for at in [jump, jump % DAY] {
        spans.extend([(at - 3, at + 5), (at, at + 4), (at + 1, at + 7), (at - 8, at + 2), (at - 2, at + 1), (0, at)]);
    }
    for _ in 0..2 {
        let start = seed.below(DAY);
        spans.push((start, start + 2 + seed.below(24)));
    }
    let days = [change.local_day(change.moment - 1), change.local_day(change.moment)];
    let mut seen = HashSet::new();
    let mut windows = Vec::new();
    for (n, (start, end)) in spans.into_iter().enumerate() {
        let (start, end) = (start.clamp(0, DAY), end.clamp(0, DAY));
        if end - start >= 2 && seen.insert((start, end)) {
            let open = std::array::from_fn(|day| n % 2 == 0 || days.iter().any(|of| weekday(*of) == day));
            windows.push(Window { open, start, end });
        }
    }
    windows
}

/// How often what the properties are about was met, so that they cannot hold because nothing happened.
#[derive(Debug, Default)]
struct Met {
    changes: usize,
    zones: usize,
    slots: usize,
    forward: usize,
    back: usize,
    half_hours: usize,
    day_skipped: usize,
    off_the_hour: usize,
    skipped_starts: usize,
    earlier_of_two: usize,
    across_the_change: usize,
    across_the_utc_day: usize,
    ends_in_a_gap: usize,
    until_24: usize,
    taken: usize,
}

/// Asks for the slots around a change and holds them against the oracle's.
fn hold(change: &Change, zone: &ZoneName, window: &Window, minutes: u32, variant: usize, met: &mut Met) {
    let length = i64::from(minutes) / 15;
    let (first, last) = (change.moment - AROUND, change.moment + AROUND);
    let moment = instant(change.moment);
    let now = match variant % 5 {
        0 => instant(first) - SignedDuration::from_hours(1),
        1 => moment,
        2 => moment - SignedDuration::from_mins(30) + SignedDuration::from_nanos(1),
        3 => moment + SignedDuration::from_mins(45),
        // On the last day on which only what begins before the change can be booked.
        _ => moment - SignedDuration::from_hours(24 * 180),
    };
    let credit_rate = [1, 60, 77, 10_000][variant % 4];
    let taken_quarter = (variant % 3 == 2).then(|| change.moment.div_euclid(DAY) * DAY + DAY);
    let taken = |day: UtcDay| match taken_quarter {
        Some(quarter) if UtcDay::containing(instant(quarter)) == day => QuarterHours::span(0, 1),
        _ => QuarterHours::EMPTY,
    };
    let context = || format!("{zone} {moment} {window:?} {minutes} min, now {now}");

    let rules = [rule(1, zone, window, minutes)];
    let days = change.local_day(first) - 2..=change.local_day(last) + 2;
    let all: Vec<(i64, i64)> = days.clone().flat_map(|day| window.slots(&change.clock, day, length)).collect();
    let latest = bookable_until(now);
    let bookable = |&(start, end): &(i64, i64)| {
        let free = taken_quarter.is_none_or(|taken| taken < start || taken >= end);
        instant(start) > now && instant(start) <= latest && start >= first && start < last && free
    };
    let expected: Vec<(i64, i64)> = all.iter().copied().filter(bookable).collect();
    let found = slots(&rules, &taken, instant(first)..instant(last), now, credit_rate);

    let times: Vec<(i64, i64)> = found.iter().map(|slot| (quarter(slot.start_time), quarter(slot.end_time))).collect();
    assert_eq!(times, expected, "{}", context());
    // These follow from the equality while the oracle is right; they are what a person would notice.
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "overlapping or twice: {}", context());
    for (slot, (start, end)) in found.iter().zip(&times) {
        assert!(slot.start_time > now, "in the past: {}", context());
        assert_eq!(slot.end_time.duration_since(slot.start_time).as_mins(), i64::from(minutes), "{}", context());
        let local = change.clock.shown.at(*start);
        let of_day = local.rem_euclid(DAY);
        assert!(window.open[weekday(local.div_euclid(DAY))], "on a closed day: {}", context());
        let tiled = of_day >= window.start && of_day < window.end && (of_day - window.start) % length == 0;
        assert!(tiled, "local time not kept: {}", context());
        let price = (u64::from(credit_rate) * u64::from(minutes)).div_ceil(60);
        assert_eq!(slot.price_credits, price, "{}", context());
        let split = quarter_hours(slot.start_time, slot.end_time).unwrap();
        assert_eq!(split.iter().map(|(_, hours)| i64::from(hours.count())).sum::<i64>(), length);
        let crosses = start.div_euclid(DAY) != (end - 1).div_euclid(DAY);
        assert_eq!(split.len(), 1 + usize::from(crosses), "{}", context());
        met.slots += 1;
        met.across_the_utc_day += usize::from(crosses);
        met.across_the_change += usize::from(change.jump() != 0 && *start < change.moment && *end > change.moment);
        met.earlier_of_two += usize::from(change.clock.shows_twice(local));
    }
    for day in days.filter(|day| window.open[weekday(*day)]) {
        let tiles = (window.start..window.end).step_by(usize::try_from(length).unwrap());
        let skipped = tiles.filter(|local| change.clock.first_showing(day * DAY + local).is_none());
        met.skipped_starts += skipped.count();
        met.ends_in_a_gap += usize::from(change.clock.first_showing(day * DAY + window.end).is_none());
    }
    met.taken += usize::from(taken_quarter.is_some_and(|t| all.iter().any(|(start, end)| (*start..*end).contains(&t))));
    met.until_24 += usize::from(window.end == DAY);
}

/// One start asked for by itself is a slot exactly where the list has one.
fn hold_each_start(change: &Change, zone: &ZoneName, window: &Window, minutes: u32) {
    let length = i64::from(minutes) / 15;
    let rules = [rule(1, zone, window, minutes)];
    let (first, last) = (change.moment - 40, change.moment + 40);
    let days = change.local_day(first) - 2..=change.local_day(last) + 2;
    let all: Vec<(i64, i64)> = days.flat_map(|day| window.slots(&change.clock, day, length)).collect();
    for start in first..last {
        let expected = all
            .iter()
            .find(|slot| slot.0 == start)
            .map(|slot| SlotTime { start_time: instant(slot.0), end_time: instant(slot.1) });
        assert_eq!(find_slot(&rules, instant(start)), expected, "{zone} {} {window:?} {minutes} min", instant(start));
    }
    assert_eq!(find_slot(&rules, instant(change.moment) + SignedDuration::from_secs(1)), None);
}

fn hold_around(changes: &[Change]) -> Met {
    let mut met = Met::default();
    let mut names = HashSet::new();
    let mut variant = 0;
    for (number, change) in changes.iter().enumerate() {
        let mut seed = Seed(number.try_into().unwrap());
        let jump = change.jump();
        met.changes += 1;
        met.forward += usize::from(jump > 0);
        met.back += usize::from(jump < 0);
        met.half_hours += usize::from(jump.abs() == 2);
        met.day_skipped += usize::from(jump >= 80);
        met.off_the_hour += usize::from((change.clock.shown.at(change.moment) - change.moment) % 4 != 0);
        let windows = windows(change, &mut seed);
        for (n, window) in windows.iter().enumerate() {
            for minutes in SESSION_MINUTES.into_iter().filter(|m| i64::from(*m) <= (window.end - window.start) * 15) {
                variant += 1;
                // Zones that share a clock take turns, so that each of their names is asked too.
                let zone = &change.zones[variant % change.zones.len()];
                hold(change, zone, window, minutes, variant, &mut met);
                if (n + number) % windows.len() == 0 {
                    hold_each_start(change, zone, window, minutes);
                }
            }
        }
        let day = Window { open: [true; 7], start: 72, end: DAY };
        for zone in change.zones.iter().filter(|zone| names.insert(zone.to_string())) {
            hold(change, zone, &day, 60, variant, &mut met);
        }
    }
    met.zones = names.len();
    met
}

#[test]
fn slots_around_every_change_of_a_clock_are_what_the_clock_shows() {
    let changes = changes("2025-01-01T00:00:00Z", "2031-01-01T00:00:00Z", |_| true);
    let met = hold_around(&changes);
    assert_eq!(met.zones, zones().len(), "every zone is asked");
    let kinds = [met.forward, met.back, met.half_hours, met.off_the_hour, met.until_24];
    let edges = [met.skipped_starts, met.earlier_of_two, met.across_the_change, met.across_the_utc_day];
    let rest = [met.slots, met.ends_in_a_gap, met.taken];
    assert!([&kinds[..], &edges, &rest].concat().iter().all(|count| *count > 0), "{met:#?}");
    // Each of the six years has two changes in several dozen different rules.
    assert!(met.changes > 6 * 2 * 20, "{met:#?}");
}

/// No country plans to change its side of the date line, so the last ones that did stand for the next.
#[test]
fn slots_around_every_skipped_day_are_what_the_clock_shows() {
    let changes = changes("1990-01-01T00:00:00Z", "2013-01-01T00:00:00Z", |jump| jump.abs() >= 80);
    let names: HashSet<String> = changes.iter().flat_map(|change| &change.zones).map(ZoneName::to_string).collect();
    for known in ["Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kiritimati", "Pacific/Kwajalein"] {
        assert!(names.contains(known), "{known} is missing in {names:?}");
    }
    let met = hold_around(&changes);
    assert!(met.day_skipped == met.changes && met.skipped_starts > 0 && met.ends_in_a_gap > 0, "{met:#?}");
}

/// Two rules in different zones are refused together exactly if their windows meet on some day; those that are accepted
/// yield every slot of both.
#[test]
fn rules_are_refused_exactly_if_their_windows_meet() {
    let changes = changes("2025-01-01T00:00:00Z", "2031-01-01T00:00:00Z", |jump| jump != 0);
    let others: Vec<ZoneName> = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]
        .map(|name| name.parse().unwrap())
        .into();
    let (mut accepted, mut refused) = (0, 0);
    for (number, change) in changes.iter().enumerate() {
        let mut seed = Seed(number.try_into().unwrap());
        let zone = &change.zones[number % change.zones.len()];
        let other = &others[number % others.len()];
        let watched = Shown::watch(other.zone(), change.moment - WATCHED, change.moment + WATCHED);
        let other_clock = Clock::new(watched);
        let days = change.moment.div_euclid(DAY) - 2..=change.moment.div_euclid(DAY) + 2;
        let date = |day: i64| Date::constant(1970, 1, 1).checked_add(Span::new().days(day)).unwrap();
        for _ in 0..6 {
            // The other window begins about where this one ends, by the clocks as they are before the change.
            let (start, length) = (seed.below(84), 2 + seed.below(10));
            let apart = other_clock.shown.at(change.moment - 1) - change.clock.shown.at(change.moment - 1);
            let near = (start + length + apart + seed.below(7) - 3).rem_euclid(DAY);
            let mine = Window { open: [true; 7], start, end: start + length };
            let theirs = Window { open: [true; 7], start: near, end: (near + 2 + seed.below(6)).min(DAY) };
            if theirs.end - theirs.start < 2 {
                continue;
            }
            let limited = |n: u128, zone: &ZoneName, window: &Window| {
                let mut rule = rule(n, zone, window, 30);
                if let RuleKind::Weekly(weekly) = &mut rule.kind {
                    (weekly.from, weekly.until) = (date(*days.start()), Some(date(*days.end())));
                }
                rule
            };
            let rules = [limited(1, zone, &mine), limited(2, other, &theirs)];
            let bounds = |window: &Window, clock: &Clock| -> Vec<(i64, i64)> {
                days.clone().filter_map(|day| window.bounds(clock, day)).collect()
            };
            let (a, b) = (bounds(&mine, &change.clock), bounds(&theirs, &other_clock));
            let meet = a.iter().any(|a| b.iter().any(|b| a.0.max(b.0) < a.1.min(b.1)));

            let now = instant(change.moment - WATCHED);
            let mut availability = Availability::default();
            availability.add(rules[0].clone(), now).unwrap();
            let second = availability.add(rules[1].clone(), now);
            let expected = if meet { Err(AvailabilityError::Overlap(rules[0].availability_id)) } else { Ok(()) };
            assert_eq!(second, expected, "{zone} {mine:?} and {other} {theirs:?} around {}", instant(change.moment));
            if meet {
                refused += 1;
                continue;
            }
            accepted += 1;
            let mut expected: Vec<(i64, i64)> =
                days.clone().flat_map(|day| mine.slots(&change.clock, day, 2)).collect();
            expected.extend(days.clone().flat_map(|day| theirs.slots(&other_clock, day, 2)));
            expected.sort_unstable();
            let range = instant(change.moment - WATCHED)..instant(change.moment + WATCHED);
            let found = slots(&availability.rules, &|_| QuarterHours::EMPTY, range, now, 60);
            let found: Vec<(i64, i64)> =
                found.iter().map(|slot| (quarter(slot.start_time), quarter(slot.end_time))).collect();
            assert_eq!(found, expected, "{zone} {mine:?} and {other} {theirs:?}");
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}

/// With a feature of jiff that some dependency turns on, a machine's own files would be read instead.
#[test]
fn zone_data_is_the_bundled_one() {
    let database = format!("{:?}", jiff::tz::db());
    assert!(database.starts_with("TimeZoneDatabase(Bundled"), "{database}");
    assert!(zones().len() > 590);
}
