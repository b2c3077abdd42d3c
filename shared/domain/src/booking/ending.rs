//! How a booking ends: by being cancelled, by the interviewer's word, by the sweep, or by its feedback (DECISIONS.md, "When
//! credits move").

use jiff::Timestamp;

use super::{
    Applied, Booking, BookingError, CancelCode, Cancellation, CancelledBy, DUE_AFTER, FeedbackState, NEWS_AWAITED,
    OBJECTION_DUE_AFTER, Objection, STREAM_AWAITED, State, WORD_AWAITED,
};
use crate::attendance::{Attendance, Finding, Stream};
use crate::ledger::Transfer;
use crate::party::Party;
use crate::settlement::{Outcome, Settlement, SettlementReason};
use crate::user::Absence;
use crate::word::Word;

/// What Stream said to the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It was not asked.
    NotYet,
    /// It did not answer.
    InVain,
    /// Everything it knows had reached us.
    NothingNew,
    /// It brought facts, or files are on their way.
    SomethingNew,
}

/// What the sweep makes of a booking that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweep {
    /// It was cancelled: nothing is due.
    Nothing,
    /// It depends on what Stream says: ask, and decide again.
    Ask,
    /// It is not ripe; look again then.
    Wait(Timestamp),
    /// It is paid; see whether all its files and its feedback have come, and look again then, if at all.
    LookAfter(Option<Timestamp>),
    /// Attendance, or the interviewer's word, says that it took place, or that the candidate stayed away: pay.
    Capture(Booking, Transfer),
    /// The interviewer stayed away, or nobody said that it took place: give the price back.
    Release(Booking, Transfer),
}

/// What the interviewer's "complete" leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// The session counts as held: pay.
    Captured(Booking, Transfer),
    /// Attendance cannot tell: the interviewer's word is remembered.
    Remembered(Booking),
}

/// What cancelling leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelling {
    /// It is cancelled: give the price back.
    Released(Booking, Transfer),
    /// The candidate objects: that is remembered until the sweep has asked Stream.
    Remembered(Booking),
}

impl Booking {
    /// Cancels on behalf of a party: before the start at once. After the end the candidate can object with
    /// [`CancelCode::DidNotTakePlace`], until it is settled, unless attendance already shows that the session was held or that
    /// the interviewer waited in vain. Facts may be late, so an objection is no more certain than the sweep: it is remembered,
    /// and decided when Stream was asked. Attendance decides, not who clicks first.
    pub fn cancel(
        &self,
        party: Party,
        reason: String,
        code: Option<CancelCode>,
        attendance: &Attendance,
        now: Timestamp,
    ) -> Result<Applied<Cancelling>, BookingError> {
        let (completion_requested_at, objected) = match &self.state {
            State::Cancelled { cancellation, .. } if cancellation.by == party.into() => return Ok(Applied::Already),
            State::Cancelled { .. } => return Err(BookingError::NotCancellable("again: it is cancelled already")),
            State::Completed { .. } => return Err(BookingError::NotCancellable("once it is completed")),
            State::Scheduled { completion_requested_at, objection } => (*completion_requested_at, objection.is_some()),
        };
        let objects = code == Some(CancelCode::DidNotTakePlace);
        if now < self.start_time {
            if objects {
                return Err(BookingError::NotCancellable("with this code before its end"));
            }
            if attendance.finding(self.start_time, self.end_time) == Finding::Held {
                return Err(BookingError::NotCancellable("once both parties were together"));
            }
            let cancellation = Cancellation { by: party.into(), reason, code: code.map(Word::from), at: now };
            let (booking, release) = self.released(cancellation, SettlementReason::CancelledBeforeStart);
            return Ok(Applied::Now(Cancelling::Released(booking, release)));
        }
        if now < self.end_time {
            return Err(BookingError::NotCancellable("between its start and its end"));
        }
        if !objects || party != Party::Interviewee {
            return Err(BookingError::NotCancellable("after its end, but by the candidate if it did not take place"));
        }
        if objected {
            return Ok(Applied::Already);
        }
        match attendance.ruling(self.times(), Stream::Unasked) {
            Some(Finding::Held) => return Err(BookingError::NotCancellable("once both parties were together")),
            Some(Finding::CandidateNoShow) => {
                return Err(BookingError::NotCancellable("after the interviewer has waited for the candidate"));
            }
            Some(Finding::InterviewerNoShow | Finding::Unclear) | None => {}
        }
        let due_at = (self.end_time + DUE_AFTER).max(now + OBJECTION_DUE_AFTER);
        let due_at = Some(self.due_at.map_or(due_at, |at| at.min(due_at)));
        let state = State::Scheduled { completion_requested_at, objection: Some(Objection { reason, at: now }) };
        Ok(Applied::Now(Cancelling::Remembered(Self { state, due_at, ..self.clone() })))
    }

