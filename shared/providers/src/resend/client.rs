//! Resend's REST API, for the requests we make.

use std::time::Duration;

use ::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ResendError;
use crate::BoxFuture;
use crate::http::{BaseUrl, DEFAULT_TIMEOUT, Http, Request};
use crate::secret::{Link, Secret};
use crate::unexpected::{Operation, Why};

const SEND: Operation = Operation { provider: "Resend", name: "send" };

/// An e-mail. It has no `Debug`, because all of it is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// `Name <address>`, of a domain that Resend has verified.
    pub from: String,
    /// The reader.
    pub to: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The subject.
    pub subject: String,
    /// For readers who see HTML.
    pub html: String,
    /// For all others.
    pub text: String,
    /// Where one request, without a question, ends e-mails of this sort (RFC 8058).
    pub unsubscribe: Option<Link>,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// What its events are told with: names and values of ASCII letters, digits, `_` and `-`.
    pub tags: Vec<(String, String)>,
}

/// A file that goes with an e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Such as `text/calendar; method=REQUEST`.
    pub content_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Calls Resend's REST API.
#[derive(Clone)]
pub struct ResendClient {
    http: Http,
    base: BaseUrl,
    api_key: Secret,
    timeout: Duration,
}

#[derive(Deserialize)]
struct SentWire {
    id: String,
}

impl ResendClient {
    /// A client for the team that `api_key` belongs to.
    pub fn new(http: Http, base: BaseUrl, api_key: Secret) -> Self {
        Self { http, base, api_key, timeout: DEFAULT_TIMEOUT }
    }

    /// The same client with another limit for a whole exchange than the usual ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends an e-mail, and says under which id its events come. The same key, of at most 256 characters, and the same e-mail
    /// give the same id for 24 hours and send nothing more; after that they send it again.
    pub fn send<'a>(
        &'a self,
        email: &'a Email,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<String, ResendError>> {
        Box::pin(async move {
            let url = self.base.join(&["emails"]).map_err(|error| SEND.unexpected(Why::Address(error)))?;
            let request = Request::new(Method::POST, url)
                .secret_header("authorization", &format!("Bearer {}", self.api_key.expose()))
                .secret_header("idempotency-key", idempotency_key)
                .json(&wire(email))
                .timeout(self.timeout);
            let outcome = self.http.exchange_repeatable(&request).await;
            let answer = outcome.map_err(|reason| ResendError::from_no_answer(SEND, reason))?;
            if !answer.status.is_success() {
                return Err(ResendError::from_answer(SEND, &answer));
            }
            let SentWire { id } = SEND.read(&answer)?;
            Ok(id)
        })
    }
}

