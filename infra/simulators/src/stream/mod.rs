//! Stream Video: users, calls, sessions, recordings and transcripts, with signed webhooks for everything that happens.

mod api;
mod calls;
mod control;
mod media;
mod play;
mod settings;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

pub use calls::Silence;
pub use control::RawEvent;
pub use media::LineFormat;
pub use play::PlayRequest;
pub use wire::DateTimes;

use self::calls::State;
use self::wire::{Refusal, View, Wire};
use crate::clock;
use crate::crypto::{jwt, random_id, random_uuid, stream_signature};
use crate::delivery::{Delivery, Message, Outbound, Retries};
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};
use crate::journal::Journal;

/// How to start a [`Stream`]. The default suits a test: a free port, made-up keys, nothing kept.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// Made up when neither given nor kept.
    pub api_key: Option<String>,
    /// Made up when neither given nor kept.
    pub api_secret: Option<String>,
    /// Base URL of the product's API. Without it events are made but not sent.
    pub api_url: Option<String>,
    /// Users, calls, files and keys are kept here.
    pub state_file: Option<PathBuf>,
    /// Date-times in REST answers.
    pub rest_date_times: DateTimes,
    /// Date-times in webhooks.
    pub webhook_date_times: DateTimes,
    /// Whether webhooks of 256 bytes and more are compressed.
    pub gzip: bool,
    /// How long media links stay valid, in seconds.
    pub link_seconds: i64,
    /// Size of a recording, in bytes.
    pub recording_bytes: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: None,
            api_secret: None,
            api_url: None,
            state_file: None,
            rest_date_times: DateTimes::UnixNs,
            webhook_date_times: DateTimes::Rfc3339,
            gzip: true,
            link_seconds: 15 * 60,
            recording_bytes: 64 * 1024,
        }
    }
}

/// What survives a restart.
struct Kept {
    journal: Journal,
    api_key: String,
    api_secret: String,
    state: State,
}

/// What can be changed while running.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manners {
    rest_date_times: DateTimes,
    webhook_date_times: DateTimes,
    gzip: bool,
    link_seconds: i64,
    recording_bytes: usize,
}

struct Job {
    message: Message,
    times: u32,
    done: Option<oneshot::Sender<Vec<Delivery>>>,
}

pub(crate) struct Inner {
    kept: Mutex<Kept>,
    base_url: String,
    manners: Mutex<Manners>,
    outbound: Arc<Outbound>,
    exchange: Arc<Exchange>,
    /// Events leave one after the other, in the order in which they were caused.
    queue: mpsc::UnboundedSender<Job>,
    changes: watch::Sender<u64>,
}

/// A running Stream app. It stops when it is dropped.
pub struct Stream {
    server: Server,
    inner: Arc<Inner>,
}

