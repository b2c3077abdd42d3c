//! From outbox rows to messages.

use std::collections::BTreeMap;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use kit::App;
use kit::error::{Error, Fault};
use kit::telemetry::{Metric, count};
use store::outbox::{self, Row};

/// How many messages SQS takes at once.
const BATCH: usize = 10;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its message was sent.
    Sent,
    /// Its queue did not take it.
    Refused,
    /// Its queue has no address here: a newer version wrote it. It stays in the outbox, where the schedule finds it.
    Left,
}

/// Sends the message of each row to the queue that the row names and marks the rows as relayed. A row that was sent and could
/// not be marked is sent once more by the schedule, which workers do not mind.
pub async fn relay(app: &App, rows: &[Row]) -> Result<Vec<Fate>, Error> {
    let addresses = app.config.queues()?;
    let mut fates = vec![Fate::Refused; rows.len()];
    let mut by_queue: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        by_queue.entry(&row.queue).or_default().push(place);
    }
    for (queue, places) in by_queue {
        let Some(url) = addresses.get(queue) else {
            for place in places {
                fates[place] = Fate::Left;
                let id = &rows[place].outbox_id;
                tracing::warn!(outbox.id = id, queue, "the queue of an outbox row has no address here");
            }
            continue;
        };
        for places in places.chunks(BATCH) {
            for place in send(app, url, rows, places).await? {
                fates[place] = Fate::Sent;
            }
        }
    }
    for (row, fate) in rows.iter().zip(&fates) {
        if *fate != Fate::Sent {
            continue;
        }
        tracing::info!(outbox.id = row.outbox_id, queue = row.queue, origin = row.origin, "effect sent to its queue");
        if let Err(error) = app.retry(|| mark(app, row)).await {
            tracing::warn!(outbox.id = row.outbox_id, ?error, "a relayed row could not be marked");
        }
    }
    Ok(fates)
}

/// How many rows had this fate.
pub fn having(fate: Fate, fates: &[Fate]) -> usize {
    fates.iter().filter(|other| **other == fate).count()
}

/// Tells of rows that nobody here can send.
pub fn count_left(app: &App, rows: usize) {
    if rows > 0 {
        count(Metric::OutboxLeft, u64::try_from(rows).unwrap_or(u64::MAX), app.now());
    }
}

async fn mark(app: &App, row: &Row) -> Result<(), Error> {
    Ok(outbox::mark_relayed(&app.table, &row.outbox_id, app.now()).await?)
}

/// Sends the rows at `places` to one queue and says which of them it took.
async fn send(app: &App, url: &str, rows: &[Row], places: &[usize]) -> Result<Vec<usize>, Error> {
    let mut batch = app.sqs().send_message_batch().queue_url(url);
    for place in places {
        let entry = SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(&rows[*place].message);
        batch = batch.entries(entry.build().map_err(|e| Fault(format!("a message cannot be built: {e}")))?);
    }
    let answer = match batch.send().await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(error = %DisplayErrorContext(&error), "messages could not be sent");
            return Ok(Vec::new());
        }
    };
    for refused in answer.failed() {
        tracing::error!(code = refused.code(), message = refused.message(), "a message was refused");
    }
    Ok(answer.successful().iter().filter_map(|entry| entry.id().parse().ok()).collect())
}
