//! What the hot routes ask of the table: counts, so that they hold on any machine.

use serde_json::{Value, json};
use testing::{Meter, Reading, World};
use tests::story::{self, Step, Story};

async fn metered() -> (World, Meter) {
    let (world, meter) = World::metered(&tests::all_functions()).await;
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

/// The most that any run of a function asks of the table: calls in a row, read units, write units. Where one of them changes,
/// `cargo xtask bench --page` says so to the reader too. A route that reads needs no line where it keeps to [`USUAL`].
const COSTS: &str = "\
adjust_credits       2   6  9
cancel_booking       3   9 28
clerk_webhook        2   3  9
complete_booking     3   7  8
create_availability  2   4  8
create_booking       2   9 32
create_pack          2   4 10
create_plan          2   4 10
decide_verification  2   5 15
delete_availability  2   4  6
delete_pack          2   4  8
delete_plan          2   4  8
docs_page            0   0  0
get_booking          2   3  0
get_call             2   4  0
get_catalog          1   1  0
get_feedback         1   3  0
get_interviewer      1   2  0
get_me               1   1  0
get_recording        1   3  0
get_user             1   4  0
get_wallet           1   3  0
give_consent         2   5 11
health               0   0  0
list_all_bookings    3  13  0
list_appointments    2 3.5  0
list_availability    1   2  0
list_interviewers    1   2  0
list_packs           1   2  0
list_plans           1   2  0
list_reviews         1   3  0
list_slots           1   4  0
list_transactions    1   2  0
list_verifications   2 2.5  0
onboard              2   5  8
openapi_document     0   0  0
relay_outbox         1   0  2
reschedule_booking   3   9 23
review_booking       3   5 20
run_generation       6  10 27
run_media            5   5  7
run_settlement       7  10 26
run_stream           5   5  2
stream_webhook       2   4  7
submit_verification  2   3  9
suggest_questions    2   4  2
sync_user            2   3  4
update_availability  2   4  8
update_me            2   3  6
update_pack          2   4 10
update_plan          2   4 10
";

/// What a route that reads may take without a line of its own: calls in a row, read units; and it writes nothing.
const USUAL: (usize, f64) = (1, 4.0);

/// `cargo xtask bench` asks the same of 100 000 bookings.
#[tokio::test]
async fn every_function_keeps_its_budget_and_costs_the_same_beside_few_and_beside_many_bookings() {
    let (few, many) = (Story::beside(10).await, Story::beside(2_000).await);
    let missed = story::missed(&few, &many);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let reading: Vec<&str> = tests::examples::reading().iter().map(|route| route.name).collect();
    let line = |(function, steps): (&str, Vec<&Step>)| {
        let most = story::most(&steps);
        let is_usual = most.calls_in_a_row <= USUAL.0 && most.reads <= USUAL.1 && most.writes == 0.0;
        let has_line = COSTS.lines().any(|line| line.split(' ').next() == Some(function));
        let needs_line = has_line || !is_usual || !reading.contains(&function);
        needs_line.then(|| format!("{function:<20} {} {:>3} {:>2}", most.calls_in_a_row, most.reads, most.writes))
    };
    let costs: Vec<String> = few.by_function().into_iter().filter_map(line).collect();
    assert!(COSTS.lines().eq(&costs), "the costs are now\n{}", costs.join("\n"));
}

#[tokio::test]
async fn the_caller_is_read_with_the_thing_or_while_the_list_is_queried() {
    let (world, meter) = metered().await;
    let id = book(&world, "2026-11-21T10:00:00Z").await;
    meter.take();
    for (path, expected) in [
        (format!("/api/bookings/{id}"), vec!["BatchGetItem", "BatchGetItem"]),
        (format!("/api/bookings/{id}/feedback"), vec!["BatchGetItem"]),
        (format!("/api/bookings/{id}/recording"), vec!["BatchGetItem", "Query"]),
        ("/api/wallet".to_owned(), vec!["BatchGetItem"]),
        ("/api/wallet/transactions".to_owned(), vec!["GetItem", "Query"]),
        // Which index holds somebody's bookings, their role says: both are asked while it is read.
        ("/api/appointments".to_owned(), vec!["BatchGetItem", "GetItem", "Query", "Query"]),
        ("/api/interviewers".to_owned(), vec!["GetItem", "Query"]),
        ("/api/interviewers/ivy".to_owned(), vec!["BatchGetItem"]),
        ("/api/interviewers/ivy/reviews".to_owned(), vec!["BatchGetItem", "Query"]),
        ("/api/user/me".to_owned(), vec!["GetItem"]),
    ] {
        world.call("cara", "GET", &path, Value::Null).await;
        let readings = meter.take();
        let mut asked = operations(&readings);
        // What is asked at the same time arrives in any order.
        asked.sort_unstable();
        assert_eq!(asked, expected, "{path}");
    }
}
