//! The control endpoints: playing sessions, acting step by step, sending raw events, changing manners.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::calls::{Call, Silence};
use super::media::{LineFormat, Script};
use super::wire::{DateTimes, Refusal, View};
use super::{Inner, PlayRequest, api, play};
use crate::clock;
use crate::crypto::{read_hs256, stream_signature};
use crate::delivery::Delivery;
use crate::http::{control_body, control_error, faults_response, json_response, lock, observe, requests_response};
use crate::transcripts::{transcript, transcripts};

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/api/v2/{*path}", any(api::handle))
        .route("/media/{filename}", get(api::fetch_media))
        .route("/simulator/config", get(read_config).post(change_config))
        .route("/simulator/calls", get(list_calls))
        .route("/simulator/transcripts", get(list_transcripts))
        .route("/simulator/calls/{call_type}/{id}", get(read_call))
        .route("/simulator/calls/{call_type}/{id}/play", post(play_call))
        .route("/simulator/calls/{call_type}/{id}/join", post(join))
        .route("/simulator/calls/{call_type}/{id}/leave", post(leave))
        .route("/simulator/calls/{call_type}/{id}/end-session", post(end_session))
        .route("/simulator/events", post(send_event))
        .route("/simulator/deliveries", get(deliveries))
        .route("/simulator/requests", get(requests))
        .route("/simulator/faults", post(faults))
        .route("/simulator/reset", post(reset))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
        .with_state(inner)
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    control_error(status, &refusal.message)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    control_body(body).map_err(Refusal::input)
}

