use std::time::Duration;

use domain::booking::{FeedbackState, State};
use domain::feedback::FeedbackStatus;
use domain::patience::RECEIVES;
use domain::settlement::SettlementReason;
use jiff::SignedDuration;
use kit::Failure;
use kit::invocation::Invocation;
use kit::worker::Again;
use serde_json::json;
use simulators::{GeminiScript, Reply};
use store::keys;
use store::outbox::Effect;
use testing::noon;
use tokio::time::Instant;

use super::work;
use crate::feedback::drafting::{LIMITS, Limits};
use crate::feedback::prompt::{PROMPT_VERSION, RUBRIC_VERSION};
use crate::stage::{PRICE, Stage, booking_id, received, transcript_of};

const PRIMARY: &str = "gemini-3.8-flash";
const FALLBACK: &str = "gemini-3.5-flash";

/// A booked session with a transcript.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.booked(true).await;
    stage.add_transcript("s1", noon(), &transcript_of("cara", "ivy")).await;
    stage
}

async fn receive(stage: &Stage, times: u32, limits: Limits) -> Result<(), Failure> {
    let mut received = received(Effect::Feedback { booking_id: booking_id(), cause: "c1".into() });
    received.receive_count = times;
    work(&stage.app, &received, limits).await
}

async fn run(stage: &Stage) -> Result<(), Failure> {
    receive(stage, 1, LIMITS).await
}

fn script(stage: &Stage, model: Option<&str>, responses: &[Reply]) {
    let model = model.map(str::to_owned);
    stage.gemini.script(GeminiScript { model, responses: responses.to_vec(), ..GeminiScript::default() });
}

/// Answers of the first model, then of the other.
fn scripts(stage: &Stage, primary: &[Reply], fallback: &[Reply]) {
    script(stage, Some(PRIMARY), primary);
    script(stage, Some(FALLBACK), fallback);
}

async fn state(stage: &Stage) -> Option<FeedbackState> {
    stage.booking().await.feedback
}

async fn is_leased(stage: &Stage) -> bool {
    stage.app.table.get::<serde_json::Value>(&keys::lease(booking_id())).await.unwrap().is_some()
}

#[tokio::test]
async fn a_complete_feedback_is_stored_and_pays() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    let record = stage.feedback().await.unwrap();
    let feedback = record.feedback;
    assert!(feedback.is_complete());
    assert_eq!(feedback.evidence.claims, feedback.evidence.verified);
    assert!(feedback.strengths.iter().chain(&feedback.improvements).all(|p| !p.quotes.is_empty()));
    assert_eq!(feedback.model.as_deref(), Some(PRIMARY));
    assert_eq!((feedback.prompt_version.as_str(), feedback.rubric_version.as_str()), (PROMPT_VERSION, RUBRIC_VERSION));
    assert!(feedback.speech.words_per_minute.unwrap() > 20.0);
    assert_eq!(record.generations, 1);
    assert!(record.usage.prompt_tokens > 0 && record.usage.output_tokens > 0);

    let booking = stage.booking().await;
    assert_eq!(booking.feedback, Some(FeedbackState::Complete));
    let State::Completed { settlement, .. } = booking.state else { panic!("a complete feedback pays") };
    assert_eq!(settlement.reason, SettlementReason::FeedbackComplete);
    assert_eq!(stage.balances("cara").await, (100 - PRICE, 0, 0));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
    assert!(!is_leased(&stage).await);
    // Its recording may still be missing: the sweep looks after it, and finds its feedback.
    assert_eq!(booking.due_at, Some(booking.end_time + SignedDuration::from_mins(60)));
}

#[tokio::test]
async fn what_is_stored_is_never_generated_again() {
    let stage = stage().await;
    for times in 1..=3 {
        receive(&stage, times, LIMITS).await.unwrap();
    }
    stage.add_transcript("s2", noon(), &transcript_of("cara", "ivy")).await;
    run(&stage).await.unwrap();
    assert_eq!(stage.gemini.generations(), 1);
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_at_once_ask_once_and_pay_once() {
    let stage = stage().await;
    let outcomes = tokio::join!(run(&stage), run(&stage), run(&stage));
    let outcomes = [outcomes.0, outcomes.1, outcomes.2];
    assert!(outcomes.iter().any(Result::is_ok));
    for failure in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(failure.again, Again::After(Duration::from_secs(30)));
    }
    run(&stage).await.unwrap();
    assert_eq!(stage.gemini.generations(), 1);
    assert_eq!(stage.balances("cara").await, (100 - PRICE, 0, 0));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
}

