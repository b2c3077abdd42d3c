//! The schedule behind the relay: rows that the stream has lost are sent again (ARCHITECTURE.md, I7).

use jiff::SignedDuration;
use kit::error::{Error, Unavailable};
use kit::needs::Needs;
use kit::needs::Table::Update;
use kit::task::Trigger;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture, Task};
use serde_json::{Value, json};
use store::outbox::{self, Place};

use crate::queues::{self, Fate};

#[cfg(test)]
mod tests;

/// A row that is younger may still be on its way through the stream.
const WAITING_SECONDS: i64 = 5 * 60;
/// How many rows one run sends at most; the next run goes on.
const ROWS_AT_MOST: usize = 500;
/// How many rows one run reads at most: those that nobody here can send stand in front of the others.
const READ_AT_MOST: usize = 20 * ROWS_AT_MOST;

/// The schedule.
pub fn task() -> Task {
    Task {
        name: "redrive_outbox",
        about: "Every five minutes: sends outbox rows again that the stream did not deliver.",
        trigger: Trigger::Schedule("EveryFiveMinutes", "rate(5 minutes)"),
        handler: redrive_outbox,
        needs: Needs::table(&[Update]).indexes(&["gsi1"]).sends().timeout_seconds(60),
    }
}

/// Sends rows again that wait for longer than five minutes, or for longer than `olderThanSeconds` of the event, which
/// operators use after a stop of the whole stack.
pub fn redrive_outbox(app: App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { redrive(&app, &event).await })
}

async fn redrive(app: &App, event: &Value) -> Result<Value, Error> {
    let seconds = event["olderThanSeconds"].as_i64().filter(|n| *n >= 0).unwrap_or(WAITING_SECONDS);
    let before = app.now() - SignedDuration::from_secs(seconds.min(30 * 24 * 3600));
    let (mut read, mut sent, mut refused, mut left) = (0, 0, 0, 0);
    let mut from = Some(Place::any(app.ids.random()));
    while let Some(place) = from {
        let page = outbox::waiting(&app.table, before, ROWS_AT_MOST - sent, Some(&place)).await?;
        let fates = if page.rows.is_empty() { Vec::new() } else { queues::relay(app, &page.rows).await? };
        read += fates.len() + page.unreadable;
        sent += queues::having(Fate::Sent, &fates);
        refused += queues::having(Fate::Refused, &fates);
        left += queues::having(Fate::Left, &fates) + page.unreadable;
        from = page.next;
        // Where a queue refuses, the next run tries again.
        if refused > 0 || sent >= ROWS_AT_MOST || read >= READ_AT_MOST {
            break;
        }
    }
    queues::count_left(app, left);
    if read > left {
        tracing::warn!(rows = read, sent, left, "outbox rows that were not relayed in time");
        count(Metric::OutboxRedriven, u64::try_from(sent).unwrap_or(u64::MAX), app.now());
    }
    if refused > 0 {
        let why = format!("{refused} of {} messages could not be sent", sent + refused);
        return Err(Unavailable { what: "SQS", why, retry_after_seconds: 60 }.into());
    }
    Ok(json!({ "redriven": sent, "left": left }))
}
