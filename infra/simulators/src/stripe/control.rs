//! The routes, and the control endpoints.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{CheckoutOutcome, Inner, api, pages};
use crate::crypto::random_id;
use crate::events::controls;
use crate::http::{control_body, control_error, json_response, lock, observe};

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api::handle))
        .route("/pay/{id}", get(pages::checkout).post(pages::act))
        .route("/portal/{id}", get(pages::portal).post(pages::portal_act))
        .route("/receipts/{id}", get(pages::receipt))
        .route("/simulator/config", get(read_config).post(change_config))
        .route("/simulator/objects/{kind}", get(objects))
        .route("/simulator/sessions/{id}/checkout", post(checkout))
        .route("/simulator/sessions/{id}/settle", post(settle))
        .route("/simulator/disputes", post(dispute))
        .route("/simulator/disputes/{id}/{status}", post(close_dispute))
        .route("/simulator/refunds/{id}/fail", post(fail_refund))
        .route("/simulator/customers/{id}/card", post(set_card))
        .route("/simulator/clock", post(advance))
        .route("/simulator/events", post(raw_event))
        .with_state(inner.clone())
        .merge(controls(inner.events.clone(), inner.exchange.clone()))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
}

/// Does what a control asks for, and answers with what came of it.
fn controlled<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T) -> Result<Value, String>) -> Response {
    match control_body::<T>(body).and_then(act) {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    api_url: Option<String>,
    webhook_secrets: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    outcome: CheckoutOutcome,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settling {
    paid: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disputed {
    payment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    works: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Clock {
    advance_seconds: u64,
}

/// Exactly this body, signed with these secrets or those in force.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    #[serde(rename = "type")]
    kind: String,
    body: String,
    secrets: Option<Vec<String>>,
}

async fn read_config(State(inner): State<Arc<Inner>>) -> Response {
    let kept = lock(&inner.kept);
    let config = json!({ "apiUrl": inner.events.outbound().api_url(), "secretKey": kept.account.secret_key,
        "webhookSecrets": kept.account.webhook_secrets, "now": kept.now() });
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
    if let Some(secrets) = change.webhook_secrets {
        let mut kept = lock(&inner.kept);
        kept.account.webhook_secrets = secrets;
        kept.save();
    }
    read_config(State(inner)).await
}

async fn objects(State(inner): State<Arc<Inner>>, Path(kind): Path<String>) -> Response {
    let objects = lock(&inner.kept).list(&kind);
    json_response(StatusCode::OK, &json!({ "count": objects.len(), "objects": objects }))
}

async fn checkout(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    controlled(&body, |Leaving { outcome }| inner.checkout(&id, outcome))
}

async fn settle(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    controlled(&body, |Settling { paid }| inner.settle(&id, paid))
}

async fn dispute(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    controlled(&body, |Disputed { payment }| inner.dispute(&payment))
}

async fn close_dispute(
    State(inner): State<Arc<Inner>>,
    Path((id, status)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    controlled(&body, |Nothing {}| inner.close_dispute(&id, &status))
}

async fn fail_refund(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    controlled(&body, |Nothing {}| inner.fail_refund(&id))
}

async fn set_card(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    controlled(&body, |Card { works }| inner.set_card(&id, works).map(|()| json!({})))
}

async fn advance(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    controlled(&body, |Clock { advance_seconds }| {
        let by = Duration::from_secs(advance_seconds);
        inner.advance(i64::try_from(by.as_secs()).map_err(|error| error.to_string())?);
        Ok(json!({ "now": lock(&inner.kept).now() }))
    })
}

async fn raw_event(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    controlled(&body, |RawEvent { kind, body, secrets }| {
        let secrets = secrets.unwrap_or_else(|| lock(&inner.kept).account.webhook_secrets.clone());
        inner.tell_body(secrets, random_id("evt_"), &kind, body);
        Ok(json!({}))
    })
}
