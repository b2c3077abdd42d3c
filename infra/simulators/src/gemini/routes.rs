//! Gemini's endpoints and the control endpoints.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Inner;
use super::models::{self, Model};
use super::request::{self, Generate, Invalid};
use super::script::{GeminiScript, Order, Reply};
use super::writer::{self, Quotes};
use crate::crypto::{random_id, same};
use crate::http::{control_body, control_error, faults_response, json_response, lock, observe, query_value};

pub fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v1beta/models/{model}", get(read_model).post(act))
        .route("/simulator/config", get(read_config).post(ignore_config))
        .route("/simulator/script", post(control_script))
        .route("/simulator/requests", get(control_requests))
        .route("/simulator/faults", post(control_faults))
        .route("/simulator/reset", post(control_reset))
        .fallback(async || error(StatusCode::NOT_FOUND, "NOT_FOUND", "Requested entity was not found.", None))
        .layer(from_fn_with_state(inner.exchange.clone(), observe))
        .with_state(inner)
}

fn error_body(status: StatusCode, name: &str, message: &str, details: Option<Value>) -> Value {
    let mut body = json!({ "error": { "code": status.as_u16(), "message": message, "status": name } });
    if let Some(details) = details {
        body["error"]["details"] = details;
    }
    body
}

fn error(status: StatusCode, name: &str, message: &str, details: Option<Value>) -> Response {
    json_response(status, &error_body(status, name, message, details))
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    let (name, message) = match status.as_u16() {
        400 => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401 => ("UNAUTHENTICATED", "Request is missing required authentication credential."),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        404 => ("NOT_FOUND", "Requested entity was not found."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504 => ("DEADLINE_EXCEEDED", "The request timed out."),
        _ => ("INTERNAL", "An internal error has occurred."),
    };
    error_body(status, name, message, None)
}

fn invalid(invalid: Invalid) -> Response {
    error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", &invalid.message, invalid.details)
}

fn bad_key() -> Response {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": { "service": "generativelanguage.googleapis.com" },
    }]);
    let message = "API key not valid. Please pass a valid API key.";
    error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message, Some(details))
}

fn no_model(name: &str) -> Response {
    let message =
        format!("models/{name} is not found for API version v1beta, or is not supported for generateContent.");
    error(StatusCode::NOT_FOUND, "NOT_FOUND", &message, None)
}

fn key_refusal(inner: &Inner, headers: &HeaderMap, query: Option<&str>) -> Option<Response> {
    let header = headers.get("x-goog-api-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    match header.or_else(|| query_value(query, "key")) {
        Some(key) if same(key.as_bytes(), inner.api_key.as_bytes()) => None,
        Some(_) => Some(bad_key()),
        None => Some(error(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
            None,
        )),
    }
}

async fn read_model(
    State(inner): State<Arc<Inner>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers, query.as_deref()) {
        return refused;
    }
    match models::find(&name) {
        Some(model) => json_response(
            StatusCode::OK,
            &json!({
                "name": format!("models/{}", model.name),
                "displayName": model.name,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
                "thinking": true,
            }),
        ),
        None => no_model(&name),
    }
}

/// `{model}:generateContent` and `{model}:countTokens`.
async fn act(
    State(inner): State<Arc<Inner>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = key_refusal(&inner, &headers, query.as_deref()) {
        return refused;
    }
    let (name, method) = path.rsplit_once(':').unwrap_or((&path, ""));
    let Some(model) = models::find(name) else { return no_model(name) };
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(parse) => {
            return invalid(Invalid { message: format!("Invalid JSON payload received. {parse}"), details: None });
        }
    };
    match method {
        "generateContent" => match request::generate(&model, &body) {
            Ok(request) => generate(&inner, &model, &request).await,
            Err(refused) => invalid(refused),
        },
        "countTokens" => match request::contents_text(&model, &body["contents"]) {
            Ok(text) => {
                let tokens = tokens(&text);
                let details = json!([{ "modality": "TEXT", "tokenCount": tokens }]);
                json_response(StatusCode::OK, &json!({ "totalTokens": tokens, "promptTokensDetails": details }))
            }
            Err(refused) => invalid(refused),
        },
        _ => error(StatusCode::NOT_FOUND, "NOT_FOUND", "Requested entity was not found.", None),
    }
}

