//! The worker of queue `settlement`: bookings that end without anybody asking, and the credits they hold.

use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Check, Delete, Get, Put, QueryTable, Update};
use kit::secrets::Provider;
use kit::worker::{ReceivedMessage, WrongQueue};
use kit::{App, BoxFuture, Failure, Worker};
use store::outbox::{Effect, Queue};

use crate::settlement::absence::{cancel_bookings, lift_lock};
use crate::settlement::settling::settle_booking;

#[cfg(test)]
mod tests;

/// Queue `settlement`: bookings that end without anybody asking.
pub fn worker() -> Worker {
    Worker {
        name: "run_settlement",
        queue: Queue::Settlement,
        about: "bookings that end without anybody asking. Before a due one is settled Stream may be asked.",
        work: run_settlement,
        concurrency: 10,
        needs: Needs::table(&[Get, BatchGet, QueryTable, Put, Update, Delete, Check])
            .indexes(&["gsi1", "gsi2"])
            .calls(&[Provider::Stream])
            .timeout_seconds(60),
    }
}

/// Carries out one effect.
pub fn run_settlement(app: App, received: ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let effect = &received.message.effect;
        match effect {
            Effect::CancelBookings { user_id, .. } => cancel_bookings(&app, user_id).await,
            Effect::LiftLock { user_id, .. } => lift_lock(&app, user_id).await,
            Effect::SettleBooking { .. } => settle_booking(&app, effect).await,
            _ => Err(WrongQueue::of(effect).into()),
        }
    })
}
