//! The one settlement of a booking: where its reserve went, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::word::Word;

/// Who received the held price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was paid to the interviewer.
    Captured,
    /// It was returned to the candidate.
    Released,
}

/// Why the booking was settled this way; shown to both parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementReason {
    /// Both were together for at least five minutes.
    SessionHeld,
    /// A complete feedback was stored.
    FeedbackComplete,
    /// Only the interviewer attended, and waited.
    CandidateNoShow,
    /// The interviewer did not attend, or left at once.
    InterviewerNoShow,
    /// Attendance was inconclusive; the interviewer marked it as completed and the candidate did not object.
    ConfirmedByInterviewer,
    /// Attendance was inconclusive, and nobody marked the session as completed.
    NotConfirmed,
    /// Cancelled before the start.
    CancelledBeforeStart,
    /// The candidate objected, and nothing shows that the session took place.
    DidNotTakePlace,
    /// The account of one party was deleted.
    AccountDeleted,
    /// A party was banned or locked before the start.
    AccountUnavailable,
}

/// The one settlement of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// Who received the held price.
    pub outcome: Outcome,
    /// Why.
    pub reason: Word<SettlementReason>,
    /// When the booking was settled.
    pub settled_at: Timestamp,
}

impl Settlement {
    /// As it is shown.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { reason: self.reason.shown(), ..self }
    }
}
