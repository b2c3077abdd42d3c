//! Clerk's endpoints and the control endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bar, Inner, TokenRequest, UserInput, users};
use crate::crypto::{random_id, same};
use crate::http::{
    control_body, control_error, faults_response, json_response, lock, observe, query_flag, requests_response,
};

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(public_jwks))
        .route("/v1/jwks", get(backend_jwks))
        .route("/v1/users", get(list_users))
        .route("/v1/users/{id}", get(read_user).delete(delete_user))
        .route("/v1/users/{id}/ban", post(ban_user))
        .route("/v1/users/{id}/unban", post(unban_user))
        .route("/v1/users/{id}/lock", post(lock_user))
        .route("/v1/users/{id}/unlock", post(unlock_user))
        .route("/simulator/config", get(read_config).post(change_config))
        .route("/simulator/users", get(control_list_users).post(control_put_user))
        .route("/simulator/users/{id}", delete(control_delete_user))
        .route("/simulator/sessions", post(control_session))
        .route("/simulator/keys/rotate", post(control_rotate))
        .route("/simulator/keys/retire", post(control_retire))
        .route("/simulator/webhooks", post(control_webhook))
        .route("/simulator/deliveries", get(control_deliveries))
        .route("/simulator/requests", get(control_requests))
        .route("/simulator/faults", post(control_faults))
        .route("/simulator/reset", post(control_reset))
        .fallback(async || error(StatusCode::NOT_FOUND, "resource_not_found", "not found"))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
        .with_state(inner)
}

fn error_body(code: &str, message: &str) -> Value {
    json!({
        "errors": [{ "message": message, "long_message": message, "code": code, "meta": {} }],
        "clerk_trace_id": random_id(""),
    })
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            error_body("too_many_requests", "Too many requests. Please try again in a bit.")
        }
        StatusCode::UNAUTHORIZED => error_body("authentication_invalid", "Unauthorized"),
        _ => error_body("internal_clerk_error", "There was an internal error on our servers."),
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json_response(status, &error_body(code, message))
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "resource_not_found", "not found")
}

/// Refuses what the backend API refuses: no bearer, or another instance's key.
fn key_refusal(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match bearer {
        None => Some(error(
            StatusCode::UNAUTHORIZED,
            "authorization_header_format_invalid",
            "Invalid Authorization header format. Must be \"Bearer <YOUR_API_KEY>\"",
        )),
        Some(key) if same(key.as_bytes(), lock(&inner.state).kept.secret_key.as_bytes()) => None,
        Some(_) => Some(error(
            StatusCode::UNAUTHORIZED,
            "clerk_key_invalid",
            "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.",
        )),
    }
}

async fn public_jwks(State(inner): State<Arc<Inner>>) -> Response {
    json_response(StatusCode::OK, &inner.jwks())
}

async fn backend_jwks(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    key_refusal(&inner, &headers).unwrap_or_else(|| json_response(StatusCode::OK, &inner.jwks()))
}

async fn list_users(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let users: Vec<Value> = lock(&inner.state).users.values().cloned().collect();
    json_response(StatusCode::OK, &json!(users))
}

async fn read_user(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    let user = lock(&inner.state).users.get(&id).cloned();
    user.map_or_else(not_found, |user| json_response(StatusCode::OK, &user))
}

async fn delete_user(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers) {
        return refused;
    }
    if inner.delete_user(&id, true) { json_response(StatusCode::OK, &users::deleted_object(&id)) } else { not_found() }
}

type OfUser = (State<Arc<Inner>>, Path<String>, HeaderMap);

fn bar_user((State(inner), Path(id), headers): OfUser, bar: Bar) -> Response {
    let change = || inner.bar_user(&id, bar).map_or_else(not_found, |user| json_response(StatusCode::OK, &user));
    key_refusal(&inner, &headers).unwrap_or_else(change)
}

async fn ban_user(inner: State<Arc<Inner>>, id: Path<String>, headers: HeaderMap) -> Response {
    bar_user((inner, id, headers), Bar::Ban)
}

async fn unban_user(inner: State<Arc<Inner>>, id: Path<String>, headers: HeaderMap) -> Response {
    bar_user((inner, id, headers), Bar::Unban)
}

async fn lock_user(inner: State<Arc<Inner>>, id: Path<String>, headers: HeaderMap) -> Response {
    bar_user((inner, id, headers), Bar::Lock)
}

