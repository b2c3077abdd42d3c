//! The worker of queue `settlement`: bookings that end without anybody asking, and the credits they hold.

use kit::worker::Delivery;
use kit::{App, BoxFuture, Failure};
use store::outbox::Effect;

use crate::absence::{cancel_bookings, lift_lock};
use crate::run_stream::wrong_queue;
use crate::settling::settle_booking;

#[cfg(test)]
mod tests;

/// Carries out one effect.
pub fn run_settlement(app: App, delivery: Delivery) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let effect = &delivery.message.effect;
        match effect {
            Effect::CancelBookings { user_id, .. } => cancel_bookings(&app, user_id).await,
            Effect::LiftLock { user_id, .. } => lift_lock(&app, user_id).await,
            Effect::SettleBooking { .. } => settle_booking(&app, effect).await,
            _ => Err(wrong_queue(effect).into()),
        }
    })
}
