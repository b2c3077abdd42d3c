//! What happens to a booking after it was made.

use jiff::SignedDuration;
use store::Tx;
use store::media::{MediaKind, StoredFile};

use super::*;

async fn post(world: &World, user: &str, id: BookingId, action: &str, body: Value) -> Answer {
    world.call(user, "POST", &format!("/api/bookings/{id}/{action}"), body).await
}

fn reason() -> Value {
    json!({ "reason": "plans changed" })
}

#[tokio::test]
async fn a_cancelled_booking_gives_the_price_and_the_time_back() {
    let world = world().await;
    let id = booked(&world).await;
    let view = post(&world, "ivy", id, "cancel", reason()).await.expect(200);
    assert_eq!(view["status"], "CANCELLED");
    assert_eq!(view["cancelledBy"], "INTERVIEWER");
    assert_eq!(view["settlement"]["outcome"], "RELEASED");
    assert_eq!(balances(&world, "cara").await, (100, 0, 0));
    assert_eq!(post(&world, "ivy", id, "cancel", reason()).await.expect(200)["status"], "CANCELLED");
    post(&world, "cara", id, "cancel", reason()).await.refused(409, "booking_not_cancellable");
    book(&world, "dan", TOMORROW).await.expect(201);
    let path = format!("/api/bookings/{id}/cancel");
    let again = || world.call_with("ivy", "POST", &path, reason(), &[("idempotency-key", "k")]);
    assert!(again().await.headers.get("idempotent-replayed").is_none());
    assert_eq!(again().await.headers["idempotent-replayed"], "true", "an answer that changed nothing is one too");
}

#[tokio::test]
async fn a_reason_is_needed_and_strangers_find_nothing_to_cancel() {
    let world = world().await;
    let id = booked(&world).await;
    for body in [json!({ "reason": "no" }), json!({ "reason": "x".repeat(501) }), json!({}), json!({ "reason": 3 })] {
        post(&world, "cara", id, "cancel", body).await.refused(422, "validation_failed");
    }
    let code = json!({ "reason": "plans changed", "code": "BECAUSE" });
    post(&world, "cara", id, "cancel", code).await.refused(422, "validation_failed");
    post(&world, "dan", id, "cancel", reason()).await.refused(404, "not_found");
    let unknown = BookingId::new(ulid::Ulid::from_parts(1, 1));
    post(&world, "cara", unknown, "cancel", reason()).await.refused(404, "not_found");
    world.call("cara", "POST", "/api/bookings/nonsense/cancel", reason()).await.refused(404, "not_found");
}

#[tokio::test]
async fn after_the_end_the_candidate_can_object_until_it_is_settled() {
    let world = world().await;
    let id = booked(&world).await;
    let objection = json!({ "reason": "nobody came", "code": "DID_NOT_TAKE_PLACE" });
    after_end(&world);
    post(&world, "cara", id, "cancel", reason()).await.refused(409, "booking_not_cancellable");
    post(&world, "ivy", id, "cancel", objection.clone()).await.refused(409, "booking_not_cancellable");
    // Events may be late, so it is remembered, and nothing is given back before Stream was asked.
    let view = post(&world, "cara", id, "cancel", objection.clone()).await.expect(200);
    assert_eq!((&view["status"], &view["cancelCode"]), (&json!("SCHEDULED"), &json!("DID_NOT_TAKE_PLACE")));
    assert_eq!((&view["cancelReason"], view.get("cancelledBy")), (&json!("nobody came"), None));
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
    assert_eq!(post(&world, "cara", id, "cancel", objection).await.expect(200), view);
    // The interviewer's word is remembered beside it; attendance that arrives decides.
    assert_eq!(post(&world, "ivy", id, "complete", Value::Null).await.expect(200)["cancelCode"], "DID_NOT_TAKE_PLACE");
    was_there(&world, id, Party::Interviewee, 0, 50).await;
    was_there(&world, id, Party::Interviewer, 0, 50).await;
    let paid = post(&world, "ivy", id, "complete", Value::Null).await.expect(200);
    assert_eq!((&paid["status"], paid.get("cancelCode")), (&json!("COMPLETED"), None));
}

#[tokio::test]
async fn who_may_still_be_in_the_call_keeps_complete_from_paying_at_once() {
    let world = world().await;
    let id = booked(&world).await;
    was_there(&world, id, Party::Interviewee, 0, 50).await;
    let start: Timestamp = TOMORROW.parse().unwrap();
    let joined = Told {
        session_id: "s1".into(),
        party: Party::Interviewer,
        connection: "u".into(),
        joined_at: Some(start),
        left_at: None,
        duration_seconds: None,
    };
    let mut tx = Tx::new();
    store::attendance::write_told(&mut tx, id, &joined).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    after_end(&world);
    let view = post(&world, "ivy", id, "complete", Value::Null).await.expect(200);
    assert_eq!(view["status"], "SCHEDULED", "a leave after two minutes may still be told: {view}");
    assert_eq!(balances(&world, "ivy").await, (0, 0, 0));
    was_there(&world, id, Party::Interviewer, 1, 8).await;
    assert_eq!(post(&world, "ivy", id, "complete", Value::Null).await.expect(200)["status"], "COMPLETED");
}

