//! Who asks for a feedback is told that it may still come only while it may.

use domain::booking::{Booking, FeedbackState, State};
use domain::consent::CONSENT_VERSION;
use domain::settlement::{Outcome, Settlement, SettlementReason};
use store::media::{MediaKind, StoredFile};

use super::*;

async fn change(world: &World, id: BookingId, change: impl FnOnce(&mut Booking)) {
    let before = store::booking::get(&world.app.table, id).await.unwrap().unwrap();
    let mut after = before.clone();
    change(&mut after);
    let mut tx = Tx::new();
    store::booking::replace(&mut tx, &before, &after).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

async fn agree(world: &World, id: BookingId, who: &str, record: bool) {
    let word = json!({ "version": CONSENT_VERSION, "record": record });
    world.call(who, "POST", &format!("/api/calls/{id}/consent"), word).await.expect(200);
}

/// So many minutes after the end.
fn later(world: &World, minutes: i64) {
    let end: Timestamp = TOMORROW.parse().unwrap();
    world.app.clock.set(end + SignedDuration::from_mins(60 + minutes));
}

/// Status, code and the beginning of what is said, the same to both parties.
async fn told(world: &World, id: BookingId, status: u16, code: &str, said: &str) {
    for who in ["cara", "ivy"] {
        let answer = world.call(who, "GET", &format!("/api/bookings/{id}/feedback"), Value::Null).await;
        assert!(answer.body["detail"].as_str().unwrap().contains(said), "{}", answer.body);
        answer.refused(status, code);
    }
}

async fn keep_transcript(world: &World, id: BookingId, object_key: Option<&str>) {
    let at = TOMORROW.parse().unwrap();
    let file = StoredFile {
        session_id: "s".to_owned(),
        filename: "t.jsonl".to_owned(),
        object_key: object_key.map(str::to_owned),
        start_time: at,
        end_time: at,
        bytes: 9,
    };
    let mut tx = Tx::new();
    store::media::write(&mut tx, id, MediaKind::Transcript, &file).unwrap();
    tx.commit(&world.app.table).await.unwrap();
}

const DAYS: i64 = 24 * 60;

#[tokio::test]
async fn of_a_cancelled_booking_there_is_none() {
    let world = world().await;
    let id = booked(&world).await;
    told(&world, id, 404, "feedback_not_ready", "not ready").await;
    let reason = json!({ "reason": "plans changed" });
    world.call("cara", "POST", &format!("/api/bookings/{id}/cancel"), reason).await.expect(200);
    told(&world, id, 409, "booking_cancelled", "was cancelled").await;
}

#[tokio::test]
async fn without_both_consents_there_is_none_once_the_door_has_closed() {
    let world = world().await;
    let id = booked(&world).await;
    agree(&world, id, "cara", true).await;
    later(&world, 29);
    told(&world, id, 404, "feedback_not_ready", "not ready").await;
    later(&world, 30);
    told(&world, id, 409, "feedback_failed", "not both parties consented").await;
}

#[tokio::test]
async fn what_was_not_copied_before_a_consent_was_withdrawn_gives_none_and_what_was_does() {
    let world = world().await;
    let id = booked(&world).await;
    for who in ["cara", "ivy"] {
        agree(&world, id, who, true).await;
    }
    later(&world, 31);
    told(&world, id, 404, "feedback_not_ready", "not ready").await;
    agree(&world, id, "ivy", false).await;
    told(&world, id, 409, "feedback_failed", "not both parties consented").await;
    keep_transcript(&world, id, None).await;
    told(&world, id, 409, "feedback_failed", "not both parties consented").await;
    keep_transcript(&world, id, Some("transcripts/t.jsonl")).await;
    told(&world, id, 404, "feedback_not_ready", "not ready").await;
    later(&world, 2 * DAYS);
    told(&world, id, 409, "feedback_failed", "could not be generated").await;
}

#[tokio::test]
async fn where_nothing_was_recorded_that_is_said_when_nothing_can_come_any_more() {
    let world = world().await;
    let id = booked(&world).await;
    for who in ["cara", "ivy"] {
        agree(&world, id, who, true).await;
    }
    later(&world, 2 * DAYS - 1);
    told(&world, id, 404, "feedback_not_ready", "not ready").await;
    later(&world, 2 * DAYS);
    told(&world, id, 409, "feedback_failed", "no speech was recorded").await;
    change(&world, id, |booking| booking.feedback = Some(FeedbackState::Failed)).await;
    told(&world, id, 409, "feedback_failed", "could not be generated").await;
}

#[tokio::test]
async fn where_the_candidate_did_not_come_that_is_said() {
    let world = world().await;
    let id = booked(&world).await;
    for who in ["cara", "ivy"] {
        agree(&world, id, who, true).await;
    }
    later(&world, 60);
    let now = world.app.now();
    let reason = SettlementReason::CandidateNoShow.into();
    let settlement = Settlement { outcome: Outcome::Captured, reason, settled_at: now };
    change(&world, id, |booking| booking.state = State::Completed { completed_at: now, settlement }).await;
    told(&world, id, 409, "feedback_failed", "did not attend").await;
}
