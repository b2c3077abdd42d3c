//! The operator's commands, run by `cargo xtask ops`. Everything they know of the table they know by `store`.

mod outbox;
mod queues;
mod refused;
mod secrets;
mod settlement;
mod shown;
mod smoke;
mod stack;
mod story;
mod trace;
mod wallet;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

use crate::refused::{Outcome, refuse};
use crate::stack::Stack;

/// Operates a deployed stack. Account, region and endpoint come from the environment, as for every AWS tool (AWS_PROFILE, AWS_REGION,
/// AWS_ENDPOINT_URL). Results are JSON on standard output; the exit code is 0 only if all is well.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask ops")]
struct Arguments {
    /// Name of the stack
    #[arg(long, default_value = "greenroom")]
    stack: String,
    /// The stack that `cargo xtask up` runs here, in GREENROOM_DATA if that is set
    #[arg(long)]
    local: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Messages that were tried eight times and set aside
    #[command(subcommand)]
    Dlq(queues::DeadLetters),
    /// Events of providers
    #[command(subcommand)]
    Webhook(webhooks::Events),
    /// Balances
    #[command(subcommand)]
    Wallet(wallet::Balances),
    /// Due bookings that cannot be settled before they are mended
    #[command(subcommand)]
    Settlement(settlement::Settlement),
    /// Feedback of bookings
    #[command(subcommand)]
    Feedback(outbox::Feedback),
    /// Providers' keys
    #[command(subcommand)]
    Secret(secrets::Keys),
    /// Effects that were committed and not yet sent to their queue
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Tell the story of a request or booking, in order of time
    Trace(trace::Options),
    /// Prove that the stack serves (infra/smoke.py)
    #[command(disable_help_flag = true)]
    Smoke {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[expect(clippy::disallowed_methods, reason = "an operator lives in the present")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            eprintln!("ops: {refused}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Outcome {
    if arguments.local {
        return refuse("only `cargo xtask ops` knows where the local stack is: say --local to it");
    }
    let stack = Stack::named(arguments.stack).await;
    match arguments.command {
        Command::Dlq(command) => queues::run(&stack, command).await,
        Command::Webhook(command) => webhooks::run(&stack, command).await,
        Command::Wallet(command) => wallet::run(&stack, command).await,
        Command::Settlement(command) => settlement::run(&stack, command).await,
        Command::Feedback(command) => outbox::feedback(&stack, command).await,
        Command::Secret(command) => secrets::run(&stack, command).await,
        Command::Outbox(command) => outbox::run(&stack, command).await,
        Command::Trace(options) => trace::run(&stack, options).await,
        Command::Smoke { arguments } => smoke::run(&stack.name, &arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declared_options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn unclear_commands_are_refused() {
        let parses = |line: &str| Arguments::try_parse_from(["ops"].into_iter().chain(line.split(' '))).is_ok();
        for line in [
            "dlq",
            "dlq list mail",
            "dlq list --limit 0",
            "dlq discard media",
            "dlq discard media --all --message 1",
            "settlement retry",
            "settlement retry bkg_1 --all",
            "secret rotate mail --key apiKey",
            "webhook replay gemini body.json",
            "trace r --days 0",
        ] {
            assert!(!parses(line), "{line}");
        }
        for line in [
            "--stack greenroom-dev dlq list media --limit 3",
            "settlement retry --all",
            "smoke --candidate user_1 --help",
        ] {
            assert!(parses(line), "{line}");
        }
    }
}
