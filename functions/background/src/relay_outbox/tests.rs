use domain::ids::BookingId;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::outbox::{Effect, Row, StreamFile};
use store::{Tx, outbox};
use testing::{Fate, Faults, TABLE, Trouble, noon};
use ulid::Ulid;

use super::relay_outbox;
use crate::stage::Stage;

fn effect(number: u128) -> Effect {
    let booking_id = BookingId::new(Ulid::from_parts(1_795_167_000_000, number));
    match number % 3 {
        0 => Effect::Feedback { booking_id, cause: "c".into() },
        1 => Effect::CreateCall { booking_id },
        _ => {
            let at: Timestamp = noon();
            let file = StreamFile {
                session_id: "s".into(),
                filename: "f".into(),
                url: "https://x".into(),
                start_time: at,
                end_time: at,
            };
            Effect::CopyTranscript { booking_id, file }
        }
    }
}

/// Commits outbox rows and answers the stream records they cause.
async fn records(stage: &Stage, numbers: std::ops::Range<u128>) -> Vec<Value> {
    for number in numbers {
        let mut tx = Tx::new();
        outbox::write(&mut tx, &effect(number), stage.app.now()).unwrap();
        tx.commit(&stage.app.table).await.unwrap();
    }
    let mut images = testing::items(&stage.world.engine);
    images.retain(|item| item.get("outboxId").is_some());
    images.sort_by_key(|image| image["pk"]["S"].as_str().unwrap().split("bkg_").nth(1).unwrap().to_owned());
    images.into_iter().enumerate().map(|(place, image)| record(place, image)).collect()
}

fn record(place: usize, image: Value) -> Value {
    json!({
        "eventID": place.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1", "eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/1",
        "dynamodb": { "ApproximateCreationDateTime": 1_795_176_000.0, "Keys": { "pk": image["pk"], "sk": image["sk"] },
            "NewImage": image, "SequenceNumber": format!("{place:03}"), "SizeBytes": 0,
            "StreamViewType": "NEW_AND_OLD_IMAGES" },
    })
}

async fn relay(stage: &Stage, records: &[Value]) -> Value {
    relay_outbox(stage.app.clone(), json!({ "Records": records })).await.unwrap()
}

#[tokio::test]
async fn each_row_becomes_one_message_of_its_queue_and_waits_no_longer() {
    let stage = Stage::new().await;
    let records = records(&stage, 0..36).await;
    assert_eq!(stage.waiting().await.len(), 36);
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [] }));
    let messages = stage.aws.kept().messages.clone();
    for (queue, remainder) in [("generation", 0), ("stream", 1), ("media", 2)] {
        let mut sent: Vec<&String> = messages.iter().filter(|(url, _)| url.ends_with(queue)).map(|(_, b)| b).collect();
        sent.sort();
        let mut expected: Vec<String> = (0..36)
            .filter(|n| n % 3 == remainder)
            .map(|n| {
                let message = outbox::Message { outbox_id: effect(n).outbox_id(), origin: None, effect: effect(n) };
                serde_json::to_string(&message).unwrap()
            })
            .collect();
        expected.sort();
        assert_eq!(sent, expected.iter().collect::<Vec<_>>(), "{queue}");
    }
    assert!(stage.waiting().await.is_empty());
}

#[tokio::test]
async fn a_row_is_marked_although_a_rival_was_writing_it() {
    let mut stage = Stage::new().await;
    let records = records(&stage, 0..3).await;
    let faults = Faults::start(&stage.world).await;
    stage.app.table = store::Table::new(kit::aws::Aws::at(&faults.url()).dynamodb(), TABLE);
    faults.strike(Trouble { fate: Fate::Conflict, writes_only: true, after: 1, times: 2 });
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [] }));
    assert_eq!(faults.calm(), 2);
    assert!(stage.waiting().await.is_empty());
    assert_eq!(stage.aws.kept().messages.len(), 3);
}

#[tokio::test]
async fn a_message_that_was_not_taken_is_reported_by_the_first_one() {
    let stage = Stage::new().await;
    let records = records(&stage, 0..6).await;
    let unlucky: Row = serde_dynamo::from_item(
        serde_json::from_value::<serde_dynamo::Item>(records[2]["dynamodb"]["NewImage"].clone()).unwrap(),
    )
    .unwrap();
    stage.aws.kept().refuse_messages_with = Some(unlucky.outbox_id.clone());
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [{ "itemIdentifier": "002" }] }));
    assert_eq!(stage.waiting().await, [unlucky.outbox_id]);
    stage.aws.kept().refuse_messages_with = None;
    assert_eq!(relay(&stage, &records[2..]).await, json!({ "batchItemFailures": [] }));
    assert!(stage.waiting().await.is_empty());
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_left_in_the_outbox_and_the_others_go_on() {
    let stage = Stage::new().await;
    let mut records = records(&stage, 0..5).await;
    records[1]["dynamodb"]["NewImage"]["queue"] = json!({ "S": "mail" });
    records[2]["dynamodb"]["NewImage"] = json!({ "pk": { "S": "OUTBOX#x" } });
    records[4]["dynamodb"]["NewImage"]["message"] = json!({ "S": "{\"effect\":\"dance\"}" });
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [] }));
    let sent = stage.aws.kept().messages.clone();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().any(|(_, body)| body.contains("dance")), "what is to be done is the worker's to know");
    let mut left = [effect(1).outbox_id(), effect(2).outbox_id()];
    left.sort();
    assert_eq!(stage.waiting().await, left);
}

#[tokio::test]
async fn a_record_that_is_none_is_reported_and_what_came_before_it_is_sent() {
    let stage = Stage::new().await;
    let mut records = records(&stage, 0..4).await;
    records[2] = json!({ "dynamodb": { "SequenceNumber": "002" } });
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [{ "itemIdentifier": "002" }] }));
    assert_eq!(stage.aws.kept().messages.len(), 2);
    let error = relay_outbox(stage.app.clone(), json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some("internal"));
}

#[tokio::test]
async fn records_that_are_no_new_rows_are_passed_over() {
    let stage = Stage::new().await;
    let mut records = records(&stage, 0..2).await;
    records[0]["eventName"] = json!("MODIFY");
    records[1]["eventName"] = json!("REMOVE");
    records[1]["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    assert_eq!(relay(&stage, &records).await, json!({ "batchItemFailures": [] }));
    assert!(stage.aws.kept().messages.is_empty());
}
