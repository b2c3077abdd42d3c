//! The schedule that proves that nothing leaked (ARCHITECTURE.md, I1; `domain::proof`). A round looks at every wallet, line and transfer: each
//! line must be one that its transfer names, each line that a transfer names must be there and say the same, and each balance must be
//! the sum of its lines; so it is the sum of its transfers. That needs every item and so a scan. Each transfer must also be found by its
//! month, and the rows of the last finished month must add up to its transfers: then what is summed by months
//! (`store::month`) needs no scan. A difference raises an alarm; nothing is corrected by itself, since a
//! correction is a transfer that somebody must answer for.
//!
//! A round goes on over as many runs as it takes, page by page, and nothing that cannot be read stops it.

use domain::ledger::utc_month;
use domain::proof::{Line, Moved};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put, QueryTable, Scan};
use kit::task::Trigger;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture, Task};
use serde_json::{Value, json};
use store::ledger::{self, Found, Kept, LedgerPage, Round};
use store::{Key, StoreError, contention, keys};

#[cfg(test)]
mod tests;

/// How much one run does at most.
struct Limits {
    /// When it stops and leaves the rest to the next, well before Lambda would stop it.
    budget: SignedDuration,
    /// How many pages it looks at.
    pages: usize,
    /// How many items a page has: what is done again after a stop.
    rows: usize,
}

const LIMITS: Limits = Limits { budget: SignedDuration::from_secs(200), pages: usize::MAX, rows: 1000 };
/// How often what does not fit is looked at again: a page is older than what it is compared with.
const LOOKS_AT_MOST: u32 = 4;
/// How many lines, or transfers with their lines and wallets, are compared at once: up to a hundred keys.
const LINES_AT_ONCE: usize = 100;
const TRANSFERS_AT_ONCE: usize = 25;

/// The schedule.
pub fn task() -> Task {
    Task {
        name: "reconcile_ledger",
        about: "Every quarter of an hour: goes on with the day's round over the ledger, until it is complete. Every balance must be \
                what its transfers add up to.",
        trigger: Trigger::Schedule("EveryQuarterOfAnHour", "rate(15 minutes)"),
        handler: reconcile_ledger,
        needs: Needs::table(&[Get, BatchGet, QueryTable, Scan, Put]).indexes(&["gsi2"]).timeout_seconds(280),
    }
}

/// Goes on with the round that is under way, or begins one where none was begun today, or where the event asks for a `newRound`.
pub fn reconcile_ledger(app: App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { reconcile(&app, event["newRound"] == true, &LIMITS).await })
}