    /// Cancels because nobody can meet one of the parties. Only what has not begun is cancelled, and not what took place before
    /// its start, which is left to the sweep. The other party is not told what Clerk has against somebody.
    pub fn cancel_for_absence(
        &self,
        absence: Absence,
        attendance: &Attendance,
        now: Timestamp,
    ) -> Applied<(Self, Transfer)> {
        let was_held = attendance.finding(self.start_time, self.end_time) == Finding::Held;
        if !self.is_scheduled() || now >= self.start_time || was_held {
            return Applied::Already;
        }
        let (reason, code, settled_as) = match absence {
            Absence::Deleted => {
                ("The account of one party was deleted.", CancelCode::AccountDeleted, SettlementReason::AccountDeleted)
            }
            Absence::ShutOut => (
                "One party cannot take part at the moment.",
                CancelCode::AccountUnavailable,
                SettlementReason::AccountUnavailable,
            ),
        };
        let cancellation =
            Cancellation { by: CancelledBy::System, reason: reason.to_owned(), code: Some(code.into()), at: now };
        Applied::Now(self.released(cancellation, settled_as))
    }

    /// The interviewer says that the session took place (the click column of the settlement table).
    pub fn complete(&self, attendance: &Attendance, now: Timestamp) -> Result<Applied<Completion>, BookingError> {
        let (requested_at, objection) = match &self.state {
            State::Completed { .. } => return Ok(Applied::Already),
            State::Cancelled { .. } => return Err(BookingError::Cancelled),
            State::Scheduled { completion_requested_at, objection } => (*completion_requested_at, objection),
        };
        if now < self.end_time {
            return Err(BookingError::NotEnded(self.end_time));
        }
        match attendance.ruling(self.times(), Stream::Unasked) {
            Some(Finding::Held) => {
                let (booking, transfer) = self.captured(SettlementReason::SessionHeld, now);
                Ok(Applied::Now(Completion::Captured(booking, transfer)))
            }
            Some(Finding::InterviewerNoShow) => {
                Err(BookingError::NotHeld("the interviewer was there for less than five minutes"))
            }
            Some(Finding::CandidateNoShow) => {
                Err(BookingError::NotHeld("the candidate did not come; it will be settled"))
            }
            Some(Finding::Unclear) | None if requested_at.is_some() => Ok(Applied::Already),
            Some(Finding::Unclear) | None => {
                let state = State::Scheduled { completion_requested_at: Some(now), objection: objection.clone() };
                Ok(Applied::Now(Completion::Remembered(Self { state, ..self.clone() })))
            }
        }
    }

    /// A complete feedback was stored: it shows that the session took place, so it pays, at any time.
    pub fn complete_by_feedback(&self, now: Timestamp) -> Result<Applied<(Self, Transfer)>, BookingError> {
        match &self.state {
            State::Cancelled { .. } => Err(BookingError::Cancelled),
            State::Completed { .. } => Ok(Applied::Already),
            State::Scheduled { .. } => Ok(Applied::Now(self.captured(SettlementReason::FeedbackComplete, now))),
        }
    }

