//! How people, bookings and balances are shown, where several areas show them.

use domain::booking::{Booking, CancelCode, CancelledBy, State};
use domain::ids::{BookingId, UserId};
use domain::ledger::Wallet;
use domain::settlement::Settlement;
use domain::user::{Category, NotListed, Role, User, Verification};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

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
    /// Who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<CancelledBy>,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// Why, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_code: Option<CancelCode>,
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
    /// How `booking` is shown at `now`.
    pub fn of(booking: &Booking, now: Timestamp) -> Self {
        let mut view = Self {
            booking_id: booking.booking_id,
            interviewee_id: booking.interviewee_id.clone(),
            interviewer_id: booking.interviewer_id.clone(),
            start_time: booking.start_time,
            end_time: booking.end_time,
            status: BookingStatus::Scheduled,
            credits_charged: booking.credits_charged,
            stream_call_id: booking.booking_id,
            has_recording: booking.has_recording,
            has_feedback: booking.has_feedback(now),
            cancelled_by: None,
            cancel_reason: None,
            cancel_code: None,
            settlement: None,
            completion_requested_at: None,
            created_at: booking.created_at,
            completed_at: None,
        };
        match &booking.state {
            State::Scheduled { completion_requested_at } => view.completion_requested_at = *completion_requested_at,
            State::Completed { completed_at, settlement } => {
                view.status = BookingStatus::Completed;
                view.completed_at = Some(*completed_at);
                view.settlement = Some(settlement.clone());
            }
            State::Cancelled { cancellation, settlement } => {
                view.status = BookingStatus::Cancelled;
                view.cancelled_by = Some(cancellation.by);
                view.cancel_reason = Some(cancellation.reason.clone());
                view.cancel_code = cancellation.code;
                view.settlement = Some(settlement.clone());
            }
        }
        view
    }
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
