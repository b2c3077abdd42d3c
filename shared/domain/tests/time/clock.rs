//! What a clock on the wall shows, looked at every quarter of an hour, and the slots that a person with nothing but that
//! clock would write down. It knows offsets at moments and whole numbers; of the product's code it uses nothing.
//!
//! Moments are quarter-hours since 1970 in UTC. Local times are quarter-hours since 1970 as the clock shows them, so that
//! a local day has the 96 from `day * 96` on, whether or not all of them are shown.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub const QUARTER_SECONDS: i64 = 900;
pub const DAY: i64 = 96;

/// The moment as the product writes it.
pub fn instant(quarter: i64) -> Timestamp {
    Timestamp::from_second(quarter * QUARTER_SECONDS).unwrap()
}

/// What the clock of a zone shows from one moment to another.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
pub struct Shown {
    from: i64,
    local: Vec<i64>,
}

impl Shown {
    pub fn watch(zone: &TimeZone, from: i64, to: i64) -> Self {
        let local = (from..to).map(|moment| {
            let offset = i64::from(zone.to_offset(instant(moment)).seconds());
            assert_eq!(offset % QUARTER_SECONDS, 0, "{zone:?} is off the quarter-hours");
            moment + offset / QUARTER_SECONDS
        });
        Self { from, local: local.collect() }
    }

    pub fn at(&self, moment: i64) -> i64 {
        self.local[usize::try_from(moment - self.from).unwrap()]
    }
}

/// The same clock with an index, since a slot asks when a local time is shown.
pub struct Clock {
    pub shown: Shown,
    first: HashMap<i64, i64>,
    last: HashMap<i64, i64>,
}

impl Clock {
    pub fn new(shown: Shown) -> Self {
        let (mut first, mut last) = (HashMap::new(), HashMap::new());
        for (moment, local) in (shown.from..).zip(&shown.local) {
            first.entry(*local).or_insert(moment);
            last.insert(*local, moment);
        }
        Self { shown, first, last }
    }

    /// When the clock shows this for the first time; `None` where it never does.
    pub fn first_showing(&self, local: i64) -> Option<i64> {
        self.first.get(&local).copied()
    }

    pub fn shows_twice(&self, local: i64) -> bool {
        self.first.get(&local) != self.last.get(&local)
    }

    /// When the clock shows this for the first time or jumps past it.
    pub fn reaches(&self, local: i64) -> Option<i64> {
        self.first_showing(local).or_else(|| {
            let jumps = |pair: &[i64]| pair[0] < local && local < pair[1];
            let position = self.shown.local.windows(2).position(jumps)?;
            Some(self.shown.from + 1 + i64::try_from(position).unwrap())
        })
    }
}

/// A weekly window on that clock: from one quarter-hour of the day to another, 96 being the midnight that ends it.
#[derive(Debug, Clone)]
pub struct Window {
    /// By weekday, Monday first.
    pub open: [bool; 7],
    pub start: i64,
    pub end: i64,
}

/// The weekday of a day since 1970, Monday being 0: the first of January 1970 was a Thursday.
pub fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap()
}

impl Window {
    /// From when to when the window is open on a local day, where it is.
    pub fn bounds(&self, clock: &Clock, day: i64) -> Option<(i64, i64)> {
        if !self.open[weekday(day)] {
            return None;
        }
        Some((clock.reaches(day * DAY + self.start)?, clock.reaches(day * DAY + self.end)?))
    }

    /// The slots of a local day, by the decision in words: tile the local window from its start; leave out what the
    /// clock does not show; take the earlier of two; drop what overlaps the one before or ends after the window.
    pub fn slots(&self, clock: &Clock, day: i64, length: i64) -> Vec<(i64, i64)> {
        let Some((_, closes)) = self.bounds(clock, day) else { return Vec::new() };
        let mut slots: Vec<(i64, i64)> = Vec::new();
        for local in (self.start..self.end).step_by(usize::try_from(length).unwrap()) {
            let Some(start) = clock.first_showing(day * DAY + local) else { continue };
            let free = slots.last().is_none_or(|(_, end)| *end <= start);
            if free && start + length <= closes {
                slots.push((start, start + length));
            }
        }
        slots
    }
}
