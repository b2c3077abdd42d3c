//! The provider simulators: one process that says on its first line where it is and which keys it takes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use provider_table::Provider;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::places;
use crate::python::Python;

const PATIENCE: Duration = Duration::from_mins(1);

/// The running simulators.
pub struct Simulators {
    pub child: Child,
    ready: Value,
    /// Kept open: a program whose reader is gone fails at its next line.
    _output: Lines<BufReader<ChildStdout>>,
}

pub fn log(data: &Path) -> PathBuf {
    data.join("simulators.log")
}

impl Simulators {
    /// Webhooks go to `api_url`; session tokens name `origin` as their `azp`. Ports, keys and users are those of last time.
    pub async fn start(python: &Python, data: &Path, api_url: &str, origin: &str) -> Outcome<Self> {
        let folder = data.join("simulators");
        places::make(&folder)?;
        let file = log(data);
        let errors = File::create(&file).map_err(|error| Failure::file(&file, &error))?;
        let mut command = python.script("launcher.py");
        command.arg("exec").arg(places::dev_binaries().join("simulators")).arg("--state-dir").arg(folder);
        command.args(["--api-url", api_url, "--authorized-party", origin]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).process_group(0).kill_on_drop(true);
        let failed = |why: String| Failure::new(format!("the simulators: {why}, see {}", file.display()));
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let output = child.stdout.take().ok_or_else(|| failed("they have no output".into()))?;
        let mut output = BufReader::new(output).lines();
        let line = match timeout(PATIENCE, output.next_line()).await {
            Ok(Ok(Some(line))) => line,
            Ok(_) => return Err(failed("they ended at once".into())),
            Err(_) => return Err(failed(format!("not ready after {} s", PATIENCE.as_secs()))),
        };
        let ready =
            serde_json::from_str(&line).map_err(|error| failed(format!("their first line is not JSON: {error}")))?;
        Ok(Self { child, ready, _output: output })
    }

    /// Where one of them takes the provider's requests.
    pub fn base_url(&self, provider: Provider) -> Outcome<String> {
        self.text(provider.name())
    }

    /// The `iss` of the session tokens.
    pub fn issuer(&self) -> Outcome<String> {
        self.text("issuer")
    }

    /// The keys of the session tokens, as the issuer publishes them.
    pub fn jwks(&self) -> String {
        self.ready["clerkJwks"].to_string()
    }

    /// `{ provider: { key: value } }`.
    pub fn secrets(&self) -> Map<String, Value> {
        self.ready["secrets"].as_object().cloned().unwrap_or_default()
    }

    /// What other programs may know: addresses, no keys.
    pub fn addresses(&self) -> Value {
        let about = |name: &str| (name.to_owned(), json!({ "baseUrl": self.ready[name] }));
        let mut addresses: Map<String, Value> =
            Provider::ALL.into_iter().map(|provider| about(provider.name())).collect();
        addresses["clerk"]["issuer"] = self.ready["issuer"].clone();
        Value::Object(addresses)
    }

    fn text(&self, key: &str) -> Outcome<String> {
        let text = self.ready[key].as_str().map(ToOwned::to_owned);
        text.ok_or_else(|| Failure::new(format!("the simulators' first line has no {key}")))
    }
}
