//! `GET /api/bookings/{bookingId}/feedback`.

use axum::extract::State;
use domain::feedback::{Feedback, FeedbackRecord};
use domain::ids::BookingId;
use kit::callers::Onboarded;
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, QueryTable};
use kit::{App, Json, Path, Read, Route, Who};
use store::keys;
use store::media::{self, MediaKind};

use crate::party::own;

/// The route.
pub fn route() -> Route {
    Route::get("get_feedback", "/api/bookings/{bookingId}/feedback", Who::Parties, get_feedback)
        .about(
            "Get the feedback on a session. Every quote was found in the stored transcript. It is practice feedback \
             for the candidate, not a hiring assessment. 404 `feedback_not_ready` means that it may still arrive; \
             409 says why it will not: the booking was cancelled, nothing was recorded, nobody came, or generation \
             failed.",
        )
        .answers::<Feedback>(200)
        .refuses(&[(404, "feedback_not_ready"), (409, "feedback_failed"), (409, "booking_cancelled")])
        .needs(Needs::table(&[Get, BatchGet, QueryTable]))
}

async fn get_feedback(State(app): State<App>, read: Read<Onboarded, Path<BookingId>>) -> Result<Json<Feedback>, Error> {
    let Path(id) = read.asked;
    let (Onboarded(caller), items) = read.with(&app, &[keys::booking(id), keys::feedback(id)]).await?;
    let (booking, _) = own(&items, id, &caller.user_id)?;
    let stored: Option<FeedbackRecord> = items.get(&keys::feedback(id))?;
    if let Some(stored) = stored.filter(|_| booking.has_feedback(app.now())) {
        return Ok(Json(stored.feedback.shown()));
    }
    booking.check_feedback()?;
    // What was kept decides only once nobody can talk any more.
    let has_transcript = app.now() >= booking.door().1
        && media::list(&app.table, id, MediaKind::Transcript).await?.iter().any(|file| file.object_key.is_some());
    Err(booking.why_no_feedback(has_transcript, app.now()).into())
}
