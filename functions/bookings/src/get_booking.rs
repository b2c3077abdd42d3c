//! `GET /api/bookings/{bookingId}`.

use axum::extract::State;
use domain::booking::Booking;
use domain::ids::BookingId;
use domain::user::Role;
use kit::callers::{Asking, Onboarded};
use kit::error::{Error, not_found};
use kit::{App, Json, Path, Route, Who, shown};
use store::{Key, keys};
use views::BookingView;

/// The route.
pub fn route() -> Route {
    Route::get("get_booking", "/api/bookings/{bookingId}", Who::PartiesOrAdmin, get_booking)
        .about("Shows a booking.")
        .answers::<BookingView>(200)
}

async fn get_booking(
    State(app): State<App>,
    asking: Asking<Onboarded>,
    id: Result<Path<BookingId>, Error>,
) -> Result<Json<BookingView>, Error> {
    let wanted: Vec<Key> = id.iter().map(|Path(id)| keys::booking(*id)).collect();
    let (Onboarded(caller), items) = asking.read(&app, &wanted).await?;
    // Who asks is looked at first, and an id that cannot be one after that.
    let Path(id) = id?;
    let booking: Booking = items.get(&keys::booking(id))?.ok_or_else(|| not_found("booking"))?;
    let party = booking.party(&caller.user_id);
    if party.is_none() && caller.role != Role::Admin {
        return Err(not_found("booking"));
    }
    let now = app.now();
    let more = app.table.batch_get(&shown::keys(&booking, party, now)).await?;
    Ok(Json(shown::booking(&booking, party, &[&items, &more], now)?))
}