impl Stream {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: StreamOptions) -> io::Result<Self> {
        let (journal, mut before) = Journal::open(options.state_file)?;
        let (key, secret): (Option<String>, Option<String>) = before.take("keys")?.unwrap_or_default();
        let mut kept = Kept {
            journal,
            api_key: options.api_key.or(key).unwrap_or_else(|| random_id("sim")),
            api_secret: options.api_secret.or(secret).unwrap_or_else(|| random_id("simulated_api_secret_")),
            state: State { users: before.items("user")?, calls: before.items("call")? },
        };
        kept.save_keys();
        let manners = Manners {
            rest_date_times: options.rest_date_times,
            webhook_date_times: options.webhook_date_times,
            gzip: options.gzip,
            link_seconds: options.link_seconds,
            recording_bytes: options.recording_bytes,
        };
        let outbound = Outbound::new("/api/webhooks/stream", Retries::Stream, options.api_url);
        let (queue, jobs) = mpsc::unbounded_channel();
        let mut inner = None;
        let server = Server::start(options.port, |base_url| {
            let shared = Arc::new(Inner {
                kept: Mutex::new(kept),
                base_url: base_url.to_owned(),
                manners: Mutex::new(manners),
                outbound: outbound.clone(),
                exchange: Exchange::new(api::error_body_of_status),
                queue,
                changes: watch::Sender::new(0),
            });
            inner = Some(shared.clone());
            control::router(shared)
        })
        .await?;
        tokio::spawn(deliver_in_order(outbound, jobs));
        let inner = inner.ok_or_else(|| io::Error::other("the router was not built"))?;
        Ok(Self { server, inner })
    }

    /// Where the API, the media links and the controls listen.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub fn api_key(&self) -> String {
        lock(&self.inner.kept).api_key.clone()
    }

    pub fn api_secret(&self) -> String {
        lock(&self.inner.kept).api_secret.clone()
    }

    /// A server token as the Node SDK makes it.
    pub fn server_token(&self) -> String {
        self.inner.server_token()
    }

    /// Where webhooks go from now on.
    pub fn set_api_url(&self, api_url: impl Into<String>) {
        self.inner.outbound.set_api_url(Some(api_url.into()));
    }

    /// The call object, with date-times as in webhooks.
    pub fn call(&self, call_type: &str, id: &str) -> Option<Value> {
        let wire = self.inner.wire(self.inner.manners().webhook_date_times);
        let kept = lock(&self.inner.kept);
        let call = kept.state.calls.get(&format!("{call_type}:{id}"))?;
        Some(View { wire: &wire, users: &kept.state.users }.call(call))
    }

    /// Plays a session, sends its events and waits for their fate. Fails with the message of what was refused.
    pub async fn play(&self, call_type: &str, id: &str, request: PlayRequest) -> Result<Value, String> {
        play::play(&self.inner, call_type, id, request).await.map_err(|refusal| refusal.message)
    }

    /// A user enters a call, at the given time or now.
    pub async fn join(&self, cid: &str, user_id: &str, at: Option<Timestamp>) -> Result<Vec<Delivery>, String> {
        let joined = self.inner.change_call(cid, |call, view| {
            let at = at.unwrap_or_else(|| call.now());
            call.join(view, user_id, None, at)
        });
        let events = joined.map_err(|refusal| refusal.message)?;
        Ok(self.inner.send_all(events).await)
    }

    /// A user leaves a call, at the given time or now.
    pub async fn leave(&self, cid: &str, user_id: &str, at: Option<Timestamp>) -> Result<Vec<Delivery>, String> {
        let left = self.inner.change_call(cid, |call, view| {
            let at = at.unwrap_or_else(|| call.now());
            call.leave(view, user_id, at, "")
        });
        let events = left.map_err(|refusal| refusal.message)?;
        Ok(self.inner.send_all(events).await)
    }

    /// Ends the live session of a call, at the given time or now.
    pub async fn end_session(&self, cid: &str, at: Option<Timestamp>) -> Result<Vec<Delivery>, String> {
        let ended = self.inner.change_call(cid, |call, view| {
            let at = at.unwrap_or_else(|| call.now());
            call.end_session(view, at)
        });
        let events = ended.map_err(|refusal| refusal.message)?;
        Ok(self.inner.send_all(events).await)
    }

    /// Sends any event, well or badly signed.
    pub async fn send_event(&self, event: RawEvent) -> Vec<Delivery> {
        control::send_raw_event(&self.inner, event).await
    }

    /// Every event so far with its tries.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.outbound.deliveries()
    }

    /// Waits until no event is waiting or being tried.
    pub async fn settled(&self) {
        self.inner.outbound.settled().await;
    }

    /// The requests that reached the API and the media links.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.inner.exchange.requests()
    }

    /// Lets a coming request fail.
    pub fn fail(&self, fault: Fault) {
        self.inner.exchange.fail(fault);
    }
}

async fn deliver_in_order(outbound: Arc<Outbound>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let mut deliveries = Vec::new();
        for _ in 0..job.times {
            deliveries.push(outbound.send(&job.message).await);
        }
        if let Some(done) = job.done {
            // Nobody may be waiting any more.
            let _ = done.send(deliveries);
        }
    }
}

impl Kept {
    fn save_keys(&mut self) {
        self.journal.keep("keys", &(&self.api_key, &self.api_secret));
    }
}

impl Inner {
    fn manners(&self) -> Manners {
        *lock(&self.manners)
    }

    fn wire(&self, times: DateTimes) -> Wire {
        Wire {
            times,
            base_url: self.base_url.clone(),
            secret: lock(&self.kept).api_secret.clone(),
            link_seconds: self.manners().link_seconds,
        }
    }

