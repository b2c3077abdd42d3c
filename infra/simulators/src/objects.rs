//! What an account of a provider holds: objects with ids, none of which is ever deleted, in the order in which they were made.

use std::io;

use serde_json::Value;

use crate::journal::{Items, Journal, Kept};

/// The objects, and which of them were changed since they were saved.
pub struct Objects(Items<Value>);

impl Objects {
    /// Those that were kept.
    pub fn read(kept: &Kept) -> io::Result<Self> {
        Ok(Self(kept.items("object")?))
    }

    /// In the order in which they were made.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.0.values()
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.iter().find(|object| object["id"] == id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        let place = self.0.iter().find(|(_, object)| object["id"] == id)?.0.clone();
        self.0.get_mut(&place)
    }

    pub fn add(&mut self, object: Value) {
        self.0.insert(format!("{:010}", self.0.len()), object);
    }

    pub fn save(&mut self, journal: &mut Journal) {
        self.0.save(journal);
    }
}