async fn unlock_user(inner: State<Arc<Inner>>, id: Path<String>, headers: HeaderMap) -> Response {
    bar_user((inner, id, headers), Bar::Unlock)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    api_url: Option<String>,
    authorized_party: Option<String>,
    webhook_secret: Option<String>,
}

async fn read_config(State(inner): State<Arc<Inner>>) -> Response {
    let (secret_key, webhook_secret, instance_id) = {
        let state = lock(&inner.state);
        (state.kept.secret_key.clone(), state.kept.webhook_secret.clone(), state.kept.instance_id.clone())
    };
    let config = json!({
        "apiUrl": inner.outbound.api_url(),
        "issuer": inner.issuer,
        "instanceId": instance_id,
        "authorizedParty": lock(&inner.authorized_party).clone(),
        "secretKey": secret_key,
        "webhookSecret": webhook_secret,
        "jwks": inner.jwks(),
    });
    json_response(StatusCode::OK, &config)
}

async fn change_config(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let change: ConfigChange = match control_body(&body) {
        Ok(change) => change,
        Err(message) => return control_error(StatusCode::BAD_REQUEST, message),
    };
    if change.api_url.is_some() {
        inner.outbound.set_api_url(change.api_url);
    }
    if let Some(authorized_party) = change.authorized_party {
        *lock(&inner.authorized_party) = authorized_party;
    }
    if let Some(webhook_secret) = change.webhook_secret {
        let mut state = lock(&inner.state);
        state.kept.webhook_secret = webhook_secret;
        state.save_instance();
    }
    read_config(State(inner)).await
}

async fn control_list_users(State(inner): State<Arc<Inner>>) -> Response {
    let users: Vec<Value> = lock(&inner.state).users.values().cloned().collect();
    json_response(StatusCode::OK, &json!({ "users": users }))
}

async fn control_put_user(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let user = match control_body::<UserInput>(&body) {
        Ok(input) => inner.put_user(input),
        Err(message) => return control_error(StatusCode::BAD_REQUEST, message),
    };
    if query_flag(query.as_deref(), "wait") {
        inner.outbound.settled().await;
    }
    json_response(StatusCode::OK, &user)
}

async fn control_delete_user(
    State(inner): State<Arc<Inner>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let existed = inner.delete_user(&id, true);
    if query_flag(query.as_deref(), "wait") {
        inner.outbound.settled().await;
    }
    json_response(StatusCode::OK, &json!({ "deleted": existed }))
}

async fn control_session(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    match control_body::<TokenRequest>(&body) {
        Ok(request) => json_response(StatusCode::OK, &json!({ "token": inner.token(&request) })),
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

async fn control_rotate(State(inner): State<Arc<Inner>>) -> Response {
    match inner.rotate_key() {
        Ok(kid) => json_response(StatusCode::OK, &json!({ "kid": kid, "jwks": inner.jwks() })),
        Err(error) => control_error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn control_retire(State(inner): State<Arc<Inner>>) -> Response {
    inner.retire_keys();
    json_response(StatusCode::OK, &json!({ "jwks": inner.jwks() }))
}

/// Any event: `{ "type", "data", "id"?, "secret"?, "repeat"? }`. With a `body` string in place of `data` exactly that
/// is signed and sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookRequest {
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    data: Value,
    body: Option<String>,
    id: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    repeat: u32,
}

async fn control_webhook(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let request: WebhookRequest = match control_body(&body) {
        Ok(request) => request,
        Err(message) => return control_error(StatusCode::BAD_REQUEST, message),
    };
    let message = inner.message(&request.event_type, request.data, request.id);
    let body = request.body.unwrap_or(message.body);
    let secret = request.secret.unwrap_or_else(|| lock(&inner.state).kept.webhook_secret.clone());
    let message = Inner::signed_message(secret, &request.event_type, body, Some(message.id));
    let mut deliveries = Vec::new();
    for _ in 0..request.repeat.max(1) {
        inner.outbound.announce();
        deliveries.push(inner.outbound.send(&message).await);
    }
    json_response(StatusCode::OK, &json!({ "deliveries": deliveries }))
}

async fn control_deliveries(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery) -> Response {
    inner.outbound.deliveries_response(query.as_deref()).await
}

async fn control_requests(State(inner): State<Arc<Inner>>) -> Response {
    requests_response(&inner.exchange)
}

async fn control_faults(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    faults_response(&inner.exchange, &body)
}

async fn control_reset(State(inner): State<Arc<Inner>>) -> Response {
    inner.exchange.reset();
    inner.outbound.forget();
    json_response(StatusCode::OK, &json!({}))
}