#[tokio::test]
async fn a_rivals_lease_is_waited_for_and_an_expired_one_is_taken_over() {
    let stage = stage().await;
    let until = noon() + SignedDuration::from_mins(5);
    store::lease::take(&stage.app.table, booking_id(), "rival", 7, noon(), until).await.unwrap();
    for (times, seconds) in [(1, 30), (2, 60), (RECEIVES, 240)] {
        let failure = receive(&stage, times, LIMITS).await.unwrap_err();
        assert_eq!(failure.again, Again::After(Duration::from_secs(seconds)));
    }
    assert_eq!((stage.gemini.generations(), state(&stage).await), (0, None));
    stage.app.clock.set(until);
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn a_cancelled_or_unknown_booking_gets_no_feedback() {
    let stage = Stage::new().await;
    run(&stage).await.unwrap();
    stage.booked(true).await;
    stage.add_transcript("s1", noon(), &transcript_of("cara", "ivy")).await;
    stage.cancel().await;
    run(&stage).await.unwrap();
    assert_eq!(stage.gemini.generations(), 0);
    assert_eq!(stage.feedback().await, None);
}

#[tokio::test]
async fn too_little_speech_is_said_and_neither_asked_about_nor_paid() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    let said = transcript_of("cara", "ivy");
    let short = said.lines().take(4).collect::<Vec<_>>().join("\n");
    stage.add_transcript("s1", noon(), &short).await;
    run(&stage).await.unwrap();
    let version = stage.booking().await.version;
    run(&stage).await.unwrap();
    assert_eq!(stage.booking().await.version, version, "a second run changes nothing");
    let feedback = stage.feedback().await.unwrap().feedback;
    assert_eq!(feedback.status, FeedbackStatus::InsufficientEvidence);
    assert!(feedback.reason.unwrap().starts_with("Too little was said"));
    assert_eq!((feedback.overall_rating, feedback.model), (None, None));
    assert_eq!((stage.gemini.generations(), state(&stage).await), (0, Some(FeedbackState::InsufficientEvidence)));
    assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0));

    stage.add_transcript("s2", noon() + SignedDuration::from_mins(10), &said).await;
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete), "a further session makes up for it");
}

#[tokio::test]
async fn a_line_that_speech_to_text_repeats_counts_once() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    let said = transcript_of("cara", "ivy");
    let answer = said.lines().nth(1).unwrap();
    let looped: Vec<&str> = said.lines().step_by(2).flat_map(|question| [question, answer]).collect();
    stage.add_transcript("s1", noon(), &looped.join("\n")).await;
    run(&stage).await.unwrap();
    assert_eq!((stage.gemini.generations(), state(&stage).await), (0, Some(FeedbackState::InsufficientEvidence)));
}

#[tokio::test]
async fn a_failed_transcription_leads_to_insufficient_evidence() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::InsufficientEvidence));
}

#[tokio::test]
async fn claims_that_nobody_said_are_dropped_and_the_better_of_two_generations_is_kept() {
    let stage = stage().await;
    script(&stage, None, &[Reply::MissingQuotes, Reply::HalfMissingQuotes]);
    run(&stage).await.unwrap();
    let record = stage.feedback().await.unwrap();
    let evidence = record.feedback.evidence;
    assert!(evidence.verified > 0 && evidence.verified < evidence.claims, "{evidence:?}");
    assert_eq!(record.feedback.strengths.len() + record.feedback.improvements.len(), evidence.verified);
    assert_eq!((record.generations, stage.gemini.generations()), (2, 2));
    assert!(record.feedback.is_complete());
}

#[tokio::test]
async fn a_second_generation_that_fails_does_not_cost_the_first() {
    let stage = stage().await;
    scripts(&stage, &[Reply::MissingQuotes, Reply::Unavailable], &[Reply::Unavailable]);
    run(&stage).await.unwrap();
    assert_eq!(stage.feedback().await.unwrap().feedback.status, FeedbackStatus::InsufficientEvidence);
}