async fn reconcile(app: &App, anew: bool, limits: &Limits) -> Result<Value, Error> {
    let began = app.now();
    let before = ledger::round(&app.table, began).await?;
    let mut round = match before {
        Some(round) if !anew && (!round.complete || is_of_today(&round, began)) => round,
        before => Round::begin(began, before.as_ref()),
    };
    let mut pages = 0;
    while !round.complete && pages < limits.pages && app.now().duration_since(began) <= limits.budget {
        match round.page(&app.table, limits.rows).await? {
            Some(page) => {
                let next = page.next.clone();
                check(app, page, &mut round).await?;
                round.advance(next);
            }
            None => sum_month(app, &mut round, limits.rows).await?,
        }
        if round.complete {
            // Before it is written down, or a stop in between would leave the end untold.
            tell_the_end(app, &round);
        }
        match ledger::write_round(&app.table, &mut round).await {
            Ok(()) => pages += 1,
            Err(StoreError::Contended) => {
                tracing::info!("another run goes on with the round");
                round.complete = false;
                return Ok(answer(&round));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if pages > 0 {
        tracing::info!(
            wallets = round.wallets,
            lines = round.lines,
            transfers = round.transfers,
            drifted = round.drifted,
            unreadable = round.unreadable,
            complete = round.complete,
            "ledger reconciled"
        );
    }
    Ok(answer(&round))
}

/// Sums the rows of the last finished month: they must say what its transfers have said.
async fn sum_month(app: &App, round: &mut Round, rows: usize) -> Result<(), StoreError> {
    round.summed.advance(&app.table, rows).await?;
    round.complete = round.summed.is_complete();
    if round.complete && round.summed.totals != round.scanned {
        round.drifted += 1;
        count(Metric::LedgerDrift, 1, app.now());
        tracing::error!(month = round.summed.month, "the rows of a month differ from its transfers");
    }
    Ok(())
}

fn is_of_today(round: &Round, now: Timestamp) -> bool {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    day(round.began_at) == day(now)
}

fn answer(round: &Round) -> Value {
    json!({ "beganAt": round.began_at, "wallets": round.wallets, "lines": round.lines, "transfers": round.transfers,
        "drifted": round.drifted, "unreadable": round.unreadable, "complete": round.complete })
}

/// That all was looked at is told, and that all is well too: silence must not look like health.
fn tell_the_end(app: &App, round: &Round) {
    count(Metric::LedgerRoundComplete, 1, app.now());
    for (metric, found) in [(Metric::LedgerDrift, round.drifted), (Metric::LedgerUnreadable, round.unreadable)] {
        if found == 0 {
            count(metric, 0, app.now());
        }
    }
}

/// Compares everything on a page with what it must fit to. What is found is told at once: what follows may fail.
async fn check(app: &App, page: LedgerPage, round: &mut Round) -> Result<(), StoreError> {
    for (key, why) in &page.unreadable {
        round.unreadable += 1;
        count(Metric::LedgerUnreadable, 1, app.now());
        tracing::error!(item.pk = key.pk, item.sk = key.sk, error = why, "an item of the ledger cannot be read");
    }
    let mut drifted = |drifts: bool| {
        if drifts {
            round.drifted += 1;
            count(Metric::LedgerDrift, 1, app.now());
        }
    };
    for wallet in &page.wallets {
        drifted(wallet_drifts(app, wallet).await?);
    }
    for lines in page.lines.chunks(LINES_AT_ONCE) {
        let wanted: Vec<Key> = lines.iter().map(|line| keys::transfer_named(&line.transfer_id)).collect();
        let read = ledger::read(&app.table, &wanted).await?;
        for line in lines {
            drifted(!fits(line, &read.transfer(&line.transfer_id)) && line_drifts(app, line).await?);
        }
    }
    for transfers in page.transfers.chunks(TRANSFERS_AT_ONCE) {
        let wanted: Vec<Key> = transfers.iter().flat_map(told_by).collect();
        let read = ledger::read(&app.table, &wanted).await?;
        for moved in transfers {
            drifted(!is_told(moved, &read) && transfer_drifts(app, moved).await?);
        }
    }
    let of_month = |moved: &&Moved| utc_month(moved.created_at) == round.summed.month;
    page.transfers.iter().filter(of_month).for_each(|moved| round.scanned.add(moved));
    round.wallets += page.wallets.len() as u64;
    round.lines += page.lines.len() as u64;
    round.transfers += page.transfers.len() as u64;
    Ok(())
}

/// Whether a wallet differs from its lines. One that is being written is read again until both are of one moment.
async fn wallet_drifts(app: &App, first: &Kept) -> Result<bool, StoreError> {
    let mut wallet = first.clone();
    for _ in 0..LOOKS_AT_MOST {
        // A line that cannot be read is told by itself; what its balance should be nobody can say.
        let Some(sums) = ledger::sums(&app.table, &wallet.user, &wallet.asset).await? else { return Ok(false) };
        if wallet.is_sum_of(&sums) {
            return Ok(false);
        }
        let now = ledger::read(&app.table, &[keys::wallet_named(&wallet.user, &wallet.asset)]).await?;
        match now.wallet(&wallet.user, &wallet.asset) {
            Found::Readable(again) if again.version != wallet.version => wallet = again,
            _ => {
                let (user, asset) = (&wallet.user, &wallet.asset);
                tracing::error!(user.id = user, asset, "a balance differs from its statement lines");
                return Ok(true);
            }
        }
    }
    // It never stood still; the next round will find it at rest.
    Ok(false)
}

/// Whether a line is what its transfer says. Where the transfer cannot be read, that is told by itself.
fn fits(line: &Line, transfer: &Found<Moved>) -> bool {
    match transfer {
        Found::Readable(moved) => moved.bears_out(line),
        Found::Unreadable => true,
        Found::Absent => false,
    }
}

/// Whether a line differs from its transfer also after a pause, in which the transaction that writes both has come to its end.
async fn line_drifts(app: &App, line: &Line) -> Result<bool, StoreError> {
    for look in 1..LOOKS_AT_MOST {
        tokio::time::sleep(contention::pause(look, app.ids.random())).await;
        let wanted = [keys::transfer_named(&line.transfer_id), keys::line_named(&line.user, &line.line_id)];
        let read = ledger::read(&app.table, &wanted).await?;
        match read.line(&line.user, &line.line_id) {
            Found::Readable(line) if !fits(&line, &read.transfer(&line.transfer_id)) => {}
            _ => return Ok(false),
        }
    }
    let (user, id, transfer) = (&line.user, &line.line_id, &line.transfer_id);
    tracing::error!(
        user.id = user,
        line.id = id,
        transfer.id = transfer,
        "a statement line is not what its transfer says"
    );
    Ok(true)
}

/// The lines that tell a transfer, and the wallets that it must have changed.
fn told_by(moved: &Moved) -> Vec<Key> {
    let sides = moved.sides().unwrap_or_default();
    let lines = sides.iter().filter_map(|side| Some(keys::line_named(side.user, side.line_id?)));
    lines.chain(sides.iter().map(|side| keys::wallet_named(side.user, side.asset()))).collect()
}

/// Whether each side of a transfer is told by its line and has a wallet. What cannot be read is told by itself.
fn is_told(moved: &Moved, read: &ledger::Read) -> bool {
    moved.sides().unwrap_or_default().iter().all(|side| {
        let line = side.line_id.map_or(Found::Absent, |id| read.line(side.user, id));
        let is_told = match line {
            Found::Readable(line) => side.is_told_by(&line),
            Found::Unreadable => true,
            Found::Absent => false,
        };
        is_told && read.wallet(side.user, side.asset()) != Found::Absent
    })
}

async fn transfer_drifts(app: &App, moved: &Moved) -> Result<bool, StoreError> {
    for look in 1..LOOKS_AT_MOST {
        tokio::time::sleep(contention::pause(look, app.ids.random())).await;
        if is_told(moved, &ledger::read(&app.table, &told_by(moved)).await?) {
            return Ok(false);
        }
    }
    tracing::error!(transfer.id = moved.transfer_id, "a transfer is not what statements and wallets say");
    Ok(true)
}
