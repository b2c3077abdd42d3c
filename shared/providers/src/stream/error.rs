//! Why Stream did not do what was asked.

use std::fmt;
use std::time::Duration;

use ::http::StatusCode;
use domain::problem::{Kind, Problem};
use serde::Deserialize;

use crate::http::{self, Answer, NoAnswer};
use crate::unexpected::{Operation, Unexpected, Why};

/// Why Stream did not do what was asked, by what we can do about it. What it prints names neither people nor tokens.
#[derive(thiserror::Error)]
pub enum StreamError {
    /// Too many requests; try again later.
    #[error("Stream limits the rate of requests")]
    RateLimited {
        /// How long Stream asks to wait.
        retry_after: Option<Duration>,
    },
    /// The API key or secret is not accepted; it may have been rotated.
    #[error("Stream does not accept the API key or secret")]
    Unauthorized,
    /// There is no such call, user or file.
    #[error("Stream does not know this call, user or file")]
    NotFound,
    /// Stream understood and will not do it; the same request will fail again.
    #[error("Stream refused the request with status {status}, code {code:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stream's error code.
        code: Option<i64>,
        /// Stream's explanation. It may repeat names from the request, so it is not printed.
        message: String,
    },
    /// Stream did not answer, or answered that it has a problem; trying again may help.
    #[error("Stream is not available")]
    Unavailable(#[source] NoAnswer),
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Callers are told the same whatever went wrong with Stream: try again later.
impl Problem for StreamError {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after: Some(wait) } => Some(wait.as_secs().max(1)),
            _ => Some(5),
        }
    }
}

impl fmt::Debug for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited { retry_after } => {
                f.debug_struct("RateLimited").field("retry_after", retry_after).finish()
            }
            Self::Refused { status, code, message: _ } => {
                f.debug_struct("Refused").field("status", status).field("code", code).finish_non_exhaustive()
            }
            Self::Unavailable(reason) => f.debug_tuple("Unavailable").field(reason).finish(),
            Self::Unauthorized => f.write_str("Unauthorized"),
            Self::NotFound => f.write_str("NotFound"),
            Self::Unexpected(unexpected) => fmt::Debug::fmt(unexpected, f),
        }
    }
}

#[derive(Deserialize)]
struct ErrorWire {
    code: Option<i64>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    message: String,
}

impl StreamError {
    pub(super) fn from_no_answer(operation: Operation, reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::TooLong { limit_bytes } => operation.unexpected(Why::TooLong(limit_bytes)).into(),
            reason => Self::Unavailable(reason),
        }
    }

    /// What an answer without success means.
    pub(super) fn from_answer(operation: Operation, answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { retry_after: http::retry_after(&answer.headers) },
            StatusCode::REQUEST_TIMEOUT => Self::Unavailable(NoAnswer::Timeout),
            other if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            other if other.is_client_error() => {
                let wire = serde_json::from_slice::<ErrorWire>(&answer.body).ok();
                let (code, message) = wire.map_or((None, String::new()), |wire| (wire.code, wire.message));
                Self::Refused { status, code, message }
            }
            _ => operation.unexpected(Why::Status(status)).into(),
        }
    }
}
