//! Clerk's Backend API: asked for what webhooks did not bring.

use std::time::Duration;

use ::http::{Method, StatusCode};
use domain::ids::UserId;
use domain::reading::Unreadable;
use serde::Deserialize;

use super::user::{ClerkUser, UserWire};
use crate::BoxFuture;
use crate::http::{self, Answer, BaseUrl, Http, NoAnswer, Request, UrlError};
use crate::secret::Secret;
use crate::unexpected::{Operation, Unexpected, Why};

/// The version of the API that the answers follow; it is the one that Clerk's current SDK sends.
const API_VERSION: &str = "2026-05-12";
const GET_USER: Operation = Operation { provider: "Clerk", name: "get user" };

/// Why Clerk did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// Too many requests; try again later.
    #[error("Clerk limits the rate of requests")]
    RateLimited {
        /// How long Clerk asks to wait.
        retry_after: Option<Duration>,
    },
    /// The secret key is not accepted; it may have been rotated.
    #[error("Clerk does not accept the secret key")]
    Unauthorized,
    /// Clerk understood and will not do it; the same request will fail again.
    #[error("Clerk refused the request with status {status}, code {code:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Clerk's error code, such as `resource_not_found`.
        code: Option<String>,
    },
    /// Clerk did not answer, or answered that it has a problem; trying again may help.
    #[error("Clerk is not available")]
    Unavailable(#[source] NoAnswer),
    /// An answer that is not what the documentation promises.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

#[derive(Deserialize)]
struct ErrorsWire {
    errors: Vec<ErrorWire>,
}

#[derive(Deserialize)]
struct ErrorWire {
    code: String,
}

impl ClerkError {
    pub(super) fn from_no_answer(operation: Operation, reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::TooLong { limit_bytes } => operation.unexpected(Why::TooLong(limit_bytes)).into(),
            reason => Self::Unavailable(reason),
        }
    }

    pub(super) fn from_answer(operation: Operation, answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { retry_after: http::retry_after(&answer.headers) },
            StatusCode::REQUEST_TIMEOUT => Self::Unavailable(NoAnswer::Timeout),
            other if other.is_server_error() => Self::Unavailable(NoAnswer::Status { status }),
            other if other.is_client_error() => {
                let errors = serde_json::from_slice::<ErrorsWire>(&answer.body).ok();
                let code = errors.and_then(|wire| wire.errors.into_iter().next()).map(|error| error.code);
                Self::Refused { status, code }
            }
            _ => operation.unexpected(Why::Status(status)).into(),
        }
    }
}

/// Calls Clerk's Backend API.
#[derive(Clone)]
pub struct ClerkClient {
    http: Http,
    base: BaseUrl,
    secret_key: Secret,
}

impl ClerkClient {
    /// A client for the instance that `secret_key` belongs to. `base` may be given with or without `/v1`.
    pub fn new(http: Http, base: BaseUrl, secret_key: Secret) -> Result<Self, UrlError> {
        Ok(Self { http, base: base.versioned("v1")?, secret_key })
    }

