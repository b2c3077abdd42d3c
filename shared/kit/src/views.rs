//! How people, bookings and balances are shown, where several areas show them.

use domain::attendance::TimeInCall;
use domain::booking::{Booking, CancelCode, CancelledBy, State};
use domain::ids::{BookingId, UserId};
use domain::ledger::Wallet;
use domain::party::Party;
use domain::settlement::Settlement;
use domain::user::{Category, NotListed, Role, User, Verification};
use domain::word::Word;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::call::Call;
use store::{Items, Key, StoreError, Table, keys};

/// A person, as they and admins see them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub struct UserView {
    /// The Clerk `sub`.
    pub user_id: UserId,
    /// What they do here.
    pub role: Role,
    /// What to call them.
    pub name: Option<String>,
    /// Their main e-mail address.
    pub email: Option<String>,
    /// Their picture.
    pub image_url: Option<String>,
    /// Their IANA time zone.
    pub timezone: String,
    /// When they came.
    pub created_at: Timestamp,
    /// For interviewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interviewer: Option<InterviewerView>,
}

/// An interviewer's profile, as they and admins see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "InterviewerProfile")]
pub struct InterviewerView {
    /// Their position.
    pub title: String,
    /// Where they work.
    pub company: String,
    /// Years of experience.
    pub years_exp: u32,
    /// About them.
    pub bio: String,
    /// What they interview about.
    pub categories: Vec<Category>,
    /// Credits per hour.
    pub credit_rate: u32,
    /// Whether new bookings are welcome.
    pub accepting_bookings: bool,
    /// How far the verification has come.
    pub verification: Verification,
    /// Why it was refused, where it was and an admin said so.
    pub verification_reason: Option<String>,
    /// Whether candidates can find and book them.
    pub listed: bool,
    /// Everything that keeps candidates from it; empty where they are listed.
    pub not_listed_because: Vec<NotListed>,
}

impl UserView {
    /// How `user` is shown.
    pub fn of(user: &User) -> Self {
        let not_listed_because = user.not_listed_because();
        let interviewer = user.interviewer.as_ref().map(|i| InterviewerView {
            title: i.title.clone(),
            company: i.company.clone(),
            years_exp: i.years_exp,
            bio: i.bio.clone(),
            categories: i.categories.clone(),
            credit_rate: i.credit_rate,
            accepting_bookings: i.accepting_bookings,
            verification: i.verification,
            verification_reason: i.verification_reason.clone(),
            listed: not_listed_because.is_empty(),
            not_listed_because: not_listed_because.clone(),
        });
        Self {
            user_id: user.user_id.clone(),
            role: user.role,
            name: user.name.clone(),
            email: user.email.clone(),
            image_url: user.image_url.clone(),
            timezone: user.timezone.clone(),
            created_at: user.created_at,
            interviewer,
        }
    }
}

/// Where a booking stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum BookingStatus {
    Scheduled,
    Completed,
    Cancelled,
}

/// A party of a booking, as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Person")]
pub struct PersonView {
    /// Their id.
    pub user_id: UserId,
    /// What to call them; `Deleted account` where it was deleted.
    pub name: Option<String>,
    /// Their picture.
    pub image_url: Option<String>,
    /// Their position, of an interviewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl PersonView {
    /// What a person without an account is called.
    const DELETED: &str = "Deleted account";

    /// How the person `id` is shown; `user` is what is stored of them.
    pub fn of(id: &UserId, user: Option<User>) -> Self {
        let Some(user) = user.filter(|user| user.deleted_at.is_none()) else {
            return Self { user_id: id.clone(), name: Some(Self::DELETED.to_owned()), image_url: None, title: None };
        };
        let title = user.interviewer.map(|profile| profile.title);
        Self { user_id: user.user_id, name: user.name, image_url: user.image_url, title }
    }
}

/// Where consent to recording stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Consent")]
pub struct ConsentView {
    /// Your latest word; null before it, and to an admin, who has none.
    pub mine: Option<bool>,
    /// Whether both parties have said yes.
    pub both: bool,
    /// Whether the call is being recorded now.
    pub recording: bool,
}

