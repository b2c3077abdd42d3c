use kit::Failure;
use store::outbox::Effect;

use super::run_settlement;
use crate::stage::{Stage, booking_id, received};

async fn run(stage: &Stage, effect: Effect) -> Result<(), Failure> {
    run_settlement(stage.app.clone(), received(effect)).await
}

#[tokio::test]
async fn a_message_of_another_queue_fails() {
    let stage = Stage::new().await;
    let effect = Effect::Feedback { booking_id: booking_id(), cause: "c".into() };
    assert_eq!(run(&stage, effect).await.unwrap_err().error.code(), Some("message_misplaced"));
}
