//! The worker of queue `generation`: the feedback of a booking.
//!
//! A model is asked only where its answer can be stored, and never again once it is (ARCHITECTURE.md, I8): what is stored is looked at
//! before anything else, a lease keeps rivals from asking at the same time, and a contended write is repeated without
//! asking again. The one exception is a session in which much more was said after its feedback was written: when the door
//! has closed, it is judged once more.

use std::time::Duration;

use domain::booking::{Applied, Booking, FeedbackState};
use domain::feedback::{Feedback, FeedbackRecord, Heard, TokenUsage, draft_schema};
use domain::ids::{BookingId, TransactionId};
use domain::speech::{FillerList, SpeechFacts};
use domain::transcript::{ParsedTranscript, Transcript, parse};
use jiff::{SignedDuration, Timestamp};
use kit::error::{Error, Fault};
use kit::needs::Table::{BatchGet, Delete, Get, Put, QueryTable};
use kit::needs::{Needs, Object};
use kit::secrets::Provider;
use kit::telemetry::{Metric, count};
use kit::worker::{ReceivedMessage, SET_ASIDE, WrongQueue};
use kit::{App, BoxFuture, Failure, Worker};
use providers::gemini::GenerateRequest;
use store::media::{self, MediaKind};
use store::outbox::{Effect, Queue};
use store::settlement::{capture_keys, write_capture};
use store::{StoreError, Tx, booking, feedback, keys, lease};
use tokio::time::Instant;

use crate::feedback::drafting::{Drafting, LIMITS, Limits, MAX_OUTPUT_TOKENS, Setback};
use crate::feedback::prompt::{SYSTEM_INSTRUCTION, prompt, versions};
use crate::media::TRANSCRIPT_LIMIT_BYTES;
use crate::media::bucket;

#[cfg(test)]
mod tests;

/// How long a message waits for a rival's lease, times how often it has waited: in all longer than a lease lasts.
const RIVAL_WAIT: Duration = Duration::from_secs(30);
/// The code of errors that pass.
const UNAVAILABLE: &str = "upstream_unavailable";
/// How long a paid feedback waits before it is offered to a table again that did not answer.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// Queue `generation`: minutes of work of a model, a few at a time.
pub fn worker() -> Worker {
    Worker {
        name: "run_generation",
        queue: Queue::Generation,
        about: "minutes of Gemini work, a few at a time.",
        work: run_generation,
        concurrency: 3,
        needs: Needs::table(&[Get, BatchGet, QueryTable, Put, Delete])
            .calls(&[Provider::Gemini])
            .media(&[(&[Object::Get], &["transcripts"])])
            .memory_mb(512)
            .timeout_seconds(300),
    }
}

/// Writes the feedback of one booking.
pub fn run_generation(app: App, received: ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move { work(&app, &received, LIMITS).await })
}

/// Why a run has stored nothing.
#[derive(Debug)]
enum Stop {
    /// Somebody else is at it.
    Rival,
    /// Trying again may help.
    Later(Error, Option<Duration>),
    /// It will not.
    ForGood(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Later(error.into(), None)
    }
}

async fn work(app: &App, received: &ReceivedMessage, limits: Limits) -> Result<(), Failure> {
    let Effect::Feedback { booking_id, .. } = &received.message.effect else {
        return Err(WrongQueue::of(&received.message.effect).into());
    };
    let Some(known) = Known::read(app, *booking_id).await? else { return Ok(()) };
    if known.is_final(app.now()) {
        return Ok(());
    }
    if known.booking.feedback == Some(FeedbackState::Failed) {
        if received.receive_count > 1 {
            // A refusal for good is not paid for again; the message is on its way to the operators, who may send it anew.
            let error = Fault("the feedback of this booking has failed for good".to_owned());
            return Err(Failure::after(error, SET_ASIDE));
        }
        // It was sent anew, or there is another transcript: it has all its tries again.
        app.retry(|| mark(app, *booking_id, None)).await?;
    }
    match attempt(app, received, &known, limits).await {
        Ok(()) => Ok(()),
        Err(Stop::Rival) => {
            let wait = RIVAL_WAIT * received.receive_count.max(1);
            Err(Failure::after(StoreError::Contended, wait))
        }
        Err(Stop::Later(error, named)) if !received.is_last() => Err(Failure::patiently(error, named)),
        Err(Stop::Later(error, _) | Stop::ForGood(error)) => {
            count(Metric::GenerationFailed, 1, app.now());
            if let Err(error) = app.retry(|| mark(app, *booking_id, Some(FeedbackState::Failed))).await {
                tracing::error!(booking.id = %booking_id, ?error, "a failed generation could not be noted");
            }
            Err(Failure::after(error, SET_ASIDE))
        }
    }
}

