//! Sending signed webhooks the way each provider does, with its retries, and remembering what became of them.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock;
use crate::http::{json_response, lock, query_flag};

const KEPT_DELIVERIES: usize = 10_000;
/// Stream compresses no body below this size.
const GZIP_FROM_BYTES: usize = 256;

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Still being tried.
    Pending,
    /// Answered with a 2xx.
    Delivered,
    /// Given up, as the provider would.
    Failed,
    /// No address to send to was configured.
    NotSent,
}

/// One try to deliver a message.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub at: Timestamp,
    /// The status answered, or nothing when there was no answer.
    pub status: Option<u16>,
    pub error: Option<String>,
}

/// One message and its tries. Repeated deliveries of one event share the `id`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `svix-id` or `X-WEBHOOK-ID`.
    pub id: String,
    pub event_type: String,
    pub outcome: Outcome,
    pub attempts: Vec<Attempt>,
    /// The headers of the latest try, signature included.
    pub headers: Vec<(String, String)>,
    /// The uncompressed body, exactly as signed.
    pub body: String,
}

/// How a provider behaves when an endpoint fails.
#[derive(Clone, Debug)]
pub enum Retries {
    /// Up to three tries without a pause for 408, 429, 5xx and time-outs, two for network errors, none for other 4xx;
    /// 6 s a try and 15 s in all.
    Stream,
    /// Any failure is tried again after each of these pauses; 15 s a try.
    Svix(Vec<Duration>),
}

/// A message before it is sent. `sign` makes the headers of the n-th try, counted from 1.
pub struct Message {
    pub id: String,
    pub event_type: String,
    pub body: String,
    pub gzip: bool,
    pub sign: Box<dyn Fn(u32) -> Vec<(String, String)> + Send + Sync>,
}

/// Sends the webhooks of one provider.
pub struct Outbound {
    path: &'static str,
    retries: Retries,
    api_url: Mutex<Option<String>>,
    log: Mutex<Vec<Delivery>>,
    client: reqwest::Client,
    pending: watch::Sender<usize>,
}

enum Failure {
    Status(u16),
    Network,
    TimedOut,
}

impl Outbound {
    /// `path` is where below the API's URL the product listens for this provider.
    pub fn new(path: &'static str, retries: Retries, api_url: Option<String>) -> Arc<Self> {
        let timeout = match retries {
            Retries::Stream => Duration::from_secs(6),
            Retries::Svix(_) => Duration::from_secs(15),
        };
        // Every address here is plain HTTP: the system's certificates, whose reading takes longer than most tests, are not needed.
        let client =
            reqwest::Client::builder().tls_certs_only([]).timeout(timeout).no_proxy().build().unwrap_or_default();
        Arc::new(Self {
            path,
            retries,
            api_url: Mutex::new(api_url),
            log: Mutex::default(),
            client,
            pending: watch::Sender::new(0),
        })
    }

    pub fn set_api_url(&self, api_url: Option<String>) {
        *lock(&self.api_url) = api_url;
    }

    pub fn api_url(&self) -> Option<String> {
        lock(&self.api_url).clone()
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.log).clone()
    }

    pub fn forget(&self) {
        lock(&self.log).clear();
    }

    /// Waits until no message is being tried.
    pub async fn settled(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.pending.subscribe().wait_for(|pending| *pending == 0).await;
    }

    /// Counts a message as pending before its task starts, so that `settled` cannot overtake it.
    pub fn announce(&self) {
        self.pending.send_modify(|pending| *pending += 1);
    }

    /// Sends a message that was [announced](Self::announce) until it is taken or given up.
    pub async fn send(&self, message: &Message) -> Delivery {
        let delivery = self.attempt_all(message).await;
        let mut log = lock(&self.log);
        if log.len() == KEPT_DELIVERIES {
            log.remove(0);
        }
        log.push(delivery.clone());
        drop(log);
        self.pending.send_modify(|pending| *pending -= 1);
        delivery
    }

    async fn attempt_all(&self, message: &Message) -> Delivery {
        let mut delivery = Delivery {
            id: message.id.clone(),
            event_type: message.event_type.clone(),
            outcome: Outcome::Pending,
            attempts: Vec::new(),
            headers: (message.sign)(1),
            body: message.body.clone(),
        };
        let Some(api_url) = self.api_url() else {
            delivery.outcome = Outcome::NotSent;
            return delivery;
        };
        let url = format!("{}{}", api_url.trim_end_matches('/'), self.path);
        let started = Instant::now();
        for attempt in 1.. {
            delivery.headers = (message.sign)(attempt);
            let result = self.attempt(&url, message, &mut delivery.headers).await;
            let (status, error, failure) = match result {
                Ok(status) if (200..300).contains(&status) => (Some(status), None, None),
                Ok(status) => (Some(status), None, Some(Failure::Status(status))),
                Err(error) if error.is_timeout() => (None, Some(error.to_string()), Some(Failure::TimedOut)),
                Err(error) => (None, Some(error.to_string()), Some(Failure::Network)),
            };
            delivery.attempts.push(Attempt { at: clock::now(), status, error });
            let Some(failure) = failure else {
                delivery.outcome = Outcome::Delivered;
                return delivery;
            };
            match self.pause_before_retry(attempt, &failure, started.elapsed()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break,
            }
        }
        tracing::warn!(event = delivery.event_type, id = delivery.id, "webhook given up");
        delivery.outcome = Outcome::Failed;
        delivery
    }

    async fn attempt(
        &self,
        url: &str,
        message: &Message,
        headers: &mut Vec<(String, String)>,
    ) -> Result<u16, reqwest::Error> {
        let body = if message.gzip && message.body.len() >= GZIP_FROM_BYTES {
            headers.push(("content-encoding".into(), "gzip".into()));
            gzip(message.body.as_bytes())
        } else {
            message.body.as_bytes().to_vec()
        };
        let mut request = self.client.post(url).header("content-type", "application/json");
        for (name, value) in headers.iter() {
            request = request.header(name, value);
        }
        Ok(request.body(body).send().await?.status().as_u16())
    }

    fn pause_before_retry(&self, attempt: u32, failure: &Failure, elapsed: Duration) -> Option<Duration> {
        match &self.retries {
            Retries::Stream => {
                let tries = match failure {
                    Failure::Status(408 | 429 | 500..) | Failure::TimedOut => 3,
                    Failure::Network => 2,
                    Failure::Status(_) => 1,
                };
                (attempt < tries && elapsed < Duration::from_secs(15)).then_some(Duration::ZERO)
            }
            Retries::Svix(pauses) => pauses.get(usize::try_from(attempt).unwrap_or(usize::MAX) - 1).copied(),
        }
    }

    /// The list that `GET /simulator/deliveries` answers with: `?wait=true` waits for pending ones first,
    /// `?bodies=true` adds bodies and headers.
    pub async fn deliveries_response(&self, query: Option<&str>) -> Response {
        if query_flag(query, "wait") {
            self.settled().await;
        }
        let bodies = query_flag(query, "bodies");
        let deliveries: Vec<Value> = self
            .deliveries()
            .into_iter()
            .map(|delivery| {
                let mut value = json!(delivery);
                if !bodies && let Some(members) = value.as_object_mut() {
                    members.remove("body");
                    members.remove("headers");
                }
                value
            })
            .collect();
        let pending = *self.pending.borrow();
        json_response(
            StatusCode::OK,
            &json!({ "count": deliveries.len(), "pending": pending, "deliveries": deliveries }),
        )
    }
}

/// Compresses as the providers do.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
