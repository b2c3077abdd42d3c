//! Workers: one function over one message of a queue. A failed message comes back as its kind of work has patience
//! (`domain::patience`), and then lies in the dead-letter queue.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::patience::{Patience, RECEIVES};
use domain::problem::{Kind, Problem};
use domain::reading;
use serde::Deserialize;
use serde_json::{Value, json};
use store::origin;
use store::outbox::{Effect, Message, Queue};
use tracing::{Instrument, Level, Span};

use crate::config::Setting;
use crate::error::{Error, Fault};
use crate::needs::{Given, Needs};
use crate::telemetry::{Metric, count};
use crate::{App, BoxFuture};

/// How soon a message comes back that is only on its way to the dead-letter queue.
pub const SET_ASIDE: Duration = Duration::from_secs(1);
/// The longest a message is put off. SQS allows twelve hours, counted from its receipt.
const LONGEST_DELAY: Duration = Duration::from_hours(11);

/// One message, and how often it has been received.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// What to do.
    pub message: Message,
    /// 1 for the first time.
    pub receive_count: u32,
}

impl ReceivedMessage {
    /// Whether a failure now sets the message aside.
    pub fn is_last(&self) -> bool {
        self.receive_count >= RECEIVES
    }
}

/// A message could not be dealt with now.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// When to try again.
    pub again: Again,
}

/// When a failed message is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// As its kind of work has patience, and not before the delay that a provider named.
    Patiently {
        /// That delay.
        named: Option<Duration>,
    },
    /// After exactly so long: it is known what is waited for.
    After(Duration),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), again: Again::Patiently { named: None } }
    }
}

impl Failure {
    /// Tries again after exactly `delay`.
    pub fn after(error: impl Into<Error>, delay: Duration) -> Self {
        Self { error: error.into(), again: Again::After(delay) }
    }

    /// Tries again with patience, and not before a provider's delay.
    pub fn patiently(error: impl Into<Error>, named: Option<Duration>) -> Self {
        Self { error: error.into(), again: Again::Patiently { named } }
    }
}

impl Again {
    /// How long a message stays hidden that was received for the `receive_count`th time. The last time it is set aside at
    /// once.
    fn delay(self, patience: Patience, receive_count: u32, random: u64) -> Duration {
        match self {
            _ if receive_count >= RECEIVES => SET_ASIDE,
            Self::Patiently { named } => patience.wait(receive_count, named, random),
            Self::After(delay) => delay.min(LONGEST_DELAY),
        }
    }
}

/// A worker: works off one queue, one message after the other.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    /// The name of its file, function and binary.
    pub name: &'static str,
    /// The queue it is fed from, which says how patient it is.
    pub queue: Queue,
    /// What its queue carries, for people.
    pub about: &'static str,
    /// What it does with a message.
    pub work: Work,
    /// How many messages are worked off at the same time.
    pub concurrency: u16,
    /// What it needs.
    pub needs: Needs,
}

impl Worker {
    /// What it is given.
    pub fn given(&self) -> Given {
        self.needs.given(Some(Setting::QueueUrl))
    }
}

/// What a worker does with one message.
pub type Work = fn(App, ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>>;

/// A message that this code does not understand: from a newer version, which may be here soon, or not ours. So it is put off, and
/// is an error only when it came for the last time.
#[derive(Debug, thiserror::Error)]
#[error("a message cannot be read: {0}")]
struct Unreadable(String);

impl Problem for Unreadable {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "message_unreadable"
    }
}

/// An effect that came to a worker that does not carry it out: another version sends it elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("an effect of queue {0} came to another worker")]
pub struct WrongQueue(&'static str);

impl WrongQueue {
    /// That `effect` came to a worker of another queue.
    pub fn of(effect: &Effect) -> Self {
        Self(effect.queue().name())
    }
}

impl Problem for WrongQueue {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "message_misplaced"
    }
}

/// Runs `worker` over every message of an SQS event, and answers which of them failed.
///
/// A fault of ours, such as a stored thing that cannot be read, fails the whole invocation when its message comes for the first
/// time: that is what takes a version back whose workers are broken. Such a version fails new messages. A message that no version
/// can deal with fails one invocation and no more, and a provider's trouble none.
pub async fn run(app: &App, worker: Worker, event: Value) -> Result<Value, Error> {
    let event: SqsEvent =
        serde_json::from_value(event).map_err(|e| Fault(format!("an event of a queue: {}", reading::of_serde(&e))))?;
    let patience = worker.queue.patience();
    // Of several messages those that went well must not come again; queues here hand over one at a time.
    let is_alone = event.records.len() == 1;
    let mut failed = Vec::new();
    for record in event.records {
        let id = record.message_id.clone().unwrap_or_default();
        let (origin, span) = traced(&record, &id);
        let attempt = origin::carry(&origin, Box::pin(one(app, worker.work, &record)));
        if let Err(failure) = attempt.instrument(span.clone()).await {
            let receives = receives(&record);
            if matches!(failure.again, Again::Patiently { .. }) && patience.is_late(receives) {
                count(Metric::WorkDelayed, 1, app.now());
            }
            let delay = failure.again.delay(patience, receives, app.ids.random());
            let (seconds, error) = (delay.as_secs(), describe(&failure.error));
            match level(&failure.error, receives) {
                Level::ERROR => {
                    tracing::error!(parent: &span, message.id = id, retry.seconds = seconds, error, "message failed");
                }
                Level::WARN => {
                    tracing::warn!(parent: &span, message.id = id, retry.seconds = seconds, error, "message failed");
                }
                _ => tracing::info!(parent: &span, message.id = id, retry.seconds = seconds, "another run is at it"),
            }
            put_off(app, &record, delay).instrument(span).await;
            if failure.error.is_internal() && receives == 1 && is_alone {
                return Err(failure.error);
            }
            failed.push(json!({ "itemIdentifier": id }));
        }
    }
    Ok(json!({ "batchItemFailures": failed }))
}

