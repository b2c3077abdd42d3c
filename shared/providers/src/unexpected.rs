//! An answer that differs from a provider's documentation, reported without its content.

use domain::reading::{self, Unreadable};
use serde::de::DeserializeOwned;

use crate::http::{Answer, UrlError};

/// An unusable answer: whose it is, what was asked, and what is wrong with it. It repeats nothing from the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}'s answer to {operation} cannot be used: {why}")]
pub struct Unexpected {
    /// Who answered.
    pub provider: &'static str,
    /// What was asked for.
    pub operation: &'static str,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It is not of the form that we read.
    #[error("status {status}, {unreadable}")]
    Form {
        /// The HTTP status.
        status: u16,
        /// Which member is missing or wrong.
        unreadable: Unreadable,
    },
    /// It is, but the text that a model wrote in it is not.
    #[error("of the model's text, {0}")]
    Text(Unreadable),
    /// The status is neither a success nor a refusal, such as a redirect.
    #[error("status {0} is neither a success nor a refusal")]
    Status(u16),
    /// It is larger than anything that is expected.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// The request was never sent, because a part of it cannot be written in a URL.
    #[error("nothing was asked: {0}")]
    Address(UrlError),
}

/// One thing that a provider is asked for, by the names that operators know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub provider: &'static str,
    pub name: &'static str,
}

impl Operation {
    pub fn unexpected(self, why: Why) -> Unexpected {
        Unexpected { provider: self.provider, operation: self.name, why }
    }

    /// A whole answer, as `T`.
    pub fn read<T: DeserializeOwned>(self, answer: &Answer) -> Result<T, Unexpected> {
        reading::read(&answer.body).map_err(|unreadable| self.wrong(answer, unreadable))
    }

    /// An answer that has the right form but cannot be used.
    pub fn wrong(self, answer: &Answer, unreadable: Unreadable) -> Unexpected {
        self.unexpected(Why::Form { status: answer.status.as_u16(), unreadable })
    }
}
