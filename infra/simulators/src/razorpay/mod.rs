//! Razorpay: orders, a page to pay them on, captures, refunds, disputes, and signed webhooks.

mod acts;
mod pages;
mod routes;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::crypto::{hmac_sha256, random_id};
use crate::delivery::{Delivery, Message};
use crate::events::{Events, Manner, Release};
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};
use crate::journal::{Items, Journal};
use crate::objects::Objects;

/// How to start a [`Razorpay`]. The default suits a test: a free port, a fresh key, nothing kept.
#[derive(Clone, Debug, Default)]
pub struct RazorpayOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// `rzp_test_…`; made up when neither given nor kept.
    pub key_id: Option<String>,
    /// Made up when neither given nor kept.
    pub key_secret: Option<String>,
    /// Made up when neither given nor kept.
    pub webhook_secret: Option<String>,
    /// Base URL of the product's API. Without it webhooks are made but not sent.
    pub api_url: Option<String>,
    /// Keys, orders, payments and refunds are kept here.
    pub state_file: Option<PathBuf>,
}

pub(crate) struct Kept {
    account: Account,
    /// Orders, payments, refunds and disputes.
    objects: Objects,
    /// What an idempotency key of a refund was used for, and which refund it made.
    keys: Items<(Value, String)>,
    journal: Journal,
}

#[derive(Deserialize, Serialize)]
struct Account {
    key_id: String,
    key_secret: String,
    webhook_secret: String,
}

impl Kept {
    fn save(&mut self) {
        self.journal.keep("account", &self.account);
        self.objects.save(&mut self.journal);
        self.keys.save(&mut self.journal);
    }

    fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.objects.get_mut(id)
    }

    /// Those of an entity of which `member` is `value`, newest first.
    fn list(&self, entity: &str, member: &str, value: &str) -> Vec<Value> {
        let mine = |object: &&Value| object["entity"] == entity && object[member] == value;
        self.objects.iter().rev().filter(mine).cloned().collect()
    }
}

pub(crate) struct Inner {
    kept: Mutex<Kept>,
    base_url: String,
    events: Arc<Events>,
    exchange: Arc<Exchange>,
}

/// A running account at Razorpay. It stops when it is dropped.
pub struct Razorpay {
    server: Server,
    inner: Arc<Inner>,
}

/// What the browser's checkout brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Return {
    pub razorpay_order_id: String,
    pub razorpay_payment_id: String,
    pub razorpay_signature: String,
}

impl Razorpay {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: RazorpayOptions) -> io::Result<Self> {
        let (journal, mut before) = Journal::open(options.state_file)?;
        let mut account = before.take("account")?.unwrap_or_else(|| Account {
            key_id: random_id("rzp_test_"),
            key_secret: random_id(""),
            webhook_secret: random_id("simulated-webhook-secret-"),
        });
        account.key_id = options.key_id.unwrap_or(account.key_id);
        account.key_secret = options.key_secret.unwrap_or(account.key_secret);
        account.webhook_secret = options.webhook_secret.unwrap_or(account.webhook_secret);
        let kept = Kept { account, objects: Objects::read(&before)?, keys: before.items("key")?, journal };
        let pauses = [100, 500, 2_000, 5_000].map(Duration::from_millis).to_vec();
        let events = Events::new("/api/webhooks/razorpay", pauses, options.api_url);
        let mut inner = None;
        let server = Server::start(options.port, |base_url| {
            let shared = Arc::new(Inner {
                kept: Mutex::new(kept),
                base_url: base_url.to_owned(),
                events,
                exchange: Exchange::new(routes::error_body_of_status),
            });
            inner = Some(shared.clone());
            routes::router(shared)
        })
        .await?;
        let inner = inner.ok_or_else(|| io::Error::other("the router was not built"))?;
        lock(&inner.kept).save();
        Ok(Self { server, inner })
    }

    /// Where the API, the pay page and the controls listen.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub fn key_id(&self) -> String {
        lock(&self.inner.kept).account.key_id.clone()
    }

    pub fn key_secret(&self) -> String {
        lock(&self.inner.kept).account.key_secret.clone()
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

    /// The object of this id, as the API shows it.
    pub fn object(&self, id: &str) -> Option<Value> {
        lock(&self.inner.kept).get(id).cloned()
    }

    /// Somebody pays an order. Refused with the words of the page where it is paid already.
    pub fn pay(&self, order_id: &str) -> Result<Return, String> {
        self.inner.pay(order_id)
    }

    /// Somebody tries to pay an order and the bank says no.
    pub fn decline(&self, order_id: &str) -> Result<String, String> {
        self.inner.decline(order_id)
    }

    /// Somebody asks their bank for the money back. Answers with the dispute.
    pub fn dispute(&self, payment_id: &str) -> Result<Value, String> {
        self.inner.dispute(payment_id)
    }

    /// A dispute ends: `won`, `lost` or `closed`.
    pub fn close_dispute(&self, dispute_id: &str, status: &str) -> Result<Value, String> {
        self.inner.close_dispute(dispute_id, status)
    }

    /// A refund that was on its way is done, or fails: `processed` or `failed`.
    pub fn finish_refund(&self, refund_id: &str, status: &str) -> Result<Value, String> {
        self.inner.finish_refund(refund_id, status)
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

/// Lower-case hexadecimal HMAC-SHA256, by which Razorpay signs webhooks (the body) and returns (`order|payment`).
pub fn razorpay_signature(secret: &str, message: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), message.as_bytes()))
}

impl Inner {
    /// Tells of an event about these objects.
    fn tell(&self, kept: &Kept, event: &str, entities: &[(&str, &Value)]) {
        let contains: Vec<&str> = entities.iter().map(|(name, _)| *name).collect();
        let payload: serde_json::Map<String, Value> =
            entities.iter().map(|(name, entity)| ((*name).to_owned(), json!({ "entity": entity }))).collect();
        let body = json!({ "entity": "event", "account_id": "acc_simulated0001", "event": event, "contains": contains,
            "payload": payload, "created_at": clock::now().as_second() });
        self.tell_body(&kept.account.webhook_secret, event, body.to_string());
    }

    /// Signed with the secret of now, and so are its repeats.
    fn tell_body(&self, secret: &str, event: &str, body: String) {
        let id = random_id("");
        let headers = vec![
            ("x-razorpay-event-id".to_owned(), id.clone()),
            ("x-razorpay-signature".to_owned(), razorpay_signature(secret, &body)),
        ];
        let sign = Box::new(move |_: u32| headers.clone());
        self.events.emit(Message { id, event_type: event.to_owned(), body, gzip: false, sign });
    }
}
