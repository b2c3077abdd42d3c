//! `POST /api/bookings/{bookingId}/review`.

use axum::extract::State;
use axum::response::Response;
use domain::ids::BookingId;
use domain::party::Party;
use domain::rate_limit::RateRule;
use domain::review::Review;
use domain::user::UserError;
use http::StatusCode;
use jiff::Timestamp;
use kit::callers::Participant;
use kit::error::Error;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Tx, booking, keys, review, user};

use crate::party::own;

/// The route.
pub fn route() -> Route {
    Route::post("review_booking", "/api/bookings/{bookingId}/review", Who::Interviewee, review_booking)
        .about(
            "Review the interviewer after a completed session. One review per booking. The rating counts towards \
             the interviewer's average; the comment is published without the reviewer's name.",
        )
        .body::<ReviewBooking>()
        .example(r#"{ "rating": 5, "comment": "Clear and kind." }"#)
        .answers::<ReviewView>(201)
        .idempotent()
        .refuses(&[(409, "booking_not_completed"), (409, "already_reviewed")])
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

/// A review of a session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReviewBooking {
    /// 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    rating: i64,
    /// A comment of up to 2000 characters.
    #[schemars(length(max = 2000))]
    comment: Option<String>,
}

impl RequestBody for ReviewBooking {}

/// A review.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Review")]
struct ReviewView {
    /// The booking's id.
    booking_id: BookingId,
    /// 1 to 5.
    rating: u8,
    /// The candidate's comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// When.
    created_at: Timestamp,
}

async fn review_booking(
    State(app): State<App>,
    Path(id): Path<BookingId>,
    write: Write<Participant, ReviewBooking>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write, id)).await
}

async fn attempt(app: &App, write: &Write<Participant, ReviewBooking>, id: BookingId) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[keys::booking(id)]).await?;
    let (before, party) = own(&begun.items, id, write.user_id())?;
    if party != Party::Interviewee {
        return Err(UserError::Forbidden.into());
    }
    let said = Review::new(write.body.rating, write.body.comment.as_deref(), begun.now)?;
    let after = before.review()?;

    let mut tx = Tx::new();
    booking::replace(&mut tx, &before, &after)?;
    review::write(&mut tx, &after, &said)?;
    if let Some(rated) = user::get(&app.table, &before.interviewer_id).await? {
        user::write(&mut tx, Some(&rated), &said.counted(&rated))?;
    }
    let Review { rating, comment, created_at } = said;
    begun.commit(app, tx, StatusCode::CREATED, &ReviewView { booking_id: id, rating, comment, created_at }).await
}