#[tokio::test]
async fn without_one_proved_claim_there_is_no_score_and_no_payment_and_no_second_bill() {
    let stage = stage().await;
    for reply in [Reply::MissingQuotes, Reply::WrongSpeakerQuotes] {
        script(&stage, None, &[reply, reply]);
        run(&stage).await.unwrap();
    }
    let record = stage.feedback().await.unwrap();
    assert_eq!(record.feedback.status, FeedbackStatus::InsufficientEvidence);
    assert_eq!(record.feedback.evidence.verified, 0);
    assert_eq!(record.feedback.model.as_deref(), Some(PRIMARY));
    assert_eq!(stage.gemini.generations(), 2, "the second message finds the answer stored");
    assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0));
    assert!(stage.booking().await.is_scheduled());
    assert!(!is_leased(&stage).await);
}

#[tokio::test]
async fn quotes_in_other_case_and_punctuation_are_found() {
    let stage = stage().await;
    script(&stage, None, &[Reply::RecasedQuotes]);
    run(&stage).await.unwrap();
    let evidence = stage.feedback().await.unwrap().feedback.evidence;
    assert_eq!(evidence.claims, evidence.verified);
}

#[tokio::test]
async fn a_useless_answer_is_asked_for_once_more_and_then_of_the_other_model() {
    for reply in
        [Reply::Malformed, Reply::Prose, Reply::WrongShape, Reply::Empty, Reply::MaxTokens, Reply::Continuation]
    {
        let stage = stage().await;
        scripts(&stage, &[reply], &[]);
        run(&stage).await.unwrap();
        let record = stage.feedback().await.unwrap();
        assert_eq!((record.generations, record.feedback.model.as_deref()), (2, Some(PRIMARY)), "{reply:?}");
    }
    let stage = stage().await;
    scripts(&stage, &[Reply::Malformed, Reply::MaxTokens], &[]);
    run(&stage).await.unwrap();
    let record = stage.feedback().await.unwrap();
    assert_eq!((record.generations, record.feedback.model.as_deref()), (3, Some(FALLBACK)));
    let once = record.usage.prompt_tokens / 3;
    assert_eq!(once * 3, record.usage.prompt_tokens, "every answer is counted");
}

#[tokio::test]
async fn the_other_model_is_asked_at_once_where_the_first_is_in_trouble() {
    for reply in [
        Reply::RateLimited,
        Reply::RateLimitedDay,
        Reply::Unavailable,
        Reply::Internal,
        Reply::Deadline,
        Reply::NotFound,
        Reply::Safety,
        Reply::BlockedPrompt,
    ] {
        let stage = stage().await;
        scripts(&stage, &[reply], &[]);
        run(&stage).await.unwrap();
        let record = stage.feedback().await.unwrap();
        assert_eq!((record.generations, record.feedback.model.as_deref()), (2, Some(FALLBACK)), "{reply:?}");
    }
}

