use jiff::{SignedDuration, Timestamp};
use kit::Failure;
use serde_json::{Value, json};
use simulators::{PlayRequest, StreamOptions};
use store::media::{MediaKind, StoredFile, list};
use store::outbox::{Effect, StreamFile};
use testing::noon;

use super::{Verdict, Wanted, judge, keep, run_media};
use crate::run_stream::run_stream;
use crate::stage::{Stage, booking_id, cid, delivery, transcript_of};

async fn run(stage: &Stage, effect: &Effect) -> Result<(), Failure> {
    run_media(stage.app.clone(), delivery(effect.clone())).await
}

/// Plays a recorded session and answers what its two files lead to.
async fn played(stage: &Stage) -> [Effect; 2] {
    stage.booked(true).await;
    let matching = Effect::MatchRecording { booking_id: booking_id(), cause: "1".into() };
    run_stream(stage.app.clone(), delivery(matching)).await.unwrap();
    let said = transcript_of("interviewee", "interviewer");
    let request = PlayRequest { inline: Some(said), start: Some(json!(noon().to_string())), ..PlayRequest::default() };
    stage.stream.play("default", &booking_id().to_string(), request).await.unwrap();
    let announced = |kind: &str, member: &str| {
        let deliveries = stage.stream.deliveries();
        let delivery = deliveries.iter().find(|d| d.event_type == kind).unwrap();
        let event: Value = serde_json::from_str(&delivery.body).unwrap();
        file(&event[member])
    };
    [
        Effect::CopyRecording { booking_id: booking_id(), file: announced("call.recording_ready", "call_recording") },
        Effect::CopyTranscript {
            booking_id: booking_id(),
            file: announced("call.transcription_ready", "call_transcription"),
        },
    ]
}

fn file(wire: &Value) -> StreamFile {
    let text = |name: &str| wire[name].as_str().unwrap().to_owned();
    let time = |name: &str| -> Timestamp { text(name).parse().unwrap() };
    StreamFile {
        session_id: text("session_id"),
        filename: text("filename"),
        url: text("url"),
        start_time: time("start_time"),
        end_time: time("end_time"),
    }
}

fn with_dead_link(effect: &Effect) -> Effect {
    let mut effect = effect.clone();
    let (Effect::CopyRecording { file, .. } | Effect::CopyTranscript { file, .. }) = &mut effect else { panic!() };
    file.url = file.url.replace("Signature=", "Signature=0");
    effect
}

fn wanted(kind: MediaKind, effect: &Effect) -> Wanted<'_> {
    let (Effect::CopyRecording { file, .. } | Effect::CopyTranscript { file, .. }) = effect else { panic!() };
    Wanted { kind, booking_id: booking_id(), file }
}

/// The files in our bucket.
async fn stored(stage: &Stage, kind: MediaKind) -> Vec<StoredFile> {
    let mut known = list(&stage.app.table, booking_id(), kind).await.unwrap();
    known.retain(|file| file.object_key.is_some());
    known
}

fn operations(stage: &Stage) -> Vec<String> {
    stage.aws.kept().operations.clone()
}

async fn files_at_stream(stage: &Stage) -> (usize, usize) {
    let client = stage.app.stream().await.unwrap().client;
    let recordings = client.list_recordings(booking_id()).await.unwrap().len();
    (recordings, client.list_transcriptions(booking_id()).await.unwrap().len())
}

