//! Runs the three simulators in one process, for the local stack and for tests in other processes.
//!
//! Prints one line of JSON to standard output once everything listens, logs to standard error, and stops on SIGINT or
//! SIGTERM. See the crate's README for its arguments.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use simulators::{Clerk, ClerkOptions, Gemini, GeminiOptions, Stream, StreamOptions};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: simulators [--state-dir DIR] [--api-url URL] [--authorized-party ORIGIN] [--issuer URL]
                  [--clerk-port N] [--stream-port N] [--gemini-port N]";

#[derive(Default)]
struct Arguments {
    state_dir: Option<PathBuf>,
    api_url: Option<String>,
    authorized_party: Option<String>,
    issuer: Option<String>,
    ports: BTreeMap<&'static str, u16>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
            let mut port = |name: &'static str| -> Result<(), String> {
                let number = value()?;
                let number = number.parse().map_err(|_| format!("{word}: {number} is not a port"))?;
                arguments.ports.insert(name, number);
                Ok(())
            };
            match word.as_str() {
                "--clerk-port" => port("clerk")?,
                "--stream-port" => port("stream")?,
                "--gemini-port" => port("gemini")?,
                "--state-dir" => arguments.state_dir = Some(value()?.into()),
                "--api-url" => arguments.api_url = Some(value()?),
                "--authorized-party" => arguments.authorized_party = Some(value()?),
                "--issuer" => arguments.issuer = Some(value()?),
                _ => return Err(format!("{word} is unknown\n{USAGE}")),
            }
        }
        Ok(arguments)
    }

    fn state_file(&self, name: &str) -> Option<PathBuf> {
        self.state_dir.as_ref().map(|folder| folder.join(format!("{name}.json")))
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let arguments = Arguments::read(std::env::args().skip(1)).map_err(io::Error::other)?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let ports = Ports::choose(&arguments)?;
    let mut clerk_options = ClerkOptions {
        port: ports.of("clerk"),
        issuer: arguments.issuer.clone(),
        api_url: arguments.api_url.clone(),
        state_file: arguments.state_file("clerk"),
        ..ClerkOptions::default()
    };
    if let Some(origin) = &arguments.authorized_party {
        clerk_options.authorized_party.clone_from(origin);
    }
    let clerk = Clerk::start(clerk_options).await?;
    let stream = Stream::start(StreamOptions {
        port: ports.of("stream"),
        api_url: arguments.api_url.clone(),
        state_file: arguments.state_file("stream"),
        ..StreamOptions::default()
    })
    .await?;
    let gemini = Gemini::start(GeminiOptions {
        port: ports.of("gemini"),
        state_file: arguments.state_file("gemini"),
        ..GeminiOptions::default()
    })
    .await?;
    Ports::keep(
        &arguments,
        [("clerk", clerk.base_url()), ("stream", stream.base_url()), ("gemini", gemini.base_url())],
    )?;
    announce(&clerk, &stream, &gemini)?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    writeln!(io::stderr(), "simulators stop")
}

fn announce(clerk: &Clerk, stream: &Stream, gemini: &Gemini) -> io::Result<()> {
    let ready = json!({
        "clerk": clerk.base_url(),
        "stream": stream.base_url(),
        "gemini": gemini.base_url(),
        "issuer": clerk.issuer(),
        "clerkJwks": clerk.jwks(),
        "secrets": {
            "clerk": { "secretKey": clerk.secret_key(), "webhookSecret": clerk.webhook_secret() },
            "stream": { "apiKey": stream.api_key(), "apiSecret": stream.api_secret() },
            "gemini": { "apiKey": gemini.api_key() },
        },
    });
    let mut out = io::stdout().lock();
    writeln!(out, "{ready}")?;
    out.flush()
}

/// The ports of this run. Without an argument a port of the last run is taken again where it is free, so that the
/// issuer of tokens and the links to media stay what they were.
struct Ports {
    given: BTreeMap<&'static str, u16>,
    last: Value,
}

impl Ports {
    fn choose(arguments: &Arguments) -> io::Result<Self> {
        let last = match arguments.state_file("ports").as_deref().map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            _ => Value::Null,
        };
        Ok(Self { given: arguments.ports.clone(), last })
    }

    fn of(&self, name: &str) -> u16 {
        if let Some(port) = self.given.get(name) {
            return *port;
        }
        let last = self.last[name].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let is_free = std::net::TcpListener::bind(("127.0.0.1", last)).is_ok();
        if is_free { last } else { 0 }
    }

    fn keep(arguments: &Arguments, servers: [(&'static str, String); 3]) -> io::Result<()> {
        let Some(path) = arguments.state_file("ports") else { return Ok(()) };
        let ports: BTreeMap<&str, Option<u16>> = servers
            .iter()
            .map(|(name, url)| (*name, url.rsplit(':').next().and_then(|port| port.parse().ok())))
            .collect();
        write_file(&path, &json!(ports))
    }
}

fn write_file(path: &Path, value: &Value) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, value.to_string())
}
