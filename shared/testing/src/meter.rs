//! Counts what an application asks of AWS, between the application and what stands in for AWS.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

/// What one request asked for and what it consumed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The operation, such as `GetItem` or, of a bucket, `PUT`.
    pub operation: String,
    /// Capacity units of all kinds and indexes, as the engine counts them; 0 where it is not the table that was asked.
    pub units: f64,
}

impl Reading {
    /// Whether the table was asked.
    pub fn is_table(&self) -> bool {
        self.is_read()
            || matches!(self.operation.as_str(), "TransactWriteItems" | "PutItem" | "UpdateItem" | "DeleteItem")
    }

    /// Whether it consumed read units.
    pub fn is_read(&self) -> bool {
        matches!(self.operation.as_str(), "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems")
    }
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
    /// Starts a meter in front of what stands in for AWS at this address.
    pub async fn start(engine: &str) -> Self {
        let readings = Arc::<Mutex<Vec<Reading>>>::default();
        let wire = Wire { http: crate::local_http(), engine: engine.to_owned(), readings: readings.clone() };
        let router = Router::new().fallback(pass).with_state(wire);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, readings }
    }

    /// Where the application finds AWS behind the meter.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What was asked since the last time, in order.
    pub fn take(&self) -> Vec<Reading> {
        std::mem::take(&mut self.readings.lock().expect("no panic while counting"))
    }
}

async fn pass(
    State(wire): State<Wire>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default().to_owned();
    let is_table = target.starts_with("DynamoDB");
    let operation = if target.is_empty() { method.as_str() } else { target.rsplit('.').next().unwrap_or_default() };
    let body = if is_table {
        let mut request: Value = serde_json::from_slice(&body).expect("a request");
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        Bytes::from(request.to_string())
    } else {
        body
    };
    let mut onward = wire.http.request(method.clone(), format!("{}{uri}", wire.engine)).body(body);
    for name in ["x-amz-target", "x-amz-date", "content-type", "authorization"] {
        if let Some(value) = headers.get(name) {
            onward = onward.header(name, value.clone());
        }
    }
    let answer = onward.send().await.expect("an answer of the engine");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    // The body is passed on whole.
    headers.remove(http::header::TRANSFER_ENCODING);
    let bytes = answer.bytes().await.expect("a body");
    let decoded: Value = if is_table { serde_json::from_slice(&bytes).unwrap_or_default() } else { Value::Null };
    let units = match &decoded["ConsumedCapacity"] {
        Value::Array(list) => list.iter().filter_map(|c| c["CapacityUnits"].as_f64()).sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or(0.0),
    };
    let reading = Reading { operation: operation.to_owned(), units };
    wire.readings.lock().expect("no panic while counting").push(reading);
    (status, headers, bytes)
}
