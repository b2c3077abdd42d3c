use std::time::Duration;

use jiff::SignedDuration;
use kit::Failure;
use kit::worker::Again;
use serde_json::{Value, json};
use simulators::Fault;
use store::keys;
use store::outbox::Effect;
use testing::noon;

use super::run_stream;
use crate::stage::{Stage, booking_id, cid, received};

async fn run(stage: &Stage, effect: Effect) -> Result<(), Failure> {
    run_stream(stage.app.clone(), received(effect)).await
}

fn create() -> Effect {
    Effect::CreateCall { booking_id: booking_id() }
}

fn matching() -> Effect {
    Effect::MatchRecording { booking_id: booking_id(), cause: "1".into() }
}

fn call(stage: &Stage) -> Option<Value> {
    stage.stream.call("default", &booking_id().to_string())
}

fn modes(stage: &Stage) -> (String, String) {
    let settings = call(stage).unwrap()["settings"].clone();
    let mode = |name: &str| settings[name]["mode"].as_str().unwrap().to_owned();
    (mode("recording"), mode("transcription"))
}

fn running(stage: &Stage) -> (bool, bool) {
    let call = call(stage).unwrap();
    (call["recording"].as_bool().unwrap(), call["transcribing"].as_bool().unwrap())
}

fn writes(stage: &Stage) -> usize {
    stage.stream.requests().iter().filter(|request| request.method != "GET").count()
}

#[tokio::test]
async fn a_call_is_created_once_with_both_parties_and_nothing_running() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    for _ in 0..2 {
        run(&stage, create()).await.unwrap();
    }
    let call = call(&stage).unwrap();
    assert_eq!(modes(&stage), ("available".into(), "available".into()));
    assert_eq!(call["settings"]["limits"]["max_duration_seconds"], 100 * 60);
    let stored: domain::call::Call = stage.app.table.get(&keys::call(booking_id())).await.unwrap().unwrap();
    assert!(stored.created);
    assert_eq!(stored.version, 1);
    for user in ["cara", "ivy"] {
        stage.stream.join(&cid(), user, Some(noon())).await.unwrap();
    }
}

#[tokio::test]
async fn who_has_no_name_is_called_by_their_part() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    testing::delete(&stage.world, "cara").await;
    run(&stage, create()).await.unwrap();
    let told = stage.stream.requests().into_iter().find(|request| request.path.ends_with("/users")).unwrap();
    let users = &told.body["users"];
    assert_eq!((&users["cara"]["name"], &users["ivy"]["name"]), (&json!("Candidate"), &json!("ivy")));
}

#[tokio::test]
async fn no_call_is_created_for_what_will_not_take_place() {
    let stage = Stage::new().await;
    run(&stage, create()).await.unwrap();
    stage.booked(true).await;
    stage.cancel().await;
    run(&stage, create()).await.unwrap();
    run(&stage, matching()).await.unwrap();
    assert!(call(&stage).is_none());
}

#[tokio::test]
async fn both_consents_before_the_session_set_the_call_to_start_by_itself() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    run(&stage, matching()).await.unwrap();
    assert_eq!(modes(&stage), ("auto-on".into(), "auto-on".into()));
    let before = writes(&stage);
    run(&stage, matching()).await.unwrap();
    assert_eq!(writes(&stage), before, "a second run changes nothing");
    stage.stream.join(&cid(), "cara", Some(noon())).await.unwrap();
    assert_eq!(running(&stage), (true, true));
}

#[tokio::test]
async fn both_consents_within_the_session_start_both_and_a_withdrawal_stops_both() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    run(&stage, create()).await.unwrap();
    stage.stream.join(&cid(), "cara", Some(noon())).await.unwrap();
    assert_eq!(running(&stage), (false, false));
    run(&stage, matching()).await.unwrap();
    assert_eq!(running(&stage), (true, true));
    let before = writes(&stage);
    run(&stage, matching()).await.unwrap();
    assert_eq!(writes(&stage), before, "a second run changes nothing");

    stage.candidate_says(false).await;
    for _ in 0..2 {
        run(&stage, matching()).await.unwrap();
        assert_eq!(running(&stage), (false, false));
        assert_eq!(modes(&stage), ("available".into(), "available".into()));
    }
}

