//! Running other programs.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::{places, settings};

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(settings::variable("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(places::root());
    command
}

/// Runs a program to its end. What it writes goes to our standard error, since our standard output belongs to programs.
pub async fn run(what: &str, command: &mut Command) -> Outcome<()> {
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(std::io::stderr());
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{what} failed ({})", ended(status)))),
        Err(error) => Err(cannot_start(what, command, &error)),
    }
}

/// Runs a program that reads one JSON object and writes one (or nothing).
pub async fn exchange(what: &str, command: &mut Command, input: &Value) -> Outcome<Value> {
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(what, command, &error))?;
    if let Some(mut pipe) = child.stdin.take() {
        let sent = pipe.write_all(input.to_string().as_bytes()).await;
        sent.map_err(|error| Failure::new(format!("{what}: it did not read its input: {error}")))?;
    }
    let output = child.wait_with_output().await.map_err(|error| Failure::new(format!("{what}: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("{what} failed ({}), see above", ended(output.status))));
    }
    if output.stdout.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("{what}: its answer is not JSON: {error}")))
}

/// What a program writes, trimmed; nothing when it fails or is not there.
pub async fn try_output(command: &mut Command) -> Option<String> {
    let output = command.kill_on_drop(true).stdin(Stdio::null()).stderr(Stdio::null()).output().await.ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim().to_owned())
}

/// Asks a child and all it started to stop as Ctrl-C would, waits, and ends by force what is left of them.
pub async fn stop(child: &mut Child, patience: Duration) {
    let Some(leader) = child.id() else { return };
    signal("INT", format!("{leader}")).await;
    let stopped = timeout(patience, child.wait()).await.is_ok();
    if !stopped {
        eprintln!("process {leader} did not stop within {} s and is ended by force", patience.as_secs());
    }
    signal("KILL", format!("-{leader}")).await;
    // The exit status was taken already, or there is nothing more to do about it.
    drop(child.wait().await);
}

/// The shell's own `kill`, as there may be no program of that name.
async fn signal(name: &str, process: impl AsRef<OsStr>) {
    let mut command = Command::new("sh");
    command.args(["-c", "kill -s \"$1\" -- \"$2\" 2>/dev/null", "sh", name]).arg(process);
    // A process that is gone cannot be signalled, which is what was wanted.
    drop(command.status().await);
}

/// Runs `work` and says how long it took.
pub async fn timed<T>(what: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let start = Instant::now();
    let outcome = work.await;
    let state = if outcome.is_ok() { "" } else { ", failed" };
    eprintln!("-- {what}: {:.1} s{state}", start.elapsed().as_secs_f64());
    outcome
}

fn cannot_start(what: &str, command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("{what}: cannot start {}: {error}", command.as_std().get_program().to_string_lossy()))
}

pub fn ended(status: ExitStatus) -> String {
    status.code().map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"))
}
