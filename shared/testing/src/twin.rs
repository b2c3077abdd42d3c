//! A second DynamoDB engine beside the first: every request of a test goes to both, and they have to agree.
//!
//! An engine may accept an expression that AWS refuses. Two engines written by different people seldom share such a mistake.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Names the second engine's address, an instance of moto's server. `cargo xtask test` sets it.
const VARIABLE: &str = "GREENROOM_SECOND_ENGINE";

static ENGINES: AtomicU32 = AtomicU32::new(0);
/// Where the first engine is asked alone, since it was told something past the second.
static APART: LazyLock<RwLock<BTreeSet<String>>> = LazyLock::new(RwLock::default);

/// From now on the table at this address is not compared: something goes to its first engine alone.
pub(crate) fn part(address: &str) {
    APART.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(address.to_owned());
}

fn is_apart(address: &str) -> bool {
    APART.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains(address)
}

#[derive(Clone)]
struct Wire {
    http: reqwest::Client,
    /// Where both are reached together.
    address: String,
    first: String,
    second: String,
    /// Every table has an account of the second engine to itself, so that all can have the same name.
    account: String,
    /// Both see the same order.
    turn: Arc<Mutex<()>>,
}

/// Where the engine at this address and a second one, if there is one, are reached together and compared.
pub async fn compared(engine: &str) -> Option<String> {
    let second = std::env::var(VARIABLE).ok()?;
    let number = ENGINES.fetch_add(1, Ordering::SeqCst);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let wire = Wire {
        http: crate::local_http(),
        address: url.clone(),
        first: engine.to_owned(),
        second,
        account: format!("{:06}{number:06}", std::process::id() % 1_000_000),
        turn: Arc::default(),
    };
    let router = Router::new().fallback(pass).with_state(wire);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Some(url)
}

/// Tells both engines at this address.
pub async fn tell(http: &reqwest::Client, url: &str, operation: &str, request: &Value) {
    // The region of the tests' own clients: the second engine keeps a table for each.
    let scope =
        "AWS4-HMAC-SHA256 Credential=test/20261120/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let told = http.post(url).body(request.to_string()).header("authorization", scope);
    let told =
        told.header("x-amz-target", format!("DynamoDB_20120810.{operation}")).header("x-amz-date", "20261120T120000Z");
    let answer = told.header("content-type", "application/x-amz-json-1.0").send().await.expect("an answer");
    assert!(answer.status().is_success(), "{operation}: {}", answer.text().await.unwrap_or_default());
}

async fn pass(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
    // A client that goes away while both are asked must not leave them apart.
    tokio::spawn(async move {
        let _turn = wire.turn.lock().await;
        let first = wire.ask(&wire.first, &headers, &body).await;
        if is_apart(&wire.address) {
            return first;
        }
        let second = wire.ask(&wire.second, &headers, &body).await;
        let operation = headers["x-amz-target"].to_str().unwrap_or_default().to_owned();
        let meaning = |answer: &(StatusCode, HeaderMap, Bytes)| meaning(&operation, answer.0, &answer.2);
        let (ours, theirs) = (meaning(&first), meaning(&second));
        if !agree(&ours, &theirs) {
            // Not by a macro: what those print is kept back until a test has ended, and this one never does.
            let told = writeln!(
                std::io::stderr(),
                "two engines disagree about {operation} {}\nthe first says {ours}\nthe second says {theirs}\nin full: {}",
                String::from_utf8_lossy(&body),
                String::from_utf8_lossy(&second.2),
            );
            // Nothing a test forgives may hide it.
            std::process::exit(if told.is_ok() { 101 } else { 102 });
        }
        first
    })
    .await
    .expect("both engines answer")
}

impl Wire {
    async fn ask(&self, engine: &str, headers: &HeaderMap, body: &Bytes) -> (StatusCode, HeaderMap, Bytes) {
        let mut onward = self.http.post(engine).body(body.clone()).header("x-moto-account-id", &self.account);
        for name in ["x-amz-target", "x-amz-date", "content-type", "authorization"] {
            if let Some(value) = headers.get(name) {
                onward = onward.header(name, value.clone());
            }
        }
        let answer = onward.send().await.expect("an answer of the engine");
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.expect("a body"))
    }
}

