//! What became of a provider's event, and sending one again. Bodies are not stored, only their digests, so a replay needs the body.

use std::io::Read;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Subcommand, ValueEnum};
use domain::ids::BookingId;
use jiff::Timestamp;
use kit::secrets::Provider;
use serde_json::{Map, Value, json};
use store::{Key, Query, Table, keys};

use crate::now;
use crate::refused::{Outcome, Refused, refuse};
use crate::shown::show;
use crate::stack::Stack;

/// Who sends us events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sender {
    Clerk,
    Stream,
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// Tell whether an event was recorded, or what events have left on a booking
    Show {
        /// Digest of the body, a file with the body, or a booking id
        #[arg(value_name = "SHA256|BODY_FILE|BOOKING")]
        what: String,
    },
    /// Send a body again, signed now with the stack's secret; a repeat changes nothing
    Replay {
        provider: Sender,
        /// The body, as the provider's dashboard shows it
        file: String,
    },
}

impl Sender {
    pub const ALL: [Self; 2] = [Self::Clerk, Self::Stream];

    fn provider(self) -> Provider {
        match self {
            Self::Clerk => Provider::Clerk,
            Self::Stream => Provider::Stream,
        }
    }

    fn name(self) -> &'static str {
        self.provider().name()
    }

    /// Under which key an event with a body of this digest is recorded.
    pub fn event(self, digest: &str) -> Key {
        keys::webhook(self.name(), digest)
    }

    /// Which of the provider's keys signs its events.
    fn key(self) -> &'static str {
        match self {
            Self::Clerk => "webhookSecret",
            Self::Stream => "apiSecret",
        }
    }

    /// The headers that the provider would send with this body now.
    fn signed(self, secret: &str, body: &[u8], now: Timestamp) -> Outcome<Vec<(&'static str, String)>> {
        match self {
            Self::Stream => Ok(vec![("x-signature", hex::encode(mac(secret.as_bytes(), body)))]),
            Self::Clerk => {
                let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_"));
                let key = key.map_err(|_| Refused::new("the secret's webhookSecret is not one of Clerk's"))?;
                let (id, at) = (format!("msg_replay_{}", &sha256(body)[..20]), now.as_second().to_string());
                let tag = mac(&key, &[format!("{id}.{at}.").as_bytes(), body].concat());
                let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
                Ok(vec![("svix-id", id), ("svix-timestamp", at), ("svix-signature", signature)])
            }
        }
    }
}

pub async fn run(stack: &Stack, command: Events) -> Outcome {
    match command {
        Events::Show { what } => show_event(stack, &what).await,
        Events::Replay { provider, file } => replay(stack, provider, &file).await,
    }
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The body as it was signed: Stream signs what is inside of a compressed one.
fn body_of(path: &str) -> Outcome<Vec<u8>> {
    let told = |error: std::io::Error| Refused::new(format!("{path}: {error}"));
    let body = std::fs::read(path).map_err(told)?;
    if !body.starts_with(b"\x1f\x8b") {
        return Ok(body);
    }
    let mut inside = Vec::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut inside).map_err(told)?;
    Ok(inside)
}

/// Of an item only these members.
fn only(item: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect()
}

async fn recorded(table: &Table, digest: &str) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for sender in Sender::ALL {
        let event: Option<Value> = table.get(&sender.event(digest)).await?;
        found.extend(event.map(|event| only(&event, &["provider", "kind", "receivedAt", "origin"]).into()));
    }
    Ok(found)
}

/// What Stream's events have left on a booking. Links are left out.
async fn facts(table: &Table, booking: BookingId) -> Outcome<Value> {
    let items = table.query_all(Query::partition(keys::booking_partition(booking)), usize::MAX).await?;
    if items.is_empty() {
        return refuse(format!("there is no booking {booking}"));
    }
    let (state, call) = (keys::booking(booking).sk, keys::call(booking).sk);
    let prefixes = [&*call, keys::ATTENDANCE_PREFIX, keys::RECORDING_PREFIX, keys::TRANSCRIPT_PREFIX];
    let (mut about, mut facts) = (Map::new(), Map::new());
    for mut item in items {
        let item: &mut Map<String, Value> = &mut item;
        let sort = item["sk"].as_str().unwrap_or_default().to_owned();
        if sort == state {
            let shown = ["status", "startTime", "endTime", "consents", "feedback", "hasRecording"];
            about.extend(only(&Value::Object(item.clone()), &shown));
        } else if prefixes.iter().any(|prefix| sort.starts_with(prefix)) {
            item.retain(|name, _| !["pk", "sk"].contains(&name.as_str()));
            facts.insert(sort, Value::Object(item.clone()));
        }
    }
    about.extend([("bookingId".to_owned(), json!(booking)), ("facts".to_owned(), facts.into())]);
    Ok(about.into())
}

