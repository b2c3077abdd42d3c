//! Why Stripe did not do what was asked.

use std::time::Duration;

use ::http::StatusCode;
use domain::problem::{Kind, Problem};
use serde::Deserialize;

use crate::http::{self, Answer, NoAnswer};
use crate::unexpected::{Operation, Unexpected, Why};

/// Why Stripe did not do what was asked, by what we can do about it. Stripe's explanations are not kept: they can repeat names
/// and addresses, and the request is in Stripe's own log under its id.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// Too many requests, or too many at once for one object; try again later.
    #[error("Stripe limits the rate of requests")]
    RateLimited {
        /// How long Stripe asks to wait.
        retry_after: Option<Duration>,
    },
    /// The same request, by its idempotency key, is still being worked on; try again shortly.
    #[error("Stripe still works on the same request")]
    InProgress,
    /// The idempotency key was used before, for something else. Nothing was done.
    #[error("Stripe was asked for something else under the same idempotency key")]
    KeyReused,
    /// The secret key is not accepted, or may not do this; it may have been rotated.
    #[error("Stripe does not accept the secret key for this")]
    Unauthorized,
    /// There is no such object, or no longer.
    #[error("Stripe does not know this object")]
    NotFound,
    /// The bank said no.
    #[error("the payment was declined: {code:?}, {decline_code:?}")]
    Declined {
        /// Stripe's code, such as `card_declined`.
        code: Option<String>,
        /// The bank's reason, such as `insufficient_funds`.
        decline_code: Option<String>,
    },
    /// Stripe understood and will not do it; the same request will fail again.
    #[error("Stripe refused the request with status {status}, code {code:?}, parameter {param:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's code, such as `charge_already_refunded`.
        code: Option<String>,
        /// Which parameter is refused.
        param: Option<String>,
    },
    /// No answer, or one that says that Stripe is in trouble. Stripe may have acted: the same key finds out.
    #[error("Stripe is not available")]
    Unavailable(#[source] NoAnswer),
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// To a caller of ours every trouble with Stripe is the same: try again.
impl Problem for StripeError {
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
    #[serde(rename = "type", default, deserialize_with = "crate::null::or_default")]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
}

impl StripeError {
    pub(super) fn from_no_answer(operation: Operation, reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::TooLong { limit_bytes } => operation.unexpected(Why::TooLong(limit_bytes)).into(),
            reason => Self::Unavailable(reason),
        }
    }

    /// What an answer without success means.
    pub(super) fn from_answer(operation: Operation, answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let told = || serde_json::from_slice::<Envelope>(&answer.body).map(|wire| wire.error).unwrap_or_default();
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { retry_after: http::retry_after(&answer.headers) },
            StatusCode::REQUEST_TIMEOUT => Self::Unavailable(NoAnswer::Timeout),
            StatusCode::CONFLICT => Self::InProgress,
            StatusCode::PAYMENT_REQUIRED => {
                let ErrorWire { code, decline_code, .. } = told();
                Self::Declined { code, decline_code }
            }
            other if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            other if other.is_client_error() => match told() {
                ErrorWire { kind, .. } if kind == "idempotency_error" => Self::KeyReused,
                ErrorWire { code, param, .. } => Self::Refused { status, code, param },
            },
            _ => operation.unexpected(Why::Status(status)).into(),
        }
    }
}
