//! A booking: one human session, from `SCHEDULED` to `COMPLETED` or `CANCELLED`, and never back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attendance::{Attendance, TimeInCall};
use crate::consent::Consents;
use crate::ids::{BookingId, UserId};
use crate::ledger::Transfer;
use crate::party::Party;
use crate::settlement::Settlement;
use crate::word::Word;

mod ending;
mod error;
mod feedback;
pub use ending::{Asked, Cancelling, Completion, Sweep};
pub use error::BookingError;
pub use feedback::NoFeedback;

/// How far a provider's clock may be from ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(15);
/// Bookings start at most 180 days ahead; a day more for the session itself.
const LATEST_AHEAD: SignedDuration = SignedDuration::from_hours(181 * 24);
/// The call's door opens this long before the start.
pub const DOOR_OPENS_BEFORE: SignedDuration = SignedDuration::from_mins(10);
/// The call's door closes this long after the end.
pub const DOOR_CLOSES_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// The sweep settles what attendance decides this long after the end.
pub const DUE_AFTER: SignedDuration = SignedDuration::from_mins(60);
/// Where attendance cannot tell, the sweep waits this long after the end for somebody's word.
pub const WORD_AWAITED: SignedDuration = SignedDuration::from_hours(24);
/// The sweep tries again after this where Stream could not be asked.
pub const STREAM_AWAITED: SignedDuration = SignedDuration::from_mins(15);
/// Where Stream brought something new, the sweep gives it this long to bring the rest.
const NEWS_AWAITED: SignedDuration = SignedDuration::from_hours(1);
/// An objection after the sweep's first look is decided this long after it was made.
const OBJECTION_DUE_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A candidate can move a session until this long before its start.
pub const RESCHEDULE_UNTIL: SignedDuration = SignedDuration::from_hours(2);
/// How often a session can be moved.
pub const RESCHEDULES_AT_MOST: u32 = 2;

/// Who cancelled a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelledBy {
    /// The candidate.
    Interviewee,
    /// The interviewer.
    Interviewer,
    /// The platform.
    System,
}

impl From<Party> for CancelledBy {
    fn from(party: Party) -> Self {
        match party {
            Party::Interviewee => Self::Interviewee,
            Party::Interviewer => Self::Interviewer,
        }
    }
}

/// A machine-readable reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelCode {
    /// The candidate says that the session did not take place.
    DidNotTakePlace,
    /// A party's account was deleted.
    AccountDeleted,
    /// A party is banned or locked.
    AccountUnavailable,
    /// The interviewer did not attend.
    InterviewerNoShow,
    /// Nobody marked the session as completed.
    NotConfirmed,
}

/// How a booking ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// By whom.
    pub by: CancelledBy,
    /// Why, in their words.
    pub reason: String,
    /// Why, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Word<CancelCode>>,
    /// When.
    pub at: Timestamp,
}

/// The candidate's word that a session did not take place, until it is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objection {
    /// Why, in their words.
    pub reason: String,
    /// When they said it.
    pub at: Timestamp,
}

/// Where a booking stands. Each state holds what only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum State {
    /// It will take place, or nobody has settled it yet. The price is held.
    Scheduled {
        /// When the interviewer marked the session as completed, if attendance was inconclusive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        completion_requested_at: Option<Timestamp>,
        /// The candidate's word that it did not take place, until Stream was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        objection: Option<Objection>,
    },
    /// It took place; the price is captured.
    Completed {
        /// When it was settled.
        completed_at: Timestamp,
        /// How.
        settlement: Settlement,
    },
    /// It did not take place; the price is released.
    Cancelled {
        /// By whom and why.
        cancellation: Cancellation,
        /// How.
        settlement: Settlement,
    },
}

/// What a transition did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied<T> {
    /// It happened now.
    Now(T),
    /// It had happened before; nothing changes.
    Already,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Its id, and its call's id at Stream.
    pub booking_id: BookingId,
    /// The candidate.
    pub interviewee_id: UserId,
    /// The interviewer.
    pub interviewer_id: UserId,
    /// When it begins.
    pub start_time: Timestamp,
    /// When it ends.
    pub end_time: Timestamp,
    /// The price, held from the candidate at booking.
    pub credits_charged: u64,
    /// The current status.
    #[serde(flatten)]
    pub state: State,
    /// What the parties said to being recorded.
    #[serde(default)]
    pub consents: Consents,
    /// Whether a recording lies in our bucket.
    #[serde(default)]
    pub has_recording: bool,
    /// What became of the feedback, once there is one or its making has failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<FeedbackState>,
    /// Whether the candidate has reviewed it.
    #[serde(default)]
    pub reviewed: bool,
    /// How long its parties were in the call, as far as was known when it was settled or last checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_in_call: Option<TimeInCall>,
    /// How often it was moved.
    #[serde(default)]
    pub reschedules: u32,
    /// When the sweep looks at it next: to settle it, or to fetch what a session has not delivered yet. `None` once nothing is
    /// expected any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it was booked.
    pub created_at: Timestamp,
    /// How often it was written; 0 where it is not stored yet.
    pub version: u64,
}

/// What became of a booking's feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeedbackState {
    /// It is stored, with evidence.
    Complete,
    /// Too little was said; final when the door has closed.
    InsufficientEvidence,
    /// The model failed every time it was asked; an operator can run it again.
    Failed,
}

