//! `cargo xtask test`: the crates' own tests, the simulation, then the whole system on a stack of its own.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::failure::{Failure, Outcome};
use crate::python::Python;
use crate::run::{cargo, exchange, run, stop, timed};
use crate::up::emulator;
use crate::{fuzz, places, second_engine, settings, simulate};

const STOP_PATIENCE: Duration = Duration::from_mins(1);

pub async fn test() -> Outcome<()> {
    timed("tests of the crates", run("cargo test", &mut crates_tests()?)).await?;
    let mut again = crates_tests()?;
    // Two engines are too slow for the waits of a crowd.
    again.args(["--", "--quiet", "--skip", "concurrency", "--skip", "at_once"]);
    timed("the same beside a second engine", second_engine::compare(again)).await?;
    timed("simulation", simulate::normal()).await?;

    let mut system = cargo();
    system.args(["test", "--package", "tests", "--no-run"]);
    timed("build of the system tests", run("cargo test --package tests --no-run", &mut system)).await?;
    // Both cores are its own: what the tests of the stack wait for would come late beside it.
    let mut replay = cargo();
    replay.args(["test", "--package", "tests", "--test", "system", "--", "replay::"]);
    timed("replay of every function", run("cargo test --package tests replay::", &mut replay)).await?;

    // Installed before the stack is there, whose answers would come late beside it.
    fuzz::python().await?;
    let data = places::greenroom().join("test");
    let (mut stack, ready) = timed("private stack", start(&data)).await?;
    let outcome = match ready {
        Ok(ready) => timed("tests of the system", system_tests(&data, &ready)).await,
        Err(failure) => Err(failure),
    };
    if outcome.is_err() {
        show_end(&emulator::log(&data));
    }
    timed("stop", async {
        stop(&mut stack, STOP_PATIENCE).await;
        Ok(())
    })
    .await?;
    outcome
}

/// Libraries, their integration tests, this program and that of the operators. The functions' binaries are three lines each without a test, and a
/// test harness for every one of them would double the time.
fn crates_tests() -> Outcome<Command> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--exclude", "tests", "--lib", "--bin", "xtask", "--bin", "ops"]);
    if has_integration_tests()? {
        command.args(["--test", "*"]);
    }
    Ok(command)
}

/// Cargo refuses a pattern that matches nothing.
fn has_integration_tests() -> Outcome<bool> {
    for group in ["functions", "shared", "infra"] {
        let folder = places::root().join(group);
        let listing = fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))?;
        let mut crates = listing.filter_map(Result::ok).map(|entry| entry.path().join("tests"));
        if crates.any(|tests| has_sources(&tests)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_sources(folder: &Path) -> bool {
    let listing = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    listing.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// Starts `up` on fresh data with none of the person's settings, and waits for its line. The child is returned whatever
/// becomes of it, so that it can be stopped.
pub async fn start(data: &Path) -> Outcome<(Child, Outcome<Value>)> {
    let program = std::env::current_exe().map_err(|error| Failure::new(format!("where is this program? {error}")))?;
    let mut command = Command::new(program);
    command.args(["up", "--json", "--fresh"]);
    for name in settings::stack_variables() {
        command.env_remove(name);
    }
    command.env("GREENROOM_DATA", data).stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| Failure::new(format!("cargo xtask up: {error}")))?;
    let Some(output) = child.stdout.take() else {
        return Ok((child, Err(Failure::new("cargo xtask up has no output"))));
    };
    let line = BufReader::new(output).lines().next_line().await;
    let ready = match line {
        Ok(Some(line)) => {
            serde_json::from_str(&line).map_err(|error| Failure::new(format!("cargo xtask up wrote no JSON: {error}")))
        }
        _ => Err(Failure::new("the private stack did not start, see above")),
    };
    Ok((child, ready))
}

/// The last lines of the emulator's log, which whoever reads of a failure elsewhere has no other way to see.
fn show_end(log: &Path) {
    const LINES: usize = 30;
    const LONGEST: usize = 300;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("the end of {}:", log.display());
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        eprintln!("  {}", line.chars().take(LONGEST).collect::<String>());
    }
}

async fn system_tests(data: &Path, ready: &Value) -> Outcome<()> {
    let file = data.join("ready.json");
    fs::write(&file, ready.to_string()).map_err(|error| Failure::file(&file, &error))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "tests", "--", "--skip", "replay::"]).env("GREENROOM_STACK", &file);
    run("cargo test --package tests", &mut tests).await?;
    // Before the look back, which so sees what these requests left in the logs.
    fuzz::against(ready, data, fuzz::Options::default()).await?;
    look_back(&file, ready).await
}

/// The tests of what was seen during all others: first every function is used, then every schedule runs once, and what
/// that has sent is done.
async fn look_back(file: &Path, ready: &Value) -> Outcome<()> {
    let audit = |tests: &[&str]| {
        let mut command = cargo();
        command.args(["test", "--package", "tests", "--test", "audit", "--", "--nocapture"]);
        command.args(tests).env("GREENROOM_STACK", file);
        command
    };
    run("use of every function", &mut audit(&["drive::"])).await?;
    let mut schedules = Python::with("requirements.txt").await?.script("schedules.py");
    let job = json!({
        "template": places::root().join("template.yaml"),
        "endpoint": ready["awsEndpoint"],
        "region": ready["region"],
        "stackName": ready["stackName"],
    });
    exchange("schedules.py", &mut schedules, &job).await?;
    run("what the schedules have sent", &mut audit(&["follow::"])).await?;
    run("tests of what was seen", &mut audit(&["--skip", "drive::", "--skip", "follow::"])).await
}
