//! Razorpay's endpoints and the control endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
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

use super::{Inner, pages};
use crate::crypto::same;
use crate::events::controls;
use crate::http::{control_body, control_error, json_response, lock, observe, query_value};

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v1/orders", post(make_order).get(list_orders))
        .route("/v1/orders/{id}", get(read_order))
        .route("/v1/orders/{id}/payments", get(payments_of_order))
        .route("/v1/payments", get(list_payments))
        .route("/v1/payments/{id}", get(read_payment))
        .route("/v1/payments/{id}/capture", post(capture))
        .route("/v1/payments/{id}/refund", post(refund))
        .route("/v1/payments/{id}/refunds", get(refunds_of_payment))
        .route("/v1/refunds/{id}", get(read_refund))
        .route("/pay/{id}", get(pages::show).post(pages::act))
        .route("/simulator/config", get(read_config).post(change_config))
        .route("/simulator/orders/{id}/{act}", post(control_order))
        .route("/simulator/payments/{id}/dispute", post(control_dispute))
        .route("/simulator/disputes/{id}/{status}", post(control_close))
        .route("/simulator/refunds/{id}/{status}", post(control_refund))
        .route("/simulator/events", post(control_event))
        .with_state(inner.clone())
        .merge(controls(inner.events.clone(), inner.exchange.clone()))
        .fallback(async || refusal(404, "The requested URL was not found on the server.", None))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    let code = if status.is_server_error() { "SERVER_ERROR" } else { "BAD_REQUEST_ERROR" };
    json!({ "error": { "code": code, "description": "Simulated." } })
}

fn refusal(status: u16, description: &str, field: Option<&str>) -> Response {
    let mut error = json!({ "code": "BAD_REQUEST_ERROR", "description": description, "source": "business",
        "step": "payment_initiation", "reason": "input_validation_failed", "metadata": {} });
    if let Some(field) = field {
        error["field"] = json!(field);
    }
    json_response(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &json!({ "error": error }))
}

fn bad(description: &str, field: &str) -> Response {
    refusal(400, description, Some(field))
}

fn key_refusal(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let pair = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let pair = pair.and_then(|pair| STANDARD.decode(pair).ok()).unwrap_or_default();
    let kept = lock(&inner.kept);
    if same(&pair, format!("{}:{}", kept.account.key_id, kept.account.key_secret).as_bytes()) {
        return None;
    }
    let error = json!({ "error": { "code": "BAD_REQUEST_ERROR", "description": "Authentication failed" } });
    Some(json_response(StatusCode::UNAUTHORIZED, &error))
}

/// What Razorpay would refuse of an order.
fn order_fault(wanted: &Value) -> Option<Response> {
    let Some(members) = wanted.as_object() else { return Some(bad("The body must be a JSON object.", "body")) };
    let known = ["amount", "currency", "receipt", "notes", "partial_payment", "first_payment_min_amount"];
    if let Some(extra) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Some(bad(&format!("{extra} is/are not required and should not be sent"), extra));
    }
    match wanted["amount"].as_i64() {
        None => return Some(bad("The amount must be an integer.", "amount")),
        Some(..100) => return Some(bad("Order amount less than minimum amount allowed", "amount")),
        Some(_) => {}
    }
    if wanted["currency"].as_str().is_none_or(|currency| currency.len() != 3) {
        return Some(bad("The currency field is required.", "currency"));
    }
    if wanted["receipt"].as_str().is_some_and(|receipt| receipt.chars().count() > 40) {
        return Some(bad("The receipt may not be greater than 40 characters.", "receipt"));
    }
    notes_fault(&wanted["notes"])
}

fn notes_fault(notes: &Value) -> Option<Response> {
    let notes = notes.as_object()?;
    let too_long = |value: &Value| value.as_str().is_none_or(|text| text.chars().count() > 256);
    (notes.len() > 15 || notes.values().any(too_long)).then(|| {
        bad("Number of fields in notes should be less than or equal to 15, each of at most 256 characters", "notes")
    })
}

async fn make_order(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(refused) = order_fault(&wanted) {
        return refused;
    }
    let order = Inner::make_order(&mut lock(&inner.kept), &wanted);
    json_response(StatusCode::OK, &order)
}

fn collection(items: &[Value]) -> Response {
    json_response(StatusCode::OK, &json!({ "entity": "collection", "count": items.len(), "items": items }))
}

fn one(inner: &Inner, headers: &HeaderMap, entity: &str, id: &str) -> Response {
    if let Some(refused) = key_refusal(inner, headers) {
        return refused;
    }
    match lock(&inner.kept).get(id).filter(|object| object["entity"] == entity) {
        Some(object) => json_response(StatusCode::OK, object),
        None => refusal(400, "The id provided does not exist", None),
    }
}

