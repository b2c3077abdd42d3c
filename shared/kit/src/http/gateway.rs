//! API Gateway's events (HTTP API, payload version 2) as HTTP requests, and answers as what it expects back.
//!
//! What a client puts into headers, path or query arrives here as it was sent. None of it may bring the function down: what
//! cannot be a request is refused with 400, and characters that an address cannot hold are escaped.

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::error::{Error, Fault, RequestError};
use crate::http::problem::complete;

/// What cannot stand in a query as it is.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
/// What cannot stand in a path as it is.
const PATH: &AsciiSet = &QUERY.add(b'?').add(b'`').add(b'{').add(b'}').add(b'|').add(b'\\').add(b'^');

/// The gateway's id of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Http,
    #[serde(default)]
    request_id: String,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// Serves one event with `router`. There is always an answer.
pub async fn respond(router: Router, event: Value) -> Value {
    let event: Event = match serde_json::from_value(event) {
        Ok(event) => event,
        Err(error) => return refused(Fault(format!("not an event of an HTTP API: {error}")).into(), "").await,
    };
    let request_id = event.request_context.request_id.clone();
    match request(event) {
        Ok(request) => match router.oneshot(request).await {
            Ok(response) => answer(response).await,
            Err(never) => match never {},
        },
        Err(error) => refused(error, &request_id).await,
    }
}

/// Answers a request that never became one.
async fn refused(error: Error, request_id: &str) -> Value {
    let response = complete(error.into_response(), request_id);
    answer(response).await
}

fn request(event: Event) -> Result<Request<Body>, Error> {
    let malformed = |what: &str| Error::from(RequestError::Malformed(what.to_owned()));
    let mut address = utf8_percent_encode(&event.raw_path, PATH).to_string();
    if !address.starts_with('/') {
        address.insert(0, '/');
    }
    if !event.raw_query_string.is_empty() {
        address.push('?');
        address.extend(utf8_percent_encode(&event.raw_query_string, QUERY));
    }
    let body = match event.body {
        None => Vec::new(),
        Some(text) if event.is_base64_encoded => STANDARD.decode(text).map_err(|_| malformed("the body"))?,
        Some(text) => text.into_bytes(),
    };
    let mut request = Request::builder()
        .method(Method::from_bytes(event.request_context.http.method.as_bytes()).map_err(|_| malformed("the method"))?)
        .uri(address)
        .body(Body::from(body))
        .map_err(|_| malformed("the address"))?;
    *request.headers_mut() = headers(&event.headers).ok_or_else(|| malformed("a header"))?;
    request.extensions_mut().insert(RequestId(event.request_context.request_id));
    Ok(request)
}

/// `None` if one of them is not a valid header. Dropping just that one would change the request: it may be an idempotency key.
fn headers(sent: &Map<String, Value>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(sent.len());
    for (name, value) in sent {
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    Some(headers)
}

async fn answer(response: Response<Body>) -> Value {
    let (parts, body) = response.into_parts();
    // The bodies are ours and in memory; reading them cannot fail.
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut headers = Map::new();
    for name in parts.headers.keys() {
        let values: Vec<&str> = parts.headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
        headers.insert(name.to_string(), json!(values.join(", ")));
    }
    headers.remove(header::CONTENT_LENGTH.as_str());
    let (body, is_base64) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(&bytes), true),
    };
    json!({ "statusCode": parts.status.as_u16(), "headers": headers, "body": body, "isBase64Encoded": is_base64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use proptest::prelude::*;

    async fn send(path: &str, query: &str, headers: Value) -> Value {
        let router = Router::new().route("/things/{id}", get(async |path: axum::extract::Path<String>| path.0));
        let context = json!({ "http": { "method": "GET" }, "requestId": "r1" });
        let event = json!({ "rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": context });
        respond(router, event).await
    }

    #[tokio::test]
    async fn nothing_in_an_address_or_header_brings_a_function_down() {
        for (path, query) in [
            ("/things/a", "a=<b"),
            ("/things/a", "x=\"&y=`{|}^\\"),
            ("/things/a b", ""),
            ("/things/a#b", "#"),
            ("/things/ü", "ü=ß"),
            ("/things/\u{0}", "\u{0}"),
            ("things/a", ""),
            ("", ""),
        ] {
            let answer = send(path, query, json!({ "host": "a:99999", "x-forwarded-proto": "x y" })).await;
            assert!(matches!(answer["statusCode"].as_u64(), Some(200 | 404)), "{path}?{query}: {answer}");
        }
        assert_eq!(send("/things/a#b", "", json!({})).await["body"], "a#b");
        for headers in [json!({ "x": "\u{1}" }), json!({ "x": "\u{7f}" }), json!({ "a b": "x" }), json!({ "x": 7 })] {
            let answer = send("/things/a", "", headers).await;
            assert_eq!(answer["statusCode"], 400, "{answer}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!((&body["code"], &body["requestId"]), (&json!("malformed_request"), &json!("r1")));
            assert_eq!(answer["headers"]["x-request-id"], "r1");
        }
        assert_eq!(respond(Router::new(), json!({ "hello": 1 })).await["statusCode"], 500);
    }

    /// A text as a client may send it, or worse.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ -~]{0,40}",
            proptest::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
            Just("/things/%2e%2e/%zz?#".to_owned()),
            Just("[::1]:99999".to_owned()),
        ]
    }

    /// What may stand where an event has something: that, something else, or nothing.
    fn any_member(good: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
        let bad =
            prop_oneof![Just(json!(null)), Just(json!(7)), Just(json!([])), Just(json!({})), Just(json!({ "a": [1] }))];
        prop_oneof![8 => good.prop_map(Some), 1 => bad.prop_map(Some), 1 => Just(None)]
    }

    fn any_event() -> impl Strategy<Value = Value> {
        let text = || any_member(any_text().prop_map(Value::from));
        let headers = proptest::collection::vec((any_text(), any_text()), 0..6);
        let headers = headers.prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name, json!(value))).collect());
        let method = prop_oneof![Just("GET".to_owned()), Just("PROPFIND".to_owned()), any_text()];
        let http = any_member(method.prop_map(|method| json!({ "method": method, "path": "/", "sourceIp": "x" })));
        let context = (http, text()).prop_map(|(http, id)| {
            let members = [("http", http), ("requestId", id)].into_iter();
            members.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<String, Value>>().into()
        });
        let members = (text(), text(), any_member(headers), text(), any_member(any::<bool>().prop_map(Value::from)));
        (members, any_member(context)).prop_map(|((path, query, headers, body, is_base64), context)| {
            let members = [
                ("rawPath", path),
                ("rawQueryString", query),
                ("headers", headers),
                ("body", body),
                ("isBase64Encoded", is_base64),
                ("requestContext", context),
            ];
            let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            members.collect::<Map<String, Value>>().into()
        })
    }

    proptest! {
        #[test]
        fn every_event_is_answered_whatever_is_in_it(event in any_event()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let echo = async |path: axum::extract::Path<String>, body: String| format!("{}{body}", path.0);
            let router = Router::new().route("/things/{id}", axum::routing::any(echo));
            let is_event = serde_json::from_value::<Event>(event.clone()).is_ok();
            let answer = runtime.block_on(respond(router, event));
            let status = answer["statusCode"].as_u64().unwrap();
            prop_assert!(status == 500 || is_event, "{answer}");
            prop_assert!((200..500).contains(&status) || !is_event, "{answer}");
            prop_assert!(answer["headers"].is_object(), "{answer}");
        }
    }
}
