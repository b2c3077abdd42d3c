//! `POST /api/bookings/{bookingId}/reschedule`.

use axum::extract::State;
use axum::response::Response;
use domain::booking::Booking;
use domain::calendar::quarter_hours;
use domain::ids::BookingId;
use domain::instant::Instant;
use domain::party::Party;
use domain::rate_limit::RateRule;
use domain::user::UserError;
use http::StatusCode;
use jiff::Timestamp;
use kit::callers::{LetIn, Participant};
use kit::error::{Error, Fault};
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Check, Delete, Get, Put};
use kit::{App, Path, Route, Who, Write, shown};
use schemars::JsonSchema;
use serde::Deserialize;
use store::outbox::{self, Effect};
use store::{Key, Tx, booking, keys};
use views::BookingView;

use crate::offer::{Days, Offer, read_keys};
use crate::party::{own, show};

/// The route.
pub fn route() -> Route {
    Route::post("reschedule_booking", "/api/bookings/{bookingId}/reschedule", Who::Interviewee, reschedule_booking)
        .about(
            "Reschedule a session to another slot of the same interviewer and length. Allowed until two hours \
             before the start and at most twice. The price does not change.",
        )
        .body::<RescheduleBooking>()
        .example(r#"{ "startTime": "2026-11-23T10:00:00Z" }"#)
        .answers::<BookingView>(200)
        .idempotent()
        .refuses(&[
            (409, "slot_unavailable"),
            (409, "time_conflict"),
            (409, "interviewer_unavailable"),
            (409, "booking_not_reschedulable"),
        ])
        .needs(Needs::table(&[Get, BatchGet, Put, Delete, Check]).gradual())
}

/// The new slot.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RescheduleBooking {
    /// The start of one of the interviewer's slots.
    start_time: Instant,
}

impl RequestBody for RescheduleBooking {}

async fn reschedule_booking(
    State(app): State<App>,
    Path(id): Path<BookingId>,
    write: Write<LetIn<Participant>, RescheduleBooking>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write, id)).await
}

async fn attempt(
    app: &App,
    write: &Write<LetIn<Participant>, RescheduleBooking>,
    id: BookingId,
) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[keys::booking(id)]).await?;
    let (before, party) = own(&begun.items, id, write.user_id())?;
    if party != Party::Interviewee {
        return Err(UserError::Forbidden.into());
    }
    let (now, start) = (begun.now, write.body.start_time.0);
    if start == before.start_time && before.is_scheduled() {
        let view = show(app, &begun.items, &before, party, now).await?;
        return begun.unchanged(app, &view).await;
    }
    before.check_reschedulable(now)?;
    let left = quarter_hours(before.start_time, before.end_time).map_err(|e| Fault(e.to_string()))?;
    let mut wanted = wanted(&before, start, &left);
    wanted.extend(shown::keys(&before, Some(party), now));
    let items = app.table.batch_get(&wanted).await?;

    let offer = Offer::find(&items, &before.interviewer_id, start, now)?;
    let after = before.reschedule((start, offer.end_time), now)?;
    let parties = [&before.interviewee_id, &before.interviewer_id];
    let mut days = Days::read(&items, parties, &offer, &left)?;
    days.release(&left);
    days.claim(&offer)?;

    let mut tx = Tx::new();
    booking::replace(&mut tx, &before, &after)?;
    days.write(&mut tx, parties)?;
    offer.check(&mut tx);
    let cause = format!("move-{}", after.reschedules);
    outbox::write(&mut tx, &Effect::MoveCall { booking_id: id, cause }, now)?;
    let view = shown::booking(&after, Some(party), &[&begun.items, &items], now)?;
    begun.commit(app, tx, StatusCode::OK, &view).await
}

fn wanted(
    before: &Booking,
    start: Timestamp,
    left: &[(domain::calendar::UtcDay, domain::calendar::QuarterHours)],
) -> Vec<Key> {
    let mut read = read_keys(&before.interviewee_id, &before.interviewer_id, start);
    for person in [&before.interviewee_id, &before.interviewer_id] {
        read.extend(store::calendar::keys_of(person, left));
    }
    read
}
