//! That what follows from a message goes back to the request that the message goes back to.

use serde_json::{Value, json};
use store::outbox::{Effect, Message};

use crate::stage::{Stage, booking_id};

/// An event of SQS with this message.
fn event(message: &Message) -> Value {
    let body = serde_json::to_string(message).unwrap();
    json!({ "Records": [{ "messageId": "m-1", "body": body, "attributes": { "ApproximateReceiveCount": "1" } }] })
}

#[tokio::test]
async fn the_rows_of_a_worker_name_the_first_request_and_a_message_without_one_itself() {
    for (told, origin) in [(Some("the-click"), "the-click"), (None, "m-1")] {
        let stage = Stage::new().await;
        stage.book(booking_id(), stage.app.now() + jiff::SignedDuration::from_hours(30), true).await;
        testing::delete(&stage.world, "ivy").await;
        let user: domain::ids::UserId = "ivy".parse().unwrap();
        let effect = Effect::CancelBookings { user_id: user, cause: "deleted".to_owned() };
        let message = Message { outbox_id: effect.outbox_id(), origin: told.map(str::to_owned), effect };
        let answer = kit::worker::run(&stage.app, crate::run_settlement::worker(), event(&message)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        let before = stage.app.now() + jiff::SignedDuration::from_hours(1);
        let rows = store::outbox::waiting(&stage.app.table, before, 10, None).await.unwrap().rows;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].origin.as_deref(), Some(origin));
        let follows: Message = serde_json::from_str(&rows[0].message).unwrap();
        assert_eq!(
            (follows.outbox_id, follows.origin.as_deref()),
            (format!("end_call:{}", booking_id()), Some(origin))
        );
    }
}