/// What an answer says, without what engines may word or order differently. A query has an order, and a scan goes on where
/// its engine likes.
fn meaning(operation: &str, status: StatusCode, body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if !status.is_success() {
        let kind = body["__type"].as_str().and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
        let reasons = body["CancellationReasons"].as_array().map(|all| all.iter().map(reason).collect::<Vec<_>>());
        return json!({ "error": kind, "reasons": reasons });
    }
    let mut said = serde_json::Map::new();
    let is_query = operation.ends_with(".Query");
    for name in ["Item", "Attributes", "Count", "Items", "Responses", "UnprocessedKeys", "UnprocessedItems"] {
        if let Some(value) = body.get(name).filter(|value| !is_empty(value)) {
            let value = match value.as_array() {
                Some(items) if is_query => Value::Array(items.iter().cloned().map(ordered).collect()),
                _ => ordered(value.clone()),
            };
            said.insert(name.to_owned(), value);
        }
    }
    if is_query && let Some(last) = body.get("LastEvaluatedKey") {
        said.insert("LastEvaluatedKey".to_owned(), last.clone());
    }
    Value::Object(said)
}

/// Whether two answers mean the same. Behind the last item of a query an engine may name a place to go on from, as AWS does where
/// the page is full, or none.
fn agree(ours: &Value, theirs: &Value) -> bool {
    let place = "LastEvaluatedKey";
    let without_place = |said: &Value| {
        let mut said = said.clone();
        said.as_object_mut().map(|members| members.remove(place));
        said
    };
    match (ours.get(place), theirs.get(place)) {
        (Some(_), Some(_)) | (None, None) => ours == theirs,
        _ => without_place(ours) == without_place(theirs),
    }
}

fn reason(reason: &Value) -> Value {
    json!({ "code": reason["Code"], "item": ordered(reason["Item"].clone()) })
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Batches, scans and sets come in any order, and only their content counts.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.into_iter().map(ordered).collect();
            values.sort_by_key(Value::to_string);
            Value::Array(values)
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, ordered(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says_of(operation: &str, status: u16, body: Value) -> Value {
        meaning(operation, StatusCode::from_u16(status).expect("a status"), body.to_string().as_bytes())
    }

    fn says(status: u16, body: Value) -> Value {
        says_of("DynamoDB_20120810.Scan", status, body)
    }

    #[test]
    fn the_order_of_a_query_matters_and_so_does_where_it_goes_on() {
        let says = |body| says_of("DynamoDB_20120810.Query", 200, body);
        let items = |a: &str, b: &str| says(json!({ "Items": [{ "id": { "S": a } }, { "id": { "S": b } }] }));
        assert_eq!(items("1", "2"), items("1", "2"));
        assert_ne!(items("1", "2"), items("2", "1"));
        let set = |a: &str, b: &str| says(json!({ "Items": [{ "all": { "SS": [a, b] } }] }));
        assert_eq!(set("1", "2"), set("2", "1"));
        let page = |key: &str| says(json!({ "Count": 1, "LastEvaluatedKey": { "pk": { "S": key } } }));
        let last = |count: u8| says(json!({ "Count": count }));
        assert!(agree(&page("1"), &page("1")) && agree(&page("1"), &last(1)) && agree(&last(1), &page("1")));
        assert!(!agree(&page("1"), &page("2")) && !agree(&page("1"), &last(2)));
    }

    #[test]
    fn order_and_wording_do_not_matter_and_content_does() {
        let items = |a: &str, b: &str| says(200, json!({ "Items": [{ "id": { "S": a } }, { "id": { "S": b } }] }));
        assert_eq!(items("1", "2"), items("2", "1"));
        assert_ne!(items("1", "2"), items("1", "3"));
        let refused = |kind: &str, code: &str| {
            let reasons = json!([{ "Code": "None" }, { "Code": code, "Message": code.to_lowercase() }]);
            says(400, json!({ "__type": kind, "message": "in one's own words", "CancellationReasons": reasons }))
        };
        let condition = refused("a#TransactionCanceledException", "ConditionalCheckFailed");
        assert_eq!(condition, refused("b#TransactionCanceledException", "ConditionalCheckFailed"));
        assert_ne!(condition, refused("a#TransactionCanceledException", "ValidationError"));
        assert_ne!(condition, refused("a#ValidationException", "ConditionalCheckFailed"));
        assert_ne!(condition, says(200, json!({})));
        assert_eq!(says(200, json!({ "UnprocessedKeys": {} })), says(200, json!({})));
    }
}
