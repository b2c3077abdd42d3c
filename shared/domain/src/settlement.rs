//! The one settlement of a booking: where its reserve went, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::word::Word;

/// Where the reserve went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was paid to the interviewer.
    Captured,
    /// It was given back to the candidate.
    Released,
}

/// Why the reserve went there; shown to both parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementReason {
    /// Both were together for at least five minutes.
    SessionHeld,
    /// A complete feedback was stored.
    FeedbackComplete,
    /// Only the interviewer came, and waited.
    CandidateNoShow,
    /// The interviewer did not come, or left at once.
    InterviewerNoShow,
    /// Attendance could not tell; the interviewer said that it took place and the candidate did not object.
    ConfirmedByInterviewer,
    /// Attendance could not tell, and nobody said that it took place.
    NotConfirmed,
    /// Cancelled before the start.
    CancelledBeforeStart,
    /// The candidate said that it did not take place, and nothing shows that it did.
    DidNotTakePlace,
    /// The account of one party was deleted.
    AccountDeleted,
    /// One party was shut out before it began.
    AccountUnavailable,
}

/// The one settlement of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// Where the reserve went.
    pub outcome: Outcome,
    /// Why.
    pub reason: Word<SettlementReason>,
    /// When it was committed.
    pub settled_at: Timestamp,
}

impl Settlement {
    /// As it is shown.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { reason: self.reason.shown(), ..self }
    }
}
