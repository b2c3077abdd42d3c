//! `cargo xtask fuzz`: requests made from the published document, as every role, against the running stack.

use std::fs;
use std::path::Path;
use std::slice::Iter;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::places;
use crate::python::Python;
use crate::run::{exchange, timed};
use crate::settings::Settings;

/// How much is sent, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The same seed sends the same requests, as far as ids and times allow.
    seed: u32,
    /// Per operation, beside the boundary cases that the document itself calls for.
    examples: u32,
}

impl Default for Options {
    /// As in the normal tests.
    fn default() -> Self {
        Self { seed: 20_261_120, examples: 60 }
    }
}

impl Options {
    pub fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seed" => options.seed = number(argument, &mut arguments)?,
                "--examples" => options.examples = number(argument, &mut arguments)?,
                other => return Err(Failure::new(format!("fuzz does not know {other}"))),
            }
        }
        Ok(options)
    }
}

fn number(name: &str, arguments: &mut Iter<'_, String>) -> Outcome<u32> {
    let text = arguments.next().ok_or_else(|| Failure::new(format!("{name} needs a number")))?;
    text.parse().map_err(|_| Failure::new(format!("{name} needs a number, not {text}")))
}

/// Fuzzes the stack that `cargo xtask up` keeps running.
pub async fn fuzz(options: Options) -> Outcome<()> {
    let data = Settings::read()?.data;
    let file = places::stack_file(&data);
    let text = fs::read_to_string(&file)
        .map_err(|_| Failure::new("no local stack is running: start one with `cargo xtask up`"))?;
    let stack = serde_json::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    against(&stack, &data, options).await
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn what_is_not_said_is_as_in_the_normal_tests() {
        assert_eq!(parse(""), Some(Options::default()));
        assert_eq!(parse("--examples 500 --seed 7"), Some(Options { seed: 7, examples: 500 }));
        for refused in ["--seed", "--seed x", "--examples -1", "7"] {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }
}
