//! The schedule behind the relay: rows that the stream has lost are sent again (README, I7).

use jiff::SignedDuration;
use kit::error::{Error, Unavailable};
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture};
use serde_json::{Value, json};
use store::outbox;

use crate::queues;

#[cfg(test)]
mod tests;

/// A row that is younger may still be on its way through the stream.
const WAITING_SECONDS: i64 = 5 * 60;
/// How many rows one run sends at most; the next run goes on.
const ROWS_AT_MOST: usize = 500;

/// Sends rows again that wait for longer than five minutes, or for longer than `olderThanSeconds` of the event, which
/// operators use after a stop of the whole stack.
pub fn redrive_outbox(app: App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { redrive(&app, &event).await })
}

async fn redrive(app: &App, event: &Value) -> Result<Value, Error> {
    let seconds = event["olderThanSeconds"].as_i64().filter(|n| *n >= 0).unwrap_or(WAITING_SECONDS);
    let before = app.now() - SignedDuration::from_secs(seconds.min(30 * 24 * 3600));
    let rows = outbox::waiting(&app.table, before, ROWS_AT_MOST).await?;
    if rows.is_empty() {
        return Ok(json!({ "redriven": 0 }));
    }
    let sent = queues::relay(app, &rows).await?.into_iter().filter(|sent| *sent).count();
    tracing::warn!(rows = rows.len(), sent, "outbox rows that were not relayed in time");
    count(Metric::OutboxRedriven, u64::try_from(sent).unwrap_or(u64::MAX), app.now());
    if sent < rows.len() {
        let why = format!("{} of {} messages could not be sent", rows.len() - sent, rows.len());
        return Err(Unavailable { what: "SQS", why, retry_after_seconds: 60 }.into());
    }
    Ok(json!({ "redriven": sent }))
}