fn wire(email: &Email) -> Value {
    let mut body = Map::from_iter([
        ("from".to_owned(), json!(email.from)),
        ("to".to_owned(), json!([email.to])),
        ("subject".to_owned(), json!(email.subject)),
        ("html".to_owned(), json!(email.html)),
        ("text".to_owned(), json!(email.text)),
    ]);
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if let Some(reply_to) = &email.reply_to {
        set("reply_to", json!(reply_to));
    }
    if let Some(link) = &email.unsubscribe {
        let headers = json!({
            "List-Unsubscribe": format!("<{}>", link.expose()),
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        });
        set("headers", headers);
    }
    if !email.attachments.is_empty() {
        let attachment = |file: &Attachment| {
            json!({ "filename": file.filename, "content_type": file.content_type,
                "content": BASE64_STANDARD.encode(&file.content) })
        };
        set("attachments", email.attachments.iter().map(attachment).collect());
    }
    if !email.tags.is_empty() {
        set("tags", email.tags.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect());
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{NoAnswer, Reach};
    use crate::test_server::{Reply, TestServer};
    use domain::problem::Problem as _;

    fn known() -> Value {
        let file: Value = serde_json::from_str(include_str!("../../vectors/resend.json")).unwrap();
        file["requests"].clone()
    }

    fn client(server: &TestServer) -> ResendClient {
        let base = BaseUrl::parse(&server.base(), Reach::InternetAndLoopback).unwrap();
        ResendClient::new(Http::new(Reach::InternetAndLoopback), base, Secret::new("re_FAKE_0001"))
    }

    fn email() -> Email {
        Email {
            from: "Mock Interviews <no-reply@mockinterviews.example>".into(),
            to: "zoe.candidate@example.com".into(),
            reply_to: Some("support@mockinterviews.example".into()),
            subject: "Your interview report is ready".into(),
            html: "<p>Hello</p>".into(),
            text: "Hello".into(),
            unsubscribe: None,
            attachments: vec![Attachment {
                filename: "invite.ics".into(),
                content_type: "text/calendar".into(),
                content: b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n".to_vec(),
            }],
            tags: vec![("category".into(), "report_ready".into())],
        }
    }

    #[tokio::test]
    async fn an_email_is_sent_as_documented() {
        let known = known()["send"].clone();
        let server = TestServer::start([Reply::json(200, &known["response"]["body"])]);
        let key = known["headers"]["idempotency-key"].as_str().unwrap();
        let id = client(&server).send(&email(), key).await.unwrap();
        assert_eq!(id, known["response"]["body"]["id"]);
        let sent = server.request(0);
        assert_eq!((&*sent.method, &*sent.target), ("POST", known["path"].as_str().unwrap()));
        for (name, value) in known["headers"].as_object().unwrap() {
            assert_eq!(sent.header(name), value.as_str(), "{name}");
        }
        assert_eq!(sent.json(), known["body"]);
    }

    #[tokio::test]
    async fn one_click_ends_a_sort_of_email_and_what_is_not_there_is_not_sent() {
        let server = TestServer::start([Reply::json(200, &json!({ "id": "1" }))]);
        let link = Link::new("https://app.example/unsubscribe?token=s3cret");
        let plain = Email { unsubscribe: Some(link), attachments: vec![], tags: vec![], reply_to: None, ..email() };
        client(&server).send(&plain, "key").await.unwrap();
        let body = server.request(0).json();
        assert_eq!(
            body["headers"],
            json!({ "List-Unsubscribe": "<https://app.example/unsubscribe?token=s3cret>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" })
        );
        for absent in ["attachments", "tags", "reply_to"] {
            assert!(body.get(absent).is_none(), "{absent}");
        }
    }

    async fn ask(reply: Reply) -> (ResendError, usize) {
        let server = TestServer::start([reply.clone(), reply]);
        (client(&server).send(&email(), "key").await.unwrap_err(), server.request_count())
    }

    #[tokio::test]
    async fn every_known_refusal_has_its_class() {
        let errors = known()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), 9);
        for known in errors {
            let status = u16::try_from(known["status"].as_u64().unwrap()).unwrap();
            let mut reply = Reply::json(status, &known["body"]);
            for (name, value) in known["headers"].as_object().unwrap() {
                reply = reply.header(name, value.as_str().unwrap());
            }
            let (error, asked) = ask(reply).await;
            let name = known["body"]["name"].as_str().unwrap();
            let expected = match name {
                "missing_api_key" | "invalid_api_key" => matches!(error, ResendError::Unauthorized),
                "validation_error" => matches!(error, ResendError::Refused { status: 403, .. }),
                "invalid_idempotent_request" => matches!(error, ResendError::KeyReused),
                "concurrent_idempotent_requests" => matches!(error, ResendError::InProgress),
                "missing_required_field" => matches!(error, ResendError::Refused { status: 422, .. }),
                "rate_limit_exceeded" => {
                    matches!(error, ResendError::RateLimited { retry_after: Some(wait) } if wait.as_secs() == 1)
                }
                "daily_quota_exceeded" => matches!(error, ResendError::QuotaUsedUp),
                "application_error" => matches!(error, ResendError::Unavailable(NoAnswer::Status { status: 500 })),
                other => panic!("{other}"),
            };
            assert!(expected, "{name}: {error:?}");
            assert_eq!(asked, 1, "an answer is an answer");
            assert!(error.retry_after_seconds().is_some());
        }
    }

    #[tokio::test]
    async fn every_failure_has_its_class() {
        assert!(matches!(ask(Reply::new(502, "<html>")).await.0, ResendError::Unavailable(_)));
        assert!(matches!(ask(Reply::new(451, "<html>")).await.0, ResendError::Refused { status: 451, name: None }));
        let (error, _) = ask(Reply::new(200, r#"{"s3cret":1}"#)).await;
        assert_eq!(error.to_string(), "Resend's answer to send cannot be used: status 200, the member id is missing");
        assert!(matches!(ask(Reply::close()).await, (ResendError::Unavailable(NoAnswer::Broken(_)), 2)));
        let server = TestServer::start([Reply::hang()]);
        let outcome = client(&server).with_timeout(Duration::from_millis(100)).send(&email(), "key").await;
        assert!(matches!(outcome, Err(ResendError::Unavailable(NoAnswer::Timeout))), "{outcome:?}");
        assert_eq!(server.request_count(), 1);
    }
}