/// How long the parties were in the call, as Stream told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Attendance")]
pub struct AttendanceView {
    /// Both at the same time.
    pub together_seconds: u64,
    /// You; for the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine_seconds: Option<u64>,
    /// The other party; for the parties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs_seconds: Option<u64>,
    /// The candidate; for admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interviewee_seconds: Option<u64>,
    /// The interviewer; for admins.
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
    /// Its id.
    pub booking_id: BookingId,
    /// The candidate.
    pub interviewee_id: UserId,
    /// The interviewer.
    pub interviewer_id: UserId,
    /// The candidate, as they are now.
    pub interviewee: PersonView,
    /// The interviewer, as they are now.
    pub interviewer: PersonView,
    /// When it begins.
    pub start_time: Timestamp,
    /// When it ends.
    pub end_time: Timestamp,
    /// Where it stands.
    pub status: BookingStatus,
    /// The price in credits.
    pub credits_charged: u64,
    /// The call's id at Stream; equals `bookingId`.
    pub stream_call_id: BookingId,
    /// Whether a recording can be watched.
    pub has_recording: bool,
    /// Whether the feedback can be read.
    pub has_feedback: bool,
    /// Where consent to recording stands.
    pub consent: ConsentView,
    /// How often the candidate may still move it: 0 as well where it is too late for that.
    pub reschedules_left: u32,
    /// Whether the candidate has reviewed it.
    pub reviewed: bool,
    /// While it is scheduled: when attendance is looked at next, to settle it. It takes longer where attendance cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<Timestamp>,
    /// How long the parties were there, as it was known when it was settled or last looked after an hour later; not there
    /// while that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attendance: Option<AttendanceView>,
    /// Who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<CancelledBy>,
    /// Why, in their words; while it is scheduled, what the candidate objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// Why, for programs; while it is scheduled, that the candidate objects and it is not decided yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_code: Option<Word<CancelCode>>,
    /// Where the price went, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// When the interviewer said that it took place, where attendance could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_requested_at: Option<Timestamp>,
    /// When it was booked.
    pub created_at: Timestamp,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

impl BookingView {
    /// What must be read before a booking can be shown to one of its parties, who is read already, or else to an admin.
    pub fn keys(booking: &Booking, viewer: Option<Party>, now: Timestamp) -> Vec<Key> {
        let mut wanted = Vec::with_capacity(3);
        if viewer != Some(Party::Interviewee) {
            wanted.push(keys::profile(&booking.interviewee_id));
        }
        if viewer != Some(Party::Interviewer) {
            wanted.push(keys::profile(&booking.interviewer_id));
        }
        // Nobody is in a call whose door is shut, so nothing can be recorded there.
        if booking.check_door(now).is_ok() {
            wanted.push(keys::call(booking.booking_id));
        }
        wanted
    }

    /// How `booking` is shown at `now` to one of its parties, or else to an admin. What [`BookingView::keys`] names, and who
    /// looks at it, is in one of these.
    pub fn of(booking: &Booking, viewer: Option<Party>, read: &[&Items], now: Timestamp) -> Result<Self, StoreError> {
        let person = |id: &UserId| Ok::<_, StoreError>(PersonView::of(id, find(read, &keys::profile(id))?));
        let call: Call = find(read, &keys::call(booking.booking_id))?.unwrap_or_default();
        let consent = ConsentView {
            mine: viewer.and_then(|party| booking.consents.of(party)).map(|word| word.record),
            both: booking.consents.both(),
            recording: call.recording && booking.check_door(now).is_ok(),
        };
        let mut view = Self {
            booking_id: booking.booking_id,
            interviewee_id: booking.interviewee_id.clone(),
            interviewer_id: booking.interviewer_id.clone(),
            interviewee: person(&booking.interviewee_id)?,
            interviewer: person(&booking.interviewer_id)?,
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
        Ok(view)
    }

    /// How bookings are shown at `now` to somebody who is a party of each of them or of none: everything that is needed is
    /// read at once.
    pub async fn all(
        table: &Table,
        bookings: &[Booking],
        viewer: &User,
        now: Timestamp,
    ) -> Result<Vec<Self>, StoreError> {
        let party = |booking: &Booking| booking.party(&viewer.user_id);
        let wanted: Vec<Key> = bookings.iter().flat_map(|b| Self::keys(b, None, now)).collect();
        let items = table.batch_get(&wanted).await?;
        bookings.iter().map(|b| Self::of(b, party(b), &[&items], now)).collect()
    }
}

fn find<T: DeserializeOwned>(read: &[&Items], key: &Key) -> Result<Option<T>, StoreError> {
    read.iter().find_map(|items| items.get(key).transpose()).transpose()
}

/// The balances of one wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Balances")]
pub struct BalancesView {
    /// May be spent.
    pub available: u64,
    /// Reserved for bookings.
    pub held: u64,
    /// Earned by conducting sessions; for interviewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earned: Option<u64>,
    /// Shortfall of a reversed purchase; spending is blocked until it is repaid.
    pub owed: u64,
}

impl BalancesView {
    /// How `wallet` is shown to somebody with this role.
    pub fn of(wallet: &Wallet, role: Role) -> Self {
        let shows_earned = role == Role::Interviewer || wallet.earned > 0;
        Self {
            available: wallet.available,
            held: wallet.held,
            earned: shows_earned.then_some(wallet.earned),
            owed: wallet.owed,
        }
    }
}