    /// What the sweep does with it (the sweep column of the settlement table). Pure: the same facts lead to the same end,
    /// however often and however late it is asked. A session that was certainly held is paid without asking Stream. Nothing
    /// is given back before Stream has answered; what is paid because nobody else came, or on the interviewer's word, hears
    /// Stream first but does not wait for it.
    pub fn sweep(&self, attendance: &Attendance, asked: Asked, now: Timestamp) -> Sweep {
        let (claimed, objection) = match &self.state {
            State::Scheduled { completion_requested_at, objection } => (completion_requested_at.is_some(), objection),
            State::Completed { .. } => {
                return match asked {
                    Asked::NotYet => Sweep::Ask,
                    Asked::InVain => Sweep::Wait(now + STREAM_AWAITED),
                    Asked::NothingNew | Asked::SomethingNew => Sweep::LookAfter(self.next_look(now)),
                };
            }
            State::Cancelled { .. } => return Sweep::Nothing,
        };
        let (first_look, last_word) = (self.end_time + DUE_AFTER, self.end_time + WORD_AWAITED);
        if now < first_look {
            return Sweep::Wait(first_look);
        }
        let capture = |reason| {
            let (booking, transfer) = self.captured(reason, now);
            Sweep::Capture(booking, transfer)
        };
        let is_heard = matches!(asked, Asked::NothingNew | Asked::SomethingNew);
        let ruling = attendance.ruling(self.times(), if is_heard { Stream::Answered } else { Stream::Unasked });
        let is_over = now >= last_word;
        match (ruling, asked) {
            (Some(Finding::Held), _) => capture(SettlementReason::SessionHeld),
            (_, Asked::NotYet) => Sweep::Ask,
            (Some(Finding::CandidateNoShow), _) => capture(SettlementReason::CandidateNoShow),
            (Some(Finding::Unclear), _) if is_over && claimed && objection.is_none() => {
                capture(SettlementReason::ConfirmedByInterviewer)
            }
            (_, Asked::InVain) => Sweep::Wait(now + STREAM_AWAITED),
            (Some(Finding::Unclear), _) if !is_over && objection.is_none() => Sweep::Wait(last_word),
            (_, Asked::SomethingNew) => Sweep::Wait(now + NEWS_AWAITED),
            (ruling, Asked::NothingNew) => self.give_back(ruling, objection.as_ref(), now),
        }
    }

    fn give_back(&self, ruling: Option<Finding>, objection: Option<&Objection>, now: Timestamp) -> Sweep {
        let by_system = |reason: &str, code: CancelCode| Cancellation {
            by: CancelledBy::System,
            reason: reason.to_owned(),
            code: Some(code.into()),
            at: now,
        };
        let (cancellation, settled_as) = match (objection, ruling) {
            (Some(objection), _) => {
                let (by, code) = (CancelledBy::Interviewee, Some(CancelCode::DidNotTakePlace.into()));
                let cancellation = Cancellation { by, reason: objection.reason.clone(), code, at: now };
                (cancellation, SettlementReason::DidNotTakePlace)
            }
            (None, Some(Finding::InterviewerNoShow)) => {
                let said = "The interviewer did not come to the session.";
                (by_system(said, CancelCode::InterviewerNoShow), SettlementReason::InterviewerNoShow)
            }
            (None, _) => {
                let said = "Nobody was seen in the call, and nobody said that the session took place.";
                (by_system(said, CancelCode::NotConfirmed), SettlementReason::NotConfirmed)
            }
        };
        let (booking, transfer) = self.released(cancellation, settled_as);
        Sweep::Release(booking, transfer)
    }

    fn released(&self, cancellation: Cancellation, reason: SettlementReason) -> (Self, Transfer) {
        let now = cancellation.at;
        let settlement = Settlement { outcome: Outcome::Released, reason: reason.into(), settled_at: now };
        let booking = Self { state: State::Cancelled { cancellation, settlement }, due_at: None, ..self.clone() };
        (booking, Transfer::release(self.booking_id, &self.interviewee_id, self.credits_charged, now))
    }

    fn captured(&self, reason: SettlementReason, now: Timestamp) -> (Self, Transfer) {
        let settlement = Settlement { outcome: Outcome::Captured, reason: reason.into(), settled_at: now };
        let state = State::Completed { completed_at: now, settlement };
        let booking = Self { state, due_at: self.next_look(now), ..self.clone() };
        let transfer =
            Transfer::capture(self.booking_id, &self.interviewee_id, &self.interviewer_id, self.credits_charged, now);
        (booking, transfer)
    }

    /// When the sweep looks next at a completed session for its recording, transcript and feedback: an hour after its end,
    /// since providers lose events, and once more a day after it where there is no feedback yet.
    fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let (first, last) = (self.end_time + DUE_AFTER, self.end_time + WORD_AWAITED);
        let is_judged = matches!(self.feedback, Some(FeedbackState::Complete | FeedbackState::InsufficientEvidence));
        match self.consents.both() {
            true if now < first => Some(first),
            true if now < last && !is_judged => Some(last),
            _ => None,
        }
    }
}
