//! `cargo xtask bench`: what the system costs, as one table. Counts must keep their budgets; times are only shown.
//!
//! Each part leaves its rows in `target/bench/`, so that one can be measured again without the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::failure::{Failure, Outcome};
use crate::package::{self, Architecture};
use crate::run::{cargo, run, stop, timed};
use crate::{places, test};

const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// Functions that stand for their kinds: writing, reading, computing, a webhook, a worker.
const FUNCTIONS: [&str; 6] =
    ["create_booking", "get_booking", "get_wallet", "list_slots", "run_generation", "stream_webhook"];
/// What they are compared with.
const HELLO: &str = "hello";
/// How many bookings lie beside the one that is counted.
const MANY: &str = "100000";
const MANY_QUICK: &str = "2000";
/// Between these the table of MEASURED.md is replaced.
const MARKS: (&str, &str) = ("<!-- measured: cargo xtask bench -->\n", "<!-- /measured -->\n");

/// One part of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Part {
    Counts,
    Sizes,
    Processes,
    Throughput,
}

const ALL: [Part; 4] = [Part::Counts, Part::Sizes, Part::Processes, Part::Throughput];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Sizes => "sizes",
            Self::Processes => "processes",
            Self::Throughput => "throughput",
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Measure this part again and keep the others; may be given several times
    #[arg(long = "only", value_name = "PART", conflicts_with = "quick")]
    parts: Vec<Part>,
    /// Counts only, beside fewer bookings
    #[arg(long)]
    quick: bool,
    /// Put the table into MEASURED.md
    #[arg(long)]
    page: bool,
}

impl Options {
    fn parts(&self) -> Vec<Part> {
        match (self.quick, self.parts.as_slice()) {
            (true, _) => vec![Part::Counts],
            (false, []) => ALL.to_vec(),
            (false, parts) => parts.to_vec(),
        }
    }
}

pub async fn bench(options: &Options) -> Outcome<()> {
    places::make(&folder())?;
    let parts = options.parts();
    let mut build = cargo();
    build.args(["build", "--package", "tests", "--bin", "bench"]);
    timed("build", run("cargo build --bin bench", &mut build)).await?;
    if parts.iter().any(|part| matches!(part, Part::Sizes | Part::Processes)) {
        let mut wanted = FUNCTIONS.map(str::to_owned).to_vec();
        wanted.push(HELLO.to_owned());
        timed("release build", package::build(Architecture::of_this_machine(), &wanted, &programs())).await?;
    }
    let mut trouble = Vec::new();
    for part in &parts {
        if let Err(failure) = timed(part.name(), measure(*part, options.quick)).await {
            trouble.push(failure.to_string());
        }
    }
    let table = table(options.quick)?;
    #[expect(clippy::print_stdout, reason = "this is what was asked for")]
    {
        print!("{table}");
    }
    if options.page {
        let unknown: Vec<&str> =
            ALL.into_iter().filter(|part| !rows(*part, options.quick).is_file()).map(Part::name).collect();
        if unknown.is_empty() {
            write_page(&table)?;
        } else {
            trouble.push(format!("MEASURED.md keeps its table, since here was never measured: {}", unknown.join(", ")));
        }
    }
    if trouble.is_empty() { Ok(()) } else { Err(Failure::new(trouble.join("; "))) }
}

fn folder() -> PathBuf {
    places::root().join("target/bench")
}

/// Where the programs are that are measured: apart from those that are to be deployed, which may be of another architecture.
fn programs() -> PathBuf {
    folder().join("lambda")
}

fn rows(part: Part, quick: bool) -> PathBuf {
    folder().join(format!("{}{}.md", part.name(), if quick { "-quick" } else { "" }))
}

async fn measure(part: Part, quick: bool) -> Outcome<()> {
    let (text, outcome) = match part {
        Part::Sizes => sizes()?,
        Part::Counts => program(&["counts", if quick { MANY_QUICK } else { MANY }], None).await?,
        Part::Processes => program(&["processes", &programs().display().to_string()], None).await?,
        Part::Throughput => throughput().await?,
    };
    let path = rows(part, quick);
    // What was cut short must not be taken for the whole.
    if text.is_empty() {
        drop(fs::remove_file(&path));
        return outcome.and(Err(Failure::new(format!("{} measured nothing", part.name()))));
    }
    fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
    outcome
}

