//! What candidates say of sessions. A review is kept with its booking, which makes it the only one, and once more among those of
//! its interviewer: there without anything by which its writer could be found.

use domain::booking::Booking;
use domain::ids::UserId;
use domain::problem::ValidationError;
use domain::review::Review;
use jiff::Timestamp;

use crate::error::StoreError;
use crate::media::digest;
use crate::{Item, Page, Query, Table, Tx, cursor, keys};

/// Writes a review, once.
pub fn write(tx: &mut Tx, booking: &Booking, review: &Review) -> Result<(), StoreError> {
    tx.create(Item::new(keys::review(booking.booking_id), "Review", review)?);
    // Of the booking's id a list would tell when it was made, and a cursor shows it.
    let place = format!("{:.3}#{}", review.created_at, digest(&booking.booking_id.to_string(), ""));
    tx.put(Item::new(keys::review_of(&booking.interviewer_id, &place), "InterviewerReview", review)?);
    Ok(())
}

/// A place in the list of an interviewer's reviews.
#[derive(Debug, Clone)]
pub struct ReviewPlace(String);

/// The place that a cursor of [`of_interviewer`] stands for.
pub fn place(text: &str) -> Result<ReviewPlace, ValidationError> {
    let place = cursor::decode(text)?;
    let (at, digest) = place.split_once('#').ok_or_else(cursor::invalid)?;
    let at: Timestamp = at.parse().map_err(|_| cursor::invalid())?;
    let is_ours = place == format!("{at:.3}#{digest}") && place.starts_with(|c: char| c.is_ascii_digit());
    let is_digest = digest.len() == 20 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_ours && is_digest { Ok(ReviewPlace(place)) } else { Err(cursor::invalid()) }
}

/// One page of what candidates say of an interviewer, newest first, and the cursor of the next.
pub async fn of_interviewer(
    table: &Table,
    interviewer: &UserId,
    limit: usize,
    after: Option<ReviewPlace>,
) -> Result<(Vec<Review>, Option<String>), StoreError> {
    let query = Query::partition(keys::reviews_of(interviewer)).newest_first().limit(limit);
    let query = match &after {
        Some(ReviewPlace(place)) => query.after(&keys::review_of(interviewer, place), None),
        None => query,
    };
    let page: Page<Review> = table.query(query).await?;
    Ok((page.items, page.next.map(|position| cursor::encode(&position.key.sk))))
}
