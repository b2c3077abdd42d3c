//! What a function needs of its deployment, written once in the function's own file. Its block of `template.yaml` is made from this:
//! permissions, environment, memory and time.

use crate::config::Setting;
use crate::secrets::Provider;

/// What is done with the table. A transaction has no action of its own: it is authorised by the writes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Reads one item.
    Get,
    /// Reads several items at once.
    BatchGet,
    /// Reads a partition.
    QueryTable,
    /// Reads everything.
    Scan,
    /// Writes items.
    Put,
    /// Changes attributes of items.
    Update,
    /// Removes items.
    Delete,
    /// Makes a transaction depend on an item that it does not write.
    Check,
}

/// What is done with files in the media bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Reads them.
    Get,
    /// Writes them.
    Put,
    /// Removes them.
    Delete,
    /// Gives up an upload in parts.
    AbortUpload,
    /// Looks at which parts are there.
    ListParts,
}

/// What one function needs. Everything that it does not say is not there when it runs.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// What it does with the table.
    pub table: &'static [Table],
    /// The indexes that it queries.
    pub indexes: &'static [&'static str],
    /// Whose secrets it reads, to verify what they send.
    pub secrets: &'static [Provider],
    /// Whom it calls: with the secret, the address, and what else is set for them.
    pub calls: &'static [Provider],
    /// What it reads of the configuration beside what follows from the rest.
    pub settings: &'static [Setting],
    /// Whether it looks at the age of every secret, without reading one.
    pub ages_of_secrets: bool,
    /// What it does with which folders of the media bucket.
    pub media: &'static [(&'static [Object], &'static [&'static str])],
    /// Whether it sends to the queues.
    pub sends: bool,
    /// Whether a new version is given a tenth of the traffic first, because a bad one costs money. What takes in or carries on what is
    /// told once is shifted so in any case.
    pub gradual: bool,
    /// Its memory, which its share of a CPU follows.
    pub memory_mb: u16,
    /// When Lambda stops it.
    pub timeout_seconds: u16,
}

impl Needs {
    /// The least that a function has: no table, no secret, 256 MB and 15 seconds.
    pub const NOTHING: Self = Self {
        table: &[],
        indexes: &[],
        secrets: &[],
        calls: &[],
        settings: &[],
        ages_of_secrets: false,
        media: &[],
        sends: false,
        gradual: false,
        memory_mb: 256,
        timeout_seconds: 15,
    };

    /// Does this with the table.
    pub const fn table(table: &'static [Table]) -> Self {
        Self { table, ..Self::NOTHING }
    }
    /// Queries these indexes.
    #[must_use]
    pub const fn indexes(self, indexes: &'static [&'static str]) -> Self {
        Self { indexes, ..self }
    }
    /// Reads the secrets of these providers.
    #[must_use]
    pub const fn secrets(self, secrets: &'static [Provider]) -> Self {
        Self { secrets, ..self }
    }
    /// Looks at the age of every secret.
    #[must_use]
    pub const fn ages_of_secrets(self) -> Self {
        Self { ages_of_secrets: true, ..self }
    }
    /// Does this with these folders of the media bucket.
    #[must_use]
    pub const fn media(self, media: &'static [(&'static [Object], &'static [&'static str])]) -> Self {
        Self { media, ..self }
    }
    /// Calls these providers.
    #[must_use]
    pub const fn calls(self, calls: &'static [Provider]) -> Self {
        Self { calls, ..self }
    }
    /// Reads this of the configuration too.
    #[must_use]
    pub const fn settings(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }
    /// Sends to the queues.
    #[must_use]
    pub const fn sends(self) -> Self {
        Self { sends: true, ..self }
    }
    /// Is given its traffic gradually: it moves credits.
    #[must_use]
    pub const fn gradual(self) -> Self {
        Self { gradual: true, ..self }
    }
    /// Has so much memory.
    #[must_use]
    pub const fn memory_mb(self, memory_mb: u16) -> Self {
        Self { memory_mb, ..self }
    }
    /// Has so much time.
    #[must_use]
    pub const fn timeout_seconds(self, timeout_seconds: u16) -> Self {
        Self { timeout_seconds, ..self }
    }

    /// What is given to the function, with `started`: what it has because of what starts it.
    pub fn given(&self, started: Option<Setting>) -> Given {
        let called = self.calls.iter().filter_map(|provider| match provider {
            Provider::Clerk => None,
            Provider::Stream => Some(Setting::Stream),
            Provider::Gemini => Some(Setting::Gemini),
        });
        let of_media = (!self.media.is_empty()).then_some(Setting::MediaBucket);
        let sending = self.sends.then_some(Setting::Queues);
        let settings = started.into_iter().chain(called).chain(sending).chain(of_media);
        Given {
            settings: settings.chain(self.settings.iter().copied()).collect(),
            secrets: [self.secrets, self.calls].concat(),
        }
    }
}

/// What a function is given, beside what every function is: it can read nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Of the configuration.
    pub settings: Vec<Setting>,
    /// Whose secrets.
    pub secrets: Vec<Provider>,
}
