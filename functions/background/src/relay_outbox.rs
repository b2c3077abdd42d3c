//! The relay: each outbox row that the table's stream shows becomes one message.

use aws_lambda_events::dynamodb::EventRecord;
use domain::reading::of_serde;
use kit::error::{Error, Fault};
use kit::needs::Needs;
use kit::needs::Table::Update;
use kit::task::Trigger;
use kit::{App, BoxFuture, Task};
use serde_json::{Value, json};
use store::outbox::Row;

use crate::queues::{self, Fate};

#[cfg(test)]
mod tests;

/// The relay.
pub fn task() -> Task {
    Task {
        name: "relay_outbox",
        about: "Table stream -> queues: each outbox row that was committed becomes one message.",
        trigger: Trigger::OutboxRows,
        handler: relay_outbox,
        needs: Needs::table(&[Update]).sends().timeout_seconds(60),
    }
}

/// Relays the rows of one batch of stream records. Answers the first record that failed: the stream goes on from there,
/// and what still fails after its retries lies in the on-failure queue. What a newer version wrote and this one does not know
/// fails nothing: it stays in the outbox, and the schedule tells of it until somebody can send it.
pub fn relay_outbox(app: App, event: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move { relay(&app, event).await })
}

async fn relay(app: &App, mut event: Value) -> Result<Value, Error> {
    let Value::Array(records) = event["Records"].take() else {
        return Err(Fault("an event of the table's stream has no records".to_owned()).into());
    };
    let mut rows = Vec::new();
    let mut numbers = Vec::new();
    let mut unreadable = 0;
    let mut failed: Option<Value> = None;
    for record in records {
        let number = record["dynamodb"]["SequenceNumber"].clone();
        match shown(record) {
            Ok(Shown::Row(row)) => {
                rows.push(row);
                numbers.push(number);
            }
            Ok(Shown::Nothing) => {}
            Ok(Shown::Unreadable(error)) => {
                unreadable += 1;
                tracing::warn!(stream.sequence_number = %number, error, "an outbox row cannot be read and is left where it is");
            }
            Err(error) => {
                tracing::error!(stream.sequence_number = %number, error, "a record of the table's stream cannot be read");
                failed = Some(number);
                break;
            }
        }
    }
    let fates = queues::relay(app, &rows).await?;
    if let Some(refused) = fates.iter().position(|fate| *fate == Fate::Refused) {
        failed = Some(numbers[refused].clone());
    }
    let left = unreadable + queues::having(Fate::Left, &fates);
    queues::count_left(app, left);
    tracing::info!(rows = rows.len(), sent = queues::having(Fate::Sent, &fates), left, "outbox relayed");
    match failed {
        None => Ok(json!({ "batchItemFailures": [] })),
        Some(Value::String(number)) => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] })),
        Some(_) => Err(Fault("a stream record without a sequence number failed".to_owned()).into()),
    }
}

enum Shown {
    Row(Row),
    /// A row, but of a form that this version does not know.
    Unreadable(String),
    Nothing,
}

/// What a record shows. The stream is filtered to new rows; a record of anything else is nothing to relay.
fn shown(record: Value) -> Result<Shown, String> {
    let record: EventRecord = serde_json::from_value(record).map_err(|e| of_serde(&e).to_string())?;
    if record.event_name != "INSERT" {
        return Ok(Shown::Nothing);
    }
    Ok(match serde_dynamo::from_item(record.change.new_image) {
        Ok(row) => Shown::Row(row),
        Err(error) => Shown::Unreadable(of_serde(&error).to_string()),
    })
}
