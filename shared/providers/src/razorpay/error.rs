//! Why Razorpay did not do what was asked.

use std::time::Duration;

use ::http::StatusCode;
use domain::problem::{Kind, Problem};
use serde::Deserialize;

use crate::http::{self, Answer, NoAnswer};
use crate::unexpected::{Operation, Unexpected, Why};

/// Why Razorpay did not do what was asked, by what we can do about it. Its explanations are not kept: they can repeat names.
#[derive(Debug, thiserror::Error)]
pub enum RazorpayError {
    /// Too many requests; try again later.
    #[error("Razorpay limits the rate of requests")]
    RateLimited {
        /// How long Razorpay asks to wait.
        retry_after: Option<Duration>,
    },
    /// The same refund, by its idempotency key, is still being worked on; try again shortly.
    #[error("Razorpay still works on the same request")]
    InProgress,
    /// The key or its secret is not accepted; it may have been rotated.
    #[error("Razorpay does not accept the key")]
    Unauthorized,
    /// There is no such address. An unknown id is [`RazorpayError::Refused`].
    #[error("Razorpay does not know this")]
    NotFound,
    /// Razorpay understood and will not do it; the same request will fail again.
    #[error("Razorpay refused the request with status {status}, code {code:?}, reason {reason:?}, field {field:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Such as `BAD_REQUEST_ERROR`.
        code: Option<String>,
        /// Such as `input_validation_failed`.
        reason: Option<String>,
        /// Which member is refused.
        field: Option<String>,
    },
    /// No answer, or one that says that Razorpay is in trouble. Razorpay may have acted.
    #[error("Razorpay is not available")]
    Unavailable(#[source] NoAnswer),
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// To a caller of ours every trouble with Razorpay is the same: try again.
impl Problem for RazorpayError {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after: Some(wait) } => Some(wait.as_secs().max(1)),
            Self::InProgress => Some(1),
            _ => Some(5),
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: ErrorWire,
}

#[derive(Deserialize, Default)]
struct ErrorWire {
    code: Option<String>,
    reason: Option<String>,
    field: Option<String>,
}

impl RazorpayError {
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
            StatusCode::CONFLICT => Self::InProgress,
            other if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            other if other.is_client_error() => {
                let told = serde_json::from_slice::<Envelope>(&answer.body).map(|wire| wire.error);
                let ErrorWire { code, reason, field } = told.unwrap_or_default();
                Self::Refused { status, code, reason, field }
            }
            _ => operation.unexpected(Why::Status(status)).into(),
        }
    }
}
