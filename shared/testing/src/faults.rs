//! Trouble between an application and AWS: a proxy in front of the table's engine that loses requests, loses answers after
//! the write took effect, throttles, reports conflicts, answers from indexes that are behind, stops a process half way and holds
//! a write back while a rival runs.
//!
//! It stands in for S3 and SQS too, with just enough of both for the workers: objects and sent messages are kept here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{World, ask};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives; the connection breaks.
    Lost,
    /// It takes effect; the connection breaks before the answer.
    AnswerLost,
    /// It is refused with `ProvisionedThroughputExceededException`.
    Throttled,
    /// It is refused because a rival's transaction is under way. Reads are let through.
    Conflict,
    /// It asks an index, which is as it was at [`Faults::remember_indexes`]. Everything else is let through, uncounted. No
    /// engine here does that by itself, and DynamoDB may.
    StaleIndex,
}

/// What kind of request meets its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Read,
    IndexRead,
}

/// A trouble to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// What happens.
    pub fate: Fate,
    /// Whether it happens to writes only.
    pub writes_only: bool,
    /// How many requests of that kind pass before.
    pub after: u32,
    /// To how many of them it happens.
    pub times: u32,
}

/// A message that was sent to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The queue's name: the last part of its URL.
    pub queue: String,
    /// The body.
    pub body: String,
}

#[derive(Default)]
struct Plan {
    troubles: VecDeque<Trouble>,
    /// The process stops at this write; it and everything after it is lost. The flag says whether it takes effect.
    stops_at: Option<(u32, bool)>,
    stopped: bool,
    hold: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
    /// A seed and how many of a thousand requests meet trouble.
    seeded: Option<(u64, u64)>,
    forgets_conditions: bool,
    /// The table as the indexes know it while they are behind.
    older: Option<Database>,
    struck: u32,
    objects: BTreeMap<String, Vec<u8>>,
    /// Uploads that were begun, by id: their parts by number.
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    uploads_begun: u32,
    sent: Vec<Sent>,
}

/// The proxy.
pub struct Faults {
    url: String,
    engine: Database,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Clone)]
struct Wire {
    engine: Database,
    plan: Arc<Mutex<Plan>>,
}

/// A write that is being held back.
pub struct Held {
    reached: oneshot::Receiver<()>,
    go: Option<oneshot::Sender<()>>,
}

