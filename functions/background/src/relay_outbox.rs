//! The relay: each outbox row that the table's stream shows becomes one message.

use aws_lambda_events::dynamodb::EventRecord;
use kit::error::{Error, Fault};
use kit::{App, BoxFuture};
use serde_json::{Value, json};
use store::outbox::Row;

use crate::queues;

#[cfg(test)]
mod tests;

/// Relays the rows of one batch of stream records. Answers the first record that failed: the stream goes on from there,
/// and what still fails after its retries lies in the on-failure queue.
pub fn relay_outbox(app: App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { relay(&app, event).await })
}

async fn relay(app: &App, mut event: Value) -> Result<Value, Error> {
    let Value::Array(records) = event["Records"].take() else {
        return Err(Fault("an event of the table's stream has no records".to_owned()).into());
    };
    let mut rows = Vec::new();
    let mut numbers = Vec::new();
    let mut failed: Option<Value> = None;
    for record in records {
        let number = record["dynamodb"]["SequenceNumber"].clone();
        match row(record) {
            Ok(Some(row)) => {
                rows.push(row);
                numbers.push(number);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(stream.sequence_number = %number, error, "an outbox row cannot be read");
                failed = Some(number);
                break;
            }
        }
    }
    let sent = queues::relay(app, &rows).await?;
    if let Some(unsent) = sent.iter().position(|sent| !sent) {
        failed = Some(numbers[unsent].clone());
    }
    tracing::info!(rows = rows.len(), sent = sent.iter().filter(|sent| **sent).count(), "outbox relayed");
    match failed {
        None => Ok(json!({ "batchItemFailures": [] })),
        Some(Value::String(number)) => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] })),
        Some(_) => Err(Fault("a stream record without a sequence number failed".to_owned()).into()),
    }
}

/// The row that a record shows. The stream is filtered to new rows; a record of anything else is nothing to relay.
fn row(record: Value) -> Result<Option<Row>, String> {
    let record: EventRecord = serde_json::from_value(record).map_err(|e| e.to_string())?;
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    serde_dynamo::from_item(record.change.new_image).map(Some).map_err(|e| e.to_string())
}
