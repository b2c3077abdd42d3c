//! An item on its way into the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use crate::error::StoreError;
use crate::keys::Key;

/// The attributes of one item, made from a serde struct, its key and its index keys.
#[derive(Debug, Clone)]
pub struct Item {
    pub(crate) key: Key,
    pub(crate) attributes: HashMap<String, AttributeValue>,
}

impl Item {
    /// The item that holds `body` under `key`. `entity` says to people what it is.
    pub fn new(key: Key, entity: &str, body: &impl Serialize) -> Result<Self, StoreError> {
        let mut attributes: HashMap<String, AttributeValue> = serde_dynamo::to_item(body)?;
        for (name, value) in [("pk", key.pk.as_str()), ("sk", key.sk.as_str()), ("entity", entity)] {
            attributes.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        }
        Ok(Self { key, attributes })
    }

    /// Puts it into the first index.
    #[must_use]
    pub fn index1(self, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        self.with("gsi1pk", AttributeValue::S(pk.into())).with("gsi1sk", AttributeValue::S(sk.into()))
    }

    /// Puts it into the second index.
    #[must_use]
    pub fn index2(self, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        self.with("gsi2pk", AttributeValue::S(pk.into())).with("gsi2sk", AttributeValue::S(sk.into()))
    }

    /// Lets it expire at this Unix second. Deletion is late: readers check the time themselves.
    #[must_use]
    pub fn expires(self, unix_seconds: i64) -> Self {
        self.with("expiresAt", AttributeValue::N(unix_seconds.to_string()))
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.attributes.insert(name.to_owned(), value);
        self
    }
}
