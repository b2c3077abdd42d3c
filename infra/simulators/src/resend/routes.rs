//! Resend's endpoints and the control endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Inner, Mail, inbox};
use crate::crypto::same;
use crate::events::controls;
use crate::http::{control_body, control_error, json_response, lock, observe};

/// The longest e-mail, after base64.
const MAX_MAIL_BYTES: usize = 40 * 1024 * 1024;
/// What a request may hold.
const MEMBERS: [&str; 14] = [
    "from",
    "to",
    "subject",
    "html",
    "text",
    "cc",
    "bcc",
    "reply_to",
    "headers",
    "attachments",
    "tags",
    "scheduled_at",
    "template",
    "topic_id",
];

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/emails", post(send))
        .route("/emails/{id}", get(read))
        .route("/inbox", get(inbox::list))
        .route("/inbox/{id}", get(inbox::show))
        .route("/inbox/{id}/html", get(inbox::html))
        .route("/inbox/{id}/attachments/{index}", get(inbox::attachment))
        .route("/inbox/{id}/happen", post(inbox::happen))
        .route("/simulator/config", get(read_config).post(change_config))
        .route("/simulator/emails", get(control_list))
        .route("/simulator/emails/{id}/happen", post(control_happen))
        .with_state(inner.clone())
        .merge(controls(inner.events.clone(), inner.exchange.clone()))
        .fallback(async || refusal(404, "not_found", "The requested endpoint does not exist."))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    let name = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        StatusCode::CONFLICT => "concurrent_idempotent_requests",
        _ => "application_error",
    };
    json!({ "statusCode": status.as_u16(), "name": name, "message": "Simulated." })
}

fn refusal(status: u16, name: &str, message: &str) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_response(code, &json!({ "statusCode": status, "name": name, "message": message }))
}

fn key_refusal(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match bearer {
        None => Some(refusal(401, "missing_api_key", "Missing API key in the authorization header.")),
        Some(key) if same(key.as_bytes(), lock(&inner.kept).account.api_key.as_bytes()) => None,
        Some(_) => Some(refusal(403, "invalid_api_key", "API key is invalid.")),
    }
}

/// One address or a list of them.
pub fn addresses(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// `a@b` or `Name <a@b>`.
fn is_address(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => text.trim(),
    };
    let parts = address.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !address.contains(' '))
}

/// What Resend would refuse of a request: status, name and message.
fn fault(mail: &Value) -> Option<(u16, &'static str, String)> {
    let missing = |name: &str| Some((422, "missing_required_field", format!("Missing `{name}` field.")));
    let invalid = |text: &str| Some((422, "validation_error", text.to_owned()));
    let Some(members) = mail.as_object() else { return invalid("The body must be a JSON object.") };
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return invalid(&format!("Unrecognized key `{unknown}`."));
    }
    for name in ["from", "to", "subject"] {
        if mail[name].is_null() || mail[name] == "" || mail[name] == json!([]) {
            return missing(name);
        }
    }
    if mail["html"].as_str().is_none_or(str::is_empty) && mail["text"].as_str().is_none_or(str::is_empty) {
        return missing("html` or `text");
    }
    if !mail["from"].as_str().is_some_and(is_address) {
        return Some((422, "invalid_from_address", "Invalid `from` field.".to_owned()));
    }
    for name in ["to", "cc", "bcc", "reply_to"] {
        let list = addresses(&mail[name]);
        if list.len() > 50 || !list.iter().all(|address| is_address(address)) {
            return invalid(&format!("Invalid `{name}` field. At most 50 addresses, each `a@b.c` or `Name <a@b.c>`."));
        }
    }
    let is_tag = |text: &Value| {
        text.as_str().is_some_and(|text| {
            !text.is_empty()
                && text.len() <= 256
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        })
    };
    if !mail["tags"].as_array().into_iter().flatten().all(|tag| is_tag(&tag["name"]) && is_tag(&tag["value"])) {
        return invalid("Tags should only contain ASCII letters, numbers, underscores, or dashes.");
    }
    for file in mail["attachments"].as_array().into_iter().flatten() {
        let content = file["content"].as_str().is_some_and(|content| STANDARD.decode(content).is_ok());
        if !(content || file["path"].is_string()) || file["filename"].as_str().is_none_or(str::is_empty) {
            return Some((
                422,
                "invalid_attachment",
                "Attachment must have a filename and content or path.".to_owned(),
            ));
        }
    }
    let headers = mail["headers"].as_object().into_iter().flatten();
    if headers
        .into_iter()
        .any(|(name, value)| name.is_empty() || value.as_str().is_none_or(|v| v.contains(['\r', '\n'])))
    {
        return invalid("Invalid `headers` field.");
    }
    None
}