async fn show_event(stack: &Stack, what: &str) -> Outcome {
    let table = stack.table().await?;
    if let Ok(booking) = what.parse() {
        show(&facts(&table, booking).await?);
        return Ok(());
    }
    let is_digest = what.len() == 64 && what.chars().all(|digit| digit.is_ascii_hexdigit());
    if !is_digest && !std::path::Path::new(what).exists() {
        return refuse(format!(
            "{what} is neither a booking's id (bkg_ and 26 characters), nor a SHA-256, nor a file with an event's body"
        ));
    }
    let digest = if is_digest { what.to_lowercase() } else { sha256(&body_of(what)?) };
    let found = recorded(&table, &digest).await?;
    if found.is_empty() {
        return refuse(format!(
            "no event with the SHA-256 {digest} was recorded in the last 30 days: never delivered, refused, or of no concern to us"
        ));
    }
    show(&json!({ "sha256": digest, "events": found }));
    Ok(())
}

/// The key of a provider that is in force; a new stack's secret holds a placeholder and has none.
async fn key_in_force(stack: &Stack, sender: Sender) -> Outcome<String> {
    let keys = stack.secret(sender.provider()).await?;
    let value = keys.get(sender.key()).map(|value| value.get(0).unwrap_or(value));
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| {
        let name = stack.secret_name(sender.provider());
        Refused::new(format!(
            "the secret {name} has no {}: fill it (infra/RUNBOOK.md, \"Keys\"), then run this again",
            sender.key()
        ))
    })
}

/// Status and body of an answer. A stack on this machine is not reached through a proxy.
async fn post(url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Outcome<(u16, Value)> {
    let told = |error: reqwest::Error| Refused::new(format!("{url} cannot be reached: {error}"));
    let mut client = reqwest::Client::builder().timeout(Duration::from_mins(1));
    if url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost") {
        client = client.no_proxy();
    }
    let mut request = client.build().map_err(told)?.post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.body(body).send().await.map_err(told)?;
    let (status, text) = (answer.status().as_u16(), answer.text().await.map_err(told)?);
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

async fn replay(stack: &Stack, sender: Sender, file: &str) -> Outcome {
    let body = body_of(file)?;
    if body.is_empty() {
        return refuse(format!("{file} is empty"));
    }
    let digest = sha256(&body);
    let before = recorded(&stack.table().await?, &digest).await?;
    let headers = sender.signed(&key_in_force(stack, sender).await?, &body, now())?;
    let url = format!("{}/api/webhooks/{}", stack.api_url().await?, sender.name());
    let (status, answer) = post(&url, &headers, body).await?;
    show(&json!({ "sha256": digest, "seenBefore": before, "status": status, "answer": answer }));
    if status == 200 { Ok(()) } else { refuse(format!("the stack answered {status}")) }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use providers::{Secret, stream, svix};

    use super::*;

    #[test]
    fn a_body_that_is_sent_again_is_signed_as_functions_verify_it() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (sender, secret) in [(Sender::Clerk, "whsec_c2VjcmV0"), (Sender::Stream, "secret")] {
            let mut headers = HeaderMap::new();
            for (name, value) in sender.signed(secret, b"{}", now).unwrap() {
                headers.insert(name, value.parse().unwrap());
            }
            let secrets = [Secret::new(secret)];
            let (own, other) = match sender {
                Sender::Clerk => (
                    svix::verify(&secrets, &headers, b"{}", now).is_ok(),
                    svix::verify(&secrets, &headers, b"[]", now).is_ok(),
                ),
                Sender::Stream => (
                    stream::webhook::verify(&secrets, &headers, b"{}").is_ok(),
                    stream::webhook::verify(&secrets, &headers, b"[]").is_ok(),
                ),
            };
            assert_eq!((own, other), (true, false), "{sender:?}");
        }
    }
}
