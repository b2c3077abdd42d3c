//! Why there is no generated text.

use std::fmt;
use std::time::Duration;

use ::http::StatusCode;
use domain::problem::{Kind, Problem};
use domain::reading::Unreadable;
use serde_json::Value;

use super::client::TokenUsage;
use crate::http::{self, Answer, NoAnswer};
use crate::unexpected::{Operation, Unexpected, Why};

pub(super) const GENERATE: Operation = Operation { provider: "Gemini", name: "generate" };

/// How an answer was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutReason {
    /// Text and thoughts together reached the limit that the request gave.
    MaxTokens,
    /// The model wants to go on in another request. We ask for short answers, so that is not done.
    Continuation,
    /// The model stopped without a text.
    Empty,
}

/// Why there is no generated text, by what we can do about it. What it prints holds no part of prompt or answer.
#[derive(thiserror::Error)]
pub enum GeminiError {
    /// A quota is used up.
    #[error("Gemini's quota is used up, per day: {per_day}")]
    RateLimited {
        /// How long Gemini asks to wait.
        retry_after: Option<Duration>,
        /// Whether it is a quota of a whole day, so that waiting minutes will not help.
        per_day: bool,
    },
    /// Gemini did not answer, or answered that it has a problem; trying again may help.
    #[error("Gemini is not available")]
    Unavailable(#[source] NoAnswer),
    /// Not finished within the request's time limit, or within Gemini's own. It may be billed all the same.
    #[error("Gemini did not answer in time")]
    Timeout,
    /// A filter stopped the prompt or the answer; the same prompt will be stopped again.
    #[error("Gemini blocked the content: {reason}")]
    Blocked {
        /// Gemini's reason, such as `SAFETY`; `UNKNOWN` for one that it added.
        reason: &'static str,
        /// What is billed for it.
        usage: TokenUsage,
    },
    /// The answer is not whole.
    #[error("Gemini's answer is cut: {reason:?}")]
    Cut {
        /// How.
        reason: CutReason,
        /// What is billed for it.
        usage: TokenUsage,
    },
    /// The request is not acceptable to this model; it needs a change of ours.
    #[error("Gemini refused the request with status {status}")]
    InvalidRequest {
        /// The HTTP status.
        status: u16,
        /// Gemini's explanation. It may repeat parts of the request, so it is not printed.
        message: String,
    },
    /// The API key is not accepted; it may have been rotated.
    #[error("Gemini does not accept the API key")]
    Unauthorized,
    /// The model does not exist, or no longer.
    #[error("Gemini does not have this model")]
    ModelGone,
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Malformed(#[from] Unexpected),
}

/// Callers are told the same whatever went wrong with Gemini: try again later.
impl Problem for GeminiError {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        Some(self.retry_after().map_or(5, |wait| wait.as_secs().max(1)))
    }
}

impl GeminiError {
    /// The model's text is not of the form that it was asked for.
    pub fn unreadable_text(why: Unreadable) -> Self {
        GENERATE.unexpected(Why::Text(why)).into()
    }

    /// Whether the same request may succeed later, after [`GeminiError::retry_after`] if that is given.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable(_) | Self::Timeout | Self::Malformed(_) => true,
            Self::Blocked { .. }
            | Self::Cut { .. }
            | Self::InvalidRequest { .. }
            | Self::Unauthorized
            | Self::ModelGone => false,
        }
    }

    /// Whether another model may do what this one did not: quotas and outages are per model, and models spend their
    /// tokens differently. Not for a refusal of the content, the request or the key.
    pub fn try_fallback_model(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable(NoAnswer::Status { .. })
            | Self::Timeout
            | Self::Cut { .. }
            | Self::ModelGone
            | Self::Malformed(_) => true,
            Self::Unavailable(_) | Self::Blocked { .. } | Self::InvalidRequest { .. } | Self::Unauthorized => false,
        }
    }

    /// How long Gemini asks to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn from_no_answer(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::TooLong { limit_bytes } => GENERATE.unexpected(Why::TooLong(limit_bytes)).into(),
            reason => Self::Unavailable(reason),
        }
    }

    /// What an answer without success means.
    pub(super) fn from_answer(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let error = ErrorBody::read(&answer.body);
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized,
            StatusCode::BAD_REQUEST if error.names_bad_key() => Self::Unauthorized,
            StatusCode::NOT_FOUND => Self::ModelGone,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = error.retry_delay().or_else(|| http::retry_after(&answer.headers));
                Self::RateLimited { retry_after, per_day: error.names_daily_quota() }
            }
            other if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            other if other.is_client_error() => Self::InvalidRequest { status, message: error.message() },
            _ => GENERATE.unexpected(Why::Status(status)).into(),
        }
    }
}

impl fmt::Debug for GeminiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited { retry_after, per_day } => {
                f.debug_struct("RateLimited").field("retry_after", retry_after).field("per_day", per_day).finish()
            }
            Self::Unavailable(reason) => f.debug_tuple("Unavailable").field(reason).finish(),
            Self::Timeout => f.write_str("Timeout"),
            Self::Blocked { reason, usage } => {
                f.debug_struct("Blocked").field("reason", reason).field("usage", usage).finish()
            }
            Self::Cut { reason, usage } => f.debug_struct("Cut").field("reason", reason).field("usage", usage).finish(),
            Self::InvalidRequest { status, message: _ } => {
                f.debug_struct("InvalidRequest").field("status", status).finish_non_exhaustive()
            }
            Self::Unauthorized => f.write_str("Unauthorized"),
            Self::ModelGone => f.write_str("ModelGone"),
            Self::Malformed(unexpected) => fmt::Debug::fmt(unexpected, f),
        }
    }
}

/// Google's error object. Its details are a list of objects of many types, of which we look for three members.
struct ErrorBody(Value);

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let whole: Value = serde_json::from_slice(body).unwrap_or_default();
        // Some front ends wrap it into a list of one.
        let object = if whole.is_array() { &whole[0]["error"] } else { &whole["error"] };
        Self(object.clone())
    }

    fn details(&self) -> impl Iterator<Item = &Value> {
        self.0["details"].as_array().into_iter().flatten()
    }

    fn message(&self) -> String {
        self.0["message"].as_str().unwrap_or_default().to_owned()
    }

    fn names_bad_key(&self) -> bool {
        self.details().any(|detail| detail["reason"] == "API_KEY_INVALID")
    }

    /// `RetryInfo`, whose delay is written like `34.07s`.
    fn retry_delay(&self) -> Option<Duration> {
        let delay = self.details().find_map(|detail| detail["retryDelay"].as_str())?;
        http::seconds(delay.strip_suffix('s')?)
    }

    fn names_daily_quota(&self) -> bool {
        let violations = self.details().filter_map(|detail| detail["violations"].as_array()).flatten();
        violations.filter_map(|violation| violation["quotaId"].as_str()).any(|quota| quota.contains("PerDay"))
    }
}
