//! A second DynamoDB engine (moto's) for the tests of the crates: what goes to their own goes to it too, and the two have
//! to agree, since one engine alone may accept what AWS refuses.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{sleep, timeout};

use crate::failure::{Failure, Outcome};
use crate::http;
use crate::python::{Python, surroundings};
use crate::run::{run, stop};
use crate::up::ports;

const PATIENCE: Duration = Duration::from_mins(1);
/// The tests ask for much more; without the engine they would pass too, and show nothing.
const REQUESTS_AT_LEAST: usize = 1000;

/// Runs these tests beside a second engine.
pub async fn compare(mut tests: Command) -> Outcome<()> {
    let address = format!("127.0.0.1:{}", ports::free(&[])?);
    let mut engine = start(&address).await?;
    tests.env("GREENROOM_SECOND_ENGINE", format!("http://{address}"));
    let log = engine.stderr.take();
    let compared = async {
        let outcome = match ready(&mut engine, &address).await {
            Ok(()) => run("cargo test beside a second engine", &mut tests).await,
            Err(failure) => Err(failure),
        };
        stop(&mut engine, PATIENCE).await;
        outcome
    };
    // At the same time, since the engine stands still where nobody takes what it says.
    let (outcome, requests) = tokio::join!(compared, count_requests(log));
    outcome?;
    eprintln!("the second engine answered {requests} requests");
    if requests < REQUESTS_AT_LEAST {
        return Err(Failure::new(format!("the second engine was asked only {requests} times: nothing was compared")));
    }
    Ok(())
}

/// It says a line per request, such as `127.0.0.1 - - [20/Nov/2026 12:00:00] "POST / HTTP/1.1" 200 -`.
async fn count_requests(log: Option<ChildStderr>) -> usize {
    let Some(log) = log else { return 0 };
    let (mut lines, mut requests) = (BufReader::new(log).lines(), 0);
    while let Ok(Some(line)) = lines.next_line().await {
        requests += usize::from(line.contains("POST / HTTP/"));
    }
    requests
}

async fn start(address: &str) -> Outcome<Child> {
    let python = Python::with("requirements-moto.txt").await?;
    let mut command = Command::new(python.program("moto_server"));
    let port = address.rsplit(':').next().unwrap_or_default();
    command.args(["-H", "127.0.0.1", "-p", port]).env_clear().envs(surroundings());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    command.spawn().map_err(|error| Failure::new(format!("the second engine does not start: {error}")))
}

async fn ready(engine: &mut Child, address: &str) -> Outcome<()> {
    let url = format!("http://{address}/moto-api/");
    let answers = async {
        while http::get(&url).await.is_err() {
            if let Ok(Some(status)) = engine.try_wait() {
                return Err(Failure::new(format!("the second engine ended at once ({status})")));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    timeout(PATIENCE, answers).await.unwrap_or_else(|_| Err(Failure::new("the second engine does not answer")))
}
