//! The worker of queue `settlement`: bookings that end without anybody asking, and the credits they hold.

use domain::booking::Applied;
use domain::ids::{BookingId, TransactionId, UserId};
use kit::error::Error;
use kit::worker::Delivery;
use kit::{App, BoxFuture, Failure};
use store::outbox::Effect;
use store::settlement::{cancellation_keys, write_cancellation};
use store::{Tx, booking};

use crate::run_stream::wrong_queue;

#[cfg(test)]
mod tests;

/// Carries out one effect.
pub fn run_settlement(app: App, delivery: Delivery) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let effect = &delivery.message.effect;
        match effect {
            Effect::CancelBookings { user_id } => cancel_bookings(&app, user_id).await,
            _ => Err(wrong_queue(effect).into()),
        }
    })
}

/// Cancels what a deleted account has left behind, each booking in a transaction of its own.
async fn cancel_bookings(app: &App, user_id: &UserId) -> Result<(), Failure> {
    for found in booking::coming(&app.table, user_id, app.now()).await? {
        app.retry(|| cancel(app, found.booking_id)).await?;
    }
    Ok(())
}

async fn cancel(app: &App, booking_id: BookingId) -> Result<(), Error> {
    let Some(before) = booking::get(&app.table, booking_id).await? else { return Ok(()) };
    let now = app.now();
    let Applied::Now((after, release)) = before.cancel_for_deleted_account(now) else { return Ok(()) };
    let items = app.table.batch_get(&cancellation_keys(&before)?).await?;
    let mut tx = Tx::new();
    let new_id = || TransactionId::new(app.ids.unique(now));
    write_cancellation(&app.table, &mut tx, &items, &before, &after, &release, new_id).await?;
    tx.commit(&app.table).await?;
    tracing::info!(booking.id = %booking_id, "booking of a deleted account cancelled");
    Ok(())
}
