//! `cargo xtask fuzz`: requests made from the published document, as every role, against the running stack.

use std::path::Path;

use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::places;
use crate::python::Python;
use crate::run::{exchange, timed};
use crate::settings::Settings;

/// How much is sent, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// The same seed sends the same requests, as far as ids and times allow
    #[arg(long, default_value_t = Self::default().seed)]
    seed: u32,
    /// Examples per operation, beside the boundary cases that the document itself calls for
    #[arg(long, default_value_t = Self::default().examples)]
    examples: u32,
}

impl Default for Options {
    /// As in the normal tests.
    fn default() -> Self {
        Self { seed: 20_261_120, examples: 60 }
    }
}

/// Fuzzes the stack that `cargo xtask up` keeps running.
pub async fn fuzz(options: Options) -> Outcome<()> {
    let data = Settings::read()?.data;
    against(&places::running_stack(&data)?, &data, options).await
}

/// What fuzzing needs.
pub async fn python() -> Outcome<Python> {
    Python::with("requirements-fuzz.txt").await
}

/// Fuzzes a stack as it described itself when it was ready.
pub async fn against(stack: &Value, data: &Path, options: Options) -> Outcome<()> {
    let mut script = python().await?.script("fuzz.py");
    let job = json!({
        "apiUrl": stack["apiUrl"],
        "clerkUrl": stack["simulators"]["clerk"]["baseUrl"],
        "streamUrl": stack["simulators"]["stream"]["baseUrl"],
        "folder": data.join("fuzz"),
        "seed": options.seed,
        "examples": options.examples,
    });
    timed("fuzzing of the API", exchange("fuzz.py", &mut script, &job)).await?;
    Ok(())
}
