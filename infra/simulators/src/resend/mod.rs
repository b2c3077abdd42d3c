//! Resend: takes e-mails, shows them in an inbox, and tells what became of them in signed webhooks.

mod inbox;
mod routes;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::crypto::{random_id, random_uuid, random_webhook_secret, svix_signature};
use crate::delivery::{Delivery, Message};
use crate::events::{Events, Manner, Release};
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};
use crate::journal::{Items, Journal};

/// How to start a [`Resend`]. The default suits a test: a free port, fresh secrets, nothing kept.
#[derive(Clone, Debug, Default)]
pub struct ResendOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// `re_…`; made up when neither given nor kept.
    pub api_key: Option<String>,
    /// `whsec_…`; made up when neither given nor kept.
    pub webhook_secret: Option<String>,
    /// Base URL of the product's API. Without it webhooks are made but not sent.
    pub api_url: Option<String>,
    /// Secrets and e-mails are kept here.
    pub state_file: Option<PathBuf>,
}

/// One e-mail that was taken.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Mail {
    /// Under which its events are told.
    pub id: String,
    /// The request, as it came.
    pub request: Value,
    /// Its latest event, such as `delivered`.
    pub last_event: String,
    /// RFC 3339.
    pub created_at: String,
}

struct Kept {
    account: Account,
    /// By the order in which they came.
    mails: Items<Mail>,
    /// What an idempotency key was used for, and which e-mail it made.
    keys: Items<(Value, String)>,
    journal: Journal,
}

#[derive(Deserialize, Serialize)]
struct Account {
    api_key: String,
    webhook_secret: String,
}

impl Kept {
    fn save(&mut self) {
        self.journal.keep("account", &self.account);
        self.mails.save(&mut self.journal);
        self.keys.save(&mut self.journal);
    }

    fn mail(&self, id: &str) -> Option<&Mail> {
        self.mails.values().find(|mail| mail.id == id)
    }
}

pub(crate) struct Inner {
    kept: Mutex<Kept>,
    events: Arc<Events>,
    exchange: Arc<Exchange>,
}

/// A running team at Resend. It stops when it is dropped.
pub struct Resend {
    server: Server,
    inner: Arc<Inner>,
}

impl Resend {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: ResendOptions) -> io::Result<Self> {
        let (journal, mut before) = Journal::open(options.state_file)?;
        let mut account = before.take("account")?.unwrap_or_else(|| Account {
            api_key: random_id("re_simulated_"),
            webhook_secret: random_webhook_secret(),
        });
        account.api_key = options.api_key.unwrap_or(account.api_key);
        account.webhook_secret = options.webhook_secret.unwrap_or(account.webhook_secret);
        let kept = Kept { account, mails: before.items("mail")?, keys: before.items("key")?, journal };
        let pauses = [100, 500, 2_000, 5_000].map(Duration::from_millis).to_vec();
        let inner = Arc::new(Inner {
            kept: Mutex::new(kept),
            events: Events::new("/api/webhooks/resend", pauses, options.api_url),
            exchange: Exchange::new(routes::error_body_of_status),
        });
        lock(&inner.kept).save();
        let shared = inner.clone();
        let server = Server::start(options.port, |_| routes::router(shared)).await?;
        Ok(Self { server, inner })
    }

    /// Where the API, the inbox and the controls listen.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub fn api_key(&self) -> String {
        lock(&self.inner.kept).account.api_key.clone()
    }

    pub fn webhook_secret(&self) -> String {
        lock(&self.inner.kept).account.webhook_secret.clone()
    }

    /// Where webhooks go from now on.
    pub fn set_api_url(&self, api_url: impl Into<String>) {
        self.inner.events.outbound().set_api_url(Some(api_url.into()));
    }

    /// How webhooks leave from now on.
    pub fn set_manner(&self, manner: Manner) {
        self.inner.events.set_manner(manner);
    }

    /// Lets go what was held back.
    pub async fn release(&self, how: Release) -> Vec<Delivery> {
        self.inner.events.release(how).await
    }

    /// All e-mails, in the order in which they came.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.inner.kept).mails.values().cloned().collect()
    }

    /// Tells of an event, such as `bounced`, of an e-mail. `extra` goes into its data.
    pub fn happen(&self, mail_id: &str, event: &str, extra: &Value) -> bool {
        self.inner.happen(mail_id, event, extra)
    }

    /// Waits until no webhook is being tried.
    pub async fn settled(&self) {
        self.inner.events.outbound().settled().await;
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.events.outbound().deliveries()
    }

    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.inner.exchange.requests()
    }

    pub fn fail(&self, fault: Fault) {
        self.inner.exchange.fail(fault);
    }
}

impl Inner {
    /// Takes an e-mail whose request is acceptable, and what usually happens to one happens.
    fn take(kept: &mut Kept, request: Value) -> String {
        let id = random_uuid();
        let (last_event, created_at) = ("queued".to_owned(), clock::now().to_string());
        kept.mails
            .insert(format!("{:010}", kept.mails.len()), Mail { id: id.clone(), request, last_event, created_at });
        id
    }

    fn happen(&self, mail_id: &str, event: &str, extra: &Value) -> bool {
        let mut kept = lock(&self.kept);
        let secret = kept.account.webhook_secret.clone();
        let Some(place) = kept.mails.iter().find(|(_, mail)| mail.id == mail_id).map(|(place, _)| place.clone()) else {
            return false;
        };
        let Some(mail) = kept.mails.get_mut(&place) else { return false };
        event.clone_into(&mut mail.last_event);
        let mut data = json!({
            "created_at": mail.created_at,
            "email_id": mail.id,
            "message_id": format!("<{}@simulated.resend.dev>", mail.id),
            "from": mail.request["from"],
            "to": routes::addresses(&mail.request["to"]),
            "subject": mail.request["subject"],
        });
        // Tags are sent as a list and told as an object.
        let tags = mail.request["tags"].as_array().into_iter().flatten();
        let tags: BTreeMap<&str, &Value> =
            tags.filter_map(|tag| Some((tag["name"].as_str()?, &tag["value"]))).collect();
        if !tags.is_empty() {
            data["tags"] = json!(tags);
        }
        for (name, value) in extra.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        kept.save();
        drop(kept);
        let event_type = format!("email.{event}");
        let body = json!({ "type": event_type, "created_at": clock::now().to_string(), "data": data }).to_string();
        self.events.emit(message(secret, &event_type, body));
        true
    }
}

/// A message, signed anew for each try; the id stays.
fn message(secret: String, event_type: &str, body: String) -> Message {
    let id = random_id("msg_");
    let (signed_id, signed_body) = (id.clone(), body.clone());
    let sign = move |_: u32| {
        let timestamp = clock::now().as_second();
        vec![
            ("svix-id".to_owned(), signed_id.clone()),
            ("svix-timestamp".to_owned(), timestamp.to_string()),
            ("svix-signature".to_owned(), svix_signature(&secret, &signed_id, timestamp, &signed_body)),
        ]
    };
    Message { id, event_type: event_type.to_owned(), body, gzip: false, sign: Box::new(sign) }
}
