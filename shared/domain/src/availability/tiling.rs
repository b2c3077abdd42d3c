//! Slots: how a rule's window is tiled, and which tiles can be booked.
//!
//! The local window is tiled by session minutes from its start. A local time that does not exist is skipped; of one
//! that repeats the earlier is taken; a slot lasts its minutes in elapsed time; one that overlaps the slot before it, or
//! ends after the window, is dropped. A window that ends at a local time that does not exist ends where the clock jumps.
//!
//! Rules of one interviewer do not overlap when they are declared, but zone data may change afterwards. So that two
//! slots can never overlap, a slot yields to every overlapping slot of a rule declared before its own. This looks only
//! at the slot's neighbourhood, so one slot can be judged without expanding a range.

use std::ops::Range;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::notation::{LocalTime, Weekday};
use super::{AvailabilityRule, LONGEST_SESSION, MAX_DAYS_AHEAD, RuleKind, SESSION_MINUTES, WeeklyWindow};
use crate::calendar::{QuarterHours, UtcDay, quarter_hours};
use crate::money::session_price;

/// The time of a slot, before anything is said about who has taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotTime {
    /// When it starts.
    pub start_time: Timestamp,
    /// When the window ends.
    pub end_time: Timestamp,
}

impl SlotTime {
    /// How long the slot lasts, in minutes.
    pub fn minutes(self) -> u32 {
        u32::try_from(self.end_time.duration_since(self.start_time).as_mins()).unwrap_or(0)
    }

    /// The slot at an interviewer's rate in credits per hour.
    pub fn priced(self, credit_rate: u32) -> Slot {
        let price_credits = session_price(credit_rate, self.minutes());
        Slot { start_time: self.start_time, end_time: self.end_time, price_credits }
    }

    fn overlaps(self, other: Self) -> bool {
        self.start_time < other.end_time && other.start_time < self.end_time
    }
}

/// A free slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// When it starts.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start_time: Timestamp,
    /// When the window ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub end_time: Timestamp,
    /// The price in credits.
    pub price_credits: u64,
}

/// The last moment at which a booking made `now` can start.
pub fn bookable_until(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * i64::from(MAX_DAYS_AHEAD))).unwrap_or(Timestamp::MAX)
}

/// The slots that start within `range` and can be booked `now`: in the future, at most [`MAX_DAYS_AHEAD`] days ahead,
/// and free by `taken`, which tells the taken quarter-hours of a UTC day. Sorted by start; no two overlap.
pub fn slots(
    rules: &[AvailabilityRule],
    taken: &dyn Fn(UtcDay) -> QuarterHours,
    range: Range<Timestamp>,
    now: Timestamp,
    credit_rate: u32,
) -> Vec<Slot> {
    let latest = bookable_until(now);
    let wanted = |start: Timestamp| start > now && start <= latest && range.contains(&start);
    let (first, last) = (range.start.max(now), range.end.min(latest));
    if first > last {
        return Vec::new();
    }
    // The slots around the range decide with those in it which slot yields.
    let around = first..last.saturating_add(LONGEST_SESSION).unwrap_or(last);
    let mut tiles: Vec<(SlotTime, usize)> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        tiles.extend(rule.tiles_touching(&around).into_iter().map(|tile| (tile, index)));
    }
    tiles.sort_unstable();
    let mut found = Vec::new();
    for (position, (tile, rule)) in tiles.iter().enumerate() {
        if wanted(tile.start_time) && !yields(&tiles, position, *rule) && is_free(*tile, taken) {
            found.push(tile.priced(credit_rate));
        }
    }
    found
}

/// The slot that starts exactly at `start`, whether or not it is taken or past; `None` where no rule's tiling has one.
/// It agrees with [`slots`] and looks at the local days around `start` only.
pub fn find_slot(rules: &[AvailabilityRule], start: Timestamp) -> Option<SlotTime> {
    for (index, rule) in rules.iter().enumerate() {
        let tile = rule.tiles_touching(&(start..start)).into_iter().find(|tile| tile.start_time == start);
        let Some(tile) = tile else { continue };
        let rivals = rules[..index].iter().flat_map(|rule| rule.tiles_touching(&(tile.start_time..tile.end_time)));
        if !rivals.into_iter().any(|rival| rival.overlaps(tile)) {
            return Some(tile);
        }
    }
    None
}

