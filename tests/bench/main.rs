//! `cargo xtask bench` runs this: each part measures something and prints rows of a Markdown table. It fails when a count misses
//! its budget, and never because something took long.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be measured ends the program")]

mod cost;
mod counts;
mod processes;
mod runtime_api;
#[path = "../stack.rs"]
#[expect(dead_code, reason = "made for the tests")]
mod stack;
mod table;
mod throughput;
mod tls;

use std::path::Path;
use std::process::ExitCode;

use table::Table;

const USAGE: &str = "bench counts BOOKINGS | bench processes FOLDER | bench throughput";

// One thread: what the application asks for at the same time begins before any of it can end.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut table = Table::default();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["counts", bookings] => counts::measure(bookings.parse().expect("a number of bookings"), &mut table).await,
        ["processes", folder] => processes::measure(Path::new(folder), &mut table).await,
        ["throughput"] => throughput::measure(&mut table).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    if table.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