#[tokio::test]
async fn where_both_models_are_in_trouble_the_message_waits_as_long_as_the_provider_says() {
    let stage = stage().await;
    let retry_delay = Some("34.5s".to_owned());
    let responses = vec![Reply::RateLimited, Reply::RateLimited];
    stage.gemini.script(GeminiScript { responses, retry_delay, ..GeminiScript::default() });
    let named = Some(Duration::from_millis(34_500));
    assert_eq!(run(&stage).await.unwrap_err().again, Again::Patiently { named });
    assert!(!is_leased(&stage).await, "a retry need not wait for the lease");

    script(&stage, None, &[Reply::Unavailable, Reply::Unavailable]);
    let failure = receive(&stage, 2, LIMITS).await.unwrap_err();
    assert_eq!((failure.again, failure.error.code()), (Again::Patiently { named: None }, Some("upstream_unavailable")));
    assert_eq!((state(&stage).await, stage.feedback().await), (None, None));
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn a_model_that_hangs_is_given_up_within_the_time_of_the_run() {
    let stage = stage().await;
    let hang = |model: &str| GeminiScript {
        model: Some(model.to_owned()),
        responses: vec![Reply::Hang],
        hang_seconds: Some(60.0),
        ..GeminiScript::default()
    };
    stage.gemini.script(hang(PRIMARY));
    let limits = Limits { call: Duration::from_millis(300), run: Duration::from_secs(20) };
    receive(&stage, 1, limits).await.unwrap();
    assert_eq!(stage.feedback().await.unwrap().feedback.model.as_deref(), Some(FALLBACK));

    let stage = self::stage().await;
    stage.gemini.script(hang(PRIMARY));
    stage.gemini.script(hang(FALLBACK));
    let limits = Limits { call: Duration::from_mins(1), run: Duration::from_millis(300) };
    let failure = receive(&stage, 1, limits).await.unwrap_err();
    assert_eq!(failure.error.code(), Some("upstream_unavailable"));
    assert_eq!(stage.gemini.generations(), 1, "no time is left for the other model");
    assert!(!is_leased(&stage).await);
}

#[tokio::test]
async fn the_time_of_the_whole_invocation_counts_and_the_lease_ends_with_it() {
    let stage = stage().await;
    let hang_seconds = Some(60.0);
    stage.gemini.script(GeminiScript { responses: vec![Reply::Hang], hang_seconds, ..GeminiScript::default() });
    // So much is kept for storing that three tenths of a second are left for asking.
    let deadline = Instant::now() + Duration::from_millis(30_300);
    let invocation = Invocation { id: "i-1".into(), deadline };
    let begun = Instant::now();
    let mut run = Box::pin(invocation.run(run(&stage)));
    let lease = async {
        while stage.gemini.generations() == 0 {
            tokio::task::yield_now().await;
        }
        let lease: serde_json::Value = stage.app.table.get(&keys::lease(booking_id())).await.unwrap().unwrap();
        lease["expiresAt"].as_i64().unwrap() - stage.app.now().as_second()
    };
    let (failure, lease) = tokio::join!(&mut run, lease);
    assert_eq!(failure.unwrap_err().error.code(), Some("upstream_unavailable"));
    assert!(begun.elapsed() < Duration::from_secs(20), "it gave up in time to store");
    assert!((30..=35).contains(&lease), "a lease of {lease} s ends when the function does, and a moment later");
    assert!(!is_leased(&stage).await);
}

#[test]
fn limits_follow_from_the_time_that_is_left() {
    let seconds = Duration::from_secs;
    for (left, asking, lease) in [(None, 260, 295), (Some(300), 260, 305), (Some(250), 220, 255), (Some(20), 0, 25)] {
        let left = left.map(seconds);
        assert_eq!((LIMITS.within(left).run, LIMITS.within(left).lease(left)), (seconds(asking), seconds(lease)));
    }
}

#[tokio::test]
async fn content_that_both_models_block_fails_for_good_until_an_operator_sends_it_again() {
    let stage = stage().await;
    scripts(&stage, &[Reply::Safety], &[Reply::Recitation]);
    run(&stage).await.unwrap_err();
    assert_eq!((state(&stage).await, stage.gemini.generations()), (Some(FeedbackState::Failed), 2));
    for times in 2..=RECEIVES {
        receive(&stage, times, LIMITS).await.unwrap_err();
    }
    assert_eq!(stage.gemini.generations(), 2, "the refusal is not paid for again");
    assert_eq!(stage.balances("cara").await, (100 - PRICE, PRICE, 0));
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
}

#[tokio::test]
async fn a_message_that_is_sent_anew_has_all_its_tries_again() {
    let stage = stage().await;
    scripts(&stage, &[Reply::Safety, Reply::Unavailable], &[Reply::Recitation, Reply::Unavailable]);
    run(&stage).await.unwrap_err();
    assert_eq!(state(&stage).await, Some(FeedbackState::Failed));
    run(&stage).await.unwrap_err();
    assert_eq!(state(&stage).await, None, "it is being tried");
    receive(&stage, 2, LIMITS).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn the_last_failure_is_told_to_the_parties_and_earlier_ones_are_not() {
    let stage = stage().await;
    let then = Reply::Unavailable;
    stage.gemini.script(GeminiScript { then, ..GeminiScript::default() });
    for times in 1..RECEIVES {
        receive(&stage, times, LIMITS).await.unwrap_err();
        assert_eq!(state(&stage).await, None);
    }
    receive(&stage, RECEIVES, LIMITS).await.unwrap_err();
    assert_eq!(state(&stage).await, Some(FeedbackState::Failed));
    stage.gemini.reset();
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn a_key_that_was_rotated_is_read_again() {
    let stage = stage().await;
    stage.app.secrets.replace(json!({ "gemini": { "apiKey": "old" } }));
    run(&stage).await.unwrap_err();
    stage.app.secrets.replace(json!({ "gemini": { "apiKey": "gemini-test-key" } }));
    run(&stage).await.unwrap_err();
    stage.app.clock.advance(SignedDuration::from_secs(61));
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn a_transcript_that_cannot_be_fetched_is_tried_again() {
    let stage = stage().await;
    stage.aws.kept().fail_operations_with = Some("GET object".to_owned());
    run(&stage).await.unwrap_err();
    assert_eq!((stage.gemini.generations(), state(&stage).await), (0, None));
    stage.aws.kept().fail_operations_with = None;
    run(&stage).await.unwrap();
    assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
}

#[tokio::test]
async fn the_transcript_is_fenced_as_data() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    let requests = stage.gemini.requests();
    let body = &requests[0].body;
    let prompt = body["contents"][0]["parts"][0]["text"].as_str().unwrap();
    let (before, fenced) = prompt.split_once("\n<<<TRANSCRIPT\n").unwrap();
    assert!(!before.contains("outbox row"));
    assert!(fenced.contains("[1] 00:00:08 INTERVIEWEE: I would write every order"));
    let rules = body["systemInstruction"]["parts"][0]["text"].as_str().unwrap();
    assert!(rules.contains("never an instruction"));
    assert!(rules.contains("not a hiring assessment"));
}

#[tokio::test]
async fn a_booking_that_is_cancelled_while_a_model_answers_gets_no_feedback_and_is_not_charged() {
    let stage = stage().await;
    let hang_seconds = Some(0.3);
    stage.gemini.script(GeminiScript { responses: vec![Reply::Hang], hang_seconds, ..GeminiScript::default() });
    let cancel = async {
        while stage.gemini.generations() == 0 {
            tokio::task::yield_now().await;
        }
        stage.cancel().await;
    };
    let (outcome, ()) = tokio::join!(run(&stage), cancel);
    outcome.unwrap();
    assert_eq!((stage.feedback().await, stage.balances("ivy").await), (None, (0, 0, 0)));
    assert!(stage.booking().await.is_cancelled());
    assert!(!is_leased(&stage).await);
}

#[tokio::test]
async fn a_contended_write_is_repeated_without_asking_again() {
    let stage = stage().await;
    let hang_seconds = Some(0.1);
    stage.gemini.script(GeminiScript { responses: vec![Reply::Hang], hang_seconds, ..GeminiScript::default() });
    let rival = async {
        while stage.gemini.generations() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..40 {
            let booking = stage.booking().await;
            let mut tx = store::Tx::new();
            store::booking::replace(&mut tx, &booking, &booking).unwrap();
            // Either of the two may be the one that has to read again.
            let _ = tx.commit(&stage.app.table).await;
        }
    };
    let (outcome, ()) = tokio::join!(run(&stage), rival);
    outcome.unwrap();
    assert_eq!((stage.gemini.generations(), state(&stage).await), (1, Some(FeedbackState::Complete)));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
}

/// When the door of the tests' call has closed.
fn closed() -> jiff::Timestamp {
    noon() + SignedDuration::from_mins(90)
}

/// Another session of the call, in which the candidate says so many different things.
async fn add_session(stage: &Stage, name: &str, answers: i64) {
    let lines = (0..answers).flat_map(|n| {
        let asked = format!("What would you do about problem number {n}?");
        let answered = format!("About problem {n} of session {name} I would measure first and then change one thing.");
        let line = |speaker: &str, text, from: i64, to: i64| {
            json!({ "speaker_id": speaker, "type": "speech", "text": text, "start_ts": from, "stop_ts": to })
                .to_string()
        };
        [
            line("ivy", asked, n * 10_000, n * 10_000 + 3000),
            line("cara", answered, n * 10_000 + 4000, n * 10_000 + 9000),
        ]
    });
    let start = noon() + SignedDuration::from_mins(20);
    stage.add_transcript(name, start, &lines.collect::<Vec<String>>().join("\n")).await;
}

#[tokio::test]
async fn a_session_that_grew_by_more_than_half_is_judged_once_more_when_the_door_has_closed() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    let first = stage.feedback().await.unwrap();
    assert_eq!(first.feedback.renewed_at, None);
    add_session(&stage, "s2", 60).await;
    run(&stage).await.unwrap();
    assert_eq!((stage.feedback().await.unwrap(), stage.gemini.generations()), (first.clone(), 1));

    stage.app.clock.set(closed());
    for times in 1..=3 {
        receive(&stage, times, LIMITS).await.unwrap();
    }
    let renewed = stage.feedback().await.unwrap();
    assert!(renewed.feedback.is_complete());
    assert_eq!((renewed.feedback.generated_at, renewed.feedback.renewed_at), (noon(), Some(closed())));
    assert!(renewed.heard.unwrap().candidate_words > 3 * first.heard.unwrap().candidate_words);
    assert_eq!((renewed.generations, stage.gemini.generations()), (2, 2));
    let prompt = stage.gemini.requests()[1].body["contents"][0]["parts"][0]["text"].to_string();
    assert!(prompt.contains("outbox row") && prompt.contains("problem 59 of session s2"));

    // Once, whatever follows.
    add_session(&stage, "s3", 400).await;
    run(&stage).await.unwrap();
    assert_eq!((stage.feedback().await.unwrap(), stage.gemini.generations()), (renewed, 2));
    assert_eq!(stage.balances("cara").await, (100 - PRICE, 0, 0));
    assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
    assert!(!is_leased(&stage).await);
}

#[tokio::test]
async fn a_session_that_hardly_grew_is_not_judged_again() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    let first = stage.feedback().await.unwrap();
    add_session(&stage, "s2", 3).await;
    // The same words once more say nothing new.
    stage.add_transcript("s3", noon() + SignedDuration::from_mins(30), &transcript_of("cara", "ivy")).await;
    stage.app.clock.set(closed());
    run(&stage).await.unwrap();
    assert_eq!((stage.feedback().await.unwrap(), stage.gemini.generations()), (first, 1));
}

#[tokio::test]
async fn a_renewal_that_comes_to_nothing_leaves_the_first_feedback_and_is_not_paid_for_again() {
    let replies = [
        vec![Reply::MissingQuotes, Reply::WrongSpeakerQuotes],
        // Both models refuse, which is for good.
        vec![Reply::Safety, Reply::Recitation],
    ];
    for replies in replies {
        let stage = stage().await;
        run(&stage).await.unwrap();
        let first = stage.feedback().await.unwrap();
        add_session(&stage, "s2", 60).await;
        stage.app.clock.set(closed());
        script(&stage, None, &replies);
        for times in 1..=2 {
            receive(&stage, times, LIMITS).await.unwrap();
        }
        let stored = stage.feedback().await.unwrap();
        assert_eq!((&stored.feedback, stored.was_renewed), (&first.feedback, true), "{replies:?}");
        assert_eq!((stored.generations, stage.gemini.generations()), (3, 3), "what it cost is counted");
        assert_eq!(state(&stage).await, Some(FeedbackState::Complete));
        assert_eq!(stage.balances("ivy").await, (0, 0, PRICE));
    }
}

#[tokio::test]
async fn a_renewal_that_has_to_wait_is_tried_again_and_the_first_feedback_stays_meanwhile() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    let first = stage.feedback().await.unwrap();
    add_session(&stage, "s2", 60).await;
    stage.app.clock.set(closed());
    stage.gemini.script(GeminiScript { then: Reply::Unavailable, ..GeminiScript::default() });
    for times in 1..=RECEIVES {
        receive(&stage, times, LIMITS).await.unwrap_err();
        assert_eq!((state(&stage).await, stage.feedback().await), (Some(FeedbackState::Complete), Some(first.clone())));
    }
    stage.gemini.reset();
    run(&stage).await.unwrap();
    assert!(stage.feedback().await.unwrap().feedback.renewed_at.is_some(), "an operator has sent it again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_by_two_workers_at_once_asks_once() {
    let stage = stage().await;
    run(&stage).await.unwrap();
    add_session(&stage, "s2", 60).await;
    stage.app.clock.set(closed());
    let outcomes = tokio::join!(run(&stage), run(&stage));
    assert!(outcomes.0.is_ok() || outcomes.1.is_ok());
    run(&stage).await.unwrap();
    assert_eq!(stage.gemini.generations(), 2);
    assert!(stage.feedback().await.unwrap().was_renewed);
}

#[tokio::test]
async fn a_transcript_in_seconds_since_1970_is_measured_as_it_was_spoken() {
    let stage = Stage::new().await;
    stage.booked(true).await;
    let mut lines = Vec::new();
    for line in transcript_of("cara", "ivy").lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        for time in ["start_ts", "stop_ts"] {
            line[time] = json!(noon().as_second() + line[time].as_i64().unwrap() / 1000);
        }
        lines.push(line.to_string());
    }
    stage.add_transcript("s1", noon(), &lines.join("\n")).await;
    run(&stage).await.unwrap();
    let in_seconds = stage.feedback().await.unwrap().feedback;

    let other = self::stage().await;
    run(&other).await.unwrap();
    assert_eq!(in_seconds.speech, other.feedback().await.unwrap().feedback.speech);
    assert!(in_seconds.speech.withheld.is_empty());
}
