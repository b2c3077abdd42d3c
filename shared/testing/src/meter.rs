//! Counts what an application asks of its table, between the application and the engine.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// What one request asked for and what it consumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The operation, such as `GetItem`.
    pub operation: String,
    /// Capacity units of all kinds and indexes, as the engine counts them.
    pub units: f64,
}

/// A meter in front of an engine.
pub struct Meter {
    url: String,
    readings: Arc<Mutex<Vec<Reading>>>,
}

#[derive(Clone)]
struct Wire {
    http: reqwest::Client,
    engine: String,
    readings: Arc<Mutex<Vec<Reading>>>,
}

impl Meter {
    /// Starts a meter in front of the engine at this address.
    pub async fn start(engine: &str) -> Self {
        let readings = Arc::<Mutex<Vec<Reading>>>::default();
        let wire = Wire { http: reqwest::Client::new(), engine: engine.to_owned(), readings: readings.clone() };
        let router = Router::new().fallback(pass).with_state(wire);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, readings }
    }

    /// Where the application finds the engine behind the meter.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What was asked since the last time, in order.
    pub fn take(&self) -> Vec<Reading> {
        std::mem::take(&mut self.readings.lock().expect("no panic while counting"))
    }
}

async fn pass(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
    let target = headers["x-amz-target"].to_str().expect("text");
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let mut request: Value = serde_json::from_slice(&body).expect("a request");
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    let mut onward = wire.http.post(&wire.engine).body(request.to_string());
    for name in ["x-amz-target", "x-amz-date", "content-type", "authorization"] {
        onward = onward.header(name, headers[name].clone());
    }
    let answer = onward.send().await.expect("an answer of the engine");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.expect("a body");
    let decoded: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let units = match &decoded["ConsumedCapacity"] {
        Value::Array(list) => list.iter().filter_map(|c| c["CapacityUnits"].as_f64()).sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or(0.0),
    };
    wire.readings.lock().expect("no panic while counting").push(Reading { operation, units });
    (status, headers, bytes)
}
