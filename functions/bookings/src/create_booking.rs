//! `POST /api/bookings`: one batch read, pure rules, one transaction.

use axum::extract::State;
use axum::response::Response;
use domain::availability::{bookable_until, find_slot};
use domain::booking::{Booking, BookingError};
use domain::calendar::{DayCalendar, QuarterHours, UtcDay, quarter_hours};
use domain::ids::{BookingId, TransactionId, UserId};
use domain::money::Asset;
use domain::problem::ValidationError;
use domain::rate::RateRule;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use kit::callers::Interviewee;
use kit::error::{Error, not_found};
use kit::extract::RequestBody;
use kit::views::BookingView;
use kit::{App, Route, Who, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::outbox::{self, Effect};
use store::user::Bookable;
use store::wallet::{wallet, write_transfer};
use store::{Items, StoreError, Tx, availability, booking, calendar, keys};

/// No session is longer; a booking touches the days of this span at most.
const LONGEST_SESSION: SignedDuration = SignedDuration::from_mins(90);

/// The route.
pub fn route() -> Route {
    Route::post("create_booking", "/api/bookings", Who::Interviewee, create_booking)
        .about(
            "Books a slot. The price is held from your credits in the same instant; it is paid to the interviewer when \
             the session has taken place, and released when it has not.",
        )
        .body::<CreateBooking>()
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
}

/// Which slot to book.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBooking {
    /// With whom.
    interviewer_id: UserId,
    /// When it begins: the start of one of the interviewer's slots.
    start_time: Timestamp,
    /// When it ends; where given, it must be the slot's end.
    end_time: Option<Timestamp>,
    /// The price you were shown; where given, another price is refused.
    price_credits: Option<u64>,
}

impl RequestBody for CreateBooking {}

/// A booking just made, and what is left.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BookedBooking")]
struct BookedView {
    #[serde(flatten)]
    booking: BookingView,
    /// Your credits after the hold.
    wallet: RemainingView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RemainingView {
    /// May be spent.
    available: u64,
    /// Reserved for bookings.
    held: u64,
}

async fn create_booking(State(app): State<App>, write: Write<Interviewee, CreateBooking>) -> Result<Response, Error> {
    app.retry(|| attempt(&app, &write)).await
}

async fn attempt(app: &App, write: &Write<Interviewee, CreateBooking>) -> Result<Response, Error> {
    let (candidate, wanted) = (write.user_id(), &write.body);
    let begun = write.begin(app, RateRule::Bookings, &read_keys(candidate, wanted)).await?;
    let (now, items) = (begun.now, &begun.items);

    let offer = offer(items, wanted, now)?;
    let (mut days, hours) = (Days::read(items, candidate, wanted, &offer)?, offer.hours);
    days.claim(&hours)?;
    let id = BookingId::new(app.ids.unique(now));
    let times = (wanted.start_time, offer.end_time);
    let (booked, hold) = Booking::schedule(id, candidate, &wanted.interviewer_id, times, offer.price_credits, now);

    let mut tx = Tx::new();
    let mut purse = wallet(items, candidate, Asset::Credit)?;
    let new_id = || TransactionId::new(app.ids.unique(now));
    write_transfer(&mut tx, &hold, &mut [&mut purse], new_id)?;
    booking::create(&mut tx, &booked)?;
    calendar::write(&mut tx, candidate, &days.candidate)?;
    calendar::write(&mut tx, &wanted.interviewer_id, &days.interviewer)?;
    tx.check(keys::bookable(&wanted.interviewer_id), offer.bookable_version);
    outbox::write(&mut tx, &Effect::CreateCall { booking_id: id }, now)?;

    let remaining = RemainingView { available: purse.available, held: purse.held };
    let view = BookedView { booking: BookingView::of(&booked, now), wallet: remaining };
    begun.commit(app, tx, StatusCode::CREATED, &view).await
}

fn read_keys(candidate: &UserId, wanted: &CreateBooking) -> Vec<store::Key> {
    let interviewer = &wanted.interviewer_id;
    let mut read =
        vec![keys::wallet(candidate, Asset::Credit), keys::bookable(interviewer), keys::availability(interviewer)];
    // The end is not known before the rules are; a session is short, so at most one further day comes into question.
    let last = wanted.start_time.checked_add(LONGEST_SESSION).unwrap_or(wanted.start_time);
    for day in [UtcDay::containing(wanted.start_time), UtcDay::containing(last)] {
        read.push(keys::day(candidate, day));
        read.push(keys::day(interviewer, day));
    }
    read
}

/// What the interviewer offers at the wanted time.
struct Offer {
    end_time: Timestamp,
    price_credits: u64,
    hours: Vec<(UtcDay, QuarterHours)>,
    bookable_version: u64,
}

fn offer(items: &Items, wanted: &CreateBooking, now: Timestamp) -> Result<Offer, Error> {
    if wanted.start_time <= now {
        return Err(ValidationError::field("startTime", "must be in the future").into());
    }
    let bookable: Bookable =
        items.get(&keys::bookable(&wanted.interviewer_id))?.ok_or_else(|| not_found("interviewer"))?;
    if !bookable.listed {
        return Err(BookingError::InterviewerUnavailable.into());
    }
    let rules = availability::rules(items, &wanted.interviewer_id)?;
    if rules.version != bookable.availability_version {
        // The batch read saw the rules and their version at two instants.
        return Err(StoreError::Contended.into());
    }
    let slot = find_slot(&rules.rules, wanted.start_time).ok_or(BookingError::SlotUnavailable)?;
    if wanted.start_time > bookable_until(now) || wanted.end_time.is_some_and(|end| end != slot.end_time) {
        return Err(BookingError::SlotUnavailable.into());
    }
    let price_credits = slot.priced(bookable.credit_rate).price_credits;
    if wanted.price_credits.is_some_and(|shown| shown != price_credits) {
        return Err(BookingError::PriceChanged(price_credits).into());
    }
    let hours = quarter_hours(wanted.start_time, slot.end_time).map_err(|_| BookingError::SlotUnavailable)?;
    Ok(Offer { end_time: slot.end_time, price_credits, hours, bookable_version: bookable.version })
}

/// The days of both parties that the session touches.
struct Days {
    candidate: Vec<DayCalendar>,
    interviewer: Vec<DayCalendar>,
}

impl Days {
    fn read(items: &Items, candidate: &UserId, wanted: &CreateBooking, offer: &Offer) -> Result<Self, Error> {
        Ok(Self {
            candidate: calendar::days(items, candidate, &offer.hours)?,
            interviewer: calendar::days(items, &wanted.interviewer_id, &offer.hours)?,
        })
    }

    fn claim(&mut self, hours: &[(UtcDay, QuarterHours)]) -> Result<(), BookingError> {
        for (day, (_, taken)) in self.interviewer.iter_mut().zip(hours) {
            day.claim(*taken).map_err(|_| BookingError::SlotUnavailable)?;
        }
        for (day, (_, taken)) in self.candidate.iter_mut().zip(hours) {
            day.claim(*taken).map_err(|_| BookingError::TimeConflict)?;
        }
        Ok(())
    }
}
