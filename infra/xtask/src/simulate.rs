//! `cargo xtask simulate`: the simulation of `tests/simulation` for as long as wanted, from a seed of one's choice.

use std::num::ParseIntError;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::failure::{Failure, Outcome};
use crate::run::{cargo, ended, timed};

/// How many operations belong to the normal tests.
const NORMAL: u64 = 10_000;

/// What is to be simulated.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// How many operations to simulate
    #[arg(long, default_value_t = NORMAL, value_parser = number)]
    pub operations: u64,
    /// Where the random choices begin
    #[arg(long, default_value_t = 1, value_parser = number)]
    pub seed: u64,
    /// Print every operation
    #[arg(long)]
    pub verbose: bool,
    /// Optimise the code: slower to build, faster to run
    #[arg(long)]
    pub optimised: bool,
}

#[cfg(test)]
impl Default for Options {
    fn default() -> Self {
        Self { operations: NORMAL, seed: 1, verbose: false, optimised: false }
    }
}

/// Thousands may be grouped: `1_000_000`.
fn number(text: &str) -> Result<u64, ParseIntError> {
    text.replace('_', "").parse()
}

/// The tests of the simulation, with further arguments for their program. Progress and findings come on standard error;
/// standard output holds the application's metrics, and in the end how many tests there were.
fn tests(cargo_arguments: &[&str], arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["test", "--package", "tests", "--test", "simulation"]).args(cargo_arguments);
    command.args(["--", "--nocapture"]).args(arguments);
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

async fn run(command: &mut Command) -> Outcome<()> {
    let failed = |why: String| Failure::new(format!("the simulation {why}"));
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    let mut tests = 0;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.map_err(|error| failed(format!("cannot be read: {error}")))? {
            tests += passed(&line);
        }
    }
    let status = child.wait().await.map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    match tests {
        _ if !status.success() => Err(failed(format!("failed ({})", ended(status)))),
        0 => Err(failed("has no test of that name".to_owned())),
        _ => Ok(()),
    }
}

/// How many tests passed, by the line in which their program says so. It counts it as success when a name fits none.
fn passed(line: &str) -> usize {
    let count = line.strip_prefix("test result: ok. ").and_then(|rest| rest.split(' ').next());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// What belongs to the normal tests: as many operations as there, the named cases, and the simulation's own tests.
pub async fn normal() -> Outcome<()> {
    run(&mut tests(&[], &[])).await
}

pub async fn simulate(options: &Options) -> Outcome<()> {
    let profile: &[&str] = if options.optimised { &["--profile", "simulate"] } else { &[] };
    let mut command = tests(profile, &["--exact", "every_balance_and_state_is_as_predicted_whatever_goes_wrong"]);
    command.env("GREENROOM_SIMULATE_OPERATIONS", options.operations.to_string());
    command.env("GREENROOM_SIMULATE_SEED", options.seed.to_string());
    if options.verbose {
        command.env("GREENROOM_SIMULATE_VERBOSE", "1");
    }
    let what = format!("simulation of {} operations from seed {}", options.operations, options.seed);
    timed(&what, run(&mut command)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_no_test_is_told_from_tests_that_passed() {
        let told =
            |passed| format!("test result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; 8 filtered out");
        assert_eq!([told(0), told(1), told(12)].map(|line| passed(&line)), [0, 1, 12]);
        assert_eq!(passed(r#"{"Metric":"test result: ok. 1 passed"}"#), 0);
    }
}
