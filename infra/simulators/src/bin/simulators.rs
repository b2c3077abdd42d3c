//! Runs all simulators in one process, for the local stack and for tests in other processes.
//!
//! Prints one line of JSON to standard output once everything listens, logs to standard error, and stops on SIGINT or
//! SIGTERM. See the crate's README for its arguments.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::Pin;

use serde_json::{Map, Value, json};
use simulators::{
    Clerk, ClerkOptions, Gemini, GeminiOptions, Razorpay, RazorpayOptions, Resend, ResendOptions, Stream,
    StreamOptions, Stripe, StripeOptions,
};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: simulators [--state-dir DIR] [--api-url URL] [--authorized-party ORIGIN] [--issuer URL]
                  [--<provider>-port N]...";

/// A simulator: the provider's name, and how it starts.
type Simulator = (&'static str, fn(Start) -> Pin<Box<dyn Future<Output = io::Result<Running>>>>);

/// All of them.
const SIMULATORS: [Simulator; 6] = [
    ("clerk", |start| Box::pin(clerk(start))),
    ("stream", |start| Box::pin(stream(start))),
    ("gemini", |start| Box::pin(gemini(start))),
    ("stripe", |start| Box::pin(stripe(start))),
    ("razorpay", |start| Box::pin(razorpay(start))),
    ("resend", |start| Box::pin(resend(start))),
];

/// What one is started with.
struct Start {
    port: u16,
    state_file: Option<PathBuf>,
    api_url: Option<String>,
    authorized_party: Option<String>,
    issuer: Option<String>,
}

/// One that runs, until it is dropped.
struct Running {
    base_url: String,
    /// Its keys, in the form that Secrets Manager gets.
    secret: Value,
    /// What the first line tells beside these.
    more: Map<String, Value>,
    _server: Box<dyn Any>,
}

async fn clerk(start: Start) -> io::Result<Running> {
    let mut options = ClerkOptions {
        port: start.port,
        issuer: start.issuer,
        api_url: start.api_url,
        state_file: start.state_file,
        ..ClerkOptions::default()
    };
    if let Some(origin) = start.authorized_party {
        options.authorized_party = origin;
    }
    let clerk = Clerk::start(options).await?;
    Ok(Running {
        base_url: clerk.base_url(),
        secret: json!({ "secretKey": clerk.secret_key(), "webhookSecret": clerk.webhook_secret() }),
        more: [("issuer".to_owned(), json!(clerk.issuer())), ("clerkJwks".to_owned(), clerk.jwks())]
            .into_iter()
            .collect(),
        _server: Box::new(clerk),
    })
}

async fn stream(start: Start) -> io::Result<Running> {
    let Start { port, state_file, api_url, .. } = start;
    let stream = Stream::start(StreamOptions { port, state_file, api_url, ..StreamOptions::default() }).await?;
    Ok(Running {
        base_url: stream.base_url(),
        secret: json!({ "apiKey": stream.api_key(), "apiSecret": stream.api_secret() }),
        more: Map::new(),
        _server: Box::new(stream),
    })
}

async fn gemini(start: Start) -> io::Result<Running> {
    let Start { port, state_file, .. } = start;
    let gemini = Gemini::start(GeminiOptions { port, state_file, ..GeminiOptions::default() }).await?;
    Ok(Running {
        base_url: gemini.base_url(),
        secret: json!({ "apiKey": gemini.api_key() }),
        more: Map::new(),
        _server: Box::new(gemini),
    })
}

async fn stripe(start: Start) -> io::Result<Running> {
    let Start { port, state_file, api_url, .. } = start;
    let stripe = Stripe::start(StripeOptions { port, state_file, api_url, ..StripeOptions::default() }).await?;
    Ok(Running {
        base_url: stripe.base_url(),
        secret: json!({ "secretKey": stripe.secret_key(), "webhookSecret": stripe.webhook_secret() }),
        more: Map::new(),
        _server: Box::new(stripe),
    })
}

async fn razorpay(start: Start) -> io::Result<Running> {
    let Start { port, state_file, api_url, .. } = start;
    let razorpay = Razorpay::start(RazorpayOptions { port, state_file, api_url, ..RazorpayOptions::default() }).await?;
    Ok(Running {
        base_url: razorpay.base_url(),
        secret: json!({ "keyId": razorpay.key_id(), "keySecret": razorpay.key_secret(),
            "webhookSecret": razorpay.webhook_secret() }),
        more: Map::new(),
        _server: Box::new(razorpay),
    })
}

async fn resend(start: Start) -> io::Result<Running> {
    let Start { port, state_file, api_url, .. } = start;
    let resend = Resend::start(ResendOptions { port, state_file, api_url, ..ResendOptions::default() }).await?;
    Ok(Running {
        base_url: resend.base_url(),
        secret: json!({ "apiKey": resend.api_key(), "webhookSecret": resend.webhook_secret() }),
        more: Map::new(),
        _server: Box::new(resend),
    })
}

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
            let named = word.strip_prefix("--").and_then(|word| word.strip_suffix("-port"));
            if let Some((name, _)) = SIMULATORS.iter().find(|(name, _)| named == Some(*name)) {
                let number = value()?;
                let number = number.parse().map_err(|_| format!("{word}: {number} is not a port"))?;
                arguments.ports.insert(*name, number);
                continue;
            }
            match word.as_str() {
                "--state-dir" => arguments.state_dir = Some(value()?.into()),
                "--api-url" => arguments.api_url = Some(value()?),
                "--authorized-party" => arguments.authorized_party = Some(value()?),
                "--issuer" => arguments.issuer = Some(value()?),
                _ => return Err(format!("{word} is unknown\n{USAGE}")),
            }
        }
        Ok(arguments)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.state_dir.as_ref().map(|folder| folder.join(name))
    }

    fn start(&self, name: &str, last_ports: &Value) -> Start {
        Start {
            port: self.port(name, last_ports),
            state_file: self.file(&format!("{name}.journal")),
            api_url: self.api_url.clone(),
            authorized_party: self.authorized_party.clone(),
            issuer: self.issuer.clone(),
        }
    }

    /// Without an argument a port of the last run is taken again where it is free, so that the issuer of tokens and the links to media
    /// stay what they were.
    fn port(&self, name: &str, last_ports: &Value) -> u16 {
        if let Some(port) = self.ports.get(name) {
            return *port;
        }
        let last = last_ports[name].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let is_free = std::net::TcpListener::bind(("127.0.0.1", last)).is_ok();
        if is_free { last } else { 0 }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let arguments = Arguments::read(std::env::args().skip(1)).map_err(io::Error::other)?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let last_ports = match arguments.file("ports.json").as_deref().map(std::fs::read) {
        Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
        _ => Value::Null,
    };
    let mut running = Vec::new();
    for (name, start) in SIMULATORS {
        running.push((name, start(arguments.start(name, &last_ports)).await?));
    }
    keep_ports(&arguments, &running)?;
    announce(&running)?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    writeln!(io::stderr(), "simulators stop")
}

fn announce(running: &[(&str, Running)]) -> io::Result<()> {
    let mut ready = Map::new();
    for (name, simulator) in running {
        ready.insert((*name).to_owned(), json!(simulator.base_url));
        ready.extend(simulator.more.clone());
    }
    let secrets: BTreeMap<&str, &Value> = running.iter().map(|(name, simulator)| (*name, &simulator.secret)).collect();
    ready.insert("secrets".to_owned(), json!(secrets));
    let mut out = io::stdout().lock();
    writeln!(out, "{}", Value::Object(ready))?;
    out.flush()
}

fn keep_ports(arguments: &Arguments, running: &[(&str, Running)]) -> io::Result<()> {
    let Some(path) = arguments.file("ports.json") else { return Ok(()) };
    let port = |url: &str| url.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let ports: BTreeMap<&str, Option<u16>> =
        running.iter().map(|(name, simulator)| (*name, port(&simulator.base_url))).collect();
    std::fs::write(path, json!(ports).to_string())
}
