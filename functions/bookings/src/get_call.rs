//! `GET /api/calls/{callId}`: the door of the call.

use axum::extract::State;
use domain::booking::{Booking, BookingError};
use domain::call::Call;
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use domain::user::UserError;
use jiff::{SignedDuration, Timestamp};
use kit::callers::Onboarded;
use kit::calls::BookedCall;
use kit::clients::Stream;
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::secrets::Provider;
use kit::{App, Json, Path, Read, Route, Who};
use providers::stream::{CALL_TYPE, CallRole, StreamError, token};
use schemars::JsonSchema;
use serde::Serialize;
use store::keys;
use views::BookingView;

use crate::party::{own, show};

/// Stream refuses tokens from the future, and clocks differ.
const ISSUED_BEFORE: SignedDuration = SignedDuration::from_secs(10);

/// The route.
pub fn route() -> Route {
    Route::get("get_call", "/api/calls/{callId}", Who::Parties, get_call)
        .about(
            "Get a token to join the call. Available from 10 minutes before the start to 30 minutes after the end. \
             The token is for this call only and expires when the call closes.",
        )
        .answers::<CallView>(200)
        .refuses(&[(409, "call_not_open"), (409, "booking_cancelled"), (503, "upstream_unavailable")])
        .needs(Needs::table(&[Get, BatchGet]).calls(&[Provider::Stream]))
}

/// What a client needs to join the call.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Call")]
struct CallView {
    /// The Stream call id, equal to the booking's id.
    call_id: BookingId,
    /// The Stream call type.
    call_type: &'static str,
    /// The Stream API key.
    api_key: String,
    /// A Stream token for this user and this call.
    token: String,
    /// The caller's user id.
    user_id: UserId,
    /// When the call closes and the token expires.
    expires_at: Timestamp,
    /// The state of consent to recording.
    consent: DoorConsent,
    /// The booking.
    booking: BookingView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DoorConsent {
    /// The caller's latest choice; null before the first.
    mine: Option<bool>,
    /// Whether both parties have consented.
    both: bool,
}

async fn get_call(State(app): State<App>, read: Read<Onboarded, Path<BookingId>>) -> Result<Json<CallView>, Error> {
    let Path(id) = read.asked;
    let (Onboarded(caller), items) = read.with(&app, &[keys::booking(id), keys::call(id)]).await?;
    // Joining in somebody's name is more than reading.
    if read.session().impersonator.is_some() {
        return Err(UserError::Impersonated.into());
    }
    let (booking, party) = own(&items, id, &caller.user_id)?;
    let now = app.now();
    booking.check_door(now)?;
    let call: Call = items.get(&keys::call(id))?.unwrap_or_default();
    let view = show(&app, &items, &booking, party, now).await?;

    let mut stream = app.stream().await?.while_somebody_waits();
    if !call.created {
        stream = create(&app, stream, &booking).await?;
        // A booking that was cancelled meanwhile may have had its call ended before there was one.
        let again = app.table.batch_get(&[keys::booking(id)]).await?;
        if let Err(error @ BookingError::Cancelled) = own(&again, id, &caller.user_id)?.0.check_door(now) {
            stream.client.end_call(id).await?;
            return Err(error.into());
        }
    }
    let role = match party {
        Party::Interviewee => CallRole::User,
        Party::Interviewer => CallRole::Host,
    };
    let (issued_at, expires_at) = (now - ISSUED_BEFORE, booking.door().1);
    let token = token::call_token(&stream.api_secret, &caller.user_id, &[id], role, issued_at, expires_at);
    let consent = DoorConsent { mine: booking.consents.of(party).map(|c| c.record), both: booking.consents.both() };
    Ok(Json(CallView {
        call_id: id,
        call_type: CALL_TYPE,
        api_key: stream.api_key,
        token: token.expose().to_owned(),
        user_id: caller.user_id,
        expires_at,
        consent,
        booking: view,
    }))
}

/// Creates the call where the worker has not yet done it.
async fn create(app: &App, stream: Stream, booking: &Booking) -> Result<Stream, Error> {
    let call = BookedCall::of(app, booking).await?;
    match call.open(&stream.client).await {
        Err(StreamError::Unauthorized) => {
            let reread = app.stream_reread().await?.ok_or(StreamError::Unauthorized)?.while_somebody_waits();
            call.open(&reread.client).await?;
            Ok(reread)
        }
        outcome => {
            outcome?;
            Ok(stream)
        }
    }
}