/// Whether the tile at `position` overlaps a tile of a rule that comes before its own. `tiles` are sorted by start.
fn yields(tiles: &[(SlotTime, usize)], position: usize, rule: usize) -> bool {
    let tile = tiles[position].0;
    let before = tiles[..position]
        .iter()
        .rev()
        .take_while(|(other, _)| tile.start_time.duration_since(other.start_time) < LONGEST_SESSION);
    let after = tiles[position + 1..].iter().take_while(|(other, _)| other.start_time < tile.end_time);
    before.chain(after).any(|(other, index)| *index < rule && other.overlaps(tile))
}

/// A slot that no calendar can hold counts as taken.
fn is_free(tile: SlotTime, taken: &dyn Fn(UtcDay) -> QuarterHours) -> bool {
    quarter_hours(tile.start_time, tile.end_time)
        .is_ok_and(|days| days.into_iter().all(|(day, hours)| !taken(day).overlaps(hours)))
}

impl AvailabilityRule {
    /// The tiles that touch `span`, in order: those that overlap it, or begin or end at its edges.
    fn tiles_touching(&self, span: &Range<Timestamp>) -> Vec<SlotTime> {
        // A stored rule with a length we do not offer yields nothing rather than tiles without length.
        if !SESSION_MINUTES.contains(&self.session_minutes) {
            return Vec::new();
        }
        let mut tiles = match &self.kind {
            RuleKind::OneTime { start_time, end_time } => tile_once(*start_time, *end_time, self.session_minutes),
            RuleKind::Weekly(window) => {
                let zone = window.timezone.zone();
                // A day on either side, because a clock set back at midnight shows a date for the second time.
                let first = zone.to_datetime(span.start).date();
                let last = zone.to_datetime(span.end).date();
                let mut date = first.yesterday().unwrap_or(first);
                let last = last.tomorrow().unwrap_or(last);
                let mut tiles = Vec::new();
                while date <= last {
                    window.tile_day(date, self.session_minutes, &mut tiles);
                    let Ok(next) = date.tomorrow() else { break };
                    date = next;
                }
                tiles
            }
        };
        tiles.retain(|tile| tile.end_time >= span.start && tile.start_time <= span.end);
        tiles
    }
}

fn tile_once(start: Timestamp, end: Timestamp, session_minutes: u32) -> Vec<SlotTime> {
    let length = SignedDuration::from_mins(i64::from(session_minutes));
    // A declared window is at most a day long; a longer one can only be a damaged item and is cut.
    let end = end.min(start.saturating_add(SignedDuration::from_hours(24)).unwrap_or(end));
    let mut tiles = Vec::new();
    let mut from = start;
    while let Ok(to) = from.checked_add(length) {
        if to > end {
            break;
        }
        tiles.push(SlotTime { start_time: from, end_time: to });
        from = to;
    }
    tiles
}

impl WeeklyWindow {
    /// Whether the window opens on this local date.
    pub(super) fn opens_on(&self, date: Date) -> bool {
        self.from <= date
            && self.until.is_none_or(|until| date <= until)
            && self.weekdays.contains(&Weekday::of(date))
            && !self.exceptions.contains(&date)
    }

