use domain::booking::{CancelCode, State};
use domain::ids::BookingId;
use jiff::SignedDuration;
use kit::Failure;
use store::outbox::Effect;
use testing::noon;
use ulid::Ulid;

use super::run_settlement;
use crate::stage::{PRICE, Stage, booking_id, delivery};

async fn run(stage: &Stage, effect: Effect) -> Result<(), Failure> {
    run_settlement(stage.app.clone(), delivery(effect)).await
}

#[tokio::test]
async fn a_deleted_account_cancels_what_has_not_begun_and_frees_the_price() {
    let stage = Stage::new().await;
    let id = |number| BookingId::new(Ulid::from_parts(1_795_167_000_000, number));
    let hours = |n| noon() + SignedDuration::from_hours(n);
    stage.book(id(1), hours(-2), false).await;
    stage.book(id(2), hours(2), false).await;
    stage.book(id(3), hours(30), false).await;
    assert_eq!(stage.balances("cara").await, (100 - 3 * PRICE, 3 * PRICE, 0));
    for user in ["ivy", "ivy", "cara"] {
        run(&stage, Effect::CancelBookings { user_id: user.parse().unwrap() }).await.unwrap();
        assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0));
    }
    assert!(stage.booking_of(id(1)).await.is_scheduled());
    for number in [2, 3] {
        let State::Cancelled { cancellation, .. } = stage.booking_of(id(number)).await.state else { panic!() };
        assert_eq!(cancellation.code, Some(CancelCode::AccountDeleted.into()));
    }
    assert_eq!(stage.waiting().await, [format!("end_call:{}", id(2)), format!("end_call:{}", id(3))]);
}

#[tokio::test]
async fn a_message_of_another_queue_fails() {
    let stage = Stage::new().await;
    let effect = Effect::Feedback { booking_id: booking_id(), cause: "c".into() };
    assert_eq!(run(&stage, effect).await.unwrap_err().error.code(), Some("internal"));
}