/// How loudly a failure is told. An operator is called for errors: faults of ours, and what is given up. A provider's outage, or a
/// word that a newer version knows, is neither yet, and that another run is at the same work is as it should be.
fn level(error: &Error, receives: u32) -> Level {
    match error {
        _ if error.is_internal() || receives >= RECEIVES => Level::ERROR,
        _ if error.is_contended() => Level::INFO,
        _ => Level::WARN,
    }
}

fn describe(error: &Error) -> String {
    match error {
        Error::Refused(problem) => crate::error::chain(problem.as_ref()),
        Error::Replayed(_) => "replayed".to_owned(),
    }
}

/// What a message goes back to, and the span of all that is logged about it. One that does not say goes back to itself.
fn traced(record: &SqsMessage, id: &str) -> (String, Span) {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Named {
        outbox_id: String,
        origin: Option<String>,
    }
    let body = record.body.as_deref().unwrap_or_default();
    let named: Named = serde_json::from_str(body).unwrap_or_default();
    let origin = named.origin.unwrap_or_else(|| id.to_owned());
    let span = tracing::info_span!("message", message.id = id, outbox.id = named.outbox_id, origin);
    (origin, span)
}

fn receives(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(1)
}

async fn one(app: &App, work: Work, record: &SqsMessage) -> Result<(), Failure> {
    let body = record.body.as_deref().unwrap_or_default();
    let message: Message = reading::read(body.as_bytes()).map_err(|e| Unreadable(e.to_string()))?;
    let received = ReceivedMessage { message, receive_count: receives(record) };
    tracing::info!(outbox.id = received.message.outbox_id, receive.count = received.receive_count, "message received");
    work(app.clone(), received).await
}

/// Lets a failed message come back after `delay`. Where that cannot be said, the queue's own time-out applies.
async fn put_off(app: &App, record: &SqsMessage, delay: Duration) {
    let (Some(queue), Some(receipt)) = (&app.config.queue_url, &record.receipt_handle) else { return };
    let seconds = i32::try_from(delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).unwrap_or(i32::MAX);
    let change = app.sqs().change_message_visibility().queue_url(queue).receipt_handle(receipt);
    if let Err(error) = change.visibility_timeout(seconds).send().await {
        let error = aws_sdk_sqs::error::DisplayErrorContext(&error).to_string();
        tracing::warn!(error, "a message could not be put off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_message_waits_as_its_kind_does_and_the_last_time_not_at_all() {
        let minutes = Duration::from_mins;
        let patiently = Again::Patiently { named: Some(minutes(5)) };
        assert_eq!(patiently.delay(Patience::Stream, 1, 0), minutes(5));
        assert_eq!(patiently.delay(Patience::Stream, 4, 0), minutes(10));
        assert_eq!(patiently.delay(Patience::Stream, 4, 7), minutes(10) + Duration::from_secs(7));
        assert_eq!(Again::After(minutes(5)).delay(Patience::Stream, 4, 7), minutes(5));
        assert_eq!(Again::After(Duration::from_hours(24)).delay(Patience::Media, 1, 7), LONGEST_DELAY);
        for again in [patiently, Again::After(minutes(5))] {
            assert_eq!(again.delay(Patience::Generation, RECEIVES, 7), SET_ASIDE);
        }
    }

    #[test]
    fn a_rival_is_normal_an_outage_is_noticed_and_what_is_given_up_calls_somebody() {
        let rival = Error::from(store::StoreError::Contended);
        let outage = Error::from(store::StoreError::Unavailable("away".to_owned()));
        let fault = Error::from(Fault("ours".to_owned()));
        assert_eq!([&rival, &outage, &fault].map(|e| level(e, 1)), [Level::INFO, Level::WARN, Level::ERROR]);
        assert_eq!([&rival, &outage, &fault].map(|e| level(e, RECEIVES)), [Level::ERROR; 3]);
    }
}
