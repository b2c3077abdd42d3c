//! Whether a booking has a feedback, may still get one, or never will.

use jiff::{SignedDuration, Timestamp};

use super::{Booking, BookingError, FeedbackState, State};
use crate::problem::{Kind, Problem};
use crate::settlement::SettlementReason;

/// What has not come so long after the end does not come any more: Stream was asked for the last time after a day, and each message
/// about its files and their feedback has had all its tries.
const AWAITED: SignedDuration = SignedDuration::from_hours(48);

/// Why there is no feedback to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFeedback {
    /// There may be one later.
    #[error("the feedback is not ready")]
    NotReady,
    /// The model could not be brought to answer.
    #[error("the feedback could not be generated; it will be retried free of charge")]
    Failed,
    /// Nothing may be recorded, and nothing was kept.
    #[error("there is no feedback: the session was not recorded, because not both parties consented")]
    NotRecorded,
    /// The interviewer waited in vain.
    #[error("there is no feedback: the candidate did not attend the session")]
    CandidateNoShow,
    /// Both had agreed, and no transcript came.
    #[error("there is no feedback: no speech was recorded, or the recording failed")]
    NothingCame,
}

impl Problem for NoFeedback {
    fn kind(&self) -> Kind {
        match self {
            Self::NotReady => Kind::NotFound,
            Self::Failed | Self::NotRecorded | Self::CandidateNoShow | Self::NothingCame => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotReady => "feedback_not_ready",
            Self::Failed | Self::NotRecorded | Self::CandidateNoShow | Self::NothingCame => "feedback_failed",
        }
    }
}

impl Booking {
    /// Whether the feedback can be shown: a thin one is final only when no further session can follow.
    pub fn has_feedback(&self, now: Timestamp) -> bool {
        match self.feedback {
            Some(FeedbackState::Complete) => true,
            Some(FeedbackState::InsufficientEvidence) => now >= self.door().1,
            Some(FeedbackState::Failed) | None => false,
        }
    }

    /// Refuses where it gets no feedback, whatever was kept of its session.
    pub fn check_feedback(&self) -> Result<(), BookingError> {
        if self.is_cancelled() { Err(BookingError::Cancelled) } else { Ok(()) }
    }

    /// Why it has no feedback to show at `now`. `has_transcript` says whether one was kept: from that a feedback is written, whatever
    /// the parties said since.
    pub fn why_no_feedback(&self, has_transcript: bool, now: Timestamp) -> NoFeedback {
        let did_not_come = matches!(&self.state, State::Completed { settlement, .. }
            if settlement.reason == SettlementReason::CandidateNoShow);
        match self.feedback {
            Some(FeedbackState::Failed) => NoFeedback::Failed,
            // Until the door closes they may still talk, and agree.
            _ if now < self.door().1 => NoFeedback::NotReady,
            _ if has_transcript && now >= self.end_time + AWAITED => NoFeedback::Failed,
            _ if has_transcript => NoFeedback::NotReady,
            _ if did_not_come => NoFeedback::CandidateNoShow,
            _ if !self.consents.both() => NoFeedback::NotRecorded,
            _ if now >= self.end_time + AWAITED => NoFeedback::NothingCame,
            _ => NoFeedback::NotReady,
        }
    }
}
