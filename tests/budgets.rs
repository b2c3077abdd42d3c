//! What the hot routes ask of the table: counts, so that they hold on any machine.

use serde_json::{Value, json};
use testing::{Meter, Reading, World};
use tests::story::{self, Story};

async fn metered() -> (World, Meter) {
    let (world, meter) = World::metered(&tests::all_routes()).await;
    world.add_interviewer("ivy").await;
    world.add_candidate("cara", 1000).await;
    meter.take();
    (world, meter)
}

fn operations(readings: &[Reading]) -> Vec<&str> {
    readings.iter().map(|r| r.operation.as_str()).collect()
}

async fn book(world: &World, start: &str) -> String {
    let wanted = json!({ "interviewerId": "ivy", "startTime": start });
    let key = [("idempotency-key", start)];
    let view = world.call_with("cara", "POST", "/api/bookings", wanted, &key).await.expect(201);
    view["bookingId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_booking_is_one_read_and_one_transaction_within_its_capacity() {
    let (world, meter) = metered().await;
    book(&world, "2026-11-21T10:00:00Z").await;
    let readings = meter.take();
    assert_eq!(operations(&readings), ["BatchGetItem", "TransactWriteItems"]);
    println!("a booking: {} read units, {} write units", readings[0].units, readings[1].units);
    assert!(readings[0].units <= 12.0, "{readings:?}");
    assert!(readings[1].units <= 40.0, "{readings:?}");
}

/// `cargo xtask bench` asks the same of 100 000 bookings.
#[tokio::test]
async fn every_function_keeps_its_budget_and_costs_the_same_beside_few_and_beside_many_bookings() {
    let (few, many) = (Story::beside(10).await, Story::beside(2_000).await);
    let missed = story::missed(&few, &many);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[tokio::test]
async fn one_thing_is_one_read_after_the_caller_is_known() {
    let (world, meter) = metered().await;
    let id = book(&world, "2026-11-21T10:00:00Z").await;
    meter.take();
    for (path, expected) in [
        (format!("/api/bookings/{id}"), vec!["GetItem", "GetItem"]),
        (format!("/api/bookings/{id}/feedback"), vec!["GetItem", "BatchGetItem"]),
        ("/api/wallet".to_owned(), vec!["GetItem", "BatchGetItem"]),
        ("/api/wallet/transactions".to_owned(), vec!["GetItem", "Query"]),
        ("/api/appointments".to_owned(), vec!["GetItem", "Query"]),
        ("/api/interviewers".to_owned(), vec!["GetItem", "Query"]),
        ("/api/interviewers/ivy".to_owned(), vec!["GetItem", "GetItem"]),
        ("/api/user/me".to_owned(), vec!["GetItem"]),
    ] {
        world.call("cara", "GET", &path, Value::Null).await;
        assert_eq!(operations(&meter.take()), expected, "{path}");
    }
}
