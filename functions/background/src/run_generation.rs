//! The worker of queue `generation`: the feedback of a booking.
//!
//! A model is asked only where its answer can be stored, and never again once it is (README, I8): what is stored is looked at
//! before anything else, a lease keeps rivals from asking at the same time, and a contended write is repeated without
//! asking again.

use std::time::Duration;

use domain::booking::{Applied, Booking, FeedbackState};
use domain::feedback::{Feedback, FeedbackRecord, TokenUsage, draft_schema};
use domain::ids::{BookingId, TransactionId};
use domain::speech::{FillerList, SpeechFacts};
use domain::transcript::{ParsedTranscript, Transcript, parse};
use jiff::{SignedDuration, Timestamp};
use kit::error::{Error, Fault};
use kit::telemetry::{Metric, count};
use kit::worker::{Delivery, SET_ASIDE};
use kit::{App, BoxFuture, Failure};
use providers::gemini::GenerateRequest;
use store::booking::{end_lease, release_lease, take_lease, write_feedback};
use store::media::{self, MediaKind};
use store::outbox::Effect;
use store::settlement::{capture_keys, write_capture};
use store::{StoreError, Tx, booking, keys};

use crate::bucket;
use crate::drafting::{Drafting, LIMITS, Limits, MAX_OUTPUT_TOKENS, Setback};
use crate::feedback_prompt::{SYSTEM_INSTRUCTION, prompt, versions};
use crate::run_media::TRANSCRIPT_LIMIT_BYTES;
use crate::run_stream::wrong_queue;

#[cfg(test)]
mod tests;

/// How much longer than a run a lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(20);
/// How long a message waits for a rival's lease, times how often it has waited: in all longer than a lease lasts.
const RIVAL_WAIT: Duration = Duration::from_secs(30);
/// The code of errors that pass.
const UNAVAILABLE: &str = "upstream_unavailable";
/// How long a paid feedback waits before it is offered to a table again that did not answer.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// Writes the feedback of one booking.
pub fn run_generation(app: App, delivery: Delivery) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move { work(&app, &delivery, LIMITS).await })
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

