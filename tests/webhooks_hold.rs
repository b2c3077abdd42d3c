//! Webhooks on the deployed stack: repeats, reordering, forgery.

use domain::call::Call;
use domain::feedback::FeedbackRecord;
use serde_json::{Value, json};
use store::keys;

use crate::stack::{Stack, hour};

async fn ready_session(stack: &Stack, name: &str, hours: i64) -> (String, String, String) {
    let ivy = stack.interviewer(&format!("i{name}")).await;
    let cara = stack.candidate(&format!("c{name}"), 50).await;
    let id = stack.book(&cara, &ivy, &hour(hours)).await;
    stack.wait_for_capture(&id, "available").await;
    stack.consent(&id, [&cara, &ivy]).await;
    stack.wait_for_capture(&id, "auto-on").await;
    (cara, ivy, id)
}

/// A transcript that only one test has, long enough to be judged.
fn transcript(phrase: &str) -> String {
    let mut lines = String::new();
    for n in 0..12 {
        let (from, to) = (n * 60_000, n * 60_000 + 20_000);
        lines += &json!({ "speaker_id": "interviewer", "type": "speech",
            "text": format!("Question number {n}: how would you approach this part of the design?"),
            "start_ts": from, "stop_ts": from + 8_000 })
        .to_string();
        lines += "\n";
        lines += &json!({ "speaker_id": "interviewee", "type": "speech",
            "text": format!("For part {n} I would first measure the load, then pick a queue of {phrase}, and explain why I \
                would not shard the table before the numbers ask for it."),
            "start_ts": from + 9_000, "stop_ts": to + 20_000 }).to_string();
        lines += "\n";
    }
    lines
}

#[tokio::test]
async fn every_event_ten_times_in_any_order_makes_one_feedback_one_payment_and_one_model_call() {
    let stack = Stack::get();
    let (cara, ivy, id) = ready_session(&stack, "many", 60).await;
    let phrase = format!("phrase {}", stack.id("many"));
    let how = json!({ "inline": transcript(&phrase), "repeat": 10, "shuffle": 7, "parallel": true });
    stack.play(&id, how).await;
    let feedback = stack.feedback(&cara, &id).await;
    assert_eq!(feedback["status"], "COMPLETE", "{feedback}");
    assert_eq!(stack.credits(&ivy).await["earned"], 20);
    let statement = stack.call(&ivy, "GET", "/api/wallet/transactions", Value::Null).await.expect(200);
    assert_eq!(statement["items"].as_array().unwrap().len(), 1);
    // Once more, after the feedback is stored: nothing is generated again.
    let before = stack.model_calls(&phrase).await;
    stack.play(&id, json!({ "inline": transcript(&phrase), "start": hour(61) })).await;
    stack
        .wait("the second transcript", || async {
            let files = stack.stored_files(&id).await;
            (files.iter().filter(|(key, _)| key.starts_with("transcripts/")).count() == 2).then_some(())
        })
        .await;
    assert_eq!(before, 1, "one model call for ten deliveries of each event");
    assert_eq!(stack.model_calls(&phrase).await, 1);
    assert_eq!(stack.credits(&ivy).await["earned"], 20);
}

#[tokio::test]
async fn a_forged_or_unsigned_webhook_changes_nothing() {
    let stack = Stack::get();
    let (cara, _, id) = ready_session(&stack, "forged", 70).await;
    let body = json!({ "type": "call.ended", "created_at": "2026-11-20T10:00:00Z", "call_cid": format!("default:{id}"),
        "call": {} })
    .to_string();
    for (header, value) in [("x-other", ""), ("x-signature", ""), ("x-signature", "00"), ("x-signature", "é")] {
        let request = stack.request("POST", &stack.api("/api/webhooks/stream")).header(header, value);
        let answer = stack.send(request.body(body.clone())).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_signature"), "{}", answer.body);
    }
    for garbage in [Vec::new(), vec![0x1f, 0x8b, 0, 1], vec![0xff; 1000], b"{}".to_vec()] {
        let request = stack.request("POST", &stack.api("/api/webhooks/stream")).header("x-signature", "00");
        let answer = stack.send(request.body(garbage)).await;
        assert!(matches!(answer.status, 400 | 401), "{} {}", answer.status, answer.body);
    }
    let unsigned = stack.request("POST", &stack.api("/api/webhooks/clerk")).body("{}");
    assert_eq!(stack.send(unsigned).await.code(), "invalid_signature");
    assert_eq!(stack.booking(&cara, &id).await["status"], "SCHEDULED");
    let key = keys::call(id.parse().unwrap());
    let call: Call = stack.stored(&key).await.get(&key).unwrap().expect("a stored call");
    assert_eq!(call.ended_at, None, "the forged event was believed: {call:?}");
}

#[tokio::test]
async fn silence_is_not_scored_and_costs_no_model_call() {
    let stack = Stack::get();
    let (cara, ivy, id) = ready_session(&stack, "silent", 80).await;
    stack.play(&id, json!({ "transcript": "silence-10min" })).await;
    let key = keys::feedback(id.parse().unwrap());
    let stored = || async { stack.stored(&key).await.get::<FeedbackRecord>(&key).unwrap() };
    let record = stack.wait("the stored feedback", stored).await;
    assert_eq!(record.generations, 0, "{record:?}");
    // Thin feedback is final only when no further session can follow, so it is not shown before the door has closed.
    let answer = stack.call(&cara, "GET", &format!("/api/bookings/{id}/feedback"), Value::Null).await;
    assert_eq!(answer.code(), "feedback_not_ready");
    assert_eq!(stack.credits(&ivy).await["earned"], 0);
}

#[tokio::test]
async fn an_account_that_clerk_deletes_loses_its_sessions_and_stays_deleted() {
    let stack = Stack::get();
    let ivy = stack.interviewer("leaving").await;
    let cara = stack.candidate("staying", 50).await;
    let id = stack.book(&cara, &ivy, &hour(90)).await;
    stack.control("clerk", "DELETE", &format!("/simulator/users/{ivy}"), Value::Null).await;
    stack
        .wait("the cancellation", || async {
            let view = stack.booking(&cara, &id).await;
            (view["status"] == "CANCELLED").then_some(view)
        })
        .await;
    let view = stack.booking(&cara, &id).await;
    assert_eq!((&view["cancelledBy"], &view["cancelCode"]), (&json!("SYSTEM"), &json!("ACCOUNT_DELETED")));
    assert_eq!(stack.credits(&cara).await["available"], 50);
    let gone = stack.call(&ivy, "POST", "/api/user/sync", json!({ "name": "Back" })).await;
    assert_eq!((gone.status, gone.code()), (403, "account_deleted"));
    let card = stack.call(&cara, "GET", &format!("/api/interviewers/{ivy}"), Value::Null).await;
    assert_eq!(card.status, 404);
}