/// What is stored of a booking and its feedback.
struct Known {
    booking: Booking,
    feedback: Option<FeedbackRecord>,
}

impl Known {
    async fn read(app: &App, booking_id: BookingId) -> Result<Option<Self>, StoreError> {
        let wanted = [keys::booking(booking_id), keys::feedback(booking_id)];
        let items = app.table.batch_get(&wanted).await?;
        let Some(booking) = items.get(&wanted[0])? else { return Ok(None) };
        Ok(Some(Self { booking, feedback: items.get(&wanted[1])? }))
    }

    /// The stored feedback, where it judges the session.
    fn judged(&self) -> Option<&FeedbackRecord> {
        self.feedback.as_ref().filter(|record| record.feedback.is_complete())
    }

    /// Whether nothing may or need be written any more.
    fn is_final(&self, now: Timestamp) -> bool {
        let (_, closed_at) = self.booking.door();
        self.booking.is_cancelled() || self.feedback.as_ref().is_some_and(|record| record.is_final(closed_at, now))
    }

    /// Whether a model is to be asked about what was said.
    fn wants(&self, said: &Said, now: Timestamp) -> bool {
        let is_new = match self.judged() {
            Some(judged) => judged.is_outgrown_by(said.heard),
            None => !self.was_in_vain(said),
        };
        is_new && !self.is_final(now)
    }

    /// Whether a model was asked about this very speech before and nothing it claimed could be proved.
    fn was_in_vain(&self, said: &Said) -> bool {
        self.feedback.as_ref().is_some_and(|record| {
            let asked = record.feedback.model.is_some() && record.feedback.prompt_version == versions().prompt;
            let words = record.heard.map(|heard| heard.candidate_words);
            asked && words == Some(said.heard.candidate_words) && record.feedback.speech == said.speech
        })
    }
}

/// What was said in a call, and what can be counted of it.
struct Said {
    transcript: Transcript,
    heard: Heard,
    speech: SpeechFacts,
}

async fn attempt(app: &App, received: &ReceivedMessage, known: &Known, limits: Limits) -> Result<(), Stop> {
    let booking = &known.booking;
    let said = load(app, booking).await?;
    if let Some(thin) = said.transcript.thinness().filter(|_| known.judged().is_none()) {
        let (reason, now) = (thin.to_string(), app.now());
        let feedback = Feedback::insufficient(booking.booking_id, reason, said.speech, versions(), now);
        let (usage, heard) = (TokenUsage::default(), Some(said.heard));
        let record = FeedbackRecord { feedback, usage, generations: 0, heard, was_renewed: false };
        store(app, booking, &record, None).await?;
        return Ok(());
    }
    let now = app.now();
    if !known.wants(&said, now) {
        return Ok(());
    }
    // The time of the whole invocation counts, so that what was spent on reading is not spent again on asking.
    let left = app.time_left();
    let limits = limits.within(left);
    let asked_until = Instant::now() + limits.run;
    let until = now + SignedDuration::try_from(limits.lease(left)).unwrap_or(SignedDuration::from_mins(5));
    let lease = app.ids.random().max(1);
    match lease::take(&app.table, booking.booking_id, &received.message.outbox_id, lease, now, until).await {
        Ok(()) => {}
        Err(StoreError::Contended) => return Err(Stop::Rival),
        Err(error) => return Err(error.into()),
    }
    let outcome = generate(app, booking, &said, (asked_until, limits.call), lease).await;
    if outcome.is_err()
        && let Err(error) = lease::release(&app.table, booking.booking_id, lease).await
    {
        tracing::warn!(booking.id = %booking.booking_id, %error, "a lease could not be given back");
    }
    outcome
}

