use domain::ids::BookingId;
use jiff::SignedDuration;
use serde_json::json;
use store::outbox::Effect;
use store::{Tx, keys, outbox};
use ulid::Ulid;

use super::redrive_outbox;
use crate::stage::Stage;

async fn commit(stage: &Stage, number: u128) {
    let effect = Effect::CreateCall { booking_id: BookingId::new(Ulid::from_parts(1, number)) };
    let mut tx = Tx::new();
    outbox::write(&mut tx, &effect, stage.app.now()).unwrap();
    tx.commit(&stage.app.table).await.unwrap();
}

#[tokio::test]
async fn only_rows_that_wait_for_longer_than_five_minutes_are_sent_again_once() {
    let stage = Stage::new().await;
    commit(&stage, 1).await;
    stage.app.clock.advance(SignedDuration::from_secs(200));
    commit(&stage, 2).await;
    stage.app.clock.advance(SignedDuration::from_secs(150));
    let run = || redrive_outbox(stage.app.clone(), json!({ "time": "2026-11-20T12:05:00Z" }));
    assert_eq!(run().await.unwrap(), json!({ "redriven": 1, "left": 0 }));
    assert_eq!(run().await.unwrap(), json!({ "redriven": 0, "left": 0 }));
    assert_eq!(stage.waiting().await.len(), 1);
    stage.app.clock.advance(SignedDuration::from_secs(1));
    let all = redrive_outbox(stage.app.clone(), json!({ "olderThanSeconds": 0 })).await.unwrap();
    assert_eq!(all, json!({ "redriven": 1, "left": 0 }));
    assert_eq!(stage.aws.kept().messages.len(), 2);
}

#[tokio::test]
async fn a_queue_that_refuses_fails_the_run_and_the_row_goes_on_waiting() {
    let stage = Stage::new().await;
    commit(&stage, 1).await;
    commit(&stage, 2).await;
    stage.app.clock.advance(SignedDuration::from_mins(6));
    let unlucky = Effect::CreateCall { booking_id: BookingId::new(Ulid::from_parts(1, 2)) }.outbox_id();
    stage.aws.kept().refuse_messages_with = Some(unlucky.clone());
    let error = redrive_outbox(stage.app.clone(), json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some("upstream_unavailable"));
    assert_eq!(stage.waiting().await, [unlucky]);
}

/// Writes a row over the one of number `number`, so that it names a queue that nobody here knows, or has no queue at all.
async fn estrange(stage: &Stage, number: u128, queue: Option<&str>) {
    let id = Effect::CreateCall { booking_id: BookingId::new(Ulid::from_parts(1, number)) }.outbox_id();
    let at = stage.app.now();
    let body = json!({ "outboxId": id, "queue": queue, "message": "{}", "createdAt": at });
    let item = store::Item::new(keys::outbox(&id), "OutboxRow", &body).unwrap();
    let mut tx = Tx::new();
    tx.put(item.index1(keys::outbox_waiting_of(&id), format!("{at:.3}#{id}")));
    tx.commit(&stage.app.table).await.unwrap();
}

#[tokio::test]
async fn rows_that_nobody_here_can_send_are_told_and_left_and_keep_no_other_waiting() {
    let stage = Stage::new().await;
    // More of them than one page holds, and all of them older.
    for number in 0..520 {
        estrange(&stage, number, if number % 2 == 0 { Some("mail") } else { None }).await;
    }
    stage.app.clock.advance(SignedDuration::from_secs(1));
    commit(&stage, 1000).await;
    stage.app.clock.advance(SignedDuration::from_mins(6));
    let run = || redrive_outbox(stage.app.clone(), json!({}));
    assert_eq!(run().await.unwrap(), json!({ "redriven": 1, "left": 520 }));
    assert_eq!(run().await.unwrap(), json!({ "redriven": 0, "left": 520 }));
    assert_eq!(stage.aws.kept().messages.len(), 1);
    // The version that knows the queue finds them.
    let mut knowing = stage.app.clone();
    let mut config = (*knowing.config).clone();
    config.queues.as_mut().unwrap().insert("mail".to_owned(), format!("{}/mail", stage.aws.url));
    knowing.config = config.into();
    let found = redrive_outbox(knowing, json!({})).await.unwrap();
    assert_eq!(found, json!({ "redriven": 260, "left": 260 }));
    let to_mail = stage.aws.kept().messages.iter().filter(|(url, _)| url.ends_with("/mail")).count();
    assert_eq!(to_mail, 260);
}
