//! What the three servers have in common: listening, answering JSON, recording requests, and failing on command.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const MAX_BODY_BYTES: usize = 20 * 1024 * 1024;
const KEPT_REQUESTS: usize = 5_000;

/// A listening server. It stops when it is dropped: requests in progress are finished, new ones are refused.
pub struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Binds the loopback interface. Port 0 means any free port; `router` is built knowing the address.
    pub async fn start(port: u16, router: impl FnOnce(&str) -> Router) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(&format!("http://{address}"));
        tokio::spawn(async move {
            let served = axum::serve(listener, app).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = served.await {
                tracing::error!("server stopped: {error}");
            }
        });
        Ok(Self { address, _stop: stop })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Locks without caring whether another thread panicked while it held the lock: a simulator's state stays usable.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A JSON answer.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The error of a `/simulator/` endpoint. It has no counterpart at any provider.
pub fn control_error(status: StatusCode, message: impl std::fmt::Display) -> Response {
    json_response(status, &json!({ "error": message.to_string() }))
}

/// Reads a control request. An empty body counts as `{}`.
pub fn control_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// The value of one query parameter, percent-decoded.
pub fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name)
            .then(|| percent_encoding::percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
    })
}

/// Whether a query parameter is present with the value `true` or `1`.
pub fn query_flag(query: Option<&str>, name: &str) -> bool {
    query_value(query, name).is_some_and(|value| value == "true" || value == "1")
}

/// One request that reached a provider path (not `/simulator/`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    pub query: String,
    pub status: u16,
    /// The body as JSON where it was JSON, else as a string.
    pub body: Value,
}

/// A failure to answer with, instead of or after doing what was asked.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// Only requests whose path contains this.
    pub path: String,
    /// Only requests with this method.
    pub method: Option<String>,
    /// The status to answer with. 0 answers normally, after `hang_seconds`.
    pub status: u16,
    /// The value of `Retry-After`.
    pub retry_after_seconds: Option<u64>,
    /// Waits this long before it answers.
    pub hang_seconds: Option<f64>,
    /// The request takes effect first and only its answer is lost.
    pub after: bool,
    /// How many requests fail this way. 0 counts as 1.
    pub times: u32,
}

/// Records the requests of one simulator and holds the failures scripted for it.
pub struct Exchange {
    requests: Mutex<VecDeque<RecordedRequest>>,
    faults: Mutex<Vec<Fault>>,
    error_body: fn(StatusCode) -> Value,
}

impl Exchange {
    /// `error_body` writes an error the way the provider does.
    pub fn new(error_body: fn(StatusCode) -> Value) -> Arc<Self> {
        Arc::new(Self { requests: Mutex::default(), faults: Mutex::default(), error_body })
    }

    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.requests).iter().cloned().collect()
    }

    pub fn fail(&self, fault: Fault) {
        lock(&self.faults).push(fault);
    }

    /// Forgets recorded requests and scripted failures.
    pub fn reset(&self) {
        lock(&self.requests).clear();
        lock(&self.faults).clear();
    }

    fn take_fault(&self, method: &str, path: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let index = faults.iter().position(|fault| {
            path.contains(&fault.path) && fault.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        })?;
        if faults[index].times > 1 {
            faults[index].times -= 1;
            return Some(faults[index].clone());
        }
        Some(faults.remove(index))
    }

    fn faulty_response(&self, fault: &Fault) -> Response {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json_response(status, &(self.error_body)(status));
        if let Some(seconds) = fault.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn record(&self, request: RecordedRequest) {
        let mut requests = lock(&self.requests);
        if requests.len() == KEPT_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }
}

/// Middleware around every provider path: records the request and lets scripted failures happen.
pub async fn observe(State(exchange): State<Arc<Exchange>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path.starts_with("/simulator/") {
        return next.run(request).await;
    }
    let method = request.method().to_string();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (head, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BODY_BYTES).await else {
        return json_response(StatusCode::PAYLOAD_TOO_LARGE, &(exchange.error_body)(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let recorded = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    let fault = exchange.take_fault(&method, &path);
    if let Some(seconds) = fault.as_ref().filter(|fault| !fault.after).and_then(|fault| fault.hang_seconds) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
    let request = Request::from_parts(head, Body::from(bytes));
    let response = match fault {
        Some(fault) if fault.after => {
            let done = next.run(request).await;
            if let Some(seconds) = fault.hang_seconds {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
            if fault.status == 0 { done } else { exchange.faulty_response(&fault) }
        }
        Some(fault) if fault.status != 0 => exchange.faulty_response(&fault),
        _ => next.run(request).await,
    };
    exchange.record(RecordedRequest { method, path, query, status: response.status().as_u16(), body: recorded });
    response
}

/// The list that `GET /simulator/requests` answers with.
pub fn requests_response(exchange: &Exchange) -> Response {
    let requests = exchange.requests();
    json_response(StatusCode::OK, &json!({ "count": requests.len(), "requests": requests }))
}

/// What `POST /simulator/faults` does: one failure, or a list of them.
pub fn faults_response(exchange: &Exchange, body: &[u8]) -> Response {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Fault),
        Many(Vec<Fault>),
    }
    match control_body::<OneOrMany>(body) {
        Ok(OneOrMany::One(fault)) => exchange.fail(fault),
        Ok(OneOrMany::Many(faults)) => faults.into_iter().for_each(|fault| exchange.fail(fault)),
        Err(error) => return control_error(StatusCode::BAD_REQUEST, error),
    }
    json_response(StatusCode::OK, &json!({}))
}
