//! `GET /api/bookings/{bookingId}`.

use axum::extract::State;
use domain::ids::BookingId;
use domain::user::Role;
use kit::callers::Onboarded;
use kit::error::{Error, not_found};
use kit::views::BookingView;
use kit::{App, As, Json, Path, Route, Who};
use store::booking;

/// The route.
pub fn route() -> Route {
    Route::get("get_booking", "/api/bookings/{bookingId}", Who::PartiesOrAdmin, get_booking)
        .about("Shows a booking.")
        .answers::<BookingView>(200)
}

async fn get_booking(
    State(app): State<App>,
    As(Onboarded(caller)): As<Onboarded>,
    Path(id): Path<BookingId>,
) -> Result<Json<BookingView>, Error> {
    let booking = booking::get(&app.table, id).await?.ok_or_else(|| not_found("booking"))?;
    if booking.party(&caller.user_id).is_none() && caller.role != Role::Admin {
        return Err(not_found("booking"));
    }
    Ok(Json(BookingView::of(&booking, app.now())))
}
