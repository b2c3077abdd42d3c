//! Why a handler stops: any [`Problem`], or an answer that was given before.

use std::fmt;

use domain::problem::{Kind, Problem};
use store::idempotency::Answer;

/// Why a handler stops: a refusal, or an answer that was given before.
pub enum Error {
    /// A refusal.
    Refused(Box<dyn Problem + Send + Sync>),
    /// The remembered answer to the same request.
    Replayed(Answer),
}

impl<P: Problem + Send + Sync + 'static> From<P> for Error {
    fn from(problem: P) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => write!(f, "{}: {problem}", problem.code()),
            Self::Replayed(_) => f.write_str("replayed"),
        }
    }
}

impl Error {
    /// Whether it is a fault of ours, and no refusal.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.kind() == Kind::Internal)
    }

    /// Whether a rival was faster, so that reading again and deciding again makes sense.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.is_contended())
    }

    /// Whether what a concurrent twin of the request changed can be the reason: it took the slot, the credits, the rate
    /// token, or won every race.
    pub(crate) fn can_come_from_a_twin(&self) -> bool {
        let kinds = [Kind::Conflict, Kind::PaymentRequired, Kind::RateLimited, Kind::Unavailable];
        matches!(self, Self::Refused(problem) if kinds.contains(&problem.kind()))
    }

    /// The refusal's stable code, if it is one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(problem) => Some(problem.code()),
            Self::Replayed(_) => None,
        }
    }
}

/// An error and everything behind it, in one line.
pub fn chain(error: &(dyn std::error::Error + '_)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Refusals that belong to HTTP rather than to any aggregate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// A part of the request is not what HTTP allows.
    #[error("{0} cannot be read")]
    Malformed(String),
    /// There is no token, or it is no good.
    #[error("{0}")]
    Unauthenticated(String),
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The body is larger than we read.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The address is there, and has no such method.
    #[error("this method is not allowed here; see the Allow header")]
    NoSuchMethod,
}

impl Problem for RequestError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotJson(_) | Self::Malformed(_) => Kind::Malformed,
            Self::Unauthenticated(_) => Kind::Unauthenticated,
            Self::NotFound(_) => Kind::NotFound,
            Self::NoSuchMethod => Kind::MethodNotAllowed,
            Self::TooLarge(_) => Kind::TooLarge,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::Malformed(_) => "malformed_request",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::NotFound(_) => "not_found",
            Self::NoSuchMethod => "method_not_allowed",
            Self::TooLarge(_) => "payload_too_large",
        }
    }
}

/// 404: there is no such `thing`, or the caller may not know of it.
pub fn not_found(thing: &'static str) -> Error {
    RequestError::NotFound(thing).into()
}

/// A fault of ours that is not the table's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

impl Problem for Fault {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        "internal"
    }
}

/// Something we depend on does not answer; trying again helps.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Unavailable {
    /// Who does not answer.
    pub what: &'static str,
    /// What is known of it, for the log.
    pub why: String,
    /// When to try again.
    pub retry_after_seconds: u64,
}

impl Problem for Unavailable {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        Some(self.retry_after_seconds)
    }
}
