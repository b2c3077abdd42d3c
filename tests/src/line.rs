//! The lines from the application to everything it talks to, where each request can be met: counted, lost on its way there
//! or back, or made the last thing that a process did.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use tokio::sync::{oneshot, watch};

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A write to the table, a queue or the bucket.
    Write,
    /// A read from the table or the bucket.
    Read,
    /// Anything asked of Stream or Gemini, files included.
    Provider,
}

/// What happens after the request that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The process stops: it does and hears nothing any more.
    Stop,
    /// The process goes on, but what it asked stays away.
    Outage,
    /// All is well again.
    Nothing,
}

/// A trouble: request number `number` of its kind, counted from 0 and from now on, gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub kind: Kind,
    pub number: usize,
    /// Whether what it asks for is done all the same.
    pub takes_effect: bool,
    pub then: Then,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Write => "write",
            Kind::Read => "read",
            Kind::Provider => "provider call",
        };
        let effect = if self.takes_effect { "the answer to" } else { "" };
        let then = match self.then {
            Then::Stop => "the process stops with it",
            Then::Outage => "nothing like it is answered any more",
            Then::Nothing => "all is well again",
        };
        let lost = format!("{effect} {kind} {} is lost, {then}", self.number);
        out.write_str(lost.trim_start())
    }
}

/// How many requests there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub writes: usize,
    pub reads: usize,
    pub provider: usize,
}

#[derive(Default)]
struct Plan {
    counts: Counts,
    cut: Option<Cut>,
    /// Whether the cut was met.
    is_met: bool,
    /// The call to a provider that is held back, and what is told of it.
    hold: Option<(usize, oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

/// A call to a provider that is held back.
pub struct Held {
    reached: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Held {
    /// Waits until it is made.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.expect("the call is made");
    }

    /// Lets it go on.
    pub fn release(self) {
        let _ = self.go.send(());
    }
}

/// All lines of one application.
#[derive(Clone)]
pub struct Lines {
    http: reqwest::Client,
    plan: Arc<Mutex<Plan>>,
    stopped: watch::Sender<bool>,
}

#[derive(Clone)]
struct Line {
    lines: Lines,
    to: String,
    is_provider: bool,
}

enum Fate {
    Passes,
    /// Whether it takes effect, and whether the process stops with it.
    Lost {
        takes_effect: bool,
        stops: bool,
    },
}

impl Default for Lines {
    fn default() -> Self {
        Self { http: testing::local_http(), plan: Arc::default(), stopped: watch::Sender::new(false) }
    }
}

impl Lines {
    /// What reaches local addresses.
    pub fn http(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// A line to AWS at this address. Says where the application finds it.
    pub async fn to_aws(&self, address: &str) -> String {
        self.lead(address, false).await
    }

    /// A line to a provider at this address. Says where the application finds it.
    pub async fn to_provider(&self, address: &str) -> String {
        self.lead(address, true).await
    }

    async fn lead(&self, to: &str, is_provider: bool) -> String {
        let line = Line { lines: self.clone(), to: to.to_owned(), is_provider };
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(line);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        #[expect(clippy::disallowed_methods, reason = "a server of a test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from 0 again, and lets this happen.
    pub fn cut(&self, cut: Cut) {
        *self.plan() = Plan { cut: Some(cut), ..Plan::default() };
    }

    /// Counts from 0 again, and holds this call to a provider back until it is released.
    pub fn hold_provider_call(&self, number: usize) -> Held {
        let ((arrived, reached), (go, gone)) = (oneshot::channel(), oneshot::channel());
        *self.plan() = Plan { hold: Some((number, arrived, gone)), ..Plan::default() };
        Held { reached, go }
    }

    fn held(&self, kind: Kind) -> Option<(oneshot::Sender<()>, oneshot::Receiver<()>)> {
        let mut plan = self.plan();
        let next = plan.counts.provider;
        let hold = plan.hold.take_if(|hold| kind == Kind::Provider && hold.0 == next)?;
        Some((hold.1, hold.2))
    }

    /// Ends all trouble, and counts from 0 again. Says whether there was any.
    pub fn mend(&self) -> bool {
        self.stopped.send_replace(false);
        std::mem::take(&mut *self.plan()).is_met
    }

    /// What was asked since the counts began.
    pub fn counts(&self) -> Counts {
        self.plan().counts
    }

    /// Waits until the process has stopped.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    fn fate_of(&self, kind: Kind) -> Fate {
        let mut plan = self.plan();
        let count = match kind {
            Kind::Write => &mut plan.counts.writes,
            Kind::Read => &mut plan.counts.reads,
            Kind::Provider => &mut plan.counts.provider,
        };
        let number = *count;
        *count += 1;
        let Some(cut) = plan.cut else { return Fate::Passes };
        if plan.is_met && cut.then == Then::Stop {
            return Fate::Lost { takes_effect: false, stops: true };
        }
        // An outage takes everything of its provider, or all of AWS.
        let is_out = plan.is_met && cut.then == Then::Outage;
        if is_out && (cut.kind == Kind::Provider) == (kind == Kind::Provider) {
            return Fate::Lost { takes_effect: false, stops: false };
        }
        if plan.is_met || cut.kind != kind || cut.number != number {
            return Fate::Passes;
        }
        plan.is_met = true;
        Fate::Lost { takes_effect: cut.takes_effect, stops: cut.then == Then::Stop }
    }
}

fn kind_of(line: &Line, method: &Method, uri: &Uri, headers: &HeaderMap) -> Kind {
    if line.is_provider || uri.path().starts_with("/files/") {
        return Kind::Provider;
    }
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let reads = ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "DescribeTable"];
    let is_read = if operation.is_empty() { *method == Method::GET } else { reads.contains(&operation) };
    if is_read { Kind::Read } else { Kind::Write }
}

async fn pass(State(line): State<Line>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let kind = kind_of(&line, &method, &uri, &headers);
    let held = line.lines.held(kind);
    let fate = line.lines.fate_of(kind);
    if let Some((arrived, gone)) = held {
        let _ = arrived.send(());
        let _ = gone.await;
    }
    if let Fate::Lost { takes_effect: false, stops } = fate {
        return lose(&line, stops).await;
    }
    let target = format!("{}{}", line.to, uri.path_and_query().map_or("/", |p| p.as_str()));
    let mut onward = line.lines.http.request(method, target).body(body);
    for (name, value) in &headers {
        if !matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection" | "expect") {
            onward = onward.header(name, value.clone());
        }
    }
    let Ok(answer) = onward.send().await else { return lose(&line, false).await };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return lose(&line, false).await };
    if let Fate::Lost { stops, .. } = fate {
        return lose(&line, stops).await;
    }
    headers.remove("transfer-encoding");
    headers.remove("content-length");
    (status, headers, body).into_response()
}

/// Gives no answer: the other side sees a broken connection or, where its process stops, nothing any more.
async fn lose(line: &Line, stops: bool) -> Response {
    if stops {
        line.lines.stopped.send_replace(true);
        return std::future::pending().await;
    }
    // Ends this connection's task. No panic is reported.
    std::panic::resume_unwind(Box::new("a connection was broken on purpose"))
}
