//! Stripe: hosted Checkout with a page to pay on, refunds, disputes, subscriptions whose clock can be set forward, the billing
//! portal, and signed webhooks.

mod acts;
mod api;
mod control;
mod form;
mod pages;
mod store;
mod subscriptions;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub use acts::Outcome as CheckoutOutcome;

use self::store::Kept;
use crate::clock;
use crate::crypto::{hmac_sha256, random_id};
use crate::delivery::{Delivery, Message};
use crate::events::{Events, Manner, Release};
use crate::http::{Exchange, Fault, RecordedRequest, Server, lock};

/// The one version that is spoken here.
pub const API_VERSION: &str = "2026-10-28.endive";

/// How to start a [`Stripe`]. The default suits a test: a free port, fresh secrets, nothing kept.
#[derive(Clone, Debug, Default)]
pub struct StripeOptions {
    /// 0 takes any free port.
    pub port: u16,
    /// `sk_test_…`; made up when neither given nor kept.
    pub secret_key: Option<String>,
    /// `whsec_…`; made up when neither given nor kept.
    pub webhook_secret: Option<String>,
    /// Base URL of the product's API. Without it events are made but not sent.
    pub api_url: Option<String>,
    /// Secrets and all objects are kept here.
    pub state_file: Option<PathBuf>,
}

pub(crate) struct Inner {
    kept: Mutex<Kept>,
    base_url: String,
    events: Arc<Events>,
    exchange: Arc<Exchange>,
}

/// A running account at Stripe. It stops when it is dropped.
pub struct Stripe {
    server: Server,
    inner: Arc<Inner>,
}

impl Stripe {
    /// Starts listening. Fails when the port is taken or the state file cannot be read.
    pub async fn start(options: StripeOptions) -> io::Result<Self> {
        let mut kept = Kept::open(options.state_file)?;
        if let Some(key) = options.secret_key {
            kept.account.secret_key = key;
        }
        if let Some(secret) = options.webhook_secret {
            kept.account.webhook_secrets = vec![secret];
        }
        let pauses = [100, 500, 2_000, 5_000].map(Duration::from_millis).to_vec();
        let events = Events::new("/api/webhooks/stripe", pauses, options.api_url);
        let mut inner = None;
        let server = Server::start(options.port, |base_url| {
            let shared = Arc::new(Inner {
                kept: Mutex::new(kept),
                base_url: base_url.to_owned(),
                events,
                exchange: Exchange::new(api::error_body_of_status),
            });
            inner = Some(shared.clone());
            control::router(shared)
        })
        .await?;
        let inner = inner.ok_or_else(|| io::Error::other("the router was not built"))?;
        lock(&inner.kept).save();
        Ok(Self { server, inner })
    }

    /// Where the API, the pages and the controls listen.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    pub fn secret_key(&self) -> String {
        lock(&self.inner.kept).account.secret_key.clone()
    }

    /// The newest secret of the webhook.
    pub fn webhook_secret(&self) -> String {
        lock(&self.inner.kept).account.webhook_secrets.last().cloned().unwrap_or_default()
    }

    /// A second secret; while there are several, every event bears a signature of each.
    pub fn add_webhook_secret(&self, secret: impl Into<String>) {
        lock(&self.inner.kept).account.webhook_secrets.push(secret.into());
    }

    /// Where events go from now on.
    pub fn set_api_url(&self, api_url: impl Into<String>) {
        self.inner.events.outbound().set_api_url(Some(api_url.into()));
    }

    /// How events leave from now on.
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

    /// All objects of a kind, newest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        lock(&self.inner.kept).list(kind)
    }

    /// Somebody goes through Checkout, or turns back.
    pub fn checkout(&self, session_id: &str, outcome: CheckoutOutcome) -> Result<Value, String> {
        self.inner.checkout(session_id, outcome)
    }

    /// Money that was on its way comes, or does not.
    pub fn settle(&self, session_id: &str, paid: bool) -> Result<Value, String> {
        self.inner.settle(session_id, paid)
    }

    /// Somebody asks their bank for the money of a charge or a payment back. Answers with the dispute.
    pub fn dispute(&self, charge_or_payment: &str) -> Result<Value, String> {
        self.inner.dispute(charge_or_payment)
    }

    /// A dispute ends: `won` or `lost`.
    pub fn close_dispute(&self, dispute_id: &str, status: &str) -> Result<Value, String> {
        self.inner.close_dispute(dispute_id, status)
    }

    /// A refund comes back.
    pub fn fail_refund(&self, refund_id: &str) -> Result<Value, String> {
        self.inner.fail_refund(refund_id)
    }

    /// Whether a customer's card pays from now on.
    pub fn set_card(&self, customer_id: &str, works: bool) -> Result<(), String> {
        self.inner.set_card(customer_id, works)
    }

    /// Sets the clock forward, and does all that falls due on the way.
    pub fn advance(&self, by: Duration) {
        self.inner.advance(i64::try_from(by.as_secs()).unwrap_or(i64::MAX / 4));
    }

    /// Waits until no event is being tried.
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

/// The value of `Stripe-Signature`: a time, and for each secret the hexadecimal HMAC-SHA256 of `{time}.{body}`. The whole text of
/// a secret is the key.
pub fn stripe_signature(secrets: &[String], timestamp_seconds: i64, body: &str) -> String {
    let signed = format!("{timestamp_seconds}.{body}");
    let sign = |secret: &String| format!(",v1={}", hex::encode(hmac_sha256(secret.as_bytes(), signed.as_bytes())));
    format!("t={timestamp_seconds}{}", secrets.iter().map(sign).collect::<String>())
}

impl Inner {
    /// Tells of an event about an object as it is now.
    fn tell(&self, kept: &Kept, event: &str, object: &Value) {
        let id = random_id("evt_");
        let body = json!({
            "id": id, "object": "event", "api_version": API_VERSION, "created": kept.now(),
            "data": { "object": object }, "livemode": false, "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null }, "type": event,
        });
        // As Stripe writes it, over several lines.
        let body = serde_json::to_string_pretty(&body).unwrap_or_default();
        self.tell_body(kept.account.webhook_secrets.clone(), id, event, body);
    }

    /// Each try is signed anew with its own time; the id stays.
    fn tell_body(&self, secrets: Vec<String>, id: String, event: &str, body: String) {
        let signed = body.clone();
        let sign = move |_: u32| {
            let header = stripe_signature(&secrets, clock::now().as_second(), &signed);
            vec![("stripe-signature".to_owned(), header)]
        };
        self.events.emit(Message { id, event_type: event.to_owned(), body, gzip: false, sign: Box::new(sign) });
    }
}
