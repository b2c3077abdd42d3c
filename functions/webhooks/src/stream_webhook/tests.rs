use std::io::Write as _;
use std::sync::Arc;

use domain::attendance::{Attendance, Finding};
use domain::booking::{Applied, Booking, Cancelling};
use domain::party::Party;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use testing::{Options, World, noon};

use crate::recorded::{STREAM_SECRET, book, booking_id, count, from_stream, from_stream_with, state, stored};

async fn world() -> World {
    World::new(&crate::functions()).await
}

fn at(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// An event of the tests' call, `seconds` after noon.
fn event(kind: &str, seconds: i64, more: Value) -> String {
    let mut event =
        json!({ "type": kind, "created_at": at(seconds).to_string(), "call_cid": format!("default:{}", booking_id()) });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string()
}

fn session(kind: &str, seconds: i64) -> String {
    event(kind, seconds, json!({ "session_id": "session-1" }))
}

fn stay(kind: &str, user: &str, joined: i64, now: i64) -> String {
    let participant = json!({ "user": { "id": user }, "user_session_id": format!("{user}-1"), "role": "user",
        "joined_at": at(joined).to_string() });
    event(kind, now, json!({ "session_id": "session-1", "participant": participant, "duration_seconds": now - joined }))
}

fn file(kind: &str, member: &str, filename: &str) -> String {
    let file = json!({ "filename": filename, "url": "https://media.example/f?Signature=s", "session_id": "session-1",
        "start_time": at(20).to_string(), "end_time": at(1500).to_string() });
    event(kind, 1540, json!({ member: file }))
}

/// Everything that an ordinary session tells, in order.
fn whole_session() -> Vec<String> {
    vec![
        session("call.session_started", 5),
        stay("call.session_participant_joined", "cara", 5, 5),
        stay("call.session_participant_joined", "ivy", 8, 8),
        event("call.recording_started", 20, json!({ "egress_id": "e1" })),
        event("call.transcription_started", 20, json!({ "egress_id": "e2" })),
        stay("call.session_participant_left", "cara", 5, 1500),
        stay("call.session_participant_left", "ivy", 8, 1502),
        event("call.recording_stopped", 1502, json!({ "egress_id": "e1" })),
        event("call.transcription_stopped", 1502, json!({ "egress_id": "e2" })),
        session("call.session_ended", 1532),
        file("call.recording_ready", "call_recording", "r.mp4"),
        file("call.transcription_ready", "call_transcription", "t.jsonl"),
        event("call.recording_failed", 1541, json!({})),
        event("call.transcription_failed", 1542, json!({ "error": "no speech" })),
        event("call.ended", 1600, json!({})),
    ]
}

async fn state_after(deliveries: &[String], consents: bool) -> crate::recorded::Stored {
    let world = world().await;
    book(&world, consents, |b| b).await;
    for body in deliveries {
        from_stream(&world, body).await.expect(200);
    }
    state(&world).await
}

#[tokio::test]
async fn a_whole_session_becomes_facts_and_effects() {
    let world = world().await;
    let booking = book(&world, true, |b| b).await;
    for body in whole_session() {
        assert_eq!(from_stream(&world, &body).await.expect(200), json!({ "received": true }));
    }
    let attendance = store::attendance::of_booking(&world.app.table, booking_id()).await.unwrap();
    assert_eq!(attendance.finding(booking.start_time, booking.end_time), Finding::Held);
    assert_eq!((attendance.visits.len(), attendance.sessions.len()), (2, 1));
    let session = &attendance.sessions[0];
    assert_eq!((session.started_at, session.ended_at), (Some(at(5)), Some(at(1532))));

    let call: domain::call::Call = world.app.table.get(&store::keys::call(booking_id())).await.unwrap().unwrap();
    assert_eq!((call.recording, call.recording_changed_at), (false, Some(at(1541))));
    assert_eq!(call.ended_at, Some(at(1600)));
    assert_eq!(call.failure.as_deref(), Some("2026-11-20T12:25:42.000Z transcription failed: no speech"));

    let state = stored(&world).await;
    let outbox: Vec<&str> =
        state.keys().filter_map(|(pk, _)| pk.strip_prefix("OUTBOX#")).filter_map(|id| id.split(':').next()).collect();
    assert_eq!(outbox, ["copy_recording", "copy_transcript", "feedback", "match_recording"]);
    let gone = store::media::list(&world.app.table, booking_id(), store::media::MediaKind::Transcript).await.unwrap();
    assert_eq!((gone.len(), &gone[0].object_key), (1, &None));
}

#[tokio::test]
async fn any_order_and_number_of_deliveries_leads_to_the_same_state() {
    for consents in [true, false] {
        let expected = state_after(&whole_session(), consents).await;
        let mut backwards = whole_session();
        backwards.reverse();
        assert_eq!(state_after(&backwards, consents).await, expected, "backwards");
        let mut runner = TestRunner::deterministic();
        for round in 0..6 {
            let twice = [whole_session(), whole_session()].concat();
            let shuffled = Just(twice).prop_shuffle().new_tree(&mut runner).unwrap().current();
            assert_eq!(state_after(&shuffled, consents).await, expected, "shuffle {round}: {shuffled:#?}");
        }
    }
}

#[tokio::test]
async fn both_notations_of_a_date_time_are_the_same_event() {
    let nanoseconds = |body: &String| {
        let mut event: Value = serde_json::from_str(body).unwrap();
        rewrite_times(&mut event);
        event.to_string()
    };
    let (one, mut both) = (whole_session(), whole_session());
    both.extend(one.iter().map(nanoseconds));
    assert_eq!(state_after(&both, true).await, state_after(&one, true).await);
}

fn rewrite_times(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(rewrite_times),
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *value = json!(i64::try_from(at.as_nanosecond()).unwrap());
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_copies_at_once_have_one_effect() {
    let world = Arc::new(world().await);
    book(&world, true, |b| b).await;
    for body in [file("call.transcription_ready", "call_transcription", "t.jsonl"), event("call.ended", 9, json!({}))] {
        let mut copies = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (world, body) = (world.clone(), body.clone());
            copies.spawn(async move { from_stream(&world, &body).await.status });
        }
        assert_eq!(copies.join_all().await, vec![200; 100]);
    }
    assert_eq!((count(&world, "OUTBOX#").await, count(&world, "WEBHOOK#").await), (1, 2));
    let call: domain::call::Call = world.app.table.get(&store::keys::call(booking_id())).await.unwrap().unwrap();
    assert_eq!(call.version, 1);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_leaves_nothing() {
    let world = world().await;
    book(&world, true, |b| b).await;
    let before = stored(&world).await;
    let good = session("call.session_started", 5);
    let signature = simulators::stream_signature(STREAM_SECRET, good.as_bytes());
    let other = simulators::stream_signature("another", good.as_bytes());
    let packed = gzip(good.as_bytes());
    let over_gzip = simulators::stream_signature(STREAM_SECRET, &packed);
    let tampered = good.replace("session-1", "session-2");
    let damaged = packed[..packed.len() - 6].to_vec();
    for (body, signature, why) in [
        (good.clone().into_bytes(), other.as_str(), "another secret"),
        (good.clone().into_bytes(), "", "an empty signature"),
        (good.clone().into_bytes(), "zz", "no hexadecimal"),
        (tampered.into_bytes(), &signature, "a changed body"),
        (packed, &over_gzip, "signed over the packed bytes"),
        (damaged, &signature, "damaged gzip"),
        (b"\x00\xffgarbage".to_vec(), &signature, "garbage"),
        (Vec::new(), &signature, "nothing"),
    ] {
        let answer = from_stream_with(&world, body, signature).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_signature"), "{why}: {}", answer.body);
    }
    let unsigned = world.send("POST", "/api/webhooks/stream", Some(good.into_bytes()), &[]).await;
    unsigned.refused(401, "invalid_signature");
    for (body, why) in [
        (vec![b' '; 1024 * 1024 + 1], "too large"),
        (gzip(&vec![b' '; 1024 * 1024 + 1]), "too large once unpacked"),
        (gzip(&vec![0; 64 * 1024 * 1024]), "a bomb"),
    ] {
        let signature = simulators::stream_signature(STREAM_SECRET, &body);
        let answer = from_stream_with(&world, body, &signature).await;
        assert_eq!((answer.status, answer.code()), (413, "payload_too_large"), "{why}");
    }
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn a_gzip_body_is_verified_as_it_was_before_packing() {
    let world = world().await;
    book(&world, true, |b| b).await;
    let body = session("call.session_started", 5);
    let signature = simulators::stream_signature(STREAM_SECRET, body.as_bytes());
    from_stream_with(&world, gzip(body.as_bytes()), &signature).await.expect(200);
    from_stream(&world, &body).await.expect(200);
    assert_eq!(count(&world, "WEBHOOK#").await, 1, "packed and plain are one delivery");
}

#[tokio::test]
async fn signed_nonsense_is_malformed_and_events_of_no_concern_are_acknowledged() {
    let world = world().await;
    book(&world, true, |b| b).await;
    let before = stored(&world).await;
    for body in ["", "{", "[]", r#"{"type":7}"#, r#"{"type":"call.ended","call_cid":"x","created_at":1}"#] {
        from_stream(&world, body).await.refused(400, "malformed_request");
    }
    let unknown_booking =
        session("call.session_started", 5).replace(&booking_id().to_string(), "bkg_01M7W4N5E0ZZZZZZZZZZZZZZZZ");
    for body in [
        r#"{"type":"call.stats_report_ready"}"#.to_owned(),
        r#"{"type":"call.ended","call_cid":"default:somebody-elses","created_at":1}"#.to_owned(),
        event("call.ended", 5, json!({})).replace("default:", "livestream:"),
        unknown_booking,
    ] {
        assert_eq!(from_stream(&world, &body).await.expect(200), json!({ "received": true }), "{body}");
    }
    assert_eq!(stored(&world).await, before);
}

#[tokio::test]
async fn during_rotation_both_secrets_verify_and_a_new_one_is_read_once() {
    let mut options = Options::default();
    options.secrets["stream"]["apiSecret"] = json!(["new-secret", STREAM_SECRET]);
    let world = World::with(&crate::functions(), options.clone()).await;
    book(&world, true, |b| b).await;
    let send = async |secret: &str, seconds: i64| {
        let body = session("call.session_started", seconds);
        let signature = simulators::stream_signature(secret, body.as_bytes());
        from_stream_with(&world, body.into_bytes(), &signature).await
    };
    send("new-secret", 1).await.expect(200);
    send(STREAM_SECRET, 2).await.expect(200);
    options.secrets["stream"]["apiSecret"] = json!("newest-secret");
    world.app.secrets.replace(options.secrets);
    send("newest-secret", 3).await.refused(401, "invalid_signature");
    world.app.clock.advance(SignedDuration::from_secs(61));
    send("newest-secret", 4).await.expect(200);
    send(STREAM_SECRET, 5).await.refused(401, "invalid_signature");
}

#[tokio::test]
async fn what_runs_without_consent_is_to_be_stopped() {
    let started = [
        event("call.recording_started", 20, json!({ "egress_id": "e1" })),
        event("call.transcription_started", 21, json!({ "egress_id": "e2" })),
        session("call.session_started", 5),
    ];
    let stops = |state: &crate::recorded::Stored| {
        state.keys().filter(|(pk, _)| pk.starts_with("OUTBOX#match_recording") && pk.contains("event-")).count()
    };
    assert_eq!(stops(&state_after(&started, false).await), 2);
    assert_eq!(stops(&state_after(&started, true).await), 0);

    let world = world().await;
    book(&world, true, cancelled).await;
    for body in &started {
        from_stream(&world, body).await.expect(200);
    }
    assert_eq!(stops(&stored(&world).await), 2, "nothing of a cancelled booking is recorded");
}

fn cancelled(booking: Booking) -> Booking {
    let before_start = booking.start_time - SignedDuration::from_hours(1);
    let cancelled = booking.cancel(Party::Interviewee, "ill".into(), None, &Attendance::default(), before_start);
    let Ok(Applied::Now(Cancelling::Released(cancelled, _))) = cancelled else { panic!("it can be cancelled") };
    cancelled
}

#[tokio::test]
async fn facts_and_media_of_a_cancelled_booking_are_still_taken_in() {
    let world = world().await;
    book(&world, true, cancelled).await;
    for body in whole_session() {
        from_stream(&world, &body).await.expect(200);
    }
    let attendance = store::attendance::of_booking(&world.app.table, booking_id()).await.unwrap();
    assert_eq!(attendance.visits.len(), 2);
    assert_eq!(count(&world, "OUTBOX#copy_").await, 2, "the worker deletes them at Stream");
}

#[tokio::test]
async fn people_who_are_no_party_leave_no_attendance() {
    let world = world().await;
    book(&world, true, |b| b).await;
    from_stream(&world, &stay("call.session_participant_joined", "eve", 5, 5)).await.expect(200);
    let attendance = store::attendance::of_booking(&world.app.table, booking_id()).await.unwrap();
    assert!(attendance.visits.is_empty());
    assert_eq!(count(&world, "WEBHOOK#stream#").await, 1);
}