    /// The first and the last moment of the window on this local date; the same moment twice where the whole of it
    /// falls into a gap. `None` at the end of the calendar.
    pub(super) fn bounds_on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let zone = self.timezone.zone();
        let bound = |time: LocalTime| resolve(zone, time.on(date)?).map(Resolved::moment);
        Some((bound(self.start_local)?, bound(self.end_local)?))
    }

    fn tile_day(&self, date: Date, session_minutes: u32, tiles: &mut Vec<SlotTime>) {
        if !self.opens_on(date) {
            return;
        }
        let Some((_, window_end)) = self.bounds_on(date) else { return };
        let length = SignedDuration::from_mins(i64::from(session_minutes));
        let mut busy_until = Timestamp::MIN;
        let mut minutes = self.start_local.minutes();
        while minutes < self.end_local.minutes() {
            let local = LocalTime::from_minutes(minutes).and_then(|time| time.on(date));
            minutes += session_minutes;
            let Some(Resolved::At(start)) = local.and_then(|local| resolve(self.timezone.zone(), local)) else {
                continue;
            };
            let Ok(end) = start.checked_add(length) else { continue };
            if start >= busy_until && end <= window_end {
                tiles.push(SlotTime { start_time: start, end_time: end });
                busy_until = end;
            }
        }
    }
}

/// What a local time is on the line of instants.
enum Resolved {
    /// The clock shows it, for the first time, at this moment.
    At(Timestamp),
    /// The clock never shows it: at this moment it jumps past it.
    Skipped(Timestamp),
}

impl Resolved {
    fn moment(self) -> Timestamp {
        match self {
            Self::At(moment) | Self::Skipped(moment) => moment,
        }
    }
}

fn resolve(zone: &TimeZone, local: DateTime) -> Option<Resolved> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok().map(Resolved::At)
        }
        AmbiguousOffset::Gap { before, after } => jump(zone, local, before, after).map(Resolved::Skipped),
    }
}

