//! `cargo xtask up`: the whole product on this machine.
//!
//! An AWS emulator gets the very `template.yaml`, provider simulators stand where the providers are, and demo people are
//! made through the product's own API. Data is kept between runs.

pub mod emulator;
pub mod ports;
mod simulators;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use provider_table::Provider;
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, Outcome};
use crate::functions;
use crate::http;
use crate::places;
use crate::python::Python;
use crate::run::{cargo, exchange, run, stop, timed, try_output};
use crate::settings::Settings;
use simulators::Simulators;

const REGION: &str = "eu-west-1";
const STACK: &str = "greenroom";
const DEMO_ADMIN: &str = "user_demo_admin";
/// Where the web application runs in development; the first one is the `azp` of simulated sessions.
const ORIGINS: &str = "http://localhost:3000,http://localhost:5173";
/// Saving all state takes the emulator about three seconds on a slow machine.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// Print one JSON object on standard output once everything is ready
    #[arg(long)]
    json: bool,
    /// Forget all kept data first
    #[arg(long)]
    fresh: bool,
}

/// Starts everything, says how to reach it, and keeps it running until Ctrl-C or SIGTERM.
pub async fn up(options: Options) -> Outcome<()> {
    let settings = Settings::read()?;
    let _lock = lock(&settings.data)?;
    if options.fresh {
        places::remove(&settings.data)?;
    }
    places::make(&settings.data)?;

    let mut end = End::listen()?;
    let mut children = Children::default();
    let outcome = tokio::select! {
        outcome = start_and_watch(&settings, options, &mut children) => outcome,
        () = end.asked() => Ok(()),
    };
    eprintln!("stopping");
    children.stop().await;
    let file = places::stack_file(&settings.data);
    if file.exists() {
        fs::remove_file(&file).map_err(|error| Failure::file(&file, &error))?;
    }
    outcome
}

/// Two stacks on the same data would overwrite each other's.
fn lock(data: &Path) -> Outcome<File> {
    let path = data.with_extension("lock");
    places::make(path.parent().unwrap_or(data))?;
    let file = File::create(&path).map_err(|error| Failure::file(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "a local stack already runs on {}: stop it, or set GREENROOM_DATA to another folder for a second one",
            data.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::file(&path, &error)),
    }
}

/// The two ways of asking a program to stop.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn listen() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(format!("cannot listen for signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

/// The long-running programs of a stack.
#[derive(Default)]
struct Children {
    emulator: Option<Child>,
    simulators: Option<Simulators>,
}

impl Children {
    /// The emulator first: its Lambdas may still be talking to the simulators.
    async fn stop(&mut self) {
        if let Some(emulator) = &mut self.emulator {
            stop(emulator, STOP_PATIENCE).await;
        }
        if let Some(simulators) = &mut self.simulators {
            stop(&mut simulators.child, STOP_PATIENCE).await;
        }
    }

    /// Returns when one of them has ended, which none should.
    async fn first_to_end(&mut self, data: &Path) -> Failure {
        let emulator = wait(self.emulator.as_mut());
        let simulators = wait(self.simulators.as_mut().map(|simulators| &mut simulators.child));
        let (who, log) = tokio::select! {
            () = emulator => ("the AWS emulator", emulator::log(data)),
            () = simulators => ("the simulators", simulators::log(data)),
        };
        Failure::new(format!("{who} ended unexpectedly, see {}", log.display()))
    }
}

async fn wait(child: Option<&mut Child>) {
    match child {
        Some(child) => drop(child.wait().await),
        None => std::future::pending().await,
    }
}

async fn start_and_watch(settings: &Settings, options: Options, children: &mut Children) -> Outcome<()> {
    let begin = Instant::now();
    let stack = start(settings, children).await?;
    let file = places::stack_file(&settings.data);
    fs::write(&file, stack.to_string()).map_err(|error| Failure::file(&file, &error))?;
    eprintln!("-- ready after {:.1} s", begin.elapsed().as_secs_f64());
    if options.json {
        let mut output = std::io::stdout();
        // Only one line is ever written, so a reader that has gone cannot break a later one.
        drop(writeln!(output, "{stack}").and_then(|()| output.flush()));
    }
    introduce(&stack);
    Err(children.first_to_end(&settings.data).await)
}

