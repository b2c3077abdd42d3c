//! What a command writes: results that a program may want to standard output, what was done or seen to standard error.

use serde_json::Value;

/// Tells people what was done or seen.
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Shows a result.
#[expect(clippy::print_stdout, reason = "standard output is for results alone")]
pub fn show(value: &Value) {
    println!("{value:#}");
}