/// When the clock jumps past `local`. Read with the offset after the jump, a skipped time lies before the jump, and
/// read with the one before it, at or after the jump.
fn jump(zone: &TimeZone, local: DateTime, before: Offset, after: Offset) -> Option<Timestamp> {
    let earliest = after.to_timestamp(local).ok()?;
    let latest = before.to_timestamp(local).ok()?;
    let transition = zone.following(earliest).find(|t| t.offset() == after || t.timestamp() >= latest);
    Some(transition.map_or(latest, |t| t.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DAILY, at, one_time, weekly, window};
    use super::*;
    use proptest::prelude::*;

    const FREE: fn(UtcDay) -> QuarterHours = |_| QuarterHours::EMPTY;

    fn starts(rules: &[AvailabilityRule], from: &str, to: &str) -> Vec<String> {
        let now = at(from) - SignedDuration::from_hours(1);
        let found = slots(rules, &FREE, at(from)..at(to), now, 60);
        found.iter().map(|slot| slot.start_time.to_string()).collect()
    }

    /// The local starts and ends of the slots of one local day.
    fn local(rule: &AvailabilityRule, date: &str) -> String {
        let RuleKind::Weekly(window) = &rule.kind else { panic!("a weekly rule was expected") };
        let mut tiles = Vec::new();
        window.tile_day(date.parse().unwrap(), rule.session_minutes, &mut tiles);
        let zone = window.timezone.zone();
        let time = |moment: Timestamp| zone.to_datetime(moment).strftime("%H:%M").to_string();
        let texts: Vec<String> = tiles.iter().map(|t| format!("{}-{}", time(t.start_time), time(t.end_time))).collect();
        texts.join(" ")
    }

    #[test]
    fn a_weekly_evening_stays_at_its_local_time_when_the_clocks_change() {
        let rules = [weekly(1, "America/New_York", "SU", ("18:00", "20:00"), 60)];
        assert_eq!(
            starts(&rules, "2026-10-24T00:00:00Z", "2026-11-10T00:00:00Z"),
            [
                "2026-10-25T22:00:00Z",
                "2026-10-25T23:00:00Z",
                "2026-11-01T23:00:00Z",
                "2026-11-02T00:00:00Z",
                "2026-11-08T23:00:00Z",
                "2026-11-09T00:00:00Z"
            ]
        );
    }

    #[test]
    fn days_on_which_the_clock_changes_are_tiled_by_the_rule() {
        for (zone, date, times, minutes, expected) in [
            // Spring forward at 02:00 to 03:00.
            ("America/New_York", "2026-03-08", ("01:00", "05:00"), 60, "01:00-03:00 03:00-04:00 04:00-05:00"),
            ("America/New_York", "2026-03-08", ("01:00", "05:00"), 90, "01:00-03:30"),
            ("America/New_York", "2026-03-08", ("00:00", "06:00"), 90, "00:00-01:30 01:30-04:00 04:30-06:00"),
            ("America/New_York", "2026-03-08", ("01:30", "04:00"), 45, "01:30-03:15"),
            ("America/New_York", "2026-03-08", ("01:00", "02:30"), 30, "01:00-01:30 01:30-03:00"),
            ("America/New_York", "2026-03-08", ("01:30", "02:30"), 60, ""),
            ("America/New_York", "2026-03-08", ("02:00", "03:00"), 30, ""),
            // Fall back at 02:00 to 01:00: of the repeated hour the first pass counts.
            ("America/New_York", "2026-11-01", ("00:00", "03:00"), 60, "00:00-01:00 01:00-01:00 02:00-03:00"),
            ("America/New_York", "2026-11-01", ("00:30", "02:00"), 90, "00:30-01:00"),
            ("America/New_York", "2026-11-01", ("00:00", "01:30"), 45, "00:00-00:45 00:45-01:30"),
            ("Europe/Berlin", "2026-03-29", ("01:30", "04:00"), 30, "01:30-03:00 03:00-03:30 03:30-04:00"),
            ("Europe/Berlin", "2026-10-25", ("02:00", "04:00"), 30, "02:00-02:30 02:30-02:00 03:00-03:30 03:30-04:00"),
            // Half an hour either way.
            ("Australia/Lord_Howe", "2026-10-04", ("01:30", "03:30"), 30, "01:30-02:30 02:30-03:00 03:00-03:30"),
            ("Australia/Lord_Howe", "2026-10-04", ("01:30", "03:30"), 60, "01:30-03:00"),
            ("Australia/Lord_Howe", "2026-04-05", ("01:00", "03:00"), 45, "01:00-01:45 01:45-02:00"),
            // Two hours at once, around midnight, a clock that is set during the year for a month, and none at all.
            ("Antarctica/Troll", "2026-03-29", ("00:00", "04:00"), 60, "00:00-03:00 03:00-04:00"),
            ("America/Havana", "2026-03-08", ("00:00", "02:00"), 30, "01:00-01:30 01:30-02:00"),
            ("America/Havana", "2026-03-07", ("23:00", "24:00"), 60, "23:00-01:00"),
            ("Africa/Casablanca", "2026-02-15", ("01:00", "04:00"), 60, "01:00-02:00 02:00-02:00 03:00-04:00"),
            ("Africa/Casablanca", "2026-03-22", ("01:00", "04:00"), 60, "01:00-03:00 03:00-04:00"),
            ("Asia/Kathmandu", "2026-03-29", ("01:00", "03:00"), 60, "01:00-02:00 02:00-03:00"),
        ] {
            assert_eq!(
                local(&weekly(1, zone, DAILY, times, minutes), date),
                expected,
                "{zone} {date} {times:?} {minutes}"
            );
        }
    }

    #[test]
    fn a_day_that_a_country_skipped_has_no_slots() {
        let mut rule = weekly(1, "Pacific/Apia", DAILY, ("00:00", "24:00"), 60);
        window(&mut rule).from = Date::constant(2011, 1, 1);
        assert_eq!(local(&rule, "2011-12-30"), "");
        assert_eq!(local(&rule, "2011-12-29").split(' ').count(), 24);
        assert_eq!(local(&rule, "2011-12-31").split(' ').count(), 24);
        let found = starts(&[rule], "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z");
        assert_eq!(found.len(), 48);
    }

    #[test]
    fn dates_weekdays_and_exceptions_bound_a_weekly_rule() {
        let mut rule = weekly(1, "Asia/Tokyo", "MO TU", ("00:00", "01:00"), 60);
        let tokyo = window(&mut rule);
        tokyo.from = Date::constant(2026, 12, 1);
        tokyo.until = Some(Date::constant(2026, 12, 14));
        tokyo.exceptions = vec![Date::constant(2026, 12, 7)];
        assert_eq!(
            starts(&[rule], "2026-11-28T00:00:00Z", "2026-12-20T00:00:00Z"),
            ["2026-11-30T15:00:00Z", "2026-12-07T15:00:00Z", "2026-12-13T15:00:00Z"]
        );
    }

    #[test]
    fn only_free_future_slots_within_the_range_and_half_a_year_are_shown() {
        let rules = [one_time(1, "2026-12-01T10:00:00Z", "2026-12-01T13:10:00Z", 45)];
        let now = at("2026-12-01T10:00:00Z");
        let range = now..at("2026-12-01T12:15:00Z");
        let all = slots(&rules, &FREE, range.clone(), now, 10);
        let texts: Vec<String> = all.iter().map(|s| format!("{}/{}", s.start_time, s.price_credits)).collect();
        assert_eq!(texts, ["2026-12-01T10:45:00Z/8", "2026-12-01T11:30:00Z/8"]);
        let lunch = |_| QuarterHours::span(48, 49);
        assert_eq!(slots(&rules, &lunch, range.clone(), now, 10), all[..1]);
        let half_a_year_before = at("2026-06-04T10:45:00Z");
        let whole_day = at("2026-12-01T00:00:00Z")..at("2026-12-02T00:00:00Z");
        let far: Vec<Timestamp> =
            slots(&rules, &FREE, whole_day, half_a_year_before, 10).iter().map(|slot| slot.start_time).collect();
        assert_eq!(far, [at("2026-12-01T10:00:00Z"), at("2026-12-01T10:45:00Z")]);
        assert!(slots(&rules, &FREE, range.end..range.start, now, 10).is_empty());
    }

    #[test]
    fn slots_of_rules_that_overlap_after_all_do_not() {
        let rules = [
            one_time(1, "2026-12-01T10:00:00Z", "2026-12-01T12:00:00Z", 60),
            one_time(2, "2026-12-01T09:45:00Z", "2026-12-01T13:45:00Z", 30),
        ];
        assert_eq!(
            starts(&rules, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"),
            [
                "2026-12-01T10:00:00Z",
                "2026-12-01T11:00:00Z",
                "2026-12-01T12:15:00Z",
                "2026-12-01T12:45:00Z",
                "2026-12-01T13:15:00Z"
            ]
        );
        assert_eq!(find_slot(&rules, at("2026-12-01T09:45:00Z")), None);
    }

    #[test]
    fn a_damaged_rule_yields_nothing_and_ends() {
        let rules = [
            AvailabilityRule { session_minutes: 0, ..weekly(1, "UTC", DAILY, ("00:00", "24:00"), 30) },
            one_time(2, "2026-12-02T10:00:00Z", "2026-12-01T10:00:00Z", 30),
            weekly(3, "UTC", DAILY, ("12:00", "09:00"), 30),
        ];
        assert!(starts(&rules, "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z").is_empty());
        assert_eq!(find_slot(&rules, Timestamp::MAX), None);
        assert_eq!(find_slot(&rules, Timestamp::MIN), None);
    }

    const ZONES: [&str; 12] = [
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "America/Havana",
        "Antarctica/Troll",
        "America/St_Johns",
        "Pacific/Chatham",
        "Asia/Beirut",
        "UTC",
    ];

    prop_compose! {
        fn any_weekly()(zone in 0..ZONES.len(), start in 0u32..90, quarters in 2u32..=96, length in 0usize..4, weekdays in 1u8..128)
            -> AvailabilityRule {
            let mut rule = weekly(1, ZONES[zone], "MO", ("00:00", "24:00"), SESSION_MINUTES[length]);
            let window = window(&mut rule);
            window.start_local = LocalTime::from_minutes(start * 15).unwrap();
            window.end_local = LocalTime::from_minutes((start + quarters).min(96) * 15).unwrap();
            window.weekdays = Weekday::ALL.into_iter().enumerate().filter(|(n, _)| weekdays & (1 << n) != 0).map(|(_, d)| d).collect();
            rule
        }
    }

    /// An instant within two days of a change of the rule's clock where it has one, else within a year.
    fn near_a_change(rule: &AvailabilityRule, year: i16, nth: usize, hours: i64) -> Timestamp {
        let RuleKind::Weekly(window) = &rule.kind else { panic!("a weekly rule was expected") };
        let first = Date::constant(year, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        let change = window.timezone.zone().following(first).nth(nth).map_or(first, |t| t.timestamp());
        change + SignedDuration::from_hours(hours)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(160))]

        #[test]
        fn slots_keep_local_time_and_length_and_never_overlap(
            rule in any_weekly(), year in 2021i16..2080, nth in 0usize..2, hours in -48i64..24,
        ) {
            let RuleKind::Weekly(window) = &rule.kind else { panic!("a weekly rule was expected") };
            let from = near_a_change(&rule, year, nth, hours);
            let range = from..from + SignedDuration::from_hours(72);
            let now = from - SignedDuration::from_hours(1);
            let found = slots(std::slice::from_ref(&rule), &FREE, range.clone(), now, 60);
            for slot in &found {
                let local = window.timezone.zone().to_datetime(slot.start_time);
                let minutes = u32::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap();
                prop_assert!(window.opens_on(local.date()));
                prop_assert!(minutes >= window.start_local.minutes() && minutes < window.end_local.minutes());
                prop_assert_eq!((minutes - window.start_local.minutes()) % rule.session_minutes, 0);
                let first = window.timezone.zone().to_ambiguous_timestamp(local).earlier().unwrap();
                prop_assert_eq!(first, slot.start_time);
                let length = slot.end_time.duration_since(slot.start_time);
                prop_assert_eq!(length, SignedDuration::from_mins(rule.session_minutes.into()));
                let (_, end) = window.bounds_on(local.date()).unwrap();
                prop_assert!(slot.end_time <= end && range.contains(&slot.start_time));
                prop_assert_eq!(slot.price_credits, u64::from(rule.session_minutes));
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].end_time <= pair[1].start_time));
        }

        #[test]
        fn a_day_without_a_change_is_tiled_completely(rule in any_weekly(), day in 0i64..20_000) {
            let RuleKind::Weekly(window) = &rule.kind else { panic!("a weekly rule was expected") };
            let date = Date::constant(2021, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let (start, end) = window.bounds_on(date).unwrap();
            let minutes = window.end_local.minutes() - window.start_local.minutes();
            let plain = end.duration_since(start) == SignedDuration::from_mins(minutes.into());
            prop_assume!(plain && window.opens_on(date));
            let mut tiles = Vec::new();
            window.tile_day(date, rule.session_minutes, &mut tiles);
            prop_assert_eq!(u32::try_from(tiles.len()).unwrap(), minutes / rule.session_minutes);
        }

        #[test]
        fn find_slot_agrees_with_slots_at_every_quarter_hour(
            first in any_weekly(), second in any_weekly(), year in 2021i16..2080, nth in 0usize..2, hours in -30i64..6,
        ) {
            let from = near_a_change(&first, year, nth, hours);
            let from = Timestamp::from_second(from.as_second().div_euclid(900) * 900).unwrap();
            let rules = [first, second];
            let range = from..from + SignedDuration::from_hours(30);
            let now = from - SignedDuration::from_hours(1);
            let listed: Vec<SlotTime> = slots(&rules, &FREE, range, now, 60)
                .iter().map(|slot| SlotTime { start_time: slot.start_time, end_time: slot.end_time }).collect();
            let found: Vec<SlotTime> = (0..30 * 4)
                .filter_map(|n| find_slot(&rules, from + SignedDuration::from_mins(15 * n))).collect();
            prop_assert!(listed.windows(2).all(|pair| pair[0].end_time <= pair[1].start_time));
            prop_assert_eq!(listed, found);
        }
    }
}
