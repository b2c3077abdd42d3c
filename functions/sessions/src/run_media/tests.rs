use std::time::Duration;

use domain::patience::RECEIVES;
use jiff::{SignedDuration, Timestamp};
use kit::Failure;
use kit::invocation::Invocation;
use kit::worker::ReceivedMessage;
use serde_json::{Value, json};
use simulators::{PlayRequest, StreamOptions};
use store::media::{Copying, MediaKind, StoredFile, list};
use store::outbox::{Effect, Message, StreamFile};
use testing::noon;
use tokio::time::Instant;

use super::{Verdict, Wanted, judge, keep, run_media};
use crate::media::copying::Copied;
use crate::run_stream::run_stream;
use crate::stage::{Stage, booking_id, cid, received, transcript_of};

async fn run(stage: &Stage, effect: &Effect) -> Result<(), Failure> {
    run_media(stage.app.clone(), received(effect.clone())).await
}

/// Plays a recorded session and answers what its two files lead to.
async fn played(stage: &Stage) -> [Effect; 2] {
    stage.booked(true).await;
    let matching = Effect::MatchRecording { booking_id: booking_id(), cause: "1".into() };
    run_stream(stage.app.clone(), received(matching)).await.unwrap();
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

/// A stage with a recording of three parts, the last of them not full.
async fn large() -> (Stage, Effect) {
    let options = StreamOptions { recording_bytes: LARGE, ..StreamOptions::default() };
    let stage = Stage::with(options).await;
    let [recording, _] = played(&stage).await;
    (stage, recording)
}

const LARGE: usize = 20 * 1024 * 1024;

/// Lets two of three parts be stored.
async fn interrupted(stage: &Stage, recording: &Effect) {
    stage.aws.kept().fail_operations_with = Some("upload 3".to_owned());
    run(stage, recording).await.unwrap_err();
    let mut kept = stage.aws.kept();
    kept.fail_operations_with = None;
    assert_eq!(kept.uploads.values().next().unwrap().len(), 2);
    kept.operations.clear();
}

async fn assert_copied(stage: &Stage) {
    assert!(stage.booking().await.has_recording);
    let files = stored(stage, MediaKind::Recording).await;
    assert_eq!(files[0].bytes, LARGE as u64);
    let kept = stage.aws.kept();
    assert_eq!(kept.objects[files[0].object_key.as_ref().unwrap()].len(), LARGE);
    assert!(kept.uploads.is_empty(), "nothing is left behind");
}

async fn remembered(stage: &Stage, recording: &Effect) -> Option<Copying> {
    let Effect::CopyRecording { file, .. } = recording else { panic!() };
    store::media::copying(&stage.app.table, booking_id(), file).await.unwrap()
}

#[tokio::test]
async fn an_upload_that_fails_is_gone_on_with_where_it_was() {
    let (stage, recording) = large().await;
    interrupted(&stage, &recording).await;
    assert!(!stage.booking().await.has_recording);
    run(&stage, &with_dead_link(&recording)).await.unwrap();
    assert_eq!(operations(&stage), ["GET upload", "PUT upload 3", "POST upload"], "also by another link to the file");
    assert_copied(&stage).await;
    assert_eq!(remembered(&stage, &recording).await, None);
}

#[tokio::test]
async fn a_copy_whose_time_ends_goes_on_by_a_message_of_its_own() {
    let (stage, recording) = large().await;
    let mut messages = vec![recording.clone()];
    let mut runs = 0;
    while let Some(effect) = messages.pop() {
        runs += 1;
        // Time for one part each.
        let invocation = Invocation { id: "i".into(), deadline: Instant::now() + Duration::from_secs(50) };
        invocation.run(run(&stage, &effect)).await.unwrap();
        let before = stage.app.now() + SignedDuration::from_hours(1);
        for row in store::outbox::waiting(&stage.app.table, before, 10, None).await.unwrap().rows {
            assert_eq!(row.queue, "media");
            let message: Message = serde_json::from_str(&row.message).unwrap();
            assert_eq!((&message.outbox_id, &message.effect), (&row.outbox_id, &recording));
            store::outbox::mark_relayed(&stage.app.table, &row.outbox_id, stage.app.now()).await.unwrap();
            messages.push(message.effect);
        }
    }
    assert_eq!(runs, 3);
    assert_copied(&stage).await;
}

#[tokio::test]
async fn a_copy_begins_anew_where_the_file_or_the_upload_is_another() {
    for is_file in [true, false] {
        let (stage, recording) = large().await;
        interrupted(&stage, &recording).await;
        if is_file {
            let known = remembered(&stage, &recording).await.unwrap();
            let other = Copying { etag: "\"other\"".into(), version: known.version + 1, ..known };
            let Effect::CopyRecording { file, .. } = &recording else { panic!() };
            store::media::begin_copying(&stage.app.table, booking_id(), file, &other, noon()).await.unwrap();
        } else {
            // As the bucket's lifecycle does after a day.
            stage.aws.kept().uploads.clear();
        }
        run(&stage, &recording).await.unwrap();
        assert_copied(&stage).await;
        assert_eq!(remembered(&stage, &recording).await, None);
    }
}

#[tokio::test]
async fn what_was_begun_is_aborted_without_consent_and_where_it_is_given_up() {
    for without_consent in [true, false] {
        let (stage, recording) = large().await;
        interrupted(&stage, &recording).await;
        if without_consent {
            stage.candidate_says(false).await;
            run(&stage, &recording).await.unwrap();
        } else {
            stage.aws.kept().fail_operations_with = Some("upload 3".to_owned());
            let last = ReceivedMessage { receive_count: RECEIVES, ..received(recording.clone()) };
            run_media(stage.app.clone(), last).await.unwrap_err();
        }
        assert!(stage.aws.kept().uploads.is_empty());
        assert_eq!(remembered(&stage, &recording).await, None);
        assert!(stored(&stage, MediaKind::Recording).await.is_empty());
    }
}

#[tokio::test]
async fn two_workers_with_a_large_file_leave_it_once() {
    let (stage, recording) = large().await;
    let outcomes = tokio::join!(run(&stage, &recording), run(&stage, &recording));
    outcomes.0.unwrap();
    outcomes.1.unwrap();
    assert_copied(&stage).await;
    assert_eq!(remembered(&stage, &recording).await, None);
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
        assert!(!keep(&stage.app, wanted, "recordings/x.mp4", &Copied::default()).await.unwrap());
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
        assert!(!keep(&stage.app, wanted(kind, effect), "recordings/x.mp4", &Copied::default()).await.unwrap());
        assert!(stored(&stage, kind).await.is_empty());
    }
    assert!(!stage.booking().await.has_recording);
}
