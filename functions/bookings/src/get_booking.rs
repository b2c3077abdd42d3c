//! `GET /api/bookings/{bookingId}`.

use axum::extract::State;
use domain::booking::Booking;
use domain::ids::BookingId;
use domain::user::Role;
use kit::callers::Onboarded;
use kit::error::{Error, not_found};
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get};
use kit::{App, Json, Path, Read, Route, Who, shown};
use store::keys;
use views::BookingView;

/// The route.
pub fn route() -> Route {
    Route::get("get_booking", "/api/bookings/{bookingId}", Who::PartiesOrAdmin, get_booking)
        .about("Get a booking.")
        .answers::<BookingView>(200)
        .needs(Needs::table(&[Get, BatchGet]))
}

async fn get_booking(
    State(app): State<App>,
    read: Read<Onboarded, Path<BookingId>>,
) -> Result<Json<BookingView>, Error> {
    let Path(id) = read.asked;
    let (Onboarded(caller), items) = read.with(&app, &[keys::booking(id)]).await?;
    let booking: Booking = items.get(&keys::booking(id))?.ok_or_else(|| not_found("booking"))?;
    let party = booking.party(&caller.user_id);
    if party.is_none() && caller.role != Role::Admin {
        return Err(not_found("booking"));
    }
    let now = app.now();
    let more = app.table.batch_get(&shown::keys(&booking, party, now)).await?;
    Ok(Json(shown::booking(&booking, party, &[&items, &more], now)?))
}
