//! The feedback on a booking.

use domain::feedback::FeedbackRecord;
use domain::ids::BookingId;

use crate::error::StoreError;
use crate::item::Item;
use crate::{BoxFuture, Table, Tx, keys};

/// The stored feedback of a booking, whatever its status.
pub fn get(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Option<FeedbackRecord>, StoreError>> {
    Box::pin(async move { table.get(&keys::feedback(booking)).await })
}

/// Writes a feedback. The version of the booking guards it.
pub fn write(tx: &mut Tx, booking: BookingId, feedback: &FeedbackRecord) -> Result<(), StoreError> {
    tx.put(Item::new(keys::feedback(booking), "Feedback", feedback)?);
    Ok(())
}