impl Held {
    /// Waits until a write has arrived and is held.
    pub async fn reached(&mut self) {
        // A hold that was taken back is never reached.
        if (&mut self.reached).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets it go on.
    pub fn release(&mut self) {
        if let Some(go) = self.go.take() {
            let _ = go.send(());
        }
    }
}

impl Faults {
    /// Starts a proxy in front of this world's engine. Without commands it lets everything pass, past a second engine.
    pub async fn start(world: &World) -> Self {
        crate::twin::part(&world.endpoint);
        let engine = &world.engine;
        let plan = Arc::<Mutex<Plan>>::default();
        let wire = Wire { engine: engine.clone(), plan: plan.clone() };
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(wire);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, engine: engine.clone(), plan }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.plan)
    }

    /// Where the application finds AWS.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Lets trouble come.
    pub fn strike(&self, trouble: Trouble) {
        self.plan().troubles.push_back(trouble);
    }

    /// Remembers what the indexes show now, for [`Fate::StaleIndex`] to come.
    pub fn remember_indexes(&self) {
        let older = crate::table::copy(&self.engine);
        self.plan().older = Some(older);
    }

    /// The next queries of indexes, so many, are answered as of [`Faults::remember_indexes`].
    pub fn let_indexes_lag(&self, times: u32) {
        self.strike(Trouble { fate: Fate::StaleIndex, writes_only: false, after: 0, times });
    }

    /// Stops the process at its write number `write`, counted from 0 and from now on: nothing of it arrives any more.
    /// `takes_effect` says whether that write still does.
    pub fn stop_at_write(&self, write: u32, takes_effect: bool) {
        self.plan().stops_at = Some((write, takes_effect));
    }

    /// Trouble for so many of a thousand requests, drawn from a seed.
    pub fn by_seed(&self, seed: u64, per_thousand: u64) {
        self.plan().seeded = Some((seed, per_thousand));
    }

    /// Holds the next write back until it is released.
    pub fn hold_next_write(&self) -> Held {
        let ((arrived, reached), (go, gone)) = (oneshot::channel(), oneshot::channel());
        self.plan().hold = Some((arrived, gone));
        Held { reached, go: Some(go) }
    }

    /// From now on the table writes whatever the conditions say, for tests of tests: what relies on conditions goes wrong.
    pub fn forget_conditions(&self) {
        self.plan().forgets_conditions = true;
    }

    /// Ends all trouble. Answers how many requests met some since the last time.
    pub fn calm(&self) -> u32 {
        let mut plan = self.plan();
        plan.troubles.clear();
        (plan.stops_at, plan.stopped, plan.hold, plan.seeded) = (None, false, None, None);
        std::mem::take(&mut plan.struck)
    }

    /// The messages that were sent since the last time, in order.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.plan().sent)
    }

    /// Puts a file under a path, where it can be fetched from [`Faults::url`].
    pub fn serve_file(&self, path: &str, body: &[u8]) {
        self.plan().objects.insert(path.to_owned(), body.to_vec());
    }

    /// The paths of all objects.
    pub fn objects(&self) -> Vec<String> {
        self.plan().objects.keys().cloned().collect()
    }

    /// How many bytes the object at a path has.
    pub fn object_bytes(&self, path: &str) -> Option<usize> {
        self.plan().objects.get(path).map(Vec::len)
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plan {
    fn fate_of(&mut self, kind: Kind) -> Option<Fate> {
        if self.stopped {
            self.struck += 1;
            return Some(Fate::Lost);
        }
        if kind == Kind::Write
            && let Some((write, takes_effect)) = self.stops_at
        {
            if write == 0 {
                self.stopped = true;
                self.struck += 1;
                return Some(if takes_effect { Fate::AnswerLost } else { Fate::Lost });
            }
            self.stops_at = Some((write - 1, takes_effect));
        }
        let fate = self.commanded(kind).or_else(|| self.drawn(kind == Kind::Write))?;
        self.struck += 1;
        Some(fate)
    }

    fn commanded(&mut self, kind: Kind) -> Option<Fate> {
        let is_met = |t: &Trouble| match t.fate {
            Fate::StaleIndex => kind == Kind::IndexRead,
            _ => kind == Kind::Write || !t.writes_only,
        };
        let place = self.troubles.iter().position(is_met)?;
        let trouble = &mut self.troubles[place];
        if trouble.after > 0 {
            trouble.after -= 1;
            return None;
        }
        let fate = trouble.fate;
        trouble.times = trouble.times.saturating_sub(1);
        if trouble.times == 0 {
            self.troubles.remove(place);
        }
        (kind == Kind::Write || fate != Fate::Conflict).then_some(fate)
    }

    fn drawn(&mut self, is_write: bool) -> Option<Fate> {
        let (state, per_thousand) = self.seeded.as_mut()?;
        // xorshift: small, and good enough to spread trouble.
        *state ^= (*state << 13).max(1);
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let (chance, kind) = (*state % 1000, (*state >> 32) % 4);
        if chance >= *per_thousand {
            return None;
        }
        match kind {
            0 => Some(Fate::Lost),
            1 => Some(Fate::AnswerLost),
            2 => Some(Fate::Throttled),
            _ => is_write.then_some(Fate::Conflict),
        }
    }
}

/// Ends this connection's task without an answer, so that the other side sees a broken connection. No panic is reported.
fn break_off() -> ! {
    std::panic::resume_unwind(Box::new("a connection was broken on purpose"))
}

async fn pass(State(wire): State<Wire>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default().to_owned();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let is_table = target.starts_with("DynamoDB");
    let is_file = uri.path().starts_with("/files/");
    let is_write = !is_file
        && (matches!(operation, "TransactWriteItems" | "PutItem" | "UpdateItem" | "DeleteItem" | "SendMessageBatch")
            || matches!(method, Method::PUT | Method::DELETE)
            || uri.query().is_some_and(|query| query.contains("upload")));
    let hold = if is_write { lock(&wire.plan).hold.take() } else { None };
    if let Some((arrived, gone)) = hold {
        let _ = arrived.send(());
        let _ = gone.await;
    }
    let kind = match operation {
        _ if is_write => Kind::Write,
        "Query" if is_of_index(&body) => Kind::IndexRead,
        _ => Kind::Read,
    };
    // Links of other services do not go through our process's connection to AWS.
    let fate = if is_file { None } else { lock(&wire.plan).fate_of(kind) };
    match fate {
        Some(Fate::Lost) => break_off(),
        Some(Fate::Throttled) if is_table => return refusal("ProvisionedThroughputExceededException", "throttled"),
        Some(Fate::Conflict) if is_table => return conflict(operation, &body),
        Some(Fate::Throttled | Fate::Conflict) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fate::StaleIndex) => {
            let older = lock(&wire.plan).older.clone().expect("indexes that were remembered");
            return onward(&older, operation, &body);
        }
        Some(Fate::AnswerLost) | None => {}
    }
    let answer = match operation {
        "SendMessageBatch" => send_messages(&mut lock(&wire.plan), &body),
        "TransactWriteItems" if lock(&wire.plan).forgets_conditions => {
            onward(&wire.engine, operation, &without_conditions(&body))
        }
        _ if is_table => onward(&wire.engine, operation, &body),
        _ if uri.query().is_some_and(|query| query.contains("upload")) => {
            part(&mut lock(&wire.plan), &method, &uri, &body)
        }
        _ if is_file => file(&lock(&wire.plan), uri.path(), &headers),
        _ => object(&mut lock(&wire.plan), &method, uri.path(), &body),
    };
    if fate == Some(Fate::AnswerLost) {
        break_off();
    }
    answer
}

fn is_of_index(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|request| request["IndexName"].is_string())
}