/// About four characters make a token.
fn tokens(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX).div_ceil(4)
}

async fn generate(inner: &Inner, model: &Model, request: &Generate) -> Response {
    let rest = match &request.continuation_token {
        Some(token) => match lock(&inner.continuations).remove(token) {
            Some(rest) => Some(rest),
            None => {
                return invalid(Invalid { message: "The continuation token is not valid.".into(), details: None });
            }
        },
        None => None,
    };
    inner.generations.fetch_add(1, Ordering::SeqCst);
    let order = lock(&inner.scripts).next(model.name);
    if order.reply == Reply::Hang {
        tokio::time::sleep(Duration::from_secs_f64(order.hang_seconds.unwrap_or(120.0))).await;
    }
    if let Some(refusal) = refusal(model, &order) {
        return refusal;
    }
    inner.answers.fetch_add(1, Ordering::SeqCst);
    let text = rest.unwrap_or_else(|| answer_text(request, order.reply));
    let body = answer(inner, model, request, order.reply, text);
    json_response(StatusCode::OK, &body)
}

/// The scripted answers that are no 200.
fn refusal(model: &Model, order: &Order) -> Option<Response> {
    let plain = |status: StatusCode| Some(json_response(status, &error_body_of_status(status)));
    let quota = |quota_id: &str, retry: Option<&str>| {
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count",
                "quotaId": quota_id,
                "quotaDimensions": { "location": "global", "model": model.name },
                "quotaValue": "1000000",
            }],
        })];
        if let Some(delay) = retry {
            details.push(json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }));
        }
        let message = "You exceeded your current quota.";
        Some(error(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", message, Some(json!(details))))
    };
    match order.reply {
        Reply::RateLimited => {
            let delay = order.retry_delay.as_deref().unwrap_or("34.074824224s");
            quota("GenerateContentPaidTierInputTokensPerModelPerMinute", Some(delay))
        }
        Reply::RateLimitedDay => quota("GenerateRequestsPerDayPerProjectPerModel", order.retry_delay.as_deref()),
        Reply::Unavailable => plain(StatusCode::SERVICE_UNAVAILABLE),
        Reply::Internal => plain(StatusCode::INTERNAL_SERVER_ERROR),
        Reply::Deadline => plain(StatusCode::GATEWAY_TIMEOUT),
        Reply::Permission => {
            let message = "Your API key was reported as leaked.";
            Some(error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message, None))
        }
        Reply::BadKey => Some(bad_key()),
        Reply::NotFound => Some(no_model(model.name)),
        _ => None,
    }
}

fn answer_text(request: &Generate, reply: Reply) -> String {
    let quotes = match reply {
        Reply::MissingQuotes => Quotes::Missing,
        Reply::HalfMissingQuotes => Quotes::HalfMissing,
        Reply::WrongSpeakerQuotes => Quotes::WrongSpeaker,
        Reply::ShortQuotes => Quotes::Short,
        Reply::RecasedQuotes => Quotes::Recased,
        _ => Quotes::Real,
    };
    let value = writer::write(&request.prompt, request.schema.as_ref(), quotes);
    match (&value, request.wants_json) {
        (Value::String(text), false) => text.clone(),
        _ => value.to_string(),
    }
}

/// The first `length` characters.
fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