    /// The user as they are now; `None` if there is no such user, or not any more.
    pub fn get_user<'a>(&'a self, user_id: &'a UserId) -> BoxFuture<'a, Result<Option<ClerkUser>, ClerkError>> {
        Box::pin(async move {
            let url = self
                .base
                .join(&["users", user_id.as_str()])
                .map_err(|error| GET_USER.unexpected(Why::Address(error)))?;
            let request = Request::new(Method::GET, url)
                .secret_header("authorization", &format!("Bearer {}", self.secret_key.expose()))
                .header("clerk-api-version", API_VERSION);
            let outcome = self.http.exchange_repeatable(&request).await;
            let answer = outcome.map_err(|reason| ClerkError::from_no_answer(GET_USER, reason))?;
            match answer.status {
                StatusCode::OK => {
                    let wire: UserWire = GET_USER.read(&answer)?;
                    let wrong = |member, expected| GET_USER.wrong(&answer, Unreadable::wrong(member, expected));
                    let user = wire.into_user(None).ok_or_else(|| wrong("updated_at", "a possible time"))?;
                    if user.user_id != *user_id {
                        return Err(wrong("id", "the user who was asked for").into());
                    }
                    Ok(Some(user))
                }
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(ClerkError::from_answer(GET_USER, &answer)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reach;
    use crate::test_server::{Reply, TestServer};
    use serde_json::{Value, json};

    async fn ask(server: &TestServer, suffix: &str) -> Result<Option<ClerkUser>, ClerkError> {
        let base = BaseUrl::parse(&server.url(suffix), Reach::InternetAndLoopback).unwrap();
        let http = Http::new(Reach::InternetAndLoopback);
        let client = ClerkClient::new(http, base, Secret::new("sk_test_1")).unwrap();
        client.get_user(&"user_FAKE29w83sxmDNGwOuEthce5gg56".parse().unwrap()).await
    }

    fn user() -> Value {
        let file: Value = serde_json::from_str(include_str!("../../vectors/clerk.json")).unwrap();
        let event: Value = serde_json::from_str(file["webhook"]["vectors"][0]["raw_body"].as_str().unwrap()).unwrap();
        event["data"].clone()
    }

    #[tokio::test]
    async fn a_user_is_read_as_documented() {
        for suffix in ["", "/v1", "/v1/"] {
            let server = TestServer::start([Reply::json(200, &user())]);
            let found = ask(&server, suffix).await.unwrap().unwrap();
            assert_eq!(found.user_id.as_str(), "user_FAKE29w83sxmDNGwOuEthce5gg56");
            let request = server.request(0);
            assert_eq!(
                (request.method.as_str(), request.target.as_str()),
                ("GET", "/v1/users/user_FAKE29w83sxmDNGwOuEthce5gg56")
            );
            assert_eq!(request.header("authorization"), Some("Bearer sk_test_1"));
            assert_eq!(request.header("clerk-api-version"), Some("2026-05-12"));
        }
    }

    #[tokio::test]
    async fn a_user_that_does_not_exist_is_none() {
        let body = json!({ "errors": [{ "message": "not found", "code": "resource_not_found", "meta": {} }] });
        assert_eq!(ask(&TestServer::start([Reply::json(404, &body)]), "").await.unwrap(), None);
    }

    #[tokio::test]
    async fn every_failure_has_its_class() {
        let ask_once = async |reply: Reply| ask(&TestServer::start([reply.clone(), reply]), "").await.unwrap_err();
        for status in [401, 403] {
            assert!(matches!(ask_once(Reply::new(status, "{}")).await, ClerkError::Unauthorized));
        }
        let limited = ask_once(Reply::new(429, "{}").header("retry-after", "7")).await;
        assert!(
            matches!(limited, ClerkError::RateLimited { retry_after: Some(wait) } if wait == Duration::from_secs(7))
        );
        let refused = ask_once(Reply::json(422, &json!({ "errors": [{ "code": "form_param_invalid" }] }))).await;
        assert!(
            matches!(&refused, ClerkError::Refused { status: 422, code: Some(code) } if code == "form_param_invalid")
        );
        for status in [500, 502, 503] {
            let down = ask_once(Reply::new(status, "<html>")).await;
            assert!(matches!(down, ClerkError::Unavailable(NoAnswer::Status { status: s }) if s == status));
        }
        let odd = json!({ "id": "user_other", "updated_at": 1 });
        for reply in [Reply::new(200, "<html>"), Reply::new(200, "{}"), Reply::new(302, ""), Reply::json(200, &odd)] {
            assert!(matches!(ask_once(reply).await, ClerkError::Unexpected(_)));
        }
        for (reply, told) in [
            (Reply::json(200, &odd), "status 200, id is not the user who was asked for"),
            (Reply::new(302, ""), "status 302 is neither a success nor a refusal"),
            (Reply::new(200, r#"{"id":"user_1","updated_at":"zoe"}"#), "status 200, updated_at is not a whole number"),
        ] {
            let error = ask_once(reply).await;
            assert_eq!(error.to_string(), format!("Clerk's answer to get user cannot be used: {told}"));
        }
        let cut = ask_once(Reply::cut(200, "{", 9)).await;
        assert!(matches!(cut, ClerkError::Unavailable(NoAnswer::Broken(_))));
    }

    #[tokio::test]
    async fn a_broken_connection_is_tried_once_more() {
        let server = TestServer::start([Reply::close(), Reply::json(200, &user())]);
        assert!(ask(&server, "").await.unwrap().is_some());
        assert_eq!(server.request_count(), 2);
    }
}
