//! An endpoint that takes webhooks in tests and answers as told.

use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use flate2::read::GzDecoder;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use crate::http::{Server, lock};

/// One webhook as it arrived.
#[derive(Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub raw: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The body, inflated where its first bytes say so.
    pub fn text(&self) -> String {
        if !self.raw.starts_with(&[0x1f, 0x8b]) {
            return String::from_utf8(self.raw.clone()).unwrap();
        }
        let mut text = String::new();
        GzDecoder::new(self.raw.as_slice()).read_to_string(&mut text).unwrap();
        text
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

#[derive(Clone, Default)]
struct Inbox {
    received: Arc<Mutex<Vec<Received>>>,
    /// Statuses for the next webhooks; 200 when used up.
    statuses: Arc<Mutex<Vec<u16>>>,
}

pub struct Receiver {
    server: Server,
    inbox: Inbox,
}

impl Receiver {
    pub async fn start() -> Self {
        let inbox = Inbox::default();
        let router = Router::new().fallback(receive).with_state(inbox.clone());
        Self { server: Server::start(0, |_| router).await.unwrap(), inbox }
    }

    pub fn url(&self) -> String {
        self.server.base_url()
    }

    pub fn answer_next_with(&self, statuses: &[u16]) {
        *lock(&self.inbox.statuses) = statuses.to_vec();
    }

    pub fn received(&self) -> Vec<Received> {
        lock(&self.inbox.received).clone()
    }
}

async fn receive(State(inbox): State<Inbox>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    lock(&inbox.received).push(Received { path: uri.path().to_owned(), headers, raw: body.to_vec() });
    let mut statuses = lock(&inbox.statuses);
    let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
    StatusCode::from_u16(status).unwrap()
}