fn without_conditions(body: &[u8]) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).expect("a request");
    let items = request["TransactItems"].as_array_mut().expect("items");
    items.retain(|item| item.get("ConditionCheck").is_none());
    for operation in items.iter_mut().filter_map(Value::as_object_mut).flat_map(serde_json::Map::values_mut) {
        let Some(operation) = operation.as_object_mut() else { continue };
        // Values belong to the condition unless something else uses them.
        if operation.remove("ConditionExpression").is_some() && !operation.contains_key("UpdateExpression") {
            operation.remove("ExpressionAttributeValues");
        }
    }
    request.to_string().into()
}

fn onward(engine: &Database, operation: &str, body: &[u8]) -> Response {
    let (status, answer) = ask(engine, operation, body);
    (status, [("content-type", "application/x-amz-json-1.0")], answer).into_response()
}

fn amazon_json(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

fn refusal(name: &str, message: &str) -> Response {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
    amazon_json(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message }))
}

fn conflict(operation: &str, body: &[u8]) -> Response {
    if operation != "TransactWriteItems" {
        return refusal("TransactionConflictException", "Transaction is ongoing for the item");
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = request["TransactItems"].as_array().map_or(1, Vec::len);
    let reasons: Vec<Value> = (0..items)
        .map(|place| if place == 0 { json!({ "Code": "TransactionConflict" }) } else { json!({ "Code": "None" }) })
        .collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    amazon_json(StatusCode::BAD_REQUEST, &body)
}

fn send_messages(plan: &mut Plan, body: &[u8]) -> Response {
    let request: Value = serde_json::from_slice(body).expect("a request");
    let queue = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned();
    let mut successful = Vec::new();
    for entry in request["Entries"].as_array().expect("entries") {
        let body = entry["MessageBody"].as_str().expect("a body").to_owned();
        plan.sent.push(Sent { queue: queue.clone(), body });
        successful.push(json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
    }
    amazon_json(StatusCode::OK, &json!({ "Successful": successful, "Failed": [] }))
}

fn object(plan: &mut Plan, method: &Method, path: &str, body: &[u8]) -> Response {
    match method.as_str() {
        "PUT" => {
            plan.objects.insert(path.to_owned(), body.to_vec());
            (StatusCode::OK, [("etag", "\"whole\"")]).into_response()
        }
        "DELETE" => {
            plan.objects.remove(path);
            StatusCode::NO_CONTENT.into_response()
        }
        "GET" => match plan.objects.get(path) {
            Some(body) => (StatusCode::OK, Body::from(body.clone())).into_response(),
            None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        },
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}

/// The parts of an upload, as S3 lists them.
pub fn parts_listed(parts: &BTreeMap<u32, Vec<u8>>) -> String {
    let part = |(number, body): (&u32, &Vec<u8>)| {
        format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;part-{number}&quot;</ETag><Size>{}</Size>\
             <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>",
            body.len()
        )
    };
    format!("<ListPartsResult>{}</ListPartsResult>", parts.iter().map(part).collect::<String>())
}

/// A file of another service, whole or from a byte on.
fn file(plan: &Plan, path: &str, headers: &HeaderMap) -> Response {
    let Some(body) = plan.objects.get(path) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = ("etag", format!("\"{}\"", body.len()));
    let range = headers.get("range").and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from.and_then(|from| Some((from, body.get(from..)?))) {
        Some((from, rest)) => {
            let range = ("content-range", format!("bytes {from}-{}/{}", body.len() - 1, body.len()));
            (StatusCode::PARTIAL_CONTENT, [etag, range], Body::from(rest.to_vec())).into_response()
        }
        None => (StatusCode::OK, [etag], Body::from(body.clone())).into_response(),
    }
}

/// An object that comes in parts.
fn part(plan: &mut Plan, method: &Method, uri: &Uri, body: &[u8]) -> Response {
    let parameters = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let parameters: BTreeMap<&str, &str> = parameters.collect();
    let number = parameters.get("partNumber").and_then(|number| number.parse().ok());
    let Some(upload) = parameters.get("uploadId").copied() else {
        plan.uploads_begun += 1;
        let id = format!("upload-{}", plan.uploads_begun);
        plan.uploads.insert(id.clone(), BTreeMap::new());
        let xml = format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
        return (StatusCode::OK, xml).into_response();
    };
    match (method.as_str(), plan.uploads.get_mut(upload), number) {
        ("PUT", Some(parts), Some(number)) => {
            parts.insert(number, body.to_vec());
            let checksum = ("x-amz-checksum-crc32", "AAAAAA==".to_owned());
            (StatusCode::OK, [("etag", format!("\"part-{number}\"")), checksum]).into_response()
        }
        ("POST", Some(parts), None) => {
            let whole = std::mem::take(parts).into_values().flatten().collect();
            plan.objects.insert(uri.path().to_owned(), whole);
            plan.uploads.remove(upload);
            (StatusCode::OK, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>").into_response()
        }
        ("DELETE", Some(_), None) => {
            plan.uploads.remove(upload);
            StatusCode::NO_CONTENT.into_response()
        }
        ("GET", Some(parts), None) => (StatusCode::OK, parts_listed(parts)).into_response(),
        _ => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchUpload</Code></Error>").into_response(),
    }
}