/// What both parties said, over all sessions of the call.
async fn load(app: &App, booking: &Booking) -> Result<Said, Error> {
    let mut sessions: Vec<(Timestamp, ParsedTranscript)> = Vec::new();
    for file in media::list(&app.table, booking.booking_id, MediaKind::Transcript).await? {
        let Some(key) = &file.object_key else { continue };
        let body = bucket::read_small(app, key, TRANSCRIPT_LIMIT_BYTES).await?;
        sessions.push((file.start_time, parse(&body, file.start_time)));
    }
    let transcripts = sessions.len();
    let transcript = Transcript::merge(sessions, &booking.interviewee_id, &booking.interviewer_id);
    if transcript.skipped + transcript.unknown_speakers > 0 {
        tracing::warn!(booking.id = %booking.booking_id, skipped = transcript.skipped,
            unknown_speakers = transcript.unknown_speakers, "parts of a transcript were left out");
    }
    let speech = SpeechFacts::measure(&transcript, &FillerList::ENGLISH);
    let heard = Heard { transcripts, candidate_words: transcript.substance().words };
    Ok(Said { transcript, heard, speech })
}

/// Asks for the feedback and stores it. The caller holds the lease.
async fn generate(
    app: &App,
    booking: &Booking,
    said: &Said,
    (asked_until, call_limit): (Instant, Duration),
    lease: u64,
) -> Result<(), Stop> {
    // The one who had the lease before may have stored what is wanted here.
    let known = Known::read(app, booking.booking_id).await?;
    let Some(known) = known.filter(|known| known.wants(said, app.now())) else {
        lease::release(&app.table, booking.booking_id, lease).await?;
        return Ok(());
    };
    let request = GenerateRequest {
        model: app.config.gemini()?.model.clone(),
        system_instruction: SYSTEM_INSTRUCTION.to_owned(),
        prompt: prompt(booking, &said.transcript),
        schema: draft_schema(),
        max_output_tokens: MAX_OUTPUT_TOKENS,
        thinking_level: None,
        timeout: call_limit,
    };
    let mut drafting = Drafting::new(app, request, &said.transcript, asked_until, call_limit).await?;
    let feedback = match drafting.draft().await {
        Ok(drafted) => {
            let evidence = drafted.verified.evidence;
            let dropped = evidence.claims.saturating_sub(evidence.verified);
            if dropped > 0 {
                count(Metric::ClaimDropped, u64::try_from(dropped).unwrap_or(u64::MAX), app.now());
            }
            tracing::info!(booking.id = %booking.booking_id, model = drafted.model, claims = evidence.claims,
                verified = evidence.verified, generations = drafting.generations, "feedback generated");
            let (speech, model) = (said.speech.clone(), drafted.model);
            drafted.verified.into_feedback(booking.booking_id, speech, model, versions(), app.now())
        }
        Err(Setback::ForGood(error)) if known.judged().is_some() => {
            // What there is stays as it is, and nobody asks again.
            tracing::warn!(booking.id = %booking.booking_id, ?error, "a feedback could not be renewed");
            let reason = "A model refused to write it once more.";
            Feedback::insufficient(booking.booking_id, reason, said.speech.clone(), versions(), app.now())
        }
        Err(Setback::ForGood(error)) => return Err(Stop::ForGood(error)),
        Err(Setback::Later(error, wait)) => return Err(Stop::Later(error, wait)),
    };
    let (usage, generations) = (drafting.usage, drafting.generations);
    let record = FeedbackRecord { feedback, usage, generations, heard: Some(said.heard), was_renewed: false };
    store(app, booking, &record, Some(lease)).await?;
    Ok(())
}

