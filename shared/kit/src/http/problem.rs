//! Errors as answers: `application/problem+json` (RFC 9457), made from any [`Problem`] at one place.

use axum::response::{IntoResponse, Response};
use domain::problem::{FieldError, Kind, Problem};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::error::{Error, chain};

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

/// A problem (RFC 9457).
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
    /// What happened, in plain words.
    pub detail: String,
    /// A stable, machine-readable code.
    pub code: String,
    /// Identifies the request; quote it to support.
    pub request_id: String,
    /// The fields that failed validation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// After how long to try again where nobody knows better.
const RETRY_SECONDS: u64 = 5;

/// What a refusal carries to the place that knows the request's id, see [`complete`].
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
            Kind::Unavailable => "A service we depend on does not respond. Nothing was lost; please try again.",
            _ => "Something went wrong on our side. Nothing was changed.",
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

/// Completes an answer with what only the request knows: its id, and with it the body of a refusal.
pub(crate) fn complete(mut response: Response, request_id: &str) -> Response {
    if let Some(Refusal(mut body)) = response.extensions_mut().remove::<Refusal>() {
        request_id.clone_into(&mut body.request_id);
        let (mut parts, _) = response.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        parts.headers.remove(header::CONTENT_LENGTH);
        let text = serde_json::to_string(&body).unwrap_or_default();
        response = (parts, text).into_response();
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
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
