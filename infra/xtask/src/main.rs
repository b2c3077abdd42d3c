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

use clap::{Parser, Subcommand};
use failure::Outcome;

/// The project's automation. Nothing but Rust, Python and a C compiler has to be installed first.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", after_help = "infra/README.md describes the variables that `up` reads.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the local stack and keep it running until Ctrl-C
    Up(up::Options),
    /// Print a session token of a demo user of the running stack
    Token(token::Options),
    /// Run all tests: crates, simulation, then the whole system on a private stack
    Test,
    /// Check formatting, lints, documentation, the template and licences
    Check,
    /// Operate a deployed stack: dead letters, webhooks, wallets, secrets (`cargo xtask ops --help`)
    #[command(disable_help_flag = true)]
    Ops {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Send requests made from openapi.json, as every role, to the running stack
    Fuzz(fuzz::Options),
    /// Simulate many people, lost answers and crashes; a failing seed is printed
    Simulate(simulate::Options),
    /// Measure what the product costs, as one table; fails where a count misses its budget
    Bench(bench::Options),
    /// Build release artifacts in target/lambda/<function>/
    Package(package::Options),
}

// One thread: a child that is to end with its parent ends with the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Outcome<()> {
    match command {
        Command::Up(options) => up::up(options).await,
        Command::Token(options) => token::token(&options).await,
        Command::Test => test::test().await,
        Command::Check => check::check().await,
        Command::Ops { arguments } => ops::ops(&arguments).await,
        Command::Fuzz(options) => fuzz::fuzz(options).await,
        Command::Simulate(options) => simulate::simulate(&options).await,
        Command::Bench(options) => bench::bench(&options).await,
        Command::Package(options) => package::package(&options).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Option<Command> {
        let words = std::iter::once("xtask").chain(line.split_whitespace());
        Arguments::try_parse_from(words).ok().map(|arguments| arguments.command)
    }

    #[test]
    fn the_declared_options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_that_are_not_given_are_as_in_the_normal_tests() {
        assert!(matches!(parse("fuzz"), Some(Command::Fuzz(options)) if options == fuzz::Options::default()));
        assert!(
            matches!(parse("simulate"), Some(Command::Simulate(options)) if options == simulate::Options::default())
        );
        let long = simulate::Options { operations: 1_000_000, seed: 42, verbose: true, optimised: true };
        let given = parse("simulate --seed 42 --operations 1_000_000 --verbose --optimised");
        assert!(matches!(given, Some(Command::Simulate(options)) if options == long));
    }

    #[test]
    fn unclear_arguments_are_refused() {
        for line in [
            "",
            "swim",
            "test --fast",
            "up --slow",
            "token",
            "token cara dan",
            "token cara --lifetime soon",
            "fuzz --seed x",
            "fuzz --examples -1",
            "simulate --operations -1",
            "bench --only speed",
            "bench --quick --only throughput",
            "package --arch x86",
            "package health",
        ] {
            assert!(parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn an_operators_command_is_passed_on_as_it_is() {
        let given = parse("ops --local wallet show user_1 --help");
        let wanted = ["--local", "wallet", "show", "user_1", "--help"];
        assert!(matches!(given, Some(Command::Ops { arguments }) if arguments == wanted));
    }
}