#[tokio::test]
async fn a_held_session_is_paid_when_the_interviewer_says_so() {
    let world = world().await;
    let id = booked(&world).await;
    was_there(&world, id, Party::Interviewee, 0, 50).await;
    was_there(&world, id, Party::Interviewer, 0, 50).await;
    post(&world, "ivy", id, "complete", Value::Null).await.refused(409, "booking_not_ended");
    after_end(&world);
    post(&world, "cara", id, "complete", Value::Null).await.refused(403, "forbidden");
    let objection = json!({ "reason": "nobody came", "code": "DID_NOT_TAKE_PLACE" });
    post(&world, "cara", id, "cancel", objection).await.refused(409, "booking_not_cancellable");
    let view = post(&world, "ivy", id, "complete", Value::Null).await.expect(200);
    assert_eq!(view["status"], "COMPLETED");
    assert_eq!(
        view["settlement"],
        json!({ "outcome": "CAPTURED", "reason": "session_held",
        "settledAt": "2026-11-21T11:00:00Z" })
    );
    assert_eq!(post(&world, "ivy", id, "complete", json!({})).await.expect(200), view);
    assert_eq!(balances(&world, "cara").await, (80, 0, 0));
    assert_eq!(balances(&world, "ivy").await, (0, 0, 20));
}

#[tokio::test]
async fn where_attendance_cannot_tell_the_word_is_remembered_and_moves_nothing() {
    let world = world().await;
    let id = booked(&world).await;
    after_end(&world);
    let view = post(&world, "ivy", id, "complete", Value::Null).await.expect(200);
    assert_eq!(
        (&view["status"], &view["completionRequestedAt"]),
        (&json!("SCHEDULED"), &json!("2026-11-21T11:00:00Z"))
    );
    assert_eq!(post(&world, "ivy", id, "complete", Value::Null).await.expect(200), view);
    assert_eq!(balances(&world, "cara").await, (80, 20, 0));
}

#[tokio::test]
async fn a_session_that_attendance_shows_was_not_held_is_not_completed() {
    let world = world().await;
    let id = booked(&world).await;
    was_there(&world, id, Party::Interviewee, 0, 20).await;
    after_end(&world);
    post(&world, "ivy", id, "complete", Value::Null).await.refused(409, "session_not_held");
}

#[tokio::test]
async fn a_review_counts_once_and_only_after_completion() {
    let world = world().await;
    let id = booked(&world).await;
    post(&world, "cara", id, "review", json!({ "rating": 4 })).await.refused(409, "booking_not_completed");
    was_there(&world, id, Party::Interviewee, 0, 50).await;
    was_there(&world, id, Party::Interviewer, 0, 50).await;
    after_end(&world);
    post(&world, "ivy", id, "complete", Value::Null).await.expect(200);
    for body in [
        json!({ "rating": 0 }),
        json!({ "rating": 6 }),
        json!({ "rating": "5" }),
        json!({}),
        json!({ "rating": 5, "comment": "x".repeat(2001) }),
    ] {
        post(&world, "cara", id, "review", body).await.refused(422, "validation_failed");
    }
    post(&world, "ivy", id, "review", json!({ "rating": 5 })).await.refused(403, "forbidden");
    let view = post(&world, "cara", id, "review", json!({ "rating": 4, "comment": " Kind. " })).await.expect(201);
    assert_eq!((&view["rating"], &view["comment"]), (&json!(4), &json!("Kind.")));
    post(&world, "cara", id, "review", json!({ "rating": 1 })).await.refused(409, "already_reviewed");
    let card = store::directory::get(&world.app.table, &"ivy".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((card.profile.rating(), card.profile.review_count), (Some(4.0), 1));
}

#[tokio::test]
async fn a_recording_is_offered_for_as_long_as_the_bucket_keeps_it() {
    let world = world().await;
    let id = booked(&world).await;
    let file = StoredFile {
        session_id: "s".to_owned(),
        filename: "r.mp4".to_owned(),
        object_key: Some("recordings/r.mp4".to_owned()),
        start_time: world.app.now(),
        end_time: world.app.now() + SignedDuration::from_hours(1),
        bytes: 9,
    };
    let mut tx = Tx::new();
    store::media::write(&mut tx, id, MediaKind::Recording, &file).unwrap();
    tx.commit(&world.app.table).await.unwrap();
    for (days, offered) in [(0, 1), (90, 1), (1, 0)] {
        world.app.clock.advance(SignedDuration::from_hours(24 * days));
        let answer = world.call("cara", "GET", &format!("/api/bookings/{id}/recording"), Value::Null).await;
        assert_eq!(answer.expect(200)["items"].as_array().unwrap().len(), offered, "{days} days later");
    }
}

#[tokio::test]
async fn feedback_and_recordings_are_the_parties_business() {
    let world = world().await;
    let id = booked(&world).await;
    for user in ["cara", "ivy"] {
        world
            .call(user, "GET", &format!("/api/bookings/{id}/feedback"), Value::Null)
            .await
            .refused(404, "feedback_not_ready");
        let recordings = world.call(user, "GET", &format!("/api/bookings/{id}/recording"), Value::Null).await;
        assert_eq!(recordings.expect(200), json!({ "items": [] }));
    }
    for what in ["feedback", "recording"] {
        world.call("dan", "GET", &format!("/api/bookings/{id}/{what}"), Value::Null).await.refused(404, "not_found");
    }
}
