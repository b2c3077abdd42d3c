//! The Runtime API as a function sees it, and a function's program as Lambda starts it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

struct Api {
    polls: mpsc::UnboundedSender<Instant>,
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    answers: mpsc::UnboundedSender<(Instant, Value)>,
}

/// A function's process, from its start to its end.
pub struct Process {
    child: Child,
    /// When its program began to run.
    pub began: Instant,
    polls: mpsc::UnboundedReceiver<Instant>,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<(Instant, Value)>,
}

impl Process {
    /// Starts `program` with these variables and no others, within `cgroup` where one is given.
    pub async fn start(program: &Path, variables: &[(String, String)], cgroup: Option<&Path>) -> Self {
        let (polls, polled) = mpsc::unbounded_channel();
        let (events, incoming) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        let api = Arc::new(Api { polls, events: Mutex::new(incoming), answers });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(api);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        #[expect(clippy::disallowed_methods, reason = "a server of this program")]
        tokio::spawn(async move { axum::serve(listener, router).await });

        // A shell takes its place in the group first and waits for a line, so that neither belongs to what is measured.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "if [ -n \"$1\" ]; then echo $$ > \"$1/cgroup.procs\"; fi; read -r line; exec \"$0\""]);
        command.arg(program).arg(cgroup.unwrap_or(Path::new("")));
        command.env_clear().env("AWS_LAMBDA_RUNTIME_API", address).envs(variables.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut line = child.stdin.take().unwrap();
        wait_for_sleep(child.id().unwrap()).await;
        let began = Instant::now();
        line.write_all(b"go\n").await.unwrap();
        Self { child, began, polls: polled, events, answers: answered }
    }

    /// When it asked for its next event.
    pub async fn polled(&mut self) -> Instant {
        timeout(PATIENCE, self.polls.recv()).await.expect("the function asks for events").unwrap()
    }

    /// Hands it an event. How long the answer took, and what it is.
    pub async fn invoke(&mut self, event: Value) -> (Duration, Value) {
        let began = Instant::now();
        self.events.send(event).unwrap();
        let (ended, answer) = timeout(PATIENCE, self.answers.recv()).await.expect("an answer").unwrap();
        self.polled().await;
        (ended - began, answer)
    }

    /// The most memory it ever had, in megabytes of 1 000 000 bytes.
    pub fn peak_memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
    }

    /// The CPU time it has used, in milliseconds.
    pub fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        // Fields after the program's name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        // The kernel counts in hundredths of a second here.
        ticks * 10.0
    }

    /// Ends it.
    pub async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Waits until the process waits for its input.
async fn wait_for_sleep(process: u32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        if stat.rsplit(')').next().unwrap().trim_start().starts_with('S') {
            return;
        }
        assert!(Instant::now() < deadline, "the shell does not wait");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let _ = api.polls.send(Instant::now());
    let event = api.events.lock().await.recv().await;
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        // In the year 2100.
        ("Lambda-Runtime-Deadline-Ms", "4102444800000"),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:000000000000:function:bench"),
        ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
    ];
    (headers, event.unwrap_or_default().to_string())
}

async fn answer(
    State(api): State<Arc<Api>>,
    UrlPath((_, outcome)): UrlPath<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = if outcome == "response" { body } else { serde_json::json!({ "error": body }) };
    let _ = api.answers.send((Instant::now(), answer));
    StatusCode::ACCEPTED
}
