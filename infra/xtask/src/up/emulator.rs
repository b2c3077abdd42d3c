//! The AWS emulator (ministack), started with a clean environment: its Lambdas inherit all of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Child;

use super::{REGION, answers};
use crate::failure::{Failure, Outcome};
use crate::places;
use crate::python::Python;

const PATIENCE: Duration = Duration::from_mins(1);

pub fn log(data: &Path) -> PathBuf {
    data.join("emulator.log")
}

/// Starts it in a process group of its own: Ctrl-C must reach it only through us, after which it saves its state.
pub fn start(python: &Python, data: &Path, port: u16) -> Outcome<Child> {
    let temporary = data.join("tmp");
    places::remove(&temporary)?;
    for folder in [&temporary, &data.join("aws"), &data.join("s3")] {
        places::make(folder)?;
    }
    let file = log(data);
    let output = File::create(&file).map_err(|error| Failure::file(&file, &error))?;
    let errors = output.try_clone().map_err(|error| Failure::file(&file, &error))?;
    let mut command = python.script("launcher.py");
    command
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("MINISTACK_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("PERSIST_STATE", "1")
        .env("STATE_DIR", data.join("aws"))
        .env("S3_PERSIST", "1")
        .env("S3_DATA_DIR", data.join("s3"))
        .env("TMPDIR", temporary)
        .env("LAMBDA_EXECUTOR", "local")
        // Each process that a crowd left behind costs it a little time always; kept for five minutes, 230 took half a core.
        .env("LAMBDA_WARM_TTL_SECONDS", "20")
        // It would look for containers to clean up, and there are none of ours.
        .env("DOCKER_HOST", "unix:///nonexistent")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().map_err(|error| Failure::new(format!("the AWS emulator cannot be started: {error}")))
}

/// Returns once it answers, or says why it does not.
pub async fn ready(emulator: &mut Child, data: &Path, endpoint: &str) -> Outcome<()> {
    let ended = || Failure::new(format!("the AWS emulator ended at once, see {}", log(data).display()));
    let health = format!("{endpoint}/_ministack/health");
    tokio::select! {
        ready = answers(&health, PATIENCE) => ready,
        _ = emulator.wait() => Err(ended()),
    }
}
