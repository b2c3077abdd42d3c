//! Whether an interviewer offers a time, and the calendars of both parties at that time: what booking and moving a session
//! have in common.

use domain::availability::{LONGEST_SESSION, Slot};
use domain::bookable::Bookable;
use domain::booking::BookingError;
use domain::calendar::{DayCalendar, QuarterHours, UtcDay, quarter_hours};
use domain::ids::UserId;
use domain::problem::ValidationError;
use jiff::Timestamp;
use kit::error::{Error, not_found};
use store::{Items, Key, StoreError, Tx, availability, calendar, keys};

/// What must be read before a time can be judged.
pub fn read_keys(candidate: &UserId, interviewer: &UserId, start: Timestamp) -> Vec<Key> {
    let mut read = vec![keys::bookable(interviewer), keys::availability(interviewer)];
    // The end is not known before the rules are; a session is short, so at most one further day comes into question.
    let last = start.checked_add(LONGEST_SESSION).unwrap_or(start);
    for day in [UtcDay::containing(start), UtcDay::containing(last)] {
        read.push(keys::day(candidate, day));
        read.push(keys::day(interviewer, day));
    }
    read
}

/// What the interviewer offers at a time.
pub struct Offer {
    /// When the session would end.
    pub end_time: Timestamp,
    /// What it would cost.
    pub price_credits: u64,
    hours: Vec<(UtcDay, QuarterHours)>,
    interviewer: UserId,
    bookable_version: u64,
}

impl Offer {
    /// The offer of `interviewer` for a session that begins at `start`, whether it is taken or not.
    pub fn find(items: &Items, interviewer: &UserId, start: Timestamp, now: Timestamp) -> Result<Self, Error> {
        if start <= now {
            return Err(ValidationError::field("startTime", "must be in the future").into());
        }
        let bookable: Bookable = items.get(&keys::bookable(interviewer))?.ok_or_else(|| not_found("interviewer"))?;
        let rules = availability::rules(items, interviewer)?;
        if bookable.listed && rules.version != bookable.availability_version {
            // The batch read saw the rules and their version at two instants.
            return Err(StoreError::Contended.into());
        }
        let Slot { end_time, price_credits, .. } = bookable.offer(&rules.rules, start, now)?;
        Ok(Self {
            end_time,
            price_credits,
            hours: quarter_hours(start, end_time).map_err(|_| BookingError::SlotUnavailable)?,
            interviewer: interviewer.clone(),
            bookable_version: bookable.version,
        })
    }

    /// Demands that the interviewer still offers what was read.
    pub fn check(&self, tx: &mut Tx) {
        tx.check(keys::bookable(&self.interviewer), self.bookable_version);
    }
}

/// The days of both parties that a change touches.
pub struct Days {
    candidate: Vec<DayCalendar>,
    interviewer: Vec<DayCalendar>,
}

impl Days {
    /// The days of both parties, as read, that an offer touches and, when a session moves, those it leaves.
    pub fn read(
        items: &Items,
        [candidate, interviewer]: [&UserId; 2],
        offer: &Offer,
        left: &[(UtcDay, QuarterHours)],
    ) -> Result<Self, StoreError> {
        let mut touched: Vec<(UtcDay, QuarterHours)> = offer.hours.iter().chain(left).copied().collect();
        touched.sort_by_key(|(day, _)| *day);
        touched.dedup_by_key(|(day, _)| *day);
        Ok(Self {
            candidate: calendar::days(items, candidate, &touched)?,
            interviewer: calendar::days(items, interviewer, &touched)?,
        })
    }

    /// Gives back the time of the session that moves away.
    pub fn release(&mut self, left: &[(UtcDay, QuarterHours)]) {
        for days in [&mut self.candidate, &mut self.interviewer] {
            for (day, hours) in left {
                if let Some(calendar) = days.iter_mut().find(|c| c.day == *day) {
                    calendar.release(*hours);
                }
            }
        }
    }

    /// Takes the offered time: first of the interviewer's day, then of the candidate's.
    pub fn claim(&mut self, offer: &Offer) -> Result<(), BookingError> {
        let sides =
            [(&mut self.interviewer, BookingError::SlotUnavailable), (&mut self.candidate, BookingError::TimeConflict)];
        for (days, taken) in sides {
            for (day, hours) in &offer.hours {
                let calendar = days.iter_mut().find(|c| c.day == *day);
                let claimed = calendar.is_some_and(|c| c.claim(*hours).is_ok());
                if !claimed {
                    return Err(taken);
                }
            }
        }
        Ok(())
    }

    /// Writes both calendars over the versions they were read at.
    pub fn write(&self, tx: &mut Tx, [candidate, interviewer]: [&UserId; 2]) -> Result<(), StoreError> {
        calendar::write(tx, candidate, &self.candidate)?;
        calendar::write(tx, interviewer, &self.interviewer)
    }
}