#[tokio::test]
async fn both_files_are_copied_once_and_the_transcript_leads_to_feedback() {
    let stage = Stage::new().await;
    let [recording, transcript] = played(&stage).await;
    for _ in 0..2 {
        run(&stage, &recording).await.unwrap();
        run(&stage, &transcript).await.unwrap();
    }
    assert_eq!(operations(&stage), ["PUT object", "PUT object"]);
    assert!(stage.booking().await.has_recording);
    let recordings = stored(&stage, MediaKind::Recording).await;
    assert_eq!((recordings.len(), recordings[0].bytes), (1, 64 * 1024));
    let transcripts = stored(&stage, MediaKind::Transcript).await;
    let key = transcripts[0].object_key.clone().unwrap();
    let body = stage.aws.kept().objects[&key].clone();
    assert_eq!(transcripts[0].bytes, body.len() as u64);
    // The first of ten lines was spoken before the interviewer had joined.
    assert_eq!(String::from_utf8(body).unwrap().lines().count(), 9);
    let waiting = stage.waiting().await;
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].starts_with(&format!("feedback:{}:", booking_id())), "{waiting:?}");
    assert_eq!(files_at_stream(&stage).await, (1, 1));
}

#[tokio::test]
async fn a_large_recording_is_copied_in_parts() {
    let bytes = 20 * 1024 * 1024 + 5;
    let stage = Stage::with(StreamOptions { recording_bytes: bytes, ..StreamOptions::default() }).await;
    let [recording, _] = played(&stage).await;
    run(&stage, &recording).await.unwrap();
    assert_eq!(operations(&stage), ["POST uploads", "PUT upload 1", "PUT upload 2", "PUT upload 3", "POST upload"]);
    let files = stored(&stage, MediaKind::Recording).await;
    assert_eq!(files[0].bytes, bytes as u64);
    let kept = stage.aws.kept();
    assert_eq!(kept.objects[files[0].object_key.as_ref().unwrap()].len(), bytes);
    assert!(kept.uploads.is_empty());
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted_and_tried_again() {
    let stage = Stage::with(StreamOptions { recording_bytes: 20 * 1024 * 1024, ..StreamOptions::default() }).await;
    let [recording, _] = played(&stage).await;
    stage.aws.kept().fail_operations_with = Some("upload 2".to_owned());
    run(&stage, &recording).await.unwrap_err();
    assert!(stage.aws.kept().uploads.is_empty());
    assert!(!stage.booking().await.has_recording);
    stage.aws.kept().fail_operations_with = None;
    run(&stage, &recording).await.unwrap();
    assert!(stage.booking().await.has_recording);
}

#[tokio::test]
async fn an_expired_link_is_replaced_by_a_fresh_one() {
    let stage = Stage::new().await;
    for effect in played(&stage).await {
        run(&stage, &with_dead_link(&effect)).await.unwrap();
    }
    assert_eq!(stored(&stage, MediaKind::Recording).await.len(), 1);
    assert_eq!(stored(&stage, MediaKind::Transcript).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_gone_at_stream_fails() {
    let stage = Stage::new().await;
    let [recording, transcript] = played(&stage).await;
    let client = stage.app.stream().await.unwrap().client;
    let Effect::CopyRecording { file, .. } = &recording else { panic!() };
    client.delete_recording(booking_id(), &file.session_id, &file.filename).await.unwrap();
    run(&stage, &recording).await.unwrap_err();
    run(&stage, &transcript).await.unwrap();
    assert!(!stage.booking().await.has_recording);
}

#[tokio::test]
async fn without_both_consents_the_files_are_deleted_at_stream_and_never_copied() {
    for cancelled in [false, true] {
        let stage = Stage::new().await;
        let effects = played(&stage).await;
        if cancelled {
            stage.cancel().await;
        } else {
            stage.candidate_says(false).await;
        }
        for effect in effects.iter().chain(&effects) {
            run(&stage, effect).await.unwrap();
        }
        assert!(operations(&stage).iter().all(|operation| operation == "DELETE object"));
        assert_eq!(files_at_stream(&stage).await, (0, 0));
        assert!(stored(&stage, MediaKind::Transcript).await.is_empty());
        assert!(stage.waiting().await.is_empty());
    }
}

#[tokio::test]
async fn a_copy_that_was_never_recorded_goes_when_consent_is_withdrawn_and_a_recorded_one_stays() {
    let stage = Stage::new().await;
    let [recording, transcript] = played(&stage).await;
    run(&stage, &transcript).await.unwrap();
    let Effect::CopyRecording { file, .. } = &recording else { panic!() };
    // The worker was cut off after its copy.
    let orphan = MediaKind::Recording.object_key(booking_id(), file);
    stage.aws.kept().objects.insert(orphan, vec![0; 9]);
    stage.candidate_says(false).await;
    for effect in [&recording, &transcript] {
        run(&stage, effect).await.unwrap();
    }
    let kept: Vec<String> = stage.aws.kept().objects.keys().cloned().collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].starts_with("transcripts/"), "{kept:?}");
}

#[tokio::test]
async fn what_was_thrown_away_stays_so_though_both_agree_while_it_goes() {
    let stage = Stage::new().await;
    let effects = played(&stage).await;
    stage.candidate_says(false).await;
    for (kind, effect) in [MediaKind::Recording, MediaKind::Transcript].into_iter().zip(&effects) {
        let wanted = wanted(kind, effect);
        assert!(matches!(judge(&stage.app, wanted).await, Ok(Verdict::Discard { also_here: true, stop: true })));
        stage.candidate_says(true).await;
        // A rival sees the consents, and that it is decided.
        assert!(matches!(judge(&stage.app, wanted).await, Ok(Verdict::Discard { also_here: true, stop: false })));
        assert!(!keep(&stage.app, wanted, "recordings/x.mp4", 9).await.unwrap());
        run(&stage, effect).await.unwrap();
        assert!(stored(&stage, kind).await.is_empty());
        stage.candidate_says(false).await;
    }
    assert!(operations(&stage).iter().all(|operation| operation == "DELETE object"));
    assert_eq!(files_at_stream(&stage).await, (0, 0));
}

#[tokio::test]
async fn what_still_runs_without_consent_is_stopped() {
    let stage = Stage::new().await;
    let [recording, _] = played(&stage).await;
    stage.stream.join(&cid(), "cara", Some(noon() + SignedDuration::from_mins(20))).await.unwrap();
    stage.candidate_says(false).await;
    run(&stage, &recording).await.unwrap();
    let call = stage.stream.call("default", &booking_id().to_string()).unwrap();
    assert_eq!((&call["recording"], &call["transcribing"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn a_file_that_was_announced_before_in_other_words_does_not_block() {
    let stage = Stage::new().await;
    let [_, transcript] = played(&stage).await;
    let Effect::CopyTranscript { file, .. } = &transcript else { panic!() };
    let cause = store::media::digest(&file.session_id, &file.filename);
    let mut tx = store::Tx::new();
    let feedback = Effect::Feedback { booking_id: booking_id(), cause };
    store::outbox::write(&mut tx, &feedback, noon()).unwrap();
    tx.commit(&stage.app.table).await.unwrap();
    run(&stage, &transcript).await.unwrap();
    assert_eq!(stored(&stage, MediaKind::Transcript).await.len(), 1);
}

#[tokio::test]
async fn two_workers_with_the_same_file_leave_it_once() {
    let stage = Stage::new().await;
    let [recording, transcript] = played(&stage).await;
    let outcomes = tokio::join!(
        run(&stage, &transcript),
        run(&stage, &recording),
        run(&stage, &transcript),
        run(&stage, &recording)
    );
    for outcome in [outcomes.0, outcomes.1, outcomes.2, outcomes.3] {
        outcome.unwrap();
    }
    assert_eq!((stage.waiting().await.len(), stage.aws.kept().objects.len()), (1, 2));
}

#[tokio::test]
async fn a_file_whose_consent_was_withdrawn_while_it_was_copied_is_not_kept() {
    let stage = Stage::new().await;
    let effects = played(&stage).await;
    stage.candidate_says(false).await;
    for (kind, effect) in [MediaKind::Recording, MediaKind::Transcript].into_iter().zip(&effects) {
        assert!(!keep(&stage.app, wanted(kind, effect), "recordings/x.mp4", 9).await.unwrap());
        assert!(stored(&stage, kind).await.is_empty());
    }
    assert!(!stage.booking().await.has_recording);
}