/// Runs one part of the program of `tests/bench`: its rows, and whether the counts among them keep their budgets.
async fn program(arguments: &[&str], stack: Option<&Path>) -> Outcome<(String, Outcome<()>)> {
    let mut command = Command::new(places::dev_binaries().join("bench"));
    command
        .args(arguments)
        .current_dir(places::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    if let Some(stack) = stack {
        command.env("GREENROOM_STACK", stack);
    }
    let output = command.output().await.map_err(|error| Failure::new(format!("bench cannot be started: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Metrics of the application in process are lines of JSON.
    let text = text.lines().filter(|line| line.starts_with('|')).fold(String::new(), |all, line| all + line + "\n");
    let outcome = if output.status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("bench {} failed, see above", arguments[0])))
    };
    Ok((text, outcome))
}

/// What the measured programs weigh, zipped. Fails where one is too large to start quickly.
fn sizes() -> Outcome<(String, Outcome<()>)> {
    let (mut shown, mut outcome) = (Vec::new(), Ok(()));
    for name in FUNCTIONS.into_iter().chain([HELLO]) {
        let path = programs().join(name).join("bootstrap");
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let zipped = package::zipped_size(&path, &bytes)?;
        if zipped > package::LARGEST_ZIP {
            outcome = Err(Failure::new(format!("{name} is {} zipped", package::size(zipped))));
        }
        shown.push(format!("`{name}` {} ({})", package::size(zipped), package::size(bytes.len())));
    }
    let architecture = Architecture::of_this_machine().name();
    let row = format!("| artifacts for {architecture}, zipped (and not) | {} | ≤ 5 MB each |\n", shown.join("; "));
    Ok((row, outcome))
}

async fn throughput() -> Outcome<(String, Outcome<()>)> {
    let data = places::greenroom().join("bench");
    let (mut stack, ready) = test::start(&data).await?;
    let outcome = match ready {
        Ok(ready) => {
            let file = data.join("ready.json");
            fs::write(&file, ready.to_string()).map_err(|error| Failure::file(&file, &error))?;
            program(&["throughput"], Some(&file)).await
        }
        Err(failure) => Err(failure),
    };
    stop(&mut stack, STOP_PATIENCE).await;
    outcome
}

/// The rows of all parts that were measured.
fn table(quick: bool) -> Outcome<String> {
    let mut text = "| what | measured | budget |\n|---|---|---|\n".to_owned();
    for part in ALL {
        let path = rows(part, quick);
        if path.is_file() {
            text += &fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        }
    }
    Ok(text)
}

fn write_page(table: &str) -> Outcome<()> {
    let path = places::root().join("MEASURED.md");
    let text = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    let replaced = between(&text, table)
        .ok_or_else(|| Failure::new(format!("MEASURED.md has no place for the table: {}", MARKS.0.trim())))?;
    fs::write(&path, replaced).map_err(|error| Failure::file(&path, &error))
}

/// The text with the table between the marks.
fn between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS.0)?;
    let (_, after) = rest.split_once(MARKS.1)?;
    Some(format!("{before}{}{table}{}{after}", MARKS.0, MARKS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_measured_unless_something_is_named() {
        let parts = |parts: &[Part], quick| Options { parts: parts.to_vec(), quick, page: false }.parts();
        assert_eq!(parts(&[], false), ALL);
        assert_eq!(parts(&[Part::Sizes], false), [Part::Sizes]);
        assert_eq!(parts(&[], true), [Part::Counts]);
    }

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let text = format!("before\n{}old\n{}after\n", MARKS.0, MARKS.1);
        assert_eq!(between(&text, "new\n").unwrap(), format!("before\n{}new\n{}after\n", MARKS.0, MARKS.1));
        assert_eq!(between("no marks", "new\n"), None);
    }

    #[test]
    fn the_page_has_a_place_for_the_table() {
        let text = fs::read_to_string(places::root().join("MEASURED.md")).unwrap();
        assert!(between(&text, "").is_some());
    }
}
