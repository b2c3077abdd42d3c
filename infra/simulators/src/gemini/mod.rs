//! Gemini: `generateContent` with structured output, written from the transcript in the prompt, and every failure of
//! the real service on command.

mod models;
mod observe;
mod prompt;
mod questions;
mod request;
mod routes;
mod schema;
mod script;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub use script::{GeminiScript, Reply};

use self::script::Scripts;
use crate::crypto::random_id;
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};
use crate::journal::Journal;

/// How to start a [`Gemini`]. The default suits a test: a free port and a made-up key.
#[derive(Clone, Debug, Default)]
pub struct GeminiOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// Made up when neither given nor kept.
    pub api_key: Option<String>,
    /// The key is kept here.
    pub state_file: Option<PathBuf>,
}

pub(crate) struct Inner {
    api_key: String,
    scripts: Mutex<Scripts>,
    /// What is left of answers that were cut with `CONTINUATION`, by their token.
    continuations: Mutex<HashMap<String, String>>,
    generations: AtomicUsize,
    answers: AtomicUsize,
    exchange: Arc<Exchange>,
}

/// A running Gemini service. It stops when it is dropped.
pub struct Gemini {
    server: Server,
    inner: Arc<Inner>,
}

impl Gemini {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: GeminiOptions) -> io::Result<Self> {
        let (mut journal, mut kept) = Journal::open(options.state_file)?;
        let api_key = options.api_key.or(kept.take("key")?).unwrap_or_else(|| random_id("AIzaSimulated"));
        journal.keep("key", &api_key);
        let inner = Arc::new(Inner {
            api_key,
            scripts: Mutex::default(),
            continuations: Mutex::default(),
            generations: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            exchange: Exchange::new(routes::error_body_of_status),
        });
        let server = Server::start(options.port, |_| routes::router(inner.clone())).await?;
        Ok(Self { server, inner })
    }

    /// Without the `/v1beta` prefix.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub fn api_key(&self) -> &str {
        &self.inner.api_key
    }

    /// How many well-formed `generateContent` requests arrived, whatever was answered.
    pub fn generations(&self) -> usize {
        self.inner.generations.load(Ordering::SeqCst)
    }

    /// How many of them were answered with 200: what would be billed.
    pub fn answers(&self) -> usize {
        self.inner.answers.load(Ordering::SeqCst)
    }

    /// Determines the coming answers.
    pub fn script(&self, script: GeminiScript) {
        lock(&self.inner.scripts).add(script);
    }

    /// The requests that reached the service, bodies included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.inner.exchange.requests()
    }

    /// Lets a coming request fail with a bare HTTP status.
    pub fn fail(&self, fault: Fault) {
        self.inner.exchange.fail(fault);
    }

    /// Forgets requests, counts and scripts.
    pub fn reset(&self) {
        self.inner.reset();
    }
}

impl Inner {
    fn reset(&self) {
        self.exchange.reset();
        *lock(&self.scripts) = Scripts::default();
        lock(&self.continuations).clear();
        self.generations.store(0, Ordering::SeqCst);
        self.answers.store(0, Ordering::SeqCst);
    }
}
