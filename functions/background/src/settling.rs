//! Settling one due booking: what the sweep column of the settlement table says (DECISIONS.md, "When credits move").

use std::time::Duration;

use domain::booking::{Asked, Booking, Sweep};
use domain::ids::{BookingId, TransactionId};
use domain::problem::Problem;
use jiff::Timestamp;
use kit::App;
use kit::error::chain;
use store::booking::attendance;
use store::due::{self, DueRow};
use store::settlement::{cancellation_keys, capture_keys, write_cancellation, write_capture};
use store::{StoreError, Tx, booking, contention, keys};
use tokio::sync::OnceCell;

use crate::ask_stream::{Answered, ask_stream};

/// How long Stream may be asked about one booking: by its budget and this a run ends in time.
const ASKED_AT_MOST: Duration = Duration::from_mins(1);

/// What became of one due row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is gone: its booking was settled, or is due at another hour.
    Done,
    /// Stream could not be asked, so its booking is due at another hour.
    PutOff,
    /// It stays for the next sweep.
    Later,
    /// It is not ripe yet.
    Early,
    /// Nothing that is stored of its booking can be settled before somebody has mended it, so it lies aside.
    SetAside,
}

/// One booking's trouble must not keep the others from being settled.
pub async fn settle_or_log(app: &App, row: &DueRow) -> Outcome {
    let Some(id) = row.booking() else {
        return set_aside(app, row, "its sort key is no booking's id".to_owned()).await;
    };
    let answer = OnceCell::new();
    let settled =
        contention::retry(|| app.ids.random(), StoreError::is_contended, || settle(app, id, row.hour, &answer));
    match settled.await {
        Ok(outcome) => outcome,
        Err(error) if error.is_lasting() => set_aside(app, row, chain(&error)).await,
        Err(error) => {
            let why = chain(&error);
            if matches!(error, StoreError::Corrupt(_)) {
                tracing::error!(booking.id = %id, error = why, "a due booking was not settled");
            } else {
                tracing::warn!(booking.id = %id, error = why, "a due booking was not settled");
            }
            Outcome::Later
        }
    }
}

async fn set_aside(app: &App, row: &DueRow, why: String) -> Outcome {
    tracing::error!(booking.id = row.sort, due.hour = %row.hour, error = why, "a due booking was set aside");
    match due::set_aside(&app.table, row, why, app.now()).await {
        Ok(()) => Outcome::SetAside,
        Err(error) => {
            tracing::warn!(booking.id = row.sort, error = chain(&error), "a due booking could not be set aside");
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

async fn settle(app: &App, id: BookingId, hour: Timestamp, answer: &Answer) -> Result<Outcome, StoreError> {
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
    let mut facts = attendance(&app.table, id).await?;
    let mut decision = before.sweep(&facts, asked, now);
    if decision == Sweep::Ask {
        asked = *answer.get_or_init(|| ask(app, &before)).await;
        facts = attendance(&app.table, id).await?;
        decision = before.sweep(&facts, asked, now);
    }
    match decision {
        Sweep::Ask => Err(StoreError::Unsettleable(format!("{id}: Stream was asked, and nothing is decided"))),
        Sweep::Nothing => look_again(app, &before, &before, None).await,
        Sweep::LookAfter(until) => look_again(app, &before, &before.clone().attended(&facts, now), until).await,
        Sweep::Wait(until) => {
            look_again(app, &before, &before, Some(until)).await?;
            Ok(if asked == Asked::InVain { Outcome::PutOff } else { Outcome::Done })
        }
        Sweep::Capture(after, transfer) => {
            let after = after.attended(&facts, now);
            let items = app.table.batch_get(&capture_keys(&before)).await?;
            let mut tx = Tx::new();
            let new_id = || TransactionId::new(app.ids.unique(now));
            write_capture(&app.table, &mut tx, &items, &before, &after, &transfer, new_id).await?;
            tx.commit(&app.table).await?;
            tracing::info!(booking.id = %id, outcome = "captured", "a due booking was settled");
            Ok(Outcome::Done)
        }
        Sweep::Release(after, transfer) => {
            let after = after.attended(&facts, now);
            let items = app.table.batch_get(&cancellation_keys(&before)?).await?;
            let mut tx = Tx::new();
            let new_id = || TransactionId::new(app.ids.unique(now));
            write_cancellation(&app.table, &mut tx, &items, &before, &after, &transfer, new_id).await?;
            tx.commit(&app.table).await?;
            tracing::info!(booking.id = %id, outcome = "released", "a due booking was settled");
            Ok(Outcome::Done)
        }
    }
}

/// Lets the sweep look at a booking at another time, or not any more.
async fn look_again(
    app: &App,
    before: &Booking,
    after: &Booking,
    due_at: Option<Timestamp>,
) -> Result<Outcome, StoreError> {
    let mut tx = Tx::new();
    booking::replace(&mut tx, before, &Booking { due_at, ..after.clone() })?;
    tx.commit(&app.table).await?;
    Ok(Outcome::Done)
}

/// The hour in which something that is due at `at` is looked for.
pub fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap_or(at)
}