fn answer(result: Result<Value, Refusal>) -> Response {
    match result {
        Ok(body) => json_response(StatusCode::OK, &body),
        Err(refusal) => refused(&refusal),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    api_url: Option<String>,
    api_secret: Option<String>,
    rest_date_times: Option<DateTimes>,
    webhook_date_times: Option<DateTimes>,
    gzip: Option<bool>,
    link_seconds: Option<i64>,
    recording_bytes: Option<usize>,
}

async fn read_config(Shared(inner): Shared<Arc<Inner>>) -> Response {
    let mut config = json!(inner.manners());
    config["apiUrl"] = json!(inner.outbound.api_url());
    config["serverToken"] = json!(inner.server_token());
    let kept = lock(&inner.kept);
    config["apiKey"] = json!(kept.api_key);
    config["apiSecret"] = json!(kept.api_secret);
    json_response(StatusCode::OK, &config)
}

async fn change_config(Shared(inner): Shared<Arc<Inner>>, body: Bytes) -> Response {
    let change: ConfigChange = match read(&body) {
        Ok(change) => change,
        Err(refusal) => return refused(&refusal),
    };
    if change.api_url.is_some() {
        inner.outbound.set_api_url(change.api_url);
    }
    if let Some(api_secret) = change.api_secret {
        let mut kept = lock(&inner.kept);
        kept.api_secret = api_secret;
        kept.save_keys();
    }
    {
        let mut manners = lock(&inner.manners);
        manners.rest_date_times = change.rest_date_times.unwrap_or(manners.rest_date_times);
        manners.webhook_date_times = change.webhook_date_times.unwrap_or(manners.webhook_date_times);
        manners.gzip = change.gzip.unwrap_or(manners.gzip);
        manners.link_seconds = change.link_seconds.unwrap_or(manners.link_seconds);
        manners.recording_bytes = change.recording_bytes.unwrap_or(manners.recording_bytes);
    }
    read_config(Shared(inner)).await
}

async fn list_calls(Shared(inner): Shared<Arc<Inner>>) -> Response {
    let wire = inner.wire(DateTimes::Rfc3339);
    let kept = lock(&inner.kept);
    let view = View { wire: &wire, users: &kept.state.users };
    let calls: Vec<Value> = kept.state.calls.values().map(|call| view.call(call)).collect();
    json_response(StatusCode::OK, &json!({ "count": calls.len(), "calls": calls }))
}

async fn list_transcripts() -> Response {
    let list: Vec<Value> = transcripts()
        .iter()
        .map(|transcript| json!({ "name": transcript.name, "minutes": transcript.minutes, "about": transcript.about }))
        .collect();
    json_response(StatusCode::OK, &json!({ "transcripts": list }))
}

async fn read_call(Shared(inner): Shared<Arc<Inner>>, Path((call_type, id)): Path<(String, String)>) -> Response {
    let wire = inner.wire(DateTimes::Rfc3339);
    let kept = lock(&inner.kept);
    let view = View { wire: &wire, users: &kept.state.users };
    match kept.state.calls.get(&format!("{call_type}:{id}")) {
        Some(call) => {
            let body = json!({
                "call": view.call(call),
                "members": view.members(call),
                "sessions": call.sessions,
                "recordings": call.recordings,
                "transcriptions": call.transcriptions,
            });
            json_response(StatusCode::OK, &body)
        }
        None => control_error(StatusCode::NOT_FOUND, "no such call"),
    }
}

async fn play_call(
    Shared(inner): Shared<Arc<Inner>>,
    Path((call_type, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let request: PlayRequest = match read(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    answer(play::play(&inner, &call_type, &id, request).await)
}

/// One act in a call. `token` is what our backend handed to the user; it is checked as Stream checks it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Act {
    user_id: Option<String>,
    token: Option<String>,
    at: Option<Value>,
    reason: Option<String>,
    /// What is said in the session: the name of a bundled transcript, or a file.
    transcript: Option<String>,
    inline: Option<String>,
    interviewee: Option<String>,
    interviewer: Option<String>,
    format: Option<LineFormat>,
    #[serde(default)]
    silence: Silence,
}

impl Act {
    fn at(&self, call: &Call) -> Result<Timestamp, Refusal> {
        match &self.at {
            Some(at) => clock::parse(at).ok_or_else(|| Refusal::input("at is not a date-time")),
            None => Ok(call.now()),
        }
    }

    fn user(&self) -> Result<String, Refusal> {
        self.user_id.clone().ok_or_else(|| Refusal::input("userId or token is required"))
    }

    fn give_script(&self, call: &mut Call) -> Result<(), Refusal> {
        let file = match (&self.inline, &self.transcript) {
            (Some(inline), _) => inline.as_str(),
            (None, Some(name)) => {
                transcript(name).ok_or_else(|| Refusal::missing(format!("no transcript named {name}")))?.file
            }
            (None, None) => return Ok(()),
        };
        let interviewee = self.interviewee.clone().or_else(|| call.member_with_role(&["user", "call-member"]));
        let interviewer = self.interviewer.clone().or_else(|| call.member_with_role(&["host", "moderator", "admin"]));
        let script = Script::read(
            file,
            &interviewee.unwrap_or_else(|| "interviewee".into()),
            &interviewer.unwrap_or_else(|| "interviewer".into()),
            self.format,
        );
        call.set_script(script, self.silence);
        Ok(())
    }
}

/// Who a user or call token lets in where, and with which role.
fn token_user(inner: &Inner, token: &str, cid: &str) -> Result<(String, Option<String>), Refusal> {
    let secret = lock(&inner.kept).api_secret.clone();
    let claims =
        read_hs256(secret.as_bytes(), token).ok_or_else(|| Refusal::token(43, "Token signature is invalid"))?;
    api::check_times(&claims)?;
    let user_id = claims["user_id"].as_str().ok_or_else(|| Refusal::token(5, "the token has no user_id"))?.to_owned();
    if let Some(allowed) = claims["call_cids"].as_array()
        && !allowed.iter().any(|allowed| allowed == cid)
    {
        return Err(Refusal::not_allowed(format!("the token does not admit to {cid}")));
    }
    Ok((user_id, claims["role"].as_str().map(str::to_owned)))
}

async fn act(
    inner: &Inner,
    cid: &str,
    change: impl FnOnce(&mut Call, View) -> Result<Vec<Value>, Refusal>,
) -> Response {
    match inner.change_call(cid, change) {
        Ok(events) => {
            let deliveries = inner.send_all(events).await;
            let session = lock(&inner.kept).state.calls.get(cid).and_then(|call| call.sessions.last().cloned());
            let session_id = session.map(|session| session.id);
            json_response(StatusCode::OK, &json!({ "sessionId": session_id, "deliveries": deliveries }))
        }
        Err(refusal) => refused(&refusal),
    }
}

async fn join(
    Shared(inner): Shared<Arc<Inner>>,
    Path((call_type, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let cid = format!("{call_type}:{id}");
    let ready = read::<Act>(&body).and_then(|request| {
        let (user_id, role) = match &request.token {
            Some(token) => token_user(&inner, token, &cid)?,
            None => (request.user()?, None),
        };
        Ok((request, user_id, role))
    });
    let (request, user_id, role) = match ready {
        Ok(ready) => ready,
        Err(refusal) => return refused(&refusal),
    };
    act(&inner, &cid, |call, view| {
        let at = request.at(call)?;
        let events = call.join(view, &user_id, role.as_deref(), at)?;
        request.give_script(call)?;
        Ok(events)
    })
    .await
}

async fn leave(
    Shared(inner): Shared<Arc<Inner>>,
    Path((call_type, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let request: Act = match read(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    act(&inner, &format!("{call_type}:{id}"), |call, view| {
        let at = request.at(call)?;
        request.give_script(call)?;
        call.leave(view, &request.user()?, at, request.reason.as_deref().unwrap_or_default())
    })
    .await
}

async fn end_session(
    Shared(inner): Shared<Arc<Inner>>,
    Path((call_type, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let request: Act = match read(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    act(&inner, &format!("{call_type}:{id}"), |call, view| {
        let at = request.at(call)?;
        let speaks = request.inline.is_some() || request.transcript.is_some();
        if speaks && call.live_session().is_some_and(|session| session.participants.is_empty()) {
            return Err(Refusal::input("everybody has left; what is said is given before the last of them leaves"));
        }
        request.give_script(call)?;
        call.end_session(view, at)
    })
    .await
}

/// Any event, as JSON or as an exact string, well or badly signed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawEvent {
    /// The event.
    pub event: Option<Value>,
    /// The body as it is to be sent, in place of `event`.
    pub body: Option<String>,
    /// `right` (the default), `wrong` or `none`.
    pub signature: Option<String>,
    /// Signs with this secret.
    pub secret: Option<String>,
    pub gzip: Option<bool>,
    /// 0 counts as 1.
    pub repeat: u32,
    /// The `X-WEBHOOK-ID`.
    pub id: Option<String>,
}

/// Sends a raw event and waits for its fate.
pub async fn send_raw_event(inner: &Inner, request: RawEvent) -> Vec<Delivery> {
    let body = request.body.unwrap_or_else(|| request.event.unwrap_or_default().to_string());
    let value: Value = serde_json::from_str(&body).unwrap_or_default();
    let event_type = value["type"].as_str().unwrap_or_default();
    let signature = match (request.signature.as_deref(), &request.secret) {
        (Some("wrong"), _) => Some(stream_signature("another secret", body.as_bytes())),
        (Some("none"), _) => Some(String::new()),
        (_, Some(secret)) => Some(stream_signature(secret, body.as_bytes())),
        _ => None,
    };
    let mut message = inner.signed_message(event_type, body, request.id, signature);
    message.gzip = request.gzip.unwrap_or(message.gzip);
    inner.send_messages(vec![(message, request.repeat.max(1))]).await
}

async fn send_event(Shared(inner): Shared<Arc<Inner>>, body: Bytes) -> Response {
    let request: RawEvent = match read(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    if request.event.is_none() && request.body.is_none() {
        return control_error(StatusCode::BAD_REQUEST, "event or body is required");
    }
    if !matches!(request.signature.as_deref(), None | Some("right" | "wrong" | "none")) {
        return control_error(StatusCode::BAD_REQUEST, "signature is right, wrong or none");
    }
    let deliveries = send_raw_event(&inner, request).await;
    json_response(StatusCode::OK, &json!({ "deliveries": deliveries }))
}

async fn deliveries(Shared(inner): Shared<Arc<Inner>>, RawQuery(query): RawQuery) -> Response {
    inner.outbound.deliveries_response(query.as_deref()).await
}

async fn requests(Shared(inner): Shared<Arc<Inner>>) -> Response {
    requests_response(&inner.exchange)
}

async fn faults(Shared(inner): Shared<Arc<Inner>>, body: Bytes) -> Response {
    faults_response(&inner.exchange, &body)
}

async fn reset(Shared(inner): Shared<Arc<Inner>>) -> Response {
    inner.exchange.reset();
    inner.outbound.forget();
    json_response(StatusCode::OK, &json!({}))
}
