//! What the hot routes ask of the table: counts, so that they hold on any machine.

use serde_json::{Value, json};
use testing::{Meter, Reading, World};

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

#[tokio::test]
async fn a_booking_costs_the_same_beside_many_others() {
    let (world, meter) = metered().await;
    book(&world, "2026-11-21T10:00:00Z").await;
    let alone: Vec<f64> = meter.take().iter().map(|r| r.units).collect();
    for n in 0..300_u32 {
        let (candidate, start) = (format!("c{n}"), format!("2026-12-{:02}T{:02}:00:00Z", 1 + n / 24, n % 24));
        world.add_candidate(&candidate, 20).await;
        let wanted = json!({ "interviewerId": "ivy", "startTime": start });
        world.call(&candidate, "POST", "/api/bookings", wanted).await.expect(201);
    }
    meter.take();
    book(&world, "2026-11-21T12:00:00Z").await;
    let crowded: Vec<f64> = meter.take().iter().map(|r| r.units).collect();
    assert_eq!(alone, crowded);
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
