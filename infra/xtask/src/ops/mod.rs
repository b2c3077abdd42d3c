//! `cargo xtask ops`: an operator's commands against a deployed stack, on AWS or here. They are the program of `infra/ops`, which is
//! not a part of this one so that this one stays quick to build.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::failure::{Failure, Outcome};
use crate::places;
use crate::python::Python;
use crate::run::{cargo, ended, run};
use crate::settings::Settings;

const LOCAL: &str = "--local";

/// Runs the command with our own standard streams and, unlike the local stack's scripts, with the person's whole
/// environment: it names their AWS account.
pub async fn ops(options: &[String]) -> Outcome<()> {
    // Of the whole workspace, so that its dependencies are those that are built already, with the same features.
    let mut build = cargo();
    run("build of the operator's commands", build.args(["build", "--quiet", "--workspace", "--bin", "ops"])).await?;
    let mut command = Command::new(places::dev_binaries().join("ops"));
    command.args(options.iter().filter(|option| *option != LOCAL));
    if options.iter().any(|option| option == "smoke") {
        let python = Python::with("requirements.txt").await?;
        command.env("GREENROOM_PYTHON", python.program("python"));
    }
    if options.iter().any(|option| option == LOCAL) {
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        for (name, value) in local_stack()? {
            command.env(name, value);
        }
    }
    command.kill_on_drop(true).stdin(Stdio::inherit());
    let status = command.status().await.map_err(|error| Failure::new(format!("the operator's commands: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("ops failed ({})", ended(status)))) }
}

/// What the commands have to know of the stack that runs here.
fn local_stack() -> Outcome<Vec<(&'static str, String)>> {
    Ok(environment(&places::running_stack(&Settings::read()?.data)?))
}

fn environment(stack: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    vec![
        ("AWS_ENDPOINT_URL", text(&stack["awsEndpoint"])),
        ("AWS_REGION", text(&stack["region"])),
        ("AWS_DEFAULT_REGION", text(&stack["region"])),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        // Nothing of the person's own account may be mixed into it, nor a proxy come between.
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ("GREENROOM_API_URL", text(&stack["apiUrl"])),
        ("GREENROOM_CLERK_SIMULATOR", text(&stack["simulators"]["clerk"]["baseUrl"])),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_local_stack_is_reached_with_no_account_of_the_person() {
        let stack = json!({ "awsEndpoint": "http://127.0.0.1:1", "region": "eu-west-1", "apiUrl": "http://127.0.0.1:1/x",
            "simulators": {} });
        let set: std::collections::BTreeMap<_, _> = environment(&stack).into_iter().collect();
        assert_eq!(set["AWS_ENDPOINT_URL"], "http://127.0.0.1:1");
        assert_eq!(set["GREENROOM_API_URL"], "http://127.0.0.1:1/x");
        assert_eq!((&*set["AWS_ACCESS_KEY_ID"], &*set["AWS_CONFIG_FILE"]), ("test", "/dev/null"));
        assert_eq!(set["GREENROOM_CLERK_SIMULATOR"], "");
    }
}
