//! Webhook deliveries that were seen, recognised by the SHA-256 of the verified body: headers such as an event id are not
//! covered by every provider's signature (DECISIONS.md, "Repeats").

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Items, Key, Tx, keys, origin};

/// How long a delivery is recognised.
pub const RECOGNISED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One event, by whom and with which body it was sent.
#[derive(Debug, Clone)]
pub struct WebhookEvent {
    key: Key,
    provider: &'static str,
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    provider: String,
    kind: String,
    received_at: Timestamp,
    /// The request that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl WebhookEvent {
    /// A delivery of `provider` with this body and event type.
    pub fn new(provider: &'static str, body_sha256: &str, kind: impl Into<String>) -> Self {
        Self { key: keys::webhook(provider, body_sha256), provider, kind: kind.into() }
    }

    /// What to read to find out whether it was seen.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether what was read shows that it was seen.
    pub fn was_seen(&self, items: &Items) -> Result<bool, StoreError> {
        Ok(items.get::<Seen>(&self.key)?.is_some())
    }

    /// Records it, together with its effect.
    pub fn record(&self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let seen = Seen {
            provider: self.provider.to_owned(),
            kind: self.kind.clone(),
            received_at: now,
            origin: origin::current(),
        };
        let item = Item::new(self.key.clone(), "WebhookEvent", &seen)?;
        tx.create(item.expires((now + RECOGNISED).as_second()));
        Ok(())
    }
}
