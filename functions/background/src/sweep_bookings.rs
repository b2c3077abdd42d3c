//! The schedule that settles what nobody has settled, and looks after what is paid until its feedback is there. It reads only
//! what is due: the rows of each hour since the oldest that may still hold any. What cannot be settled before somebody has
//! mended it goes aside, so that nothing keeps it from coming to the rest.

use jiff::SignedDuration;
use kit::error::Error;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture};
use serde_json::{Value, json};
use store::booking::{SweepPosition, sweep_position, write_sweep_position};
use store::due;

use crate::settling::{Outcome, hour_of, settle_or_log};

#[cfg(test)]
mod tests;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Where the first sweep of a new stack begins.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// When a run begins nothing further, and leaves the rest to the next, well before Lambda would stop it.
const BUDGET: SignedDuration = SignedDuration::from_secs(180);

/// What became of the rows that a run has looked at.
#[derive(Debug, Default)]
struct Counts {
    settled: u64,
    put_off: u64,
    left: u64,
    set_aside: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.settled += 1,
            Outcome::PutOff => self.put_off += 1,
            Outcome::Later => self.left += 1,
            Outcome::SetAside => self.set_aside += 1,
            Outcome::Early => {}
        }
    }
}

/// Settles what is due. Once a minute or once a day ends in the same state.
pub fn sweep_bookings(app: App, _: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { sweep(&app).await })
}

async fn sweep(app: &App) -> Result<Value, Error> {
    let now = app.now();
    let mut counts = Counts::default();
    let lying = try_again(app, &mut counts).await?;
    let stored = sweep_position(&app.table).await?;
    let begun = stored.unwrap_or_else(|| SweepPosition { hour: hour_of(now - LOOKED_BACK), reached: None });
    let position = look_through(app, begun, &mut counts).await?;
    if stored != Some(position) {
        write_sweep_position(&app.table, position).await?;
    }
    let Counts { settled, put_off, left, set_aside } = counts;
    count(Metric::SettlementsLeft, put_off + left, now);
    count(Metric::SettlementsSetAside, lying + set_aside, now);
    Ok(json!({ "settled": settled, "putOff": put_off, "left": left, "setAside": lying + set_aside }))
}

/// Tries again what an operator has mended. Says how many rows lie aside still, but for those that were put there again.
async fn try_again(app: &App, counts: &mut Counts) -> Result<u64, Error> {
    let (mut lying, again) = due::aside(&app.table).await?;
    for row in again {
        let outcome = settle_or_log(app, &row).await;
        counts.add(outcome);
        match outcome {
            Outcome::Done | Outcome::PutOff => {
                due::take_back(&app.table, &row).await?;
                lying -= 1;
            }
            Outcome::SetAside => lying -= 1,
            Outcome::Later | Outcome::Early => {}
        }
    }
    Ok(u64::try_from(lying).unwrap_or(u64::MAX))
}

/// Looks through the hours, from where the last run stopped for want of time or else from the oldest that may hold anything,
/// and says how far that has come: however much lies in old hours, the young ones have their turn.
async fn look_through(app: &App, begun: SweepPosition, counts: &mut Counts) -> Result<SweepPosition, Error> {
    let now = app.now();
    let is_late = || app.now().duration_since(now) > BUDGET;
    let mut position = begun.hour;
    let mut hour = begun.reached.map_or(begun.hour, |reached| reached.max(begun.hour));
    while hour <= now {
        let mut rows_stay = false;
        for row in due::in_hour(&app.table, hour).await? {
            if is_late() {
                return Ok(SweepPosition { hour: position, reached: Some(hour) });
            }
            let outcome = settle_or_log(app, &row).await;
            counts.add(outcome);
            rows_stay |= matches!(outcome, Outcome::Later | Outcome::Early);
        }
        // The position moves over hours that are past and empty, and stops at the first that is not.
        if position == hour && !rows_stay && hour + HOUR <= now {
            position = hour + HOUR;
        }
        hour += HOUR;
        if is_late() {
            return Ok(SweepPosition { hour: position, reached: Some(hour) });
        }
    }
    Ok(SweepPosition { hour: position, reached: None })
}
