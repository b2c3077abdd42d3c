//! `POST /api/bookings/{bookingId}/review`.

use axum::extract::State;
use axum::response::Response;
use domain::ids::BookingId;
use domain::party::Party;
use domain::problem::{Checks, ValidationError};
use domain::rate::RateRule;
use domain::user::{User, UserError};
use http::StatusCode;
use jiff::Timestamp;
use kit::callers::Participant;
use kit::error::Error;
use kit::extract::RequestBody;
use kit::{App, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::review::Review;
use store::{Tx, booking, keys, review, user};

use crate::party::own;

/// The route.
pub fn route() -> Route {
    Route::post("review_booking", "/api/bookings/{bookingId}/review", Who::Interviewee, review_booking)
        .about("Rates the interviewer, once, after the session was completed. The rating counts in the directory, and others read \
             what you say, without your name.")
        .body::<ReviewBooking>()
        .answers::<ReviewView>(201)
        .idempotent()
        .refuses(&[(409, "booking_not_completed"), (409, "already_reviewed")])
}

/// How it was.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReviewBooking {
    /// 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    rating: i64,
    /// In your words, up to 2000 characters.
    #[schemars(length(max = 2000))]
    comment: Option<String>,
}

impl RequestBody for ReviewBooking {}

impl ReviewBooking {
    fn check(&self, now: Timestamp) -> Result<Review, ValidationError> {
        let comment = self.comment.as_deref().map(str::trim).filter(|c| !c.is_empty());
        let mut checks = Checks::new();
        let rating = u8::try_from(self.rating).ok().filter(|r| (1..=5).contains(r));
        checks.require(rating.is_some(), "rating", "must be from 1 to 5");
        checks.text("comment", comment.unwrap_or_default(), 0, 2000);
        checks.finish()?;
        Ok(Review { rating: rating.unwrap_or(1), comment: comment.map(str::to_owned), created_at: now })
    }
}

/// A review.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Review")]
struct ReviewView {
    /// Of which booking.
    booking_id: BookingId,
    /// 1 to 5.
    rating: u8,
    /// In the candidate's words.
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
    let said = write.body.check(begun.now)?;
    let after = before.review()?;

    let mut tx = Tx::new();
    booking::replace(&mut tx, &before, &after)?;
    review::write(&mut tx, &after, &said)?;
    if let Some(rated) = user::get(&app.table, &before.interviewer_id).await? {
        user::write(&mut tx, Some(&rated), &rate(&rated, said.rating))?;
    }
    let Review { rating, comment, created_at } = said;
    begun.commit(app, tx, StatusCode::CREATED, &ReviewView { booking_id: id, rating, comment, created_at }).await
}

fn rate(interviewer: &User, rating: u8) -> User {
    let mut rated = interviewer.clone();
    if let Some(profile) = &mut rated.interviewer {
        profile.rating_sum += u64::from(rating);
        profile.review_count += 1;
    }
    rated
}
