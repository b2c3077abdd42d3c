//! Requests as API Gateway hands them over, and their answers.

use axum::Router;
use serde_json::{Map, Value, json};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body; null where there is none.
    pub body: Value,
}

impl Answer {
    /// The refusal's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body, if the status is this one; the test fails otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Fails the test unless this is a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }
}

/// The members that a refusal names.
#[track_caller]
pub fn refused_fields(answer: &Answer) -> Vec<&str> {
    answer.refused(422, "validation_failed");
    let errors = answer.body["errors"].as_array().expect("errors");
    errors.iter().map(|error| error["field"].as_str().expect("a field")).collect()
}

/// A request as API Gateway's HTTP API (payload version 2) hands it to a Lambda: what is not text is in Base64.
pub fn event(method: &str, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Value {
    use base64::Engine;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers: Map<String, Value> = headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    let (body, is_base64) = match body.map(String::from_utf8) {
        None => (None, false),
        Some(Ok(text)) => (Some(text), false),
        Some(Err(bytes)) => (Some(base64::engine::general_purpose::STANDARD.encode(bytes.as_bytes())), true),
    };
    json!({
        "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path, "rawQueryString": query,
        "headers": headers, "isBase64Encoded": is_base64, "body": body,
        "requestContext": {
            "accountId": "000000000000", "apiId": "test", "domainName": "api.test.example", "domainPrefix": "api",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7",
                "userAgent": "tests" },
            "requestId": "request-1", "routeKey": format!("{method} {path}"), "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_176_000_000_i64,
        },
    })
}

/// What `router` answers to an event.
pub async fn send(router: &Router, event: Value) -> Answer {
    let answer = kit::gateway::respond(router.clone(), event).await;
    let status = answer["statusCode"].as_u64().and_then(|s| u16::try_from(s).ok()).expect("a status");
    let mut headers = http::HeaderMap::new();
    for (name, value) in answer["headers"].as_object().expect("headers") {
        let name: http::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.as_str().expect("text").parse().expect("a value"));
    }
    let text = answer["body"].as_str().expect("a body");
    let body = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    Answer { status, headers, body: if text.is_empty() { Value::Null } else { body } }
}
