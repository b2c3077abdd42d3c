//! Settling one due booking, which the sweep has sent: what the sweep column of the settlement table says (DECISIONS.md, "When credits move").

use std::time::Duration;

use domain::booking::{Asked, Booking, Sweep};
use domain::ids::{BookingId, TransactionId};
use domain::problem::Problem;
use jiff::Timestamp;
use kit::error::chain;
use kit::telemetry::{Metric, count};
use kit::worker::WrongQueue;
use kit::{App, Failure};
use store::due::{self, DueRow};
use store::outbox::Effect;
use store::settlement::{cancellation_keys, capture_keys, check_times, write_cancellation, write_capture};
use store::{StoreError, Tx, attendance, booking, contention, keys};
use tokio::sync::OnceCell;

use crate::settlement::ask_stream::{Answered, ask_stream};

/// How long Stream may be asked about one booking, so that a run of the worker ends in time.
const ASKED_AT_MOST: Duration = Duration::from_secs(40);

/// What became of one due row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is gone: its booking was settled, or is due at another hour.
    Done,
    /// Stream could not be asked, so its booking is due at another hour.
    PutOff,
    /// It is not ripe yet.
    Early,
}

/// Carries out [`Effect::SettleBooking`]. While Stream cannot be asked nothing fails: its booking is due at another time, and is
/// sent again then. What nobody can settle before it is mended goes aside. A message fails where the table does, and comes again.
pub async fn settle_booking(app: &App, effect: &Effect) -> Result<(), Failure> {
    let Effect::SettleBooking { booking_id, due_at, aside_since } = effect else {
        return Err(WrongQueue::of(effect).into());
    };
    let (id, due_at) = (*booking_id, *due_at);
    let row = DueRow { hour: hour_of(due_at), sort: id.to_string(), due_at };
    let answer = OnceCell::new();
    let settled =
        contention::retry(|| app.ids.random(), StoreError::is_contended, || settle(app, id, row.hour, &answer));
    let outcome = match settled.await {
        Err(error) if error.is_lasting() => return Ok(set_aside(app, &row, chain(&error)).await?),
        outcome => outcome?,
    };
    if outcome == Outcome::PutOff {
        count(Metric::SettlementsLeft, 1, app.now());
    }
    if aside_since.is_some() && outcome != Outcome::Early {
        due::take_back(&app.table, &row).await?;
    }
    Ok(())
}

/// Lets a row lie aside until somebody has mended what it is about.
pub async fn set_aside(app: &App, row: &DueRow, why: String) -> Result<(), StoreError> {
    tracing::error!(booking.id = row.sort, due.hour = %row.hour, error = why, "a due booking was set aside");
    due::set_aside(&app.table, row, why, app.now()).await
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
    let due_at = before.as_ref().and_then(|booking| booking.due_at);
    let is_left_behind = due_at.map(hour_of) != Some(hour);
    if is_left_behind {
        let mut tx = Tx::new();
        tx.delete(keys::due(hour, id));
        tx.commit(&app.table).await?;
    }
    let (Some(before), Some(due_at)) = (before, due_at) else { return Ok(Outcome::Done) };
    check_times(&before)?;
    if due_at > now {
        return Ok(if is_left_behind { Outcome::Done } else { Outcome::Early });
    }
    let mut asked = Asked::NotYet;
    let mut facts = attendance::of_booking(&app.table, id).await?;
    let mut decision = before.sweep(&facts, asked, now);
    if decision == Sweep::Ask {
        asked = *answer.get_or_init(|| ask(app, &before)).await;
        facts = attendance::of_booking(&app.table, id).await?;
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

/// Lets a booking be due at another time, or not any more.
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
