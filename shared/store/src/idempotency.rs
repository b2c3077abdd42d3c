//! Idempotency records: the first answer to a request, for repeats of it.
//!
//! The record is written by the same transaction as the change, so a concurrent twin loses the condition, reads again and
//! finds it. Only successes are remembered, for 24 hours.

use domain::ids::UserId;
use domain::problem::{Kind, Problem};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Items, Key, Tx, keys};

/// How long an answer is remembered.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// Under what a request is remembered, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    key: Key,
    body_sha256: String,
}

/// A remembered answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// SHA-256 of the request's body, hexadecimal.
    body_sha256: String,
    /// The HTTP status, 2xx.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
    #[serde(rename = "expiresAt")]
    expires_at: i64,
}

/// The key was used for another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this Idempotency-Key was already used for a different request")]
pub struct KeyReused;

impl Problem for KeyReused {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "idempotency_key_reused"
    }
}

impl Request {
    /// A request by `user` to `method` and concrete `path` with this key and body.
    pub fn new(user: &UserId, method: &str, path: &str, key: &str, body_sha256: String) -> Self {
        Self { key: keys::idempotency(user, method, path, key), body_sha256 }
    }

    /// What to read to find an earlier answer.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The earlier answer among what was read, if it still counts.
    pub fn answer(&self, items: &Items, now: Timestamp) -> Result<Result<Option<Answer>, KeyReused>, StoreError> {
        let found: Option<Answer> = items.get(&self.key)?;
        Ok(match found.filter(|a| a.expires_at > now.as_second()) {
            Some(answer) if answer.body_sha256 != self.body_sha256 => Err(KeyReused),
            answer => Ok(answer),
        })
    }

    /// Remembers an answer.
    pub fn remember(&self, tx: &mut Tx, status: u16, body: &str, now: Timestamp) -> Result<(), StoreError> {
        let expires_at = (now + REMEMBERED).as_second();
        let answer = Answer { body_sha256: self.body_sha256.clone(), status, body: body.to_owned(), expires_at };
        tx.create_unless_live(Item::new(self.key.clone(), "IdempotencyRecord", &answer)?, now.as_second());
        Ok(())
    }
}
