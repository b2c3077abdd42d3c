//! The inbox: what was sent, as its reader sees it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::{Value, json};

use super::{Inner, Mail, routes};
use crate::html::{button, escape, page, see_other};
use crate::http::{lock, query_value};

/// What a reader's mail program lets an e-mail do: show itself.
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src * data:";

pub async fn list(State(inner): State<Arc<Inner>>) -> Response {
    let mut rows = String::from("<table>");
    for mail in lock(&inner.kept).mails.values().rev() {
        let to = routes::addresses(&mail.request["to"]).join(", ");
        let subject = mail.request["subject"].as_str().unwrap_or_default();
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td><a href=\"/inbox/{}\">{}</a><td>{}",
            escape(&mail.created_at),
            escape(&to),
            mail.id,
            escape(subject),
            escape(&mail.last_event)
        );
    }
    rows.push_str("</table>");
    page(StatusCode::OK, "Inbox", &rows)
}

fn find(inner: &Inner, id: &str) -> Result<Mail, Box<Response>> {
    let mail = lock(&inner.kept).mail(id).cloned();
    mail.ok_or_else(|| Box::new(page(StatusCode::NOT_FOUND, "No such e-mail", "")))
}

pub async fn show(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    let mail = match find(&inner, &id) {
        Ok(mail) => mail,
        Err(refused) => return *refused,
    };
    let text = |name: &str| escape(mail.request[name].as_str().unwrap_or_default());
    let mut body =
        format!("<p>From {}<br>To {}", text("from"), escape(&routes::addresses(&mail.request["to"]).join(", ")));
    for (name, value) in mail.request["headers"].as_object().into_iter().flatten() {
        let _ = write!(body, "<br>{}: {}", escape(name), escape(value.as_str().unwrap_or_default()));
    }
    let _ = write!(body, "<p>{}: ", escape(&mail.last_event));
    for event in ["bounced", "complained", "delivery_delayed"] {
        body.push_str(&button(&format!("/inbox/{id}/happen"), "event", event, event));
    }
    for (index, file) in mail.request["attachments"].as_array().into_iter().flatten().enumerate() {
        let name = escape(file["filename"].as_str().unwrap_or_default());
        let _ = write!(body, "<p><a href=\"/inbox/{id}/attachments/{index}\">{name}</a>");
    }
    let _ = write!(body, "<p><iframe src=\"/inbox/{id}/html\" sandbox></iframe><pre>{}</pre>", text("text"));
    page(StatusCode::OK, mail.request["subject"].as_str().unwrap_or_default(), &body)
}

pub async fn html(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    match find(&inner, &id) {
        Ok(mail) => {
            let html = mail.request["html"].as_str().unwrap_or_default().to_owned();
            ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, SANDBOX)], html).into_response()
        }
        Err(refused) => *refused,
    }
}

pub async fn attachment(State(inner): State<Arc<Inner>>, Path((id, index)): Path<(String, usize)>) -> Response {
    let mail = match find(&inner, &id) {
        Ok(mail) => mail,
        Err(refused) => return *refused,
    };
    let file = &mail.request["attachments"][index];
    let content = file["content"].as_str().and_then(|content| STANDARD.decode(content).ok());
    let Some(content) = content else { return page(StatusCode::NOT_FOUND, "No such attachment", "") };
    let kind = file["content_type"].as_str().unwrap_or("application/octet-stream").to_owned();
    ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, "attachment".to_owned())], content).into_response()
}

pub async fn happen(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    let event = query_value(std::str::from_utf8(&body).ok(), "event").unwrap_or_default();
    let extra = if event == "bounced" { routes::bounce("Permanent") } else { json!(Value::Null) };
    inner.happen(&id, &event, &extra);
    see_other(&format!("/inbox/{id}"))
}