async fn start(settings: &Settings, children: &mut Children) -> Outcome<Value> {
    let python = timed("Python environment", Python::with("requirements.txt")).await?;
    timed("build", build(settings.simulators)).await?;
    let port = ports::choose(settings)?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let api_url = format!("{endpoint}/_aws/execute-api/greenroom");

    let emulator = emulator::start(&python, &settings.data, port)?;
    timed("AWS emulator", emulator::ready(children.emulator.insert(emulator), &settings.data, &endpoint)).await?;
    if settings.simulators {
        let origins = settings.parameters.get("AllowedOrigins").map_or(ORIGINS, String::as_str);
        let origin = origins.split(',').next().unwrap_or_default().trim();
        let starting = Simulators::start(&python, &settings.data, &api_url, origin);
        children.simulators = Some(timed("simulators", starting).await?);
    }
    let simulators = children.simulators.as_ref();

    let parameters = parameters(settings, simulators).await?;
    let job = json!({
        "template": places::root().join("template.yaml"),
        "binaries": places::dev_binaries(),
        "endpoint": endpoint,
        "region": REGION,
        "stackName": STACK,
        "parameters": parameters,
        "secrets": secrets(settings, simulators),
    });
    let outputs = timed("deployment", script(&python, "deploy.py", &job)).await?;
    let rows = json!({ "endpoint": endpoint, "region": REGION, "stackName": STACK, "table": outputs["TableName"] });
    script(&python, "redeliver.py", &rows).await?;
    if let Some(simulators) = simulators {
        demo_people(&python, &api_url, simulators, &parameters).await;
    }

    Ok(json!({
        "apiUrl": outputs["ApiUrl"],
        "webSocketUrl": null,
        "awsEndpoint": endpoint,
        "tableName": outputs["TableName"],
        "mediaBucket": outputs["MediaBucketName"],
        "stackName": STACK,
        "simulators": simulators.map_or_else(|| json!({}), Simulators::addresses),
        "region": REGION,
        "outputs": outputs,
    }))
}

/// All Lambdas, and the simulators where they are wanted, in the dev profile.
async fn build(simulators: bool) -> Outcome<()> {
    let mut command = cargo();
    command.args(["build", "--bins"]);
    for area in functions::crates()? {
        command.args(["--package", &area]);
    }
    if simulators {
        command.args(["--package", "simulators"]);
    }
    run("cargo build", &mut command).await
}

async fn script(python: &Python, name: &str, job: &Value) -> Outcome<Value> {
    let mut command = python.script(name);
    // The SAM transform asks for a region; there is no profile to take it from.
    command.env("AWS_DEFAULT_REGION", REGION);
    exchange(name, &mut command, job).await
}

/// Template parameters: what the local stack needs, then the addresses given for providers, then what was given by name.
async fn parameters(settings: &Settings, simulators: Option<&Simulators>) -> Outcome<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut set = |name: &str, value: String| parameters.insert(name.to_owned(), value);
    set("Stage", "local".into());
    set("Architecture", if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" }.into());
    set("AllowedOrigins", ORIGINS.into());
    let mut revision = Command::new("git");
    revision.args(["rev-parse", "HEAD"]).current_dir(places::root());
    set("GitSha", try_output(&mut revision).await.unwrap_or_else(|| "unknown".into()));
    if let Some(simulators) = simulators {
        for provider in Provider::ALL {
            set(&provider.base_url_parameter(), simulators.base_url(provider)?);
        }
        set("ClerkIssuer", simulators.issuer()?);
        // Another issuer's tokens are signed with other keys.
        if !settings.parameters.contains_key("ClerkIssuer") {
            set("ClerkJwks", simulators.jwks());
        }
    }
    for (provider, url) in &settings.base_urls {
        set(&provider.base_url_parameter(), url.clone());
    }
    parameters.extend(settings.parameters.clone());
    if simulators.is_some() {
        // The demo data needs its admin whoever else is one.
        let admins = parameters.entry("AdminUserIds".into()).or_default();
        *admins = if admins.is_empty() { DEMO_ADMIN.into() } else { format!("{admins},{DEMO_ADMIN}") };
    }
    Ok(parameters)
}

