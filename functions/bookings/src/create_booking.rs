//! `POST /api/bookings`: one batch read, pure rules, one transaction.

use axum::extract::State;
use axum::response::Response;
use domain::booking::{Booking, BookingError};
use domain::ids::{BookingId, TransactionId, UserId};
use domain::instant::Instant;
use domain::money::Asset;
use domain::party::Party;
use domain::problem::Problem as _;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::{Interviewee, LetIn};
use kit::error::{Error, not_found};
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Check, Get, Put};
use kit::{App, Route, Who, Write, shown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::outbox::{self, Effect};
use store::wallet::{wallet, write_transfer};
use store::{Tx, booking, keys};
use views::BookingView;

use crate::offer::{Days, Offer, read_keys};

/// The route.
pub fn route() -> Route {
    Route::post("create_booking", "/api/bookings", Who::Interviewee, create_booking)
        .about(
            "Book a slot. The price is held from the caller's credits at once. It is paid to the interviewer after \
             the session, or released if the session does not take place.",
        )
        .body::<CreateBooking>()
        .example(r#"{ "interviewerId": "user_demo_ivy", "startTime": "2026-11-23T10:00:00Z" }"#)
        .answers::<BookedView>(201)
        .idempotent()
        .refuses(&[
            (402, "insufficient_credits"),
            (404, "not_found"),
            (409, "slot_unavailable"),
            (409, "time_conflict"),
            (409, "interviewer_unavailable"),
            (409, "price_changed"),
        ])
        .needs(Needs::table(&[Get, BatchGet, Put, Check]).gradual())
}

/// Which slot to book.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBooking {
    /// The interviewer's user id.
    interviewer_id: UserId,
    /// The start of one of the interviewer's slots.
    start_time: Instant,
    /// The end of the slot; if given, it must match.
    end_time: Option<Instant>,
    /// The price shown to the user; if given, a different current price is refused.
    price_credits: Option<u64>,
}

impl RequestBody for CreateBooking {}

/// The new booking and the remaining balance.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BookedBooking")]
struct BookedView {
    #[serde(flatten)]
    booking: BookingView,
    /// The caller's credit balances after the hold.
    wallet: RemainingView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RemainingView {
    /// Available to spend.
    available: u64,
    /// Reserved for bookings.
    held: u64,
}

async fn create_booking(
    State(app): State<App>,
    write: Write<LetIn<Interviewee>, CreateBooking>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<LetIn<Interviewee>, CreateBooking>) -> Result<Response, Error> {
    let (candidate, wanted) = (write.user_id(), &write.body);
    let start_time = wanted.start_time.0;
    let mut read = read_keys(candidate, &wanted.interviewer_id, start_time);
    read.push(keys::wallet(candidate, Asset::Credit));
    read.push(keys::profile(&wanted.interviewer_id));
    let begun = write.begin(app, RateRule::Bookings, &read).await?;
    let (now, items) = (begun.now, &begun.items);

    let offer = match Offer::find(items, &wanted.interviewer_id, start_time, now) {
        Err(refusal) if refusal.code() == Some(BookingError::InterviewerUnavailable.code()) => {
            return Err(refused(app, [candidate, &wanted.interviewer_id], refusal).await?);
        }
        offer => offer?,
    };
    if wanted.end_time.is_some_and(|end| end.0 != offer.end_time) {
        return Err(BookingError::SlotUnavailable.into());
    }
    if wanted.price_credits.is_some_and(|shown| shown != offer.price_credits) {
        return Err(BookingError::PriceChanged(offer.price_credits).into());
    }
    let parties = [candidate, &wanted.interviewer_id];
    let mut days = Days::read(items, parties, &offer, &[])?;
    days.claim(&offer)?;
    let id = BookingId::new(app.ids.unique(now));
    let times = (start_time, offer.end_time);
    let (booked, hold) = Booking::schedule(id, candidate, &wanted.interviewer_id, times, offer.price_credits, now);

    let mut tx = Tx::new();
    let mut purse = wallet(items, candidate, Asset::Credit)?;
    let new_id = || TransactionId::new(app.ids.unique(now));
    write_transfer(&mut tx, &hold, &mut [&mut purse], new_id)?;
    booking::create(&mut tx, &booked)?;
    days.write(&mut tx, parties)?;
    offer.check(&mut tx);
    // A deletion of the account that came meanwhile must not leave a booking behind.
    tx.check(keys::profile(candidate), begun.caller.0.0.version);
    outbox::write(&mut tx, &Effect::CreateCall { booking_id: id }, now)?;

    let remaining = RemainingView { available: purse.available, held: purse.held };
    let booking = shown::booking(&booked, Some(Party::Interviewee), &[items], now)?;
    let view = BookedView { booking, wallet: remaining };
    begun.commit(app, tx, StatusCode::CREATED, &view).await
}

/// Who is not listed exists for those alone who have booked them before; they are read for that only then.
async fn refused(app: &App, [candidate, interviewer]: [&UserId; 2], refusal: Error) -> Result<Error, Error> {
    let booked = keys::booked(candidate, interviewer);
    let items = app.table.batch_get(std::slice::from_ref(&booked)).await?;
    Ok(if items.contains(&booked) { refusal } else { not_found("interviewer") })
}
