//! Whether an interviewer can be booked, and what they offer at a time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::availability::{AvailabilityRule, Slot, bookable_until, find_slot};
use crate::booking::BookingError;
use crate::user::User;

/// What every booking checks of an interviewer, so that it need not read the profile: any change of rules, listing or
/// price raises the version (DECISIONS.md, "The booking transaction").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bookable {
    /// Whether bookings are possible at all.
    #[serde(default)]
    pub listed: bool,
    /// Rate in credits per hour.
    #[serde(default)]
    pub credit_rate: u32,
    /// The version of the availability document.
    #[serde(default)]
    pub availability_version: u64,
    /// How often anything of this changed.
    #[serde(default)]
    pub version: u64,
}

impl Bookable {
    /// Whether the interviewer is listed and their price per hour; `None` if the change from `before` to `after` leaves both
    /// as they were.
    pub fn change(before: Option<&User>, after: &User) -> Option<(bool, u32)> {
        let state = |user: &User| (user.listed(), user.interviewer.as_ref().map_or(0, |i| i.credit_rate));
        let is_other = before.is_none_or(|before| state(before) != state(after));
        let was_listed = before.is_some_and(User::listed);
        (is_other && (after.interviewer.is_some() || was_listed)).then(|| state(after))
    }

    /// The session that begins at `start`, with its price, whether somebody has it or not. `rules` are those of
    /// `availability_version`.
    pub fn offer(&self, rules: &[AvailabilityRule], start: Timestamp, now: Timestamp) -> Result<Slot, BookingError> {
        if !self.listed {
            return Err(BookingError::InterviewerUnavailable);
        }
        let slot = find_slot(rules, start).filter(|_| start <= bookable_until(now));
        slot.map(|slot| slot.priced(self.credit_rate)).ok_or(BookingError::SlotUnavailable)
    }
}