fn answer(inner: &Inner, model: &Model, request: &Generate, reply: Reply, text: String) -> Value {
    let length = text.chars().count();
    let stopped = |text: String, reason: &str| json!({ "content": { "role": "model", "parts": [{ "text": text }] }, "finishReason": reason, "index": 0 });
    let without_content = |reason: &str| json!({ "finishReason": reason, "index": 0 });
    let no_parts = json!({ "content": { "role": "model" }, "finishReason": "MAX_TOKENS", "index": 0 });
    let room = request.max_output_tokens.saturating_sub(request.thinking_tokens);
    let candidate = match reply {
        Reply::BlockedPrompt => return envelope(model, request, None, 0),
        Reply::Safety => json!({
            "finishReason": "SAFETY", "index": 0,
            "safetyRatings": [{ "category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": true }],
        }),
        Reply::Recitation => without_content("RECITATION"),
        Reply::Other => without_content("OTHER"),
        Reply::UnknownFinish => stopped(String::new(), "SOMETHING_NEW"),
        Reply::MaxTokens => stopped(cut(&text, length / 2), "MAX_TOKENS"),
        Reply::MaxTokensNoParts => no_parts,
        Reply::Continuation => {
            let token = random_id("Q09OVElO");
            let rest: String = text.chars().skip(length / 2).collect();
            lock(&inner.continuations).insert(token.clone(), rest);
            let mut candidate = stopped(cut(&text, length / 2), "CONTINUATION");
            candidate["continuationToken"] = json!(token);
            candidate
        }
        Reply::ThoughtPart => {
            let mut candidate = stopped(text, "STOP");
            candidate["content"]["parts"] = json!([
                { "text": "Let me look at each answer in turn.", "thought": true },
                { "text": candidate["content"]["parts"][0]["text"], "thoughtSignature": "U0lNVUxBVEVE" },
            ]);
            candidate
        }
        Reply::Malformed => stopped(cut(&text, length * 2 / 3), "STOP"),
        Reply::Prose => stopped("Here is my assessment of the candidate: a solid performance overall.".into(), "STOP"),
        Reply::WrongShape => stopped(json!({ "unexpected": [1, 2, 3] }).to_string(), "STOP"),
        Reply::Empty => stopped(String::new(), "STOP"),
        // Thinking counts against the limit; what does not fit is cut, as from the real service.
        _ if room == 0 => no_parts,
        _ if tokens(&text) > room => stopped(cut(&text, usize::try_from(room * 4).unwrap_or(usize::MAX)), "MAX_TOKENS"),
        _ => stopped(text, "STOP"),
    };
    let written: u64 = candidate["content"]["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| tokens(part["text"].as_str().unwrap_or_default()))
        .sum();
    envelope(model, request, Some(candidate), written)
}

fn envelope(model: &Model, request: &Generate, candidate: Option<Value>, written: u64) -> Value {
    let prompt_tokens = tokens(&request.prompt);
    let mut usage = json!({
        "promptTokenCount": prompt_tokens,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": prompt_tokens }],
    });
    let mut total = prompt_tokens;
    // A blocked answer shows no output tokens; a cut one without parts shows only thoughts.
    if candidate.as_ref().is_some_and(|candidate| candidate.get("content").is_some()) {
        let all = request.max_output_tokens.min(8192);
        let thoughts = if written == 0 { all } else { request.thinking_tokens };
        if written > 0 {
            usage["candidatesTokenCount"] = json!(written);
        }
        usage["thoughtsTokenCount"] = json!(thoughts);
        total += written + thoughts;
    }
    usage["totalTokenCount"] = json!(total);
    let mut body = json!({ "usageMetadata": usage, "modelVersion": model.name, "responseId": random_id("sim") });
    match candidate {
        Some(candidate) => body["candidates"] = json!([candidate]),
        None => body["promptFeedback"] = json!({ "blockReason": "PROHIBITED_CONTENT" }),
    }
    body
}

async fn read_config(State(inner): State<Arc<Inner>>) -> Response {
    json_response(StatusCode::OK, &json!({ "apiKey": inner.api_key }))
}

/// Gemini sends no webhooks, so an `apiUrl` handed to all simulators alike means nothing here.
async fn ignore_config(State(inner): State<Arc<Inner>>) -> Response {
    read_config(State(inner)).await
}

async fn control_script(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    match control_body::<GeminiScript>(&body) {
        Ok(script) => {
            lock(&inner.scripts).add(script);
            json_response(StatusCode::OK, &json!({}))
        }
        Err(message) => control_error(StatusCode::BAD_REQUEST, message),
    }
}

async fn control_requests(State(inner): State<Arc<Inner>>) -> Response {
    let requests = inner.exchange.requests();
    let generates: Vec<_> = requests.iter().filter(|request| request.path.ends_with(":generateContent")).collect();
    let body = json!({
        "count": generates.len(),
        "generations": inner.generations.load(Ordering::SeqCst),
        "answers": inner.answers.load(Ordering::SeqCst),
        "requests": generates,
    });
    json_response(StatusCode::OK, &body)
}

async fn control_faults(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    faults_response(&inner.exchange, &body)
}

async fn control_reset(State(inner): State<Arc<Inner>>) -> Response {
    inner.reset();
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], "{}").into_response()
}