/// Stores a feedback. A write that rivals or an outage of the table keep from happening is repeated for longer than usual:
/// what it holds was paid for.
async fn store(app: &App, booking: &Booking, record: &FeedbackRecord, lease: Option<u64>) -> Result<(), Error> {
    for _ in 0..4 {
        match app.retry(|| store_once(app, booking, record, lease)).await {
            Err(error) if error.is_contended() => {}
            Err(error) if error.code() == Some(UNAVAILABLE) => tokio::time::sleep(OUTAGE_PAUSE).await,
            outcome => return outcome,
        }
    }
    app.retry(|| store_once(app, booking, record, lease)).await
}

/// One transaction: the feedback, what the booking says of it, the payment where the feedback shows that the session took
/// place, and the end of the lease.
async fn store_once(app: &App, subject: &Booking, record: &FeedbackRecord, lease: Option<u64>) -> Result<(), Error> {
    let booking_id = subject.booking_id;
    let mut wanted = vec![keys::booking(booking_id), keys::feedback(booking_id), keys::lease(booking_id)];
    wanted.extend(capture_keys(subject));
    let items = app.table.batch_get(&wanted).await?;
    let known = items
        .get::<Booking>(&wanted[0])?
        .map(|booking| -> Result<Known, StoreError> { Ok(Known { booking, feedback: items.get(&wanted[1])? }) });
    let Some((known, record)) = known.transpose()?.and_then(|known| next(known, record, app.now())) else {
        if let Some(lease) = lease {
            lease::release(&app.table, booking_id, lease).await?;
        }
        return Ok(());
    };
    let before = known.booking;
    let now = app.now();
    let mut tx = Tx::new();
    feedback::write(&mut tx, booking_id, &record)?;
    if let Some(lease) = lease {
        lease::end(&mut tx, &items, booking_id, lease)?;
    }
    if record.feedback.is_complete() {
        let complete = |booking: Booking| Booking { feedback: Some(FeedbackState::Complete), ..booking };
        match before.complete_by_feedback(now)? {
            Applied::Now((after, capture)) => {
                let new_id = || TransactionId::new(app.ids.unique(now));
                write_capture(&app.table, &mut tx, &items, &before, &complete(after), &capture, new_id).await?;
            }
            Applied::Already => booking::replace(&mut tx, &before, &complete(before.clone()))?,
        }
    } else {
        let after = Booking { feedback: Some(FeedbackState::InsufficientEvidence), ..before.clone() };
        booking::replace(&mut tx, &before, &after)?;
    }
    Ok(tx.commit(&app.table).await?)
}

/// What is to be stored over what is known, where there is anything to store.
fn next(known: Known, record: &FeedbackRecord, now: Timestamp) -> Option<(Known, FeedbackRecord)> {
    if known.is_final(now) || says_the_same(&known, record) {
        return None;
    }
    let next = match known.judged() {
        None => record.clone(),
        // A rival may have judged the same words meanwhile, and only what a model was asked for renews anything.
        Some(judged) if record.generations > 0 && record.heard.is_some_and(|heard| judged.is_outgrown_by(heard)) => {
            judged.renewed_by(record.clone())
        }
        Some(_) => return None,
    };
    Some((known, next))
}

/// Whether a feedback without scores is stored already in the same words.
fn says_the_same(known: &Known, record: &FeedbackRecord) -> bool {
    let same = |stored: &FeedbackRecord| {
        let (a, b) = (&stored.feedback, &record.feedback);
        (a.status, &a.reason, &a.speech) == (b.status, &b.reason, &b.speech)
    };
    known.booking.feedback == Some(FeedbackState::InsufficientEvidence) && known.feedback.as_ref().is_some_and(same)
}

/// Tells the parties that there will be no feedback until an operator sends the message again, or that there may be one
/// again. A feedback that judges the session stays, whatever became of its renewal.
async fn mark(app: &App, booking_id: BookingId, feedback: Option<FeedbackState>) -> Result<(), Error> {
    let Some(known) = Known::read(app, booking_id).await? else { return Ok(()) };
    if known.booking.is_cancelled() || known.judged().is_some() || known.booking.feedback == feedback {
        return Ok(());
    }
    let after = Booking { feedback, ..known.booking.clone() };
    let mut tx = Tx::new();
    booking::replace(&mut tx, &known.booking, &after)?;
    Ok(tx.commit(&app.table).await?)
}