fn listed(inner: &Inner, headers: &HeaderMap, entity: &str, member: &str, id: &str) -> Response {
    key_refusal(inner, headers).unwrap_or_else(|| collection(&lock(&inner.kept).list(entity, member, id)))
}

async fn list_orders(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let receipt = query_value(query.as_deref(), "receipt").unwrap_or_default();
    listed(&inner, &headers, "order", "receipt", &receipt)
}

async fn read_order(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    one(&inner, &headers, "order", &id)
}

async fn payments_of_order(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    listed(&inner, &headers, "payment", "order_id", &id)
}

async fn read_payment(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    one(&inner, &headers, "payment", &id)
}

async fn refunds_of_payment(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    listed(&inner, &headers, "refund", "payment_id", &id)
}

async fn read_refund(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    one(&inner, &headers, "refund", &id)
}

async fn list_payments(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let number = |name: &str, other: i64| {
        query_value(query.as_deref(), name).and_then(|text| text.parse().ok()).unwrap_or(other)
    };
    let (from, to, count, skip) = (number("from", 0), number("to", i64::MAX), number("count", 10), number("skip", 0));
    if !(1..=100).contains(&count) {
        return bad("The count must be between 1 and 100.", "count");
    }
    let mut found = lock(&inner.kept).list("payment", "entity", "payment");
    found.retain(|payment| (from..=to).contains(&payment["created_at"].as_i64().unwrap_or_default()));
    let (skip, count) = (usize::try_from(skip).unwrap_or(0), usize::try_from(count).unwrap_or(0));
    collection(&found.into_iter().skip(skip).take(count).collect::<Vec<_>>())
}

async fn capture(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    match inner.capture(&id, &wanted) {
        Ok(payment) => json_response(StatusCode::OK, &payment),
        Err(message) => refusal(400, &message, None),
    }
}

async fn refund(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let wanted: Value = if body.is_empty() { json!({}) } else { serde_json::from_slice(&body).unwrap_or_default() };
    if let Some(refused) = notes_fault(&wanted["notes"]) {
        return refused;
    }
    let key = headers.get("x-refund-idempotency").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut kept = lock(&inner.kept);
    let asked = json!([id, wanted]);
    if let Some((before, refund_id)) = key.as_ref().and_then(|key| kept.keys.get(key)) {
        if *before != asked {
            return refusal(400, "Different request body sent for the same Refund Idempotency Header", None);
        }
        return json_response(StatusCode::OK, kept.get(refund_id).unwrap_or(&Value::Null));
    }
    match inner.refund(&mut kept, &id, &wanted) {
        Ok(refund) => {
            if let Some(key) = key {
                kept.keys.insert(key, (asked, refund["id"].as_str().unwrap_or_default().to_owned()));
                kept.save();
            }
            json_response(StatusCode::OK, &refund)
        }
        Err(message) => refusal(400, &message, None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    api_url: Option<String>,
    webhook_secret: Option<String>,
}

async fn read_config(State(inner): State<Arc<Inner>>) -> Response {
    let kept = lock(&inner.kept);
    let config = json!({ "apiUrl": inner.events.outbound().api_url(), "keyId": kept.account.key_id,
        "keySecret": kept.account.key_secret, "webhookSecret": kept.account.webhook_secret, "payPage": format!("{}/pay/", inner.base_url) });
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

fn done(outcome: Result<Value, String>) -> Response {
    match outcome {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

async fn control_order(State(inner): State<Arc<Inner>>, Path((id, act)): Path<(String, String)>) -> Response {
    done(match act.as_str() {
        "pay" => inner.pay(&id).map(|paid| json!(paid)),
        "authorize" => inner.authorize(&id),
        "decline" => inner.decline(&id).map(|payment_id| json!({ "paymentId": payment_id })),
        _ => Err("pay, authorize or decline".into()),
    })
}

async fn control_dispute(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    done(inner.dispute(&id))
}

async fn control_close(State(inner): State<Arc<Inner>>, Path((id, status)): Path<(String, String)>) -> Response {
    done(inner.close_dispute(&id, &status))
}

async fn control_refund(State(inner): State<Arc<Inner>>, Path((id, status)): Path<(String, String)>) -> Response {
    done(inner.finish_refund(&id, &status))
}

/// Exactly this body, signed with this secret or the one in force.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    event: String,
    body: String,
    secret: Option<String>,
}

async fn control_event(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    match control_body::<RawEvent>(&body) {
        Ok(raw) => {
            let secret = raw.secret.unwrap_or_else(|| lock(&inner.kept).account.webhook_secret.clone());
            inner.tell_body(&secret, &raw.event, raw.body);
            json_response(StatusCode::OK, &json!({}))
        }
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}
