//! A booking: one human session, from `SCHEDULED` to `COMPLETED` or `CANCELLED`, and never back.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::consent::Consents;
use crate::ids::{BookingId, UserId};
use crate::ledger::Transfer;
use crate::problem::{Kind, Problem};
use crate::settlement::{Attendance, Finding, Outcome, Settlement, SettlementReason, Stream, TimeInCall};
use crate::user::Absence;
use crate::word::Word;

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

/// The two sides of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Party {
    /// The candidate.
    Interviewee,
    /// The interviewer.
    Interviewer,
}

/// Who ended a booking before it took place.
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

/// A reason that programs can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelCode {
    /// The candidate says that the session did not take place.
    DidNotTakePlace,
    /// A party's account was deleted.
    AccountDeleted,
    /// A party is shut out, for good or for a while.
    AccountUnavailable,
    /// The interviewer did not come.
    InterviewerNoShow,
    /// Nobody said that it took place.
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
        /// When the interviewer said that it took place, where attendance could not tell.
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
    /// Where it stands.
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
    /// How long its parties were in the call, as far as it was told when it was settled or last looked after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_in_call: Option<TimeInCall>,
    /// How often it was moved.
    #[serde(default)]
    pub reschedules: u32,
    /// When the sweep looks at it next: to settle it, or for what a held session has not brought yet. Nothing once nothing
    /// is awaited any more.
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
    /// The model could not be brought to answer; an operator can run it again.
    Failed,
}

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
    #[error("this interviewer takes no bookings at the moment")]
    InterviewerUnavailable,
    /// The price is no longer the one the candidate was shown.
    #[error("the price in credits is now {0}")]
    PriceChanged(u64),
    /// Between start and end, once it took place, or once the other side has ended it.
    #[error("this booking cannot be cancelled {0}")]
    NotCancellable(&'static str),
    /// The interviewer says "complete" before the end.
    #[error("the session ends at {0}; it can be completed after that")]
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
    #[error("this booking cannot be moved {0}")]
    NotReschedulable(&'static str),
    /// It was reviewed before.
    #[error("this booking is already reviewed")]
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

    /// Whether it is one of the coming sessions of its parties: still scheduled, and not ended.
    pub fn is_upcoming(&self, now: Timestamp) -> bool {
        self.is_scheduled() && self.end_time > now
    }

    /// From when to when the call lets people in.
    pub fn door(&self) -> (Timestamp, Timestamp) {
        (self.start_time - DOOR_OPENS_BEFORE, self.end_time + DOOR_CLOSES_AFTER)
    }

    /// Whether the feedback can be shown: a thin one is final only when no further session can follow.
    pub fn has_feedback(&self, now: Timestamp) -> bool {
        match self.feedback {
            Some(FeedbackState::Complete) => true,
            Some(FeedbackState::InsufficientEvidence) => now >= self.door().1,
            Some(FeedbackState::Failed) | None => false,
        }
    }

    /// Refuses unless the call lets people in at `now`.
    pub fn check_door(&self, now: Timestamp) -> Result<(), BookingError> {
        if self.is_cancelled() {
            return Err(BookingError::Cancelled);
        }
        let (opens, closes) = self.door();
        if now < opens || now >= closes { Err(BookingError::CallNotOpen { opens, closes }) } else { Ok(()) }
    }

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

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.start_time, self.end_time)
    }

    /// Whether something can have happened in the call at `at`. The clocks of providers are not ours, but a call is not a
    /// quarter of an hour older than its booking. It may have been moved to an earlier time since, so nothing up to the longest
    /// time ahead of a booking is too late; else a day after its end is.
    pub fn is_possible(&self, at: Timestamp) -> bool {
        let latest = (self.created_at + LATEST_AHEAD).max(self.end_time + SignedDuration::from_hours(24));
        (self.created_at - CLOCKS_DIFFER..=latest).contains(&at)
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

    /// How often it may still be moved; 0 where it may not be moved at `now`.
    pub fn reschedules_left(&self, now: Timestamp) -> u32 {
        self.check_reschedulable(now).map_or(0, |()| RESCHEDULES_AT_MOST.saturating_sub(self.reschedules))
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

    /// A complete feedback was stored: it shows that the session took place, so it pays, at any time.
    pub fn complete_by_feedback(&self, now: Timestamp) -> Result<Applied<(Self, Transfer)>, BookingError> {
        match &self.state {
            State::Cancelled { .. } => Err(BookingError::Cancelled),
            State::Completed { .. } => Ok(Applied::Already),
            State::Scheduled { .. } => Ok(Applied::Now(self.captured(SettlementReason::FeedbackComplete, now))),
        }
    }

    /// The same, with how long its parties were in the call, where it has ended and that is certain.
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