async fn work(app: &App, delivery: &Delivery, limits: Limits) -> Result<(), Failure> {
    let Effect::Feedback { booking_id, .. } = &delivery.message.effect else {
        return Err(wrong_queue(&delivery.message.effect).into());
    };
    let Some(known) = Known::read(app, *booking_id).await? else { return Ok(()) };
    if known.is_final() {
        return Ok(());
    }
    if known.booking.feedback == Some(FeedbackState::Failed) {
        if delivery.receive_count > 1 {
            // A refusal for good is not paid for again; the message is on its way to the operators, who may send it anew.
            let error = Fault("the feedback of this booking has failed for good".to_owned());
            return Err(Failure::after(error, SET_ASIDE));
        }
        // It was sent anew, or there is another transcript: it has all its tries again.
        app.retry(|| mark(app, *booking_id, None)).await?;
    }
    match attempt(app, delivery, &known, limits).await {
        Ok(()) => Ok(()),
        Err(Stop::Rival) => {
            let wait = RIVAL_WAIT * delivery.receive_count.max(1);
            Err(Failure::after(StoreError::Contended, wait))
        }
        Err(Stop::Later(error, named)) if !delivery.is_last() => Err(Failure::patiently(error, named)),
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

    /// Whether nothing may or need be written any more.
    fn is_final(&self) -> bool {
        self.booking.is_cancelled() || self.feedback.as_ref().is_some_and(|record| record.feedback.is_complete())
    }

    /// Whether a model was asked about this very speech before and nothing it claimed could be proved.
    fn was_in_vain(&self, speech: &SpeechFacts) -> bool {
        let feedback = self.feedback.as_ref().map(|record| &record.feedback);
        feedback.is_some_and(|f| f.model.is_some() && f.speech == *speech && f.prompt_version == versions().prompt)
    }
}

async fn attempt(app: &App, delivery: &Delivery, known: &Known, limits: Limits) -> Result<(), Stop> {
    let booking = &known.booking;
    let transcript = load(app, booking).await?;
    let speech = SpeechFacts::measure(&transcript, &FillerList::ENGLISH);
    if let Some(thin) = transcript.thinness() {
        let feedback = Feedback::insufficient(booking.booking_id, thin.to_string(), speech, versions(), app.now());
        let record = FeedbackRecord { feedback, usage: TokenUsage::default(), generations: 0 };
        store(app, booking, &record, None).await?;
        return Ok(());
    }
    if known.was_in_vain(&speech) {
        return Ok(());
    }
    let now = app.now();
    let until = now + SignedDuration::try_from(limits.run + LEASE_MARGIN).unwrap_or(SignedDuration::from_mins(5));
    let lease = app.ids.random().max(1);
    match take_lease(&app.table, booking.booking_id, &delivery.message.outbox_id, lease, now, until).await {
        Ok(()) => {}
        Err(StoreError::Contended) => return Err(Stop::Rival),
        Err(error) => return Err(error.into()),
    }
    let outcome = generate(app, booking, &transcript, speech, limits, lease).await;
    if outcome.is_err()
        && let Err(error) = release_lease(&app.table, booking.booking_id, lease).await
    {
        tracing::warn!(booking.id = %booking.booking_id, %error, "a lease could not be given back");
    }
    outcome
}

/// What both parties said, over all sessions of the call.
async fn load(app: &App, booking: &Booking) -> Result<Transcript, Error> {
    let mut sessions: Vec<(Timestamp, ParsedTranscript)> = Vec::new();
    for file in media::list(&app.table, booking.booking_id, MediaKind::Transcript).await? {
        let Some(key) = &file.object_key else { continue };
        let body = bucket::read_small(app, key, TRANSCRIPT_LIMIT_BYTES).await?;
        sessions.push((file.start_time, parse(&body, file.start_time)));
    }
    let transcript = Transcript::merge(sessions, &booking.interviewee_id, &booking.interviewer_id);
    if transcript.skipped + transcript.unknown_speakers > 0 {
        tracing::warn!(booking.id = %booking.booking_id, skipped = transcript.skipped,
            unknown_speakers = transcript.unknown_speakers, "parts of a transcript were left out");
    }
    Ok(transcript)
}

/// Asks for the feedback and stores it. The caller holds the lease.
async fn generate(
    app: &App,
    booking: &Booking,
    transcript: &Transcript,
    speech: SpeechFacts,
    limits: Limits,
    lease: u64,
) -> Result<(), Stop> {
    // The one who had the lease before may have stored what is wanted here.
    let known = Known::read(app, booking.booking_id).await?;
    if known.is_none_or(|known| known.is_final() || known.was_in_vain(&speech)) {
        release_lease(&app.table, booking.booking_id, lease).await?;
        return Ok(());
    }
    let request = GenerateRequest {
        model: app.config.gemini_model.clone(),
        system_instruction: SYSTEM_INSTRUCTION.to_owned(),
        prompt: prompt(booking, transcript),
        schema: draft_schema(),
        max_output_tokens: MAX_OUTPUT_TOKENS,
        thinking_level: None,
        timeout: limits.call,
    };
    let mut drafting = Drafting::new(app, request, transcript, limits).await?;
    let drafted = drafting.draft().await.map_err(|setback| match setback {
        Setback::Later(error, wait) => Stop::Later(error, wait),
        Setback::ForGood(error) => Stop::ForGood(error),
    })?;
    let evidence = drafted.verified.evidence;
    let dropped = evidence.claims.saturating_sub(evidence.verified);
    if dropped > 0 {
        count(Metric::ClaimDropped, u64::try_from(dropped).unwrap_or(u64::MAX), app.now());
    }
    tracing::info!(booking.id = %booking.booking_id, model = drafted.model, claims = evidence.claims,
        verified = evidence.verified, generations = drafting.generations, "feedback generated");
    let feedback = drafted.verified.into_feedback(booking.booking_id, speech, drafted.model, versions(), app.now());
    let record = FeedbackRecord { feedback, usage: drafting.usage, generations: drafting.generations };
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
    let Some(known) = known.transpose()?.filter(|known| !known.is_final() && !says_the_same(known, record)) else {
        if let Some(lease) = lease {
            release_lease(&app.table, booking_id, lease).await?;
        }
        return Ok(());
    };
    let before = known.booking;
    let now = app.now();
    let mut tx = Tx::new();
    write_feedback(&mut tx, booking_id, record)?;
    if let Some(lease) = lease {
        end_lease(&mut tx, &items, booking_id, lease)?;
    }
    if record.feedback.is_complete() {
        let complete = |booking: Booking| Booking { feedback: Some(FeedbackState::Complete), ..booking };
        match before.complete_by_feedback(now)? {
            Applied::Now((after, capture)) => {
                let new_id = || TransactionId::new(app.ids.unique(now));
                write_capture(&mut tx, &items, &before, &complete(after), &capture, new_id)?;
            }
            Applied::Already => booking::replace(&mut tx, &before, &complete(before.clone()))?,
        }
    } else {
        let after = Booking { feedback: Some(FeedbackState::InsufficientEvidence), ..before.clone() };
        booking::replace(&mut tx, &before, &after)?;
    }
    Ok(tx.commit(&app.table).await?)
}

/// Whether a feedback without scores is stored already in the same words.
fn says_the_same(known: &Known, record: &FeedbackRecord) -> bool {
    let same = |stored: &FeedbackRecord| {
        let (a, b) = (&stored.feedback, &record.feedback);
        (a.status, &a.reason, a.speech) == (b.status, &b.reason, b.speech)
    };
    known.booking.feedback == Some(FeedbackState::InsufficientEvidence) && known.feedback.as_ref().is_some_and(same)
}

/// Tells the parties that there will be no feedback until an operator sends the message again, or that there may be one
/// again.
async fn mark(app: &App, booking_id: BookingId, feedback: Option<FeedbackState>) -> Result<(), Error> {
    let Some(known) = Known::read(app, booking_id).await? else { return Ok(()) };
    if known.is_final() || known.booking.feedback == feedback {
        return Ok(());
    }
    let after = Booking { feedback, ..known.booking.clone() };
    let mut tx = Tx::new();
    booking::replace(&mut tx, &known.booking, &after)?;
    Ok(tx.commit(&app.table).await?)
}