async fn send(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    if body.len() > MAX_MAIL_BYTES {
        return refusal(413, "payload_too_large", "The e-mail is larger than 40 MB.");
    }
    let Ok(mail) = serde_json::from_slice::<Value>(&body) else {
        return refusal(400, "validation_error", "The body is not JSON.");
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 256) {
        return refusal(400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
    }
    if let Some((status, name, message)) = fault(&mail) {
        return refusal(status, name, &message);
    }
    let id = {
        let mut kept = lock(&inner.kept);
        if let Some((before, id)) = key.as_ref().and_then(|key| kept.keys.get(key)) {
            if *before != mail {
                let message = "Same idempotency key used with a different request payload.";
                return refusal(409, "invalid_idempotent_request", message);
            }
            return json_response(StatusCode::OK, &json!({ "id": id }));
        }
        let id = Inner::take(&mut kept, mail.clone());
        if let Some(key) = key {
            kept.keys.insert(key, (mail.clone(), id.clone()));
        }
        kept.save();
        id
    };
    inner.happen(&id, "sent", &Value::Null);
    for (event, extra) in fate(&mail) {
        inner.happen(&id, event, &extra);
    }
    let mut response = json_response(StatusCode::OK, &json!({ "id": id }));
    for (name, value) in [("ratelimit-limit", "5"), ("ratelimit-remaining", "4"), ("ratelimit-reset", "1")] {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}

/// What becomes of an e-mail: the test addresses of Resend say it, and all others take theirs.
fn fate(mail: &Value) -> Vec<(&'static str, Value)> {
    let to = addresses(&mail["to"]).join(",");
    if to.contains("bounced@resend.dev") {
        vec![("bounced", bounce("Permanent"))]
    } else if to.contains("complained@resend.dev") {
        vec![("delivered", Value::Null), ("complained", Value::Null)]
    } else if to.contains("suppressed@resend.dev") {
        vec![("suppressed", json!({ "suppressed": { "message": "on the list", "type": "OnAccountSuppressionList" } }))]
    } else {
        vec![("delivered", Value::Null)]
    }
}

/// What a bounce is told with.
pub fn bounce(kind: &str) -> Value {
    json!({ "bounce": { "message": "The recipient's mailbox does not exist.", "type": kind, "subType": "General",
        "diagnosticCode": ["smtp; 550 5.1.1 user unknown"] } })
}

async fn read(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let mail = lock(&inner.kept).mail(&id).cloned();
    let Some(mail) = mail else { return refusal(404, "not_found", "Email not found") };
    let mut body = mail.request;
    body["object"] = json!("email");
    body["id"] = json!(mail.id);
    body["created_at"] = json!(mail.created_at);
    body["last_event"] = json!(mail.last_event);
    json_response(StatusCode::OK, &body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    api_url: Option<String>,
    webhook_secret: Option<String>,
}

async fn read_config(State(inner): State<Arc<Inner>>) -> Response {
    let kept = lock(&inner.kept);
    let api_url = inner.events.outbound().api_url();
    let config =
        json!({ "apiUrl": api_url, "apiKey": kept.account.api_key, "webhookSecret": kept.account.webhook_secret });
    json_response(StatusCode::OK, &config)
}

async fn change_config(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let change: ConfigChange = match control_body(&body) {
        Ok(change) => change,
        Err(message) => return control_error(StatusCode::BAD_REQUEST, message),
    };
    if change.api_url.is_some() {
        inner.events.outbound().set_api_url(change.api_url);
    }
    if let Some(secret) = change.webhook_secret {
        let mut kept = lock(&inner.kept);
        kept.account.webhook_secret = secret;
        kept.save();
    }
    read_config(State(inner)).await
}

async fn control_list(State(inner): State<Arc<Inner>>) -> Response {
    let mails: Vec<Mail> = lock(&inner.kept).mails.values().cloned().collect();
    json_response(StatusCode::OK, &json!({ "count": mails.len(), "emails": mails }))
}

/// `{ "event": "bounced", "extra"? }`; a bounce is permanent where nothing else is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happening {
    event: String,
    #[serde(default)]
    extra: Value,
}

async fn control_happen(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    let Happening { event, extra } = match control_body(&body) {
        Ok(happening) => happening,
        Err(message) => return control_error(StatusCode::BAD_REQUEST, message),
    };
    let extra = if event == "bounced" && extra.is_null() { bounce("Permanent") } else { extra };
    if inner.happen(&id, &event, &extra) {
        json_response(StatusCode::OK, &json!({}))
    } else {
        control_error(StatusCode::NOT_FOUND, "there is no such e-mail")
    }
}
