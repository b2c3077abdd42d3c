//! Errors as answers: `application/problem+json` (RFC 9457), made from any [`Problem`] at one place.

use std::fmt;

use axum::response::{IntoResponse, Response};
use domain::problem::{FieldError, Kind, Problem};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
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

/// The only place where a kind of refusal becomes an HTTP status.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The body of a refusal.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub struct ProblemBody {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// What happened, for programs; stable.
    pub code: String,
    /// To name this answer to an operator.
    pub request_id: String,
    /// The members of the request that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// After how long to try again where nobody knows better.
const RETRY_SECONDS: u64 = 5;

/// What a refusal carries to the place that knows the request's id, see [`crate::serve`].
#[derive(Debug, Clone)]
pub(crate) struct Refusal(pub ProblemBody);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => refusal(problem.as_ref()),
            Self::Replayed(answer) => {
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
                let headers = [("content-type", "application/json"), ("idempotent-replayed", "true")];
                (status, headers, answer.body).into_response()
            }
        }
    }
}

fn refusal(problem: &(dyn Problem + Send + Sync)) -> Response {
    let status = status(problem.kind());
    let detail = if status.is_server_error() {
        // The chain is for the log alone: it can name hosts and tables. Rivals are no failure that anybody has to look at:
        // whoever sends many changes of one thing at once could otherwise raise alarms.
        if problem.is_contended() {
            tracing::warn!(code = problem.code(), error = %chain(problem), "rivals were faster each time");
        } else {
            tracing::error!(code = problem.code(), error = %chain(problem), "request failed");
        }
        match problem.kind() {
            _ if problem.is_contended() => "Too many changes at once. Nothing was changed; please try again.",
            Kind::Unavailable => "Something we depend on does not answer. Nothing was lost; please try again.",
            _ => "Something is broken on our side. Nothing was changed.",
        }
        .to_owned()
    } else {
        sentence(&problem.to_string())
    };
    let body = ProblemBody {
        kind: format!("urn:greenroom:problem:{}", problem.code()),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail,
        code: problem.code().to_owned(),
        request_id: String::new(),
        errors: problem.fields().to_vec(),
    };
    let mut response = status.into_response();
    // Whoever is told to try again is told when.
    let wait = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_SECONDS);
    if let Some(seconds) = problem.retry_after_seconds().or(wait) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(Refusal(body));
    response
}

fn sentence(text: &str) -> String {
    let begins_with_a_member = text.split(' ').next().is_some_and(|word| word.ends_with(':'));
    if begins_with_a_member {
        return format!("{}.", text.trim_end_matches('.'));
    }
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
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
    #[error("this address has no such method; see the header Allow")]
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

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_detail_is_a_sentence_and_spells_members_as_they_are() {
        assert_eq!(sentence("the slot is taken"), "The slot is taken.");
        assert_eq!(
            sentence("startTime: must be a slot; amount: must be 1"),
            "startTime: must be a slot; amount: must be 1."
        );
    }
}
