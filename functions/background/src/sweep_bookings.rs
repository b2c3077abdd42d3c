//! The schedule that settles what nobody has settled, by the sweep column of the settlement table (DECISIONS.md, "When credits
//! move"), and looks after what is paid until its feedback is there. It reads only what is due: the rows of each hour since
//! the oldest that may still hold any.

use std::time::Duration;

use domain::booking::{Asked, Booking, Sweep};
use domain::ids::{BookingId, TransactionId};
use jiff::{SignedDuration, Timestamp};
use kit::error::{Error, Fault, chain};
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture};
use serde_json::{Value, json};
use store::booking::{attendance, due_in_hour, sweep_position, write_sweep_position};
use store::settlement::{cancellation_keys, capture_keys, write_cancellation, write_capture};
use store::{Tx, booking, keys};
use tokio::sync::OnceCell;

use crate::ask_stream::{Answered, ask_stream};

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Where the first sweep of a new stack begins.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many hours one run reads at most; the next goes on.
const HOURS_AT_MOST: usize = 400;
/// When a run begins no further booking, and leaves the rest to the next, well before Lambda would stop it.
const BUDGET: SignedDuration = SignedDuration::from_secs(180);
/// How long Stream may be asked about one booking: by its budget and this a run ends in time.
const ASKED_AT_MOST: Duration = Duration::from_mins(1);

/// What became of one due booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Its row is gone: it was settled, or is due at another hour.
    Done,
    /// Stream could not be asked, so it is due at another hour.
    PutOff,
    /// Its row stays for the next sweep.
    Later,
    /// It is not ripe yet.
    Early,
}

/// Settles what is due. Once a minute or once a day ends in the same state.
pub fn sweep_bookings(app: App, _: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { sweep(&app).await })
}

async fn sweep(app: &App) -> Result<Value, Error> {
    let now = app.now();
    let stored = sweep_position(&app.table).await?;
    let begun = stored.unwrap_or_else(|| hour_of(now - LOOKED_BACK));
    let (mut position, mut hour) = (begun, begun);
    let (mut settled, mut put_off, mut left) = (0_u64, 0_u64, 0_u64);
    let is_late = || app.now().duration_since(now) > BUDGET;
    for _ in 0..HOURS_AT_MOST {
        if hour > now || is_late() {
            break;
        }
        let mut rows_stay = false;
        for id in due_in_hour(&app.table, hour).await? {
            if is_late() {
                rows_stay = true;
                break;
            }
            match settle_or_log(app, id, hour).await {
                Outcome::Done => settled += 1,
                Outcome::PutOff => put_off += 1,
                Outcome::Later => {
                    left += 1;
                    rows_stay = true;
                }
                Outcome::Early => rows_stay = true,
            }
        }
        // The position moves over hours that are past and empty, and stops at the first that is not.
        if position == hour && !rows_stay && hour + HOUR <= now {
            position = hour + HOUR;
        }
        hour += HOUR;
    }
    if stored != Some(position) {
        write_sweep_position(&app.table, position).await?;
    }
    count(Metric::SettlementsLeft, put_off + left, now);
    Ok(json!({ "settled": settled, "putOff": put_off, "left": left }))
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap_or(at)
}

/// One booking's trouble must not keep the others from being settled.
async fn settle_or_log(app: &App, id: BookingId, hour: Timestamp) -> Outcome {
    let asked = OnceCell::new();
    match app.retry(|| settle(app, id, hour, &asked)).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let why = match &error {
                Error::Refused(problem) => chain(problem.as_ref()),
                Error::Replayed(_) => String::new(),
            };
            if error.is_internal() {
                tracing::error!(booking.id = %id, error = why, "a due booking was not settled");
            } else {
                tracing::warn!(booking.id = %id, error = why, "a due booking was not settled");
            }
            Outcome::Later
        }
    }
}

/// What Stream said, asked once however often the settlement is contended.
type Answer = OnceCell<Asked>;

async fn ask(app: &App, booking: &Booking) -> Asked {
    match tokio::time::timeout(ASKED_AT_MOST, ask_stream(app, booking)).await {
        Ok(Ok(Answered::NothingNew)) => Asked::NothingNew,
        Ok(Ok(Answered::SomethingNew)) => Asked::SomethingNew,
        Ok(Err(error)) => {
            tracing::warn!(booking.id = %booking.booking_id, ?error, "Stream could not be asked about a due booking");
            Asked::InVain
        }
        Err(_) => {
            tracing::warn!(booking.id = %booking.booking_id, "Stream could not be asked about a due booking in time");
            Asked::InVain
        }
    }
}

async fn settle(app: &App, id: BookingId, hour: Timestamp, answer: &Answer) -> Result<Outcome, Error> {
    let now = app.now();
    let before = booking::get(&app.table, id).await?;
    let Some((before, due_at)) = before.and_then(|b| b.due_at.map(|at| (b, at))).filter(|(_, at)| hour_of(*at) == hour)
    else {
        // A row that its booking has left behind.
        let mut tx = Tx::new();
        tx.delete(keys::due(hour, id));
        tx.commit(&app.table).await?;
        return Ok(Outcome::Done);
    };
    if due_at > now {
        return Ok(Outcome::Early);
    }
    let mut asked = Asked::NotYet;
    let mut decision = before.sweep(&attendance(&app.table, id).await?, asked, now);
    if decision == Sweep::Ask {
        asked = *answer.get_or_init(|| ask(app, &before)).await;
        decision = before.sweep(&attendance(&app.table, id).await?, asked, now);
    }
    match decision {
        Sweep::Ask => Err(Fault("Stream was asked, and it is not decided".to_owned()).into()),
        Sweep::Nothing => look_again(app, &before, None).await,
        Sweep::LookAfter(until) => look_again(app, &before, until).await,
        Sweep::Wait(until) => {
            look_again(app, &before, Some(until)).await?;
            Ok(if asked == Asked::InVain { Outcome::PutOff } else { Outcome::Done })
        }
        Sweep::Capture(after, transfer) => {
            let items = app.table.batch_get(&capture_keys(&before)).await?;
            let mut tx = Tx::new();
            let new_id = || TransactionId::new(app.ids.unique(now));
            write_capture(&mut tx, &items, &before, &after, &transfer, new_id)?;
            tx.commit(&app.table).await?;
            tracing::info!(booking.id = %id, outcome = "captured", "a due booking was settled");
            Ok(Outcome::Done)
        }
        Sweep::Release(after, transfer) => {
            let items = app.table.batch_get(&cancellation_keys(&before)?).await?;
            let mut tx = Tx::new();
            let new_id = || TransactionId::new(app.ids.unique(now));
            write_cancellation(&mut tx, &items, &before, &after, &transfer, now, new_id)?;
            tx.commit(&app.table).await?;
            tracing::info!(booking.id = %id, outcome = "released", "a due booking was settled");
            Ok(Outcome::Done)
        }
    }
}

/// Lets the sweep look at a booking at another time, or not any more.
async fn look_again(app: &App, before: &Booking, due_at: Option<Timestamp>) -> Result<Outcome, Error> {
    let mut tx = Tx::new();
    booking::replace(&mut tx, before, &Booking { due_at, ..before.clone() })?;
    tx.commit(&app.table).await?;
    Ok(Outcome::Done)
}
