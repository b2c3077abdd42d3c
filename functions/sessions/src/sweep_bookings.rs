//! The schedule that finds what is due and nobody has settled, and what is paid and has no feedback yet, and sends it to queue
//! `settlement`, where each booking is settled by itself. It reads only the rows of each hour since the oldest that may still
//! hold any; a booking's own trouble keeps nothing from the rest. What is of no booking goes aside.

use jiff::{SignedDuration, Timestamp};
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, QueryTable};
use kit::task::Trigger;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture, Task};
use serde_json::{Value, json};
use store::due::{self, DueRow};
use store::outbox::{self, Effect};
use store::sweep::{self, Position};

use crate::settlement::settling::{hour_of, set_aside};

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Where the first sweep of a new stack begins.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// When a run begins nothing further, and leaves the rest to the next, well before Lambda would stop it.
const BUDGET: SignedDuration = SignedDuration::from_secs(180);
/// How many rows are sent between two looks at the clock; a batch read takes no more.
const AT_ONCE: usize = 100;
const NO_BOOKING: &str = "its sort key is no booking's id";

/// What became of the rows that a run has looked at.
#[derive(Debug, Default)]
struct Counts {
    sent: usize,
    /// Sent by an earlier run, and still there.
    left: usize,
    set_aside: usize,
}

/// The schedule.
pub fn task() -> Task {
    Task {
        name: "sweep_bookings",
        about: "Every five minutes: sends what is due and nobody has settled to queue settlement, by way of the outbox.",
        trigger: Trigger::Schedule("EveryFiveMinutes", "rate(5 minutes)"),
        handler: sweep_bookings,
        needs: Needs::table(&[Get, BatchGet, QueryTable, Put, Delete]).timeout_seconds(280),
    }
}

/// Sends what is due to be settled. Once a minute or once a day ends in the same state.
pub fn sweep_bookings(app: App, _: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { sweep(&app).await })
}

async fn sweep(app: &App) -> Result<Value, Error> {
    let now = app.now();
    let mut counts = Counts::default();
    try_again(app, &mut counts).await?;
    let stored = sweep::position(&app.table).await?;
    let begun = stored.unwrap_or_else(|| Position { hour: hour_of(now - LOOKED_BACK), reached: None });
    let position = look_through(app, begun, &mut counts).await?;
    if stored != Some(position) {
        sweep::write_position(&app.table, position).await?;
    }
    let Counts { sent, left, set_aside } = counts;
    for (metric, rows) in
        [(Metric::SettlementsSent, sent), (Metric::SettlementsLeft, left), (Metric::SettlementsSetAside, set_aside)]
    {
        count(metric, u64::try_from(rows).unwrap_or(u64::MAX), now);
    }
    Ok(json!({ "sent": sent, "left": left, "setAside": set_aside }))
}

/// Sends what an operator has mended to be tried again. It lies aside until it is settled.
async fn try_again(app: &App, counts: &mut Counts) -> Result<(), Error> {
    let (lying, again) = due::aside(&app.table).await?;
    let mut effects = Vec::new();
    for aside in again {
        let row = aside.row();
        match settling(&row, Some(aside.at)) {
            Some(effect) => effects.push(effect),
            None => set_aside(app, &row, NO_BOOKING.to_owned()).await?,
        }
    }
    counts.sent += outbox::write_once(&app.table, &effects, app.now()).await?;
    counts.set_aside += lying;
    Ok(())
}

/// What is asked of the worker. The row of the outbox is the mark that keeps later runs from sending the same again: its id is
/// the booking and the instant for which it was due, and whatever puts a booking off makes it due at a new one. So nothing is
/// lost between a mark and a message, a message that waits or fails is not sent a second time, and one that an operator has
/// thrown away is sent anew when its row has expired, a week later.
fn settling(row: &DueRow, aside_since: Option<Timestamp>) -> Option<Effect> {
    row.booking().map(|booking_id| Effect::SettleBooking { booking_id, due_at: row.due_at, aside_since })
}

/// Sends those of these rows that are due.
async fn send(app: &App, rows: &[DueRow], counts: &mut Counts) -> Result<(), Error> {
    let now = app.now();
    let mut effects = Vec::new();
    for row in rows {
        match settling(row, None) {
            Some(effect) if row.due_at <= now => effects.push(effect),
            Some(_) => {}
            None => {
                set_aside(app, row, NO_BOOKING.to_owned()).await?;
                counts.set_aside += 1;
            }
        }
    }
    let sent = outbox::write_once(&app.table, &effects, now).await?;
    counts.sent += sent;
    counts.left += effects.len() - sent;
    Ok(())
}

/// Looks through the hours, from where the last run stopped for want of time or else from the oldest that may hold anything,
/// and says how far that has come: however much lies in old hours, the young ones have their turn.
async fn look_through(app: &App, begun: Position, counts: &mut Counts) -> Result<Position, Error> {
    let now = app.now();
    let is_late = || app.now().duration_since(now) > BUDGET;
    let mut position = begun.hour;
    let mut hour = begun.reached.map_or(begun.hour, |reached| reached.max(begun.hour));
    while hour <= now {
        let rows = due::in_hour(&app.table, hour).await?;
        for rows in rows.chunks(AT_ONCE) {
            if is_late() {
                return Ok(Position { hour: position, reached: Some(hour) });
            }
            send(app, rows, counts).await?;
        }
        // The position moves over hours that are past and empty, and stops at the first that is not: rows go when their
        // bookings are settled.
        if position == hour && rows.is_empty() && hour + HOUR <= now {
            position = hour + HOUR;
        }
        hour += HOUR;
        if is_late() {
            return Ok(Position { hour: position, reached: Some(hour) });
        }
    }
    Ok(Position { hour: position, reached: None })
}