#[tokio::test]
async fn a_withdrawal_before_the_session_takes_the_automatic_start_back() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    run(&stage, matching()).await.unwrap();
    stage.candidate_says(false).await;
    run(&stage, matching()).await.unwrap();
    stage.stream.join(&cid(), "cara", Some(noon())).await.unwrap();
    assert_eq!(running(&stage), (false, false));
}

#[tokio::test]
async fn a_cancelled_booking_is_not_recorded_and_its_call_is_ended() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    run(&stage, create()).await.unwrap();
    stage.stream.join(&cid(), "cara", Some(noon())).await.unwrap();
    run(&stage, matching()).await.unwrap();
    stage.cancel().await;
    run(&stage, matching()).await.unwrap();
    assert_eq!(running(&stage), (false, false));
    for _ in 0..2 {
        run(&stage, Effect::EndCall { booking_id: booking_id() }).await.unwrap();
    }
    assert!(!call(&stage).unwrap()["ended_at"].is_null());
    assert!(stage.stream.join(&cid(), "ivy", Some(noon())).await.is_err());
    run(&stage, matching()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_created_while_its_booking_was_cancelled_is_ended() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    stage.cancel().await;
    run(&stage, Effect::EndCall { booking_id: booking_id() }).await.unwrap();
    // What was created a moment too late, as by a worker that had read the booking before.
    let booking = stage.booking().await;
    let client = stage.app.stream().await.unwrap().client;
    super::open_call(&stage.app, &client, &booking).await.unwrap();
    run(&stage, matching()).await.unwrap();
    assert!(!call(&stage).unwrap()["ended_at"].is_null());
}

#[tokio::test]
async fn ending_a_call_that_was_never_created_is_done() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    run(&stage, Effect::EndCall { booking_id: booking_id() }).await.unwrap();
}

#[tokio::test]
async fn troubles_of_stream_put_the_message_off() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    let fault =
        |status, retry_after_seconds| Fault { path: "/api/v2".into(), status, retry_after_seconds, ..Fault::default() };
    stage.stream.fail(fault(429, Some(7)));
    let named = Some(Duration::from_secs(7));
    assert_eq!(run(&stage, create()).await.unwrap_err().again, Again::Patiently { named });
    stage.stream.fail(fault(503, None));
    let failure = run(&stage, create()).await.unwrap_err();
    assert_eq!((failure.error.code(), failure.again), (Some("upstream_unavailable"), Again::Patiently { named: None }));
    stage.stream.fail(Fault { after: true, ..fault(500, None) });
    run(&stage, create()).await.unwrap_err();
    run(&stage, create()).await.unwrap();
    assert!(call(&stage).is_some());
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_at_most_once_a_minute() {
    let stage = Stage::new().await;
    stage.booked(false).await;
    let right = json!({ "apiKey": "key_test", "apiSecret": "stream-test-secret" });
    let wrong = json!({ "apiKey": "key_test", "apiSecret": "old-secret" });
    stage.app.secrets.replace(json!({ "stream": wrong }));
    run(&stage, create()).await.unwrap_err();
    stage.app.secrets.replace(json!({ "stream": right }));
    run(&stage, create()).await.unwrap_err();
    stage.app.clock.advance(SignedDuration::from_secs(61));
    run(&stage, create()).await.unwrap();
}

#[tokio::test]
async fn a_message_of_another_queue_fails() {
    let stage = Stage::new().await;
    let effect = Effect::Feedback { booking_id: booking_id(), cause: "c".into() };
    assert_eq!(run(&stage, effect).await.unwrap_err().error.code(), Some("message_misplaced"));
}
