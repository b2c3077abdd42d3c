//! Why Resend did not do what was asked.

use std::time::Duration;

use ::http::StatusCode;
use domain::problem::{Kind, Problem};
use serde::Deserialize;

use crate::http::{self, Answer, NoAnswer};
use crate::unexpected::{Operation, Unexpected, Why};

/// Why Resend did not do what was asked, by what we can do about it. Its explanations are not kept: they can repeat addresses.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// Too many requests a second; try again shortly.
    #[error("Resend limits the rate of requests")]
    RateLimited {
        /// How long Resend asks to wait.
        retry_after: Option<Duration>,
    },
    /// The plan's e-mails of a day or a month are used up: trying again within minutes does not help.
    #[error("the quota of e-mails at Resend is used up")]
    QuotaUsedUp,
    /// The same e-mail, by its idempotency key, is still being taken; try again shortly.
    #[error("Resend still works on the same request")]
    InProgress,
    /// The idempotency key was used before, for another e-mail. Nothing was sent.
    #[error("Resend was asked for another e-mail under the same idempotency key")]
    KeyReused,
    /// The API key is not accepted, or may not do this; it may have been rotated.
    #[error("Resend does not accept the API key")]
    Unauthorized,
    /// Resend understood and will not do it; the same request will fail again.
    #[error("Resend refused the request with status {status}, {name:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Resend's name of the refusal, such as `validation_error`.
        name: Option<String>,
    },
    /// No answer, or one that says that Resend is in trouble. The e-mail may have been sent: the same key finds out.
    #[error("Resend is not available")]
    Unavailable(#[source] NoAnswer),
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// To a caller of ours every trouble with Resend is the same: try again.
impl Problem for ResendError {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after: Some(wait) } => Some(wait.as_secs().max(1)),
            Self::QuotaUsedUp => Some(60 * 60),
            Self::InProgress => Some(1),
            _ => Some(5),
        }
    }
}

#[derive(Deserialize)]
struct ErrorWire {
    name: String,
}

impl ResendError {
    pub(super) fn from_no_answer(operation: Operation, reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::TooLong { limit_bytes } => operation.unexpected(Why::TooLong(limit_bytes)).into(),
            reason => Self::Unavailable(reason),
        }
    }

    /// What an answer without success means.
    pub(super) fn from_answer(operation: Operation, answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let name = serde_json::from_slice(&answer.body).ok().map(|ErrorWire { name }| name);
        match (answer.status, name.as_deref()) {
            (StatusCode::UNAUTHORIZED, _) | (_, Some("invalid_api_key" | "restricted_api_key")) => Self::Unauthorized,
            (_, Some("daily_quota_exceeded" | "monthly_quota_exceeded")) => Self::QuotaUsedUp,
            (_, Some("concurrent_idempotent_requests")) => Self::InProgress,
            (_, Some("invalid_idempotent_request")) => Self::KeyReused,
            (StatusCode::TOO_MANY_REQUESTS, _) => Self::RateLimited { retry_after: http::retry_after(&answer.headers) },
            (StatusCode::REQUEST_TIMEOUT, _) => Self::Unavailable(NoAnswer::Timeout),
            (other, _) if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            (other, _) if other.is_client_error() => Self::Refused { status, name },
            _ => operation.unexpected(Why::Status(status)).into(),
        }
    }
}