/// The simulators' secrets, replaced key by key by those of the file; an empty value there means that none is needed.
fn secrets(settings: &Settings, simulators: Option<&Simulators>) -> Map<String, Value> {
    let mut merged = simulators.map(Simulators::secrets).unwrap_or_default();
    for (provider, keys) in &settings.secrets {
        let known = merged.entry(provider.clone()).or_insert_with(|| json!({}));
        for (key, value) in keys.as_object().into_iter().flatten() {
            if value != "" || known.get(key).is_none() {
                known[key.as_str()] = value.clone();
            }
        }
    }
    merged
}

/// A stack without its demo people can still be worked on, so trouble with them is told and not fatal.
async fn demo_people(python: &Python, api_url: &str, simulators: &Simulators, parameters: &BTreeMap<String, String>) {
    if simulators.issuer().ok().as_ref() != parameters.get("ClerkIssuer") {
        eprintln!("no demo data: session tokens come from another issuer than the Clerk simulator");
        return;
    }
    let Ok(clerk_url) = simulators.base_url(Provider::Clerk) else { return };
    let job = json!({ "apiUrl": api_url, "clerkUrl": clerk_url });
    if let Err(failure) = timed("demo data", script(python, "seed.py", &job)).await {
        eprintln!("warning: the demo data is not complete: {failure}");
    }
}

fn introduce(stack: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    eprintln!();
    eprintln!("API           {}", text(&stack["apiUrl"]));
    eprintln!("AWS endpoint  {} (region {REGION}, credentials test/test)", text(&stack["awsEndpoint"]));
    for (name, about) in stack["simulators"].as_object().into_iter().flatten() {
        eprintln!("{name:<13} {}", text(&about["baseUrl"]));
    }
    if stack["simulators"].get("clerk").is_some() {
        eprintln!();
        eprintln!("Interviewers ivy and noah, candidates cara and dan, admin. A session token:");
        eprintln!("  cargo xtask token cara");
        eprintln!(
            "  curl -H \"Authorization: Bearer $(cargo xtask token cara)\" {}/api/user/me",
            text(&stack["apiUrl"])
        );
    }
    eprintln!();
    eprintln!("Ctrl-C stops; the data is kept.");
}

/// Waits until `url` answers 200.
async fn answers(url: &str, deadline: Duration) -> Outcome<()> {
    let begin = Instant::now();
    loop {
        match http::get(url).await {
            Ok(answer) if answer.status == 200 => return Ok(()),
            outcome if begin.elapsed() > deadline => {
                let why =
                    outcome.map_or_else(|failure| failure.to_string(), |answer| format!("answer {}", answer.status));
                return Err(Failure::new(format!("{url} is not ready after {} s: {why}", deadline.as_secs())));
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_second_stack_on_the_same_data_is_refused() {
        let folder = std::env::temp_dir().join(format!("greenroom-lock-{}", std::process::id()));
        let data = folder.join("state");
        let first = lock(&data).unwrap();
        let message = lock(&data).unwrap_err().to_string();
        assert!(message.contains("already runs") && message.contains("GREENROOM_DATA"), "{message}");
        drop(first);
        lock(&data).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn secrets_of_the_file_are_taken_as_they_are_without_simulators() {
        let file = json!({ "gemini": { "apiKey": "k" }, "clerk": { "secretKey": "", "webhookSecret": ["a", "b"] } });
        let settings = Settings {
            data: PathBuf::new(),
            port: None,
            simulators: false,
            base_urls: BTreeMap::new(),
            secrets: file.as_object().unwrap().clone(),
            parameters: BTreeMap::new(),
        };
        assert_eq!(Value::from(secrets(&settings, None)), file);
    }
}