impl Booking {
    /// A new booking and the transfer that holds its price.
    pub fn schedule(
        booking_id: BookingId,
        interviewee_id: &UserId,
        interviewer_id: &UserId,
        (start_time, end_time): (Timestamp, Timestamp),
        price_credits: u64,
        now: Timestamp,
    ) -> (Self, Transfer) {
        let booking = Self {
            booking_id,
            interviewee_id: interviewee_id.clone(),
            interviewer_id: interviewer_id.clone(),
            start_time,
            end_time,
            credits_charged: price_credits,
            state: State::Scheduled { completion_requested_at: None, objection: None },
            consents: Consents::default(),
            has_recording: false,
            feedback: None,
            reviewed: false,
            time_in_call: None,
            reschedules: 0,
            due_at: Some(end_time + DUE_AFTER),
            created_at: now,
            version: 0,
        };
        (booking, Transfer::hold(booking_id, interviewee_id, price_credits, now))
    }

    /// Which party `user` is, if any.
    pub fn party(&self, user: &UserId) -> Option<Party> {
        if *user == self.interviewee_id {
            Some(Party::Interviewee)
        } else if *user == self.interviewer_id {
            Some(Party::Interviewer)
        } else {
            None
        }
    }

    /// Whether it is neither completed nor cancelled.
    pub fn is_scheduled(&self) -> bool {
        matches!(self.state, State::Scheduled { .. })
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.state, State::Cancelled { .. })
    }

    /// Whether it was over before its time: cancelled, or completed by a feedback that was there before its start.
    pub fn is_over_early(&self) -> bool {
        match self.state {
            State::Scheduled { .. } => false,
            State::Cancelled { .. } => true,
            State::Completed { completed_at, .. } => completed_at < self.start_time,
        }
    }

    /// Whether its call may be recorded.
    pub fn may_be_recorded(&self) -> bool {
        self.consents.both() && !self.is_cancelled()
    }

    /// Whether it is one of the coming sessions of its parties: still scheduled, and not ended.
    pub fn is_upcoming(&self, now: Timestamp) -> bool {
        self.is_scheduled() && self.end_time > now
    }

    /// When the call opens, and when it closes, for people who join.
    pub fn door(&self) -> (Timestamp, Timestamp) {
        (self.start_time - DOOR_OPENS_BEFORE, self.end_time + DOOR_CLOSES_AFTER)
    }

    /// Refuses unless the call lets people in at `now`.
    pub fn check_door(&self, now: Timestamp) -> Result<(), BookingError> {
        if self.is_cancelled() {
            return Err(BookingError::Cancelled);
        }
        let (opens, closes) = self.door();
        if now < opens || now >= closes { Err(BookingError::CallNotOpen { opens, closes }) } else { Ok(()) }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.start_time, self.end_time)
    }

    /// Whether something can have happened in the call at `at`. A provider's clock may differ from ours, but not by more than a
    /// quarter of an hour, so nothing can be earlier than that before the booking was made. The booking may have been moved to an
    /// earlier time since, so any time at which it could have been booked is possible, and so is a day after its end.
    pub fn is_possible(&self, at: Timestamp) -> bool {
        let latest = (self.created_at + LATEST_AHEAD).max(self.end_time + SignedDuration::from_hours(24));
        (self.created_at - CLOCKS_DIFFER..=latest).contains(&at)
    }

    /// How often it may still be moved; 0 where it may not be moved at `now`.
    pub fn reschedules_left(&self, now: Timestamp) -> u32 {
        self.check_reschedulable(now).map_or(0, |()| RESCHEDULES_AT_MOST.saturating_sub(self.reschedules))
    }

    /// Refuses unless it may be moved at `now`.
    pub fn check_reschedulable(&self, now: Timestamp) -> Result<(), BookingError> {
        if !self.is_scheduled() {
            return Err(BookingError::NotReschedulable("once it is cancelled or completed"));
        }
        if now > self.start_time - RESCHEDULE_UNTIL {
            return Err(BookingError::NotReschedulable("later than two hours before its start"));
        }
        if self.reschedules >= RESCHEDULES_AT_MOST {
            return Err(BookingError::NotReschedulable("more than twice"));
        }
        Ok(())
    }

    /// Moves it to another time of the same length; the hold stays as it is. Until two hours before its start, at most
    /// twice.
    pub fn reschedule(
        &self,
        (start_time, end_time): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Self, BookingError> {
        self.check_reschedulable(now)?;
        if end_time.duration_since(start_time) != self.end_time.duration_since(self.start_time) {
            return Err(BookingError::SlotUnavailable);
        }
        let due_at = Some(end_time + DUE_AFTER);
        Ok(Self { start_time, end_time, due_at, reschedules: self.reschedules + 1, ..self.clone() })
    }

    /// The same booking with the time its parties spent in the call, once it has ended and that time is certain.
    #[must_use]
    pub fn attended(self, attendance: &Attendance, now: Timestamp) -> Self {
        match attendance.time_in_call() {
            Some(time) if now >= self.end_time => Self { time_in_call: Some(time), ..self },
            _ => self,
        }
    }

    /// The candidate reviews it, once, after completion.
    pub fn review(&self) -> Result<Self, BookingError> {
        if !matches!(self.state, State::Completed { .. }) {
            return Err(BookingError::NotCompleted);
        }
        if self.reviewed {
            return Err(BookingError::AlreadyReviewed);
        }
        Ok(Self { reviewed: true, ..self.clone() })
    }
}

#[cfg(test)]
mod tests;
