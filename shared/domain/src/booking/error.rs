//! What a booking refuses.

use jiff::Timestamp;

use crate::problem::{Kind, Problem};

/// Why a booking cannot be made, or does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookingError {
    /// The interviewer does not offer this time, or somebody has it.
    #[error("this time is not available")]
    SlotUnavailable,
    /// The candidate has another booking at this time.
    #[error("you have another session at this time")]
    TimeConflict,
    /// The interviewer takes no bookings now.
    #[error("this interviewer does not accept bookings at the moment")]
    InterviewerUnavailable,
    /// The price is no longer the one the candidate was shown.
    #[error("the price is now {0} credits")]
    PriceChanged(u64),
    /// Between start and end, once it took place, or once the other side has ended it.
    #[error("this booking cannot be cancelled {0}")]
    NotCancellable(&'static str),
    /// The interviewer says "complete" before the end.
    #[error("the session ends at {0}; it can be marked as completed after that")]
    NotEnded(Timestamp),
    /// Attendance shows that it was not held.
    #[error("attendance does not show a held session: {0}")]
    NotHeld(&'static str),
    /// It was cancelled.
    #[error("this booking was cancelled")]
    Cancelled,
    /// It has not been completed.
    #[error("this booking is not completed")]
    NotCompleted,
    /// It is too late to move it, it was moved too often, or it is over.
    #[error("this booking cannot be rescheduled {0}")]
    NotReschedulable(&'static str),
    /// It was reviewed before.
    #[error("this booking has already been reviewed")]
    AlreadyReviewed,
    /// The door of the call is shut.
    #[error("the call is open from {opens} to {closes}")]
    CallNotOpen {
        /// From when.
        opens: Timestamp,
        /// Until when.
        closes: Timestamp,
    },
}

impl Problem for BookingError {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }
    fn code(&self) -> &'static str {
        match self {
            Self::SlotUnavailable => "slot_unavailable",
            Self::TimeConflict => "time_conflict",
            Self::InterviewerUnavailable => "interviewer_unavailable",
            Self::PriceChanged(_) => "price_changed",
            Self::NotCancellable(_) => "booking_not_cancellable",
            Self::NotEnded(_) => "booking_not_ended",
            Self::NotHeld(_) => "session_not_held",
            Self::Cancelled => "booking_cancelled",
            Self::NotCompleted => "booking_not_completed",
            Self::NotReschedulable(_) => "booking_not_reschedulable",
            Self::AlreadyReviewed => "already_reviewed",
            Self::CallNotOpen { .. } => "call_not_open",
        }
    }
}
