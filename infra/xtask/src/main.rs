//! The project's automation: `cargo xtask <command>`. Nothing but Rust, Python and a C compiler has to be installed first.

mod bench;
mod check;
mod failure;
mod functions;
mod fuzz;
mod http;
mod ops;
mod package;
mod places;
mod python;
mod run;
mod second_engine;
mod settings;
mod simulate;
mod test;
mod token;
mod up;

use std::process::ExitCode;

use failure::{Failure, Outcome};

const USAGE: &str = "\
cargo xtask up [--json] [--fresh]                          start the local stack and keep it running until Ctrl-C
                                                           --json   one JSON object on standard output once it is ready
                                                           --fresh  forget all kept data first
cargo xtask token <user> [--lifetime SECONDS]              print a session token of a demo user of the running stack
cargo xtask test                                           all tests: crates, simulation, then the whole system on a private stack
cargo xtask check                                          formatting, lints, documentation, template, licences
cargo xtask ops [--local] [--stack NAME] COMMAND           operate a deployed stack: dead letters, webhooks, wallets, secrets …
                                                           (cargo xtask ops --help)
cargo xtask fuzz [--seed S] [--examples N]                 requests made from openapi.json, as every role, to the running stack
cargo xtask simulate [--operations N] [--seed S] [--verbose] [--optimised]
                                                           many people, lost answers, crashes; a failing seed is printed
cargo xtask bench [--quick] [--only counts|sizes|processes|throughput]... [--readme]
                                                           what it costs, as one table; fails where a count misses its budget
                                                           --quick   counts only, beside fewer bookings
                                                           --readme  puts the table into README.md
cargo xtask package [--arch arm64|x86_64] [--function NAME]...
                                                           release artifacts in target/lambda/<function>/

infra/README.md describes the variables that `up` reads.";

// One thread: a child that is to end with its parent ends with the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(arguments: &[String]) -> Outcome<()> {
    let Some((command, options)) = arguments.split_first() else {
        return Err(Failure::new(format!("no command\n\n{USAGE}")));
    };
    match command.as_str() {
        "up" => up::up(up::Options::parse(options)?).await,
        "token" => token::token(options).await,
        "test" => test::test(options).await,
        "bench" => bench::bench(&bench::Options::parse(options)?).await,
        "check" => check::check(options).await,
        "ops" => ops::ops(options).await,
        "fuzz" => fuzz::fuzz(fuzz::Options::parse(options)?).await,
        "simulate" => simulate::simulate(&simulate::Options::parse(options)?).await,
        "package" => package::package(&package::Options::parse(options)?).await,
        "help" | "--help" | "-h" => {
            eprintln!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::new(format!("unknown command {other}\n\n{USAGE}"))),
    }
}

/// For commands that take no options.
fn no_options(command: &str, options: &[String]) -> Outcome<()> {
    match options.first() {
        None => Ok(()),
        Some(option) => Err(Failure::new(format!("{command} does not know {option}"))),
    }
}
