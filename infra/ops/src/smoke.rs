//! The smoke test is a script, because a deployment runs it where there is no Rust.

use std::path::Path;

use tokio::process::Command;

use crate::refused::{Outcome, Refused, refuse};

/// Runs `infra/smoke.py` with the Python that `cargo xtask ops` has prepared for it.
pub async fn run(stack: &str, arguments: &[String]) -> Outcome {
    #[expect(clippy::disallowed_methods, reason = "a matter between `cargo xtask ops` and this program")]
    let python = std::env::var("GREENROOM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("smoke.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).args(["--stack", stack]).args(arguments).kill_on_drop(true);
    let status = command.status().await.map_err(|error| Refused::new(format!("the smoke test: {error}")))?;
    if status.success() { Ok(()) } else { refuse("the smoke test failed") }
}