    fn server_token(&self) -> String {
        let secret = lock(&self.kept).api_secret.clone();
        let header = serde_json::json!({ "alg": "HS256", "typ": "JWT" });
        jwt(&header, &serde_json::json!({ "server": true }), |message| {
            crate::crypto::hmac_sha256(secret.as_bytes(), message)
        })
    }

    /// Keeps the state and wakes whoever waits for a change.
    fn saved(&self, kept: &mut Kept) {
        kept.state.users.save(&mut kept.journal);
        kept.state.calls.save(&mut kept.journal);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Changes a call as a participant or the passing of time would, and returns the events that this causes.
    fn change_call(
        &self,
        cid: &str,
        change: impl FnOnce(&mut calls::Call, View) -> Result<Vec<Value>, Refusal>,
    ) -> Result<Vec<Value>, Refusal> {
        self.change_call_with(cid, self.manners().webhook_date_times, change)
    }

    fn change_call_with<T>(
        &self,
        cid: &str,
        times: DateTimes,
        change: impl FnOnce(&mut calls::Call, View) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let wire = self.wire(times);
        let mut kept = lock(&self.kept);
        let State { users, calls } = &mut kept.state;
        let call = calls.get_mut(cid).ok_or_else(|| Refusal::missing(format!("Can't find call with id {cid}")))?;
        let result = change(call, View { wire: &wire, users })?;
        self.saved(&mut kept);
        Ok(result)
    }

    fn message(&self, event: &Value) -> Message {
        self.signed_message(event["type"].as_str().unwrap_or_default(), event.to_string(), None, None)
    }

    /// A message with its headers. `signature` replaces the right one; an empty string leaves the header out.
    fn signed_message(&self, event_type: &str, body: String, id: Option<String>, signature: Option<String>) -> Message {
        let (api_key, right) = {
            let kept = lock(&self.kept);
            (kept.api_key.clone(), stream_signature(&kept.api_secret, body.as_bytes()))
        };
        let id = id.unwrap_or_else(random_uuid);
        let signature = signature.unwrap_or(right);
        let webhook_id = id.clone();
        let sign = move |attempt: u32| {
            let mut headers = vec![
                ("x-api-key".to_owned(), api_key.clone()),
                ("x-webhook-id".to_owned(), webhook_id.clone()),
                ("x-webhook-attempt".to_owned(), attempt.to_string()),
            ];
            if !signature.is_empty() {
                headers.push(("x-signature".to_owned(), signature.clone()));
            }
            headers
        };
        Message { id, event_type: event_type.to_owned(), body, gzip: self.manners().gzip, sign: Box::new(sign) }
    }

    fn enqueue(&self, message: Message, times: u32, done: Option<oneshot::Sender<Vec<Delivery>>>) {
        for _ in 0..times {
            self.outbound.announce();
        }
        // The receiver lives as long as the server's task.
        let _ = self.queue.send(Job { message, times, done });
    }

    /// Sends events in the background, in order.
    fn send_later(&self, events: &[Value]) {
        for event in events {
            self.enqueue(self.message(event), 1, None);
        }
    }

    /// Sends events in order and waits for their fate.
    async fn send_all(&self, events: Vec<Value>) -> Vec<Delivery> {
        let messages = events.iter().map(|event| (self.message(event), 1)).collect();
        self.send_messages(messages).await
    }

    async fn send_messages(&self, messages: Vec<(Message, u32)>) -> Vec<Delivery> {
        let mut waiting = Vec::new();
        for (message, times) in messages {
            let (done, result) = oneshot::channel();
            self.enqueue(message, times, Some(done));
            waiting.push(result);
        }
        let mut deliveries = Vec::new();
        for result in waiting {
            deliveries.extend(result.await.unwrap_or_default());
        }
        deliveries
    }

    /// Waits until `holds` says so, at most `seconds`. Whether it came to hold.
    async fn wait_for(&self, seconds: f64, mut holds: impl FnMut(&State) -> bool) -> bool {
        let mut changes = self.changes.subscribe();
        let deadline = std::time::Duration::from_secs_f64(seconds);
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if holds(&lock(&self.kept).state) {
                    return;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(deadline, waiting).await.is_ok()
    }
}

fn session_start_default(starts_at: Option<Timestamp>) -> Timestamp {
    starts_at.unwrap_or_else(clock::now)
}
