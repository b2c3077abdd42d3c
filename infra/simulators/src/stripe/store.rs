//! Everything that the account holds.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::crypto::random_id;
use crate::journal::{Items, Journal};
use crate::objects::Objects;

/// What there is one of.
#[derive(Deserialize, Serialize)]
pub struct Account {
    pub secret_key: String,
    /// Oldest first.
    pub webhook_secrets: Vec<String>,
    /// How far the account's clock is ahead of the machine's.
    pub ahead_seconds: i64,
    /// Customers whose card is declined.
    pub broken_cards: Vec<String>,
}

pub struct Kept {
    pub account: Account,
    pub objects: Objects,
    /// What an idempotency key was used for, and how that was answered.
    pub keys: Items<(String, Value)>,
    journal: Journal,
}

impl Kept {
    /// What was kept, or a new account.
    pub fn open(state_file: Option<PathBuf>) -> io::Result<Self> {
        let (journal, mut before) = Journal::open(state_file)?;
        let account = before.take("account")?.unwrap_or_else(|| Account {
            secret_key: random_id("sk_test_simulated"),
            webhook_secrets: vec![random_id("whsec_")],
            ahead_seconds: 0,
            broken_cards: Vec::new(),
        });
        Ok(Self { account, objects: Objects::read(&before)?, keys: before.items("key")?, journal })
    }

    pub fn save(&mut self) {
        self.journal.keep("account", &self.account);
        self.objects.save(&mut self.journal);
        self.keys.save(&mut self.journal);
    }

    /// The account's time, in seconds since 1970.
    pub fn now(&self) -> i64 {
        clock::now().as_second() + self.account.ahead_seconds
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// An object of this kind.
    pub fn of_kind(&self, kind: &str, id: &str) -> Option<&Value> {
        self.get(id).filter(|object| object["object"] == kind)
    }

    /// Changes members of an object, and gives it as it is then.
    pub fn change(&mut self, id: &str, changes: &Value) -> Value {
        let Some(object) = self.objects.get_mut(id) else { return Value::Null };
        for (member, value) in changes.as_object().into_iter().flatten() {
            object[member] = value.clone();
        }
        object.clone()
    }

    pub fn add(&mut self, object: Value) -> Value {
        self.objects.add(object.clone());
        object
    }

    /// All of a kind, newest first.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.objects.iter().rev().filter(|object| object["object"] == kind).cloned().collect()
    }
}

/// A text member, or nothing.
pub fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_default()
}

/// A whole number, or 0.
pub fn number(object: &Value, member: &str) -> i64 {
    object[member].as_i64().unwrap_or_default()
}
