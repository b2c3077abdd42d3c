//! From outbox rows to messages.

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use kit::App;
use kit::config::ConfigError;
use kit::error::{Error, Fault};
use store::outbox::{self, Queue, Row};

/// How many messages SQS takes at once.
const BATCH: usize = 10;

/// Sends the message of each row to its queue and marks the rows as relayed. Says of each row whether it was sent: a row
/// that was sent and could not be marked is sent once more by the schedule, which workers do not mind.
pub async fn relay(app: &App, rows: &[Row]) -> Result<Vec<bool>, Error> {
    let urls = app.config.queue_urls.as_ref().ok_or(ConfigError::Missing("GENERATION_QUEUE_URL"))?;
    let mut sent = vec![false; rows.len()];
    for (queue, url) in [Queue::Generation, Queue::Effects, Queue::Media].into_iter().zip(urls) {
        let places: Vec<usize> = (0..rows.len()).filter(|place| rows[*place].queue == queue).collect();
        for places in places.chunks(BATCH) {
            for place in send(app, url, rows, places).await? {
                sent[place] = true;
            }
        }
    }
    for (row, sent) in rows.iter().zip(&sent) {
        if *sent && let Err(error) = app.retry(|| mark(app, row)).await {
            tracing::warn!(outbox.id = row.outbox_id, ?error, "a relayed row could not be marked");
        }
    }
    Ok(sent)
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
