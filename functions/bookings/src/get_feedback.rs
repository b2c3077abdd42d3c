//! `GET /api/bookings/{bookingId}/feedback`.

use axum::extract::State;
use domain::booking::FeedbackState;
use domain::feedback::{Feedback, FeedbackRecord};
use domain::ids::BookingId;
use domain::problem::{Kind, Problem};
use kit::callers::Onboarded;
use kit::error::Error;
use kit::{App, As, Json, Path, Route, Who};
use store::keys;

use crate::party::own;

/// The route.
pub fn route() -> Route {
    Route::get("get_feedback", "/api/bookings/{bookingId}/feedback", Who::Parties, get_feedback)
        .about(
            "Shows the feedback on a session. Every quote in it was found in the stored transcript. It is practice \
             feedback to the candidate, not a hiring assessment.",
        )
        .answers::<Feedback>(200)
        .refuses(&[(404, "feedback_not_ready"), (409, "feedback_failed")])
}

/// Why there is no feedback to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum FeedbackError {
    #[error("the feedback is not ready")]
    NotReady,
    #[error("the feedback could not be written; it will be tried again without charge")]
    Failed,
}

impl Problem for FeedbackError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotReady => Kind::NotFound,
            Self::Failed => Kind::Conflict,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotReady => "feedback_not_ready",
            Self::Failed => "feedback_failed",
        }
    }
}

async fn get_feedback(
    State(app): State<App>,
    As(Onboarded(caller)): As<Onboarded>,
    Path(id): Path<BookingId>,
) -> Result<Json<Feedback>, Error> {
    let items = app.table.batch_get(&[keys::booking(id), keys::feedback(id)]).await?;
    let (booking, _) = own(&items, id, &caller.user_id)?;
    if booking.feedback == Some(FeedbackState::Failed) {
        return Err(FeedbackError::Failed.into());
    }
    let stored: Option<FeedbackRecord> = items.get(&keys::feedback(id))?;
    let shown = stored.filter(|_| booking.has_feedback(app.now()));
    Ok(Json(shown.ok_or(FeedbackError::NotReady)?.feedback.shown()))
}
