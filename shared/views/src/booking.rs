//! Bookings, as their parties and admins see them.

use domain::attendance::TimeInCall;
use domain::booking::{Booking, CancelCode, CancelledBy, State};
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use domain::settlement::Settlement;
use domain::user::User;
use domain::word::Word;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::user::PersonView;

/// The status of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum BookingStatus {
    Scheduled,
    Completed,
    Cancelled,
}

/// The state of consent to recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Consent")]
pub struct ConsentView {
    /// The caller's latest choice; null before the first, and for admins.
    pub mine: Option<bool>,
    /// Whether both parties have consented.
    pub both: bool,
    /// Whether the call is being recorded now.
    pub recording: bool,
}

/// How long the parties were in the call, as reported by Stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Attendance")]
pub struct AttendanceView {
    /// How long both were in the call at the same time.
    pub together_seconds: u64,
    /// The caller's time in the call; shown to the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine_seconds: Option<u64>,
    /// The other party's time in the call; shown to the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs_seconds: Option<u64>,
    /// The candidate's time in the call; shown to admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interviewee_seconds: Option<u64>,
    /// The interviewer's time in the call; shown to admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interviewer_seconds: Option<u64>,
}

impl AttendanceView {
    fn of(time: TimeInCall, viewer: Option<Party>) -> Self {
        let TimeInCall { together_seconds, interviewee_seconds, interviewer_seconds } = time;
        let (interviewee, interviewer) = (Some(interviewee_seconds), Some(interviewer_seconds));
        let (mine_seconds, theirs_seconds) = match viewer {
            Some(Party::Interviewee) => (interviewee, interviewer),
            Some(Party::Interviewer) => (interviewer, interviewee),
            None => (None, None),
        };
        let of_admin = |seconds: Option<u64>| seconds.filter(|_| viewer.is_none());
        Self {
            together_seconds,
            mine_seconds,
            theirs_seconds,
            interviewee_seconds: of_admin(interviewee),
            interviewer_seconds: of_admin(interviewer),
        }
    }
}

/// A booking, as its parties and admins see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Booking")]
pub struct BookingView {
    /// The booking's id.
    pub booking_id: BookingId,
    /// The candidate's user id.
    pub interviewee_id: UserId,
    /// The interviewer's user id.
    pub interviewer_id: UserId,
    /// The candidate's current name and picture.
    pub interviewee: PersonView,
    /// The interviewer's current name, picture and job title.
    pub interviewer: PersonView,
    /// When the session starts.
    pub start_time: Timestamp,
    /// When the session ends.
    pub end_time: Timestamp,
    /// The current status.
    pub status: BookingStatus,
    /// The price in credits.
    pub credits_charged: u64,
    /// The Stream call id, equal to `bookingId`.
    pub stream_call_id: BookingId,
    /// Whether a recording is available.
    pub has_recording: bool,
    /// Whether feedback is available.
    pub has_feedback: bool,
    /// The state of consent to recording.
    pub consent: ConsentView,
    /// How often the candidate may still reschedule; also 0 once it is too late for that.
    pub reschedules_left: u32,
    /// Whether the candidate has reviewed it.
    pub reviewed: bool,
    /// When attendance is checked next to settle a scheduled booking; later if attendance is inconclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<Timestamp>,
    /// How long the parties were in the call, as known at the settlement or at the last check an hour later; absent until
    /// then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attendance: Option<AttendanceView>,
    /// Who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<CancelledBy>,
    /// The reason given; on a scheduled booking, for the candidate's pending objection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// The code of the cancellation; on a scheduled booking, of the candidate's pending objection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_code: Option<Word<CancelCode>>,
    /// Who received the price, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// When the interviewer marked the session as completed, if attendance was inconclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_requested_at: Option<Timestamp>,
    /// When it was booked.
    pub created_at: Timestamp,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// What a booking is shown with.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The candidate, as they are stored now.
    pub interviewee: Option<User>,
    /// The interviewer, as they are stored now.
    pub interviewer: Option<User>,
    /// Whether the call is being recorded, as far as it is known; nobody is recorded behind a shut door.
    pub is_recording: bool,
}

impl BookingView {
    /// How `booking` is shown at `now` to one of its parties, or else to an admin.
    pub fn of(booking: &Booking, viewer: Option<Party>, beside: Beside, now: Timestamp) -> Self {
        let consent = ConsentView {
            mine: viewer.and_then(|party| booking.consents.of(party)).map(|word| word.record),
            both: booking.consents.both(),
            recording: beside.is_recording && booking.check_door(now).is_ok(),
        };
        let mut view = Self {
            booking_id: booking.booking_id,
            interviewee_id: booking.interviewee_id.clone(),
            interviewer_id: booking.interviewer_id.clone(),
            interviewee: PersonView::of(&booking.interviewee_id, beside.interviewee),
            interviewer: PersonView::of(&booking.interviewer_id, beside.interviewer),
            start_time: booking.start_time,
            end_time: booking.end_time,
            status: BookingStatus::Scheduled,
            credits_charged: booking.credits_charged,
            stream_call_id: booking.booking_id,
            has_recording: booking.has_recording,
            has_feedback: booking.has_feedback(now),
            consent,
            reschedules_left: booking.reschedules_left(now),
            reviewed: booking.reviewed,
            settles_at: booking.due_at.filter(|_| booking.is_scheduled()),
            attendance: booking.time_in_call.map(|time| AttendanceView::of(time, viewer)),
            cancelled_by: None,
            cancel_reason: None,
            cancel_code: None,
            settlement: None,
            completion_requested_at: None,
            created_at: booking.created_at,
            completed_at: None,
        };
        match &booking.state {
            State::Scheduled { completion_requested_at, objection } => {
                view.completion_requested_at = *completion_requested_at;
                view.cancel_reason = objection.as_ref().map(|objection| objection.reason.clone());
                view.cancel_code = objection.as_ref().map(|_| CancelCode::DidNotTakePlace.into());
            }
            State::Completed { completed_at, settlement } => {
                view.status = BookingStatus::Completed;
                view.completed_at = Some(*completed_at);
                view.settlement = Some(settlement.clone().shown());
            }
            State::Cancelled { cancellation, settlement } => {
                view.status = BookingStatus::Cancelled;
                view.cancelled_by = Some(cancellation.by);
                view.cancel_reason = Some(cancellation.reason.clone());
                view.cancel_code = cancellation.code.clone().map(Word::shown);
                view.settlement = Some(settlement.clone().shown());
            }
        }
        view
    }
}
