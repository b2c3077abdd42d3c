//! JSON answers, and extractors whose refusals are problem+json with the member that was refused.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::problem::ValidationError;
use http::StatusCode;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::App;
use crate::error::{Error, RequestError, not_found};

/// The largest body of an API request.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// No member of ours has a longer name, or path.
const LONGEST_NAME: usize = 60;

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(request: Request, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(RequestError::TooLarge(limit).into()),
        Err(error) => Err(RequestError::NotJson(error.to_string()).into()),
    }
}

/// A request's body, as `Write` parses it.
pub trait RequestBody: DeserializeOwned + Send {
    /// Whether no body at all means an object without members.
    const MAY_BE_EMPTY: bool = false;
}

/// No body, or an empty object.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

impl RequestBody for NoBody {
    const MAY_BE_EMPTY: bool = true;
}

/// Parses JSON: 400 where it is none, 422 with the member's name where a value is refused.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(RequestError::NotJson("it is not UTF-8".to_owned()).into());
    }
    // Serde would read the members of a struct from an array as well, one after the other.
    let is_object = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        return Err(ValidationError::field("body", "must be a JSON object").into());
    }
    let bytes = &*with_whole_numbers(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = short(&error.path().to_string());
        let inner = error.inner();
        // serde_json calls some wrong types, such as null for an enum, a syntax error, and stops at a wrong value before
        // it sees that what follows is not JSON.
        if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
            let message = with_a_short_name(&without_position(inner));
            let field = if path == "." { named_member(&message).unwrap_or_default() } else { path };
            Error::from(ValidationError::field(field, without_value(&message)))
        } else {
            RequestError::NotJson(without_position(inner)).into()
        }
    })?;
    deserializer.end().map_err(|e| RequestError::NotJson(without_position(&e)))?;
    Ok(value)
}

/// The same document with numbers such as `12.0` or `1e2` as whole ones: to JSON Schema, by which the API is published, these
/// are integers, and to Serde they are not. Only what a double holds exactly is changed.
fn with_whole_numbers(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut changed: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let end = at + bytes[at..].iter().take_while(|byte| is_number(byte)).count();
                if let Some(whole) = whole_number(&bytes[at..end]) {
                    let text = changed.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
                    text.extend_from_slice(&bytes[copied..at]);
                    text.extend_from_slice(whole.to_string().as_bytes());
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    let Some(mut text) = changed else { return Cow::Borrowed(bytes) };
    text.extend_from_slice(&bytes[copied..]);
    Cow::Owned(text)
}

/// The whole number that a JSON number with a fraction or an exponent is, if it is one.
fn whole_number(token: &[u8]) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    if !token.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return None;
    }
    // What is no number of JSON, such as `1.`, stays what it is.
    let value: f64 = serde_json::from_slice(token).ok()?;
    if value.fract() != 0.0 || value.abs() > EXACT {
        return None;
    }
    format!("{value:.0}").parse().ok()
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// What serde says, without the value it stumbled over: that is the caller's, and may be personal.
fn without_value(message: &str) -> String {
    let is_ours = ["missing field", "unknown field", "duplicate field", "not a valid"];
    if is_ours.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {}", in_words_of_json(expected)),
        None => "is not of the form that the API's document gives".to_owned(),
    }
}

/// What serde expects, as somebody would say it who knows JSON and not Rust.
fn in_words_of_json(expected: &str) -> &str {
    match expected.split(' ').next() {
        Some("u8" | "u16" | "u32" | "u64" | "usize") => "a whole number, neither negative nor too large",
        Some("i8" | "i16" | "i32" | "i64" | "isize") => "a whole number",
        Some("f32" | "f64") => "a number",
        Some("struct") => "an object",
        _ => match expected {
            "a nonzero i64" => "a whole number other than 0",
            "a map" => "an object",
            "a sequence" => "an array",
            "a timestamp string" => "a date-time such as 2026-11-20T10:00:00Z",
            "unit" => "one of the names that the API's document gives",
            other => other,
        },
    }
}

/// The member that serde says is missing, unknown or there twice.
fn named_member(message: &str) -> Option<String> {
    let names_it = ["missing field", "unknown field", "duplicate field"].iter().any(|start| message.starts_with(start));
    if names_it { quoted(message) } else { None }
}

/// What serde says, with no more of the name that it quotes first than a name of ours could have: it is the caller's.
fn with_a_short_name(message: &str) -> String {
    quoted(message).map_or_else(|| message.to_owned(), |name| message.replacen(&name, &short(&name), 1))
}

/// A path to a member of ours, or the beginning of something longer.
fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME).chain(['…']).collect()
}

/// The first `name` in backticks.
fn quoted(message: &str) -> Option<String> {
    message.split('`').nth(1).map(str::to_owned)
}

/// An answer of 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        crate::write::answer(StatusCode::OK, &self.0).unwrap_or_else(IntoResponse::into_response)
    }
}

/// The parameters of the path. What cannot be an id of ours does not exist: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        found.map(|axum::extract::Path(value)| Self(value)).map_err(|_| not_found("thing"))
    }
}

/// The parameters of the query.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Query<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let found = axum::extract::Query::<T>::from_request_parts(parts, app).await;
        found.map(|axum::extract::Query(value)| Self(value)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let (field, message) = message.split_once(": ").unwrap_or(("query", message));
            let field =
                if field.contains(' ') { quoted(field).unwrap_or_else(|| "query".into()) } else { field.into() };
            let field = if field == "query" { quoted(message).unwrap_or(field) } else { field };
            let field = if field.is_empty() { "query".to_owned() } else { field };
            ValidationError::field(field, without_value(message)).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Asked {
        when: Option<jiff::Timestamp>,
        price_credits: Option<u64>,
        amount: Option<std::num::NonZeroI64>,
        booking_id: Option<domain::ids::BookingId>,
        asset: Option<domain::money::Asset>,
        names: Option<Vec<String>>,
        inner: Option<Box<Asked>>,
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_or_an_exponent() {
        for (body, price) in [("12.0", 12), ("1.2e1", 12), ("120E-1", 12), ("0.0", 0), ("-0.0", 0), ("12", 12)] {
            let read = parse_json::<Asked>(format!(r#"{{"names":["1.0 \" 2.0"],"priceCredits":{body}}}"#).as_bytes());
            let read = read.unwrap();
            assert_eq!(
                (read.price_credits, read.names),
                (Some(price), Some(vec![r#"1.0 " 2.0"#.to_owned()])),
                "{body}"
            );
        }
        for body in ["12.5", "1e400", "1e300", "-1.0", "1.", "1e", "01.0", "9007199254740993.0", "-", "1.0.0"] {
            assert!(parse_json::<Asked>(format!(r#"{{"priceCredits":{body}}}"#).as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refusal_names_the_member_and_speaks_of_json() {
        for (body, refusal) in [
            (r#"{"priceCredits":"x"}"#, "priceCredits: expected a whole number, neither negative nor too large"),
            (r#"{"priceCredits":-1}"#, "priceCredits: expected a whole number, neither negative nor too large"),
            (r#"{"amount":0}"#, "amount: expected a whole number other than 0"),
            (r#"{"when":"x"}"#, "when: is not of the form that the API's document gives"),
            (r#"{"when":1}"#, "when: expected a date-time such as 2026-11-20T10:00:00Z"),
            (r#"{"bookingId":"x"}"#, "bookingId: not a valid bkg_… id"),
            (r#"{"asset":"GOLD"}"#, "asset: expected `CREDIT` or `COPILOT_MINUTE`"),
            (r#"{"asset":{"CREDIT":1}}"#, "asset.CREDIT: expected one of the names that the API's document gives"),
            (r#"{"asset":null,"names":"x"}"#, "names: expected an array"),
            (r#"{"names":[1]}"#, "names[0]: expected a string"),
            (r#"{"inner":1}"#, "inner: expected an object"),
            (r#"{"amount":1,"amount":1}"#, "amount: duplicate field `amount`"),
        ] {
            let refused = parse_json::<Asked>(body.as_bytes()).unwrap_err();
            assert_eq!(format!("{refused:?}"), format!("validation_failed: {refusal}"), "{body}");
        }
        let refused = parse_json::<Asked>(format!(r#"{{"{}":1}}"#, "é".repeat(9_000)).as_bytes()).unwrap_err();
        assert!(format!("{refused:?}").len() < 600, "{refused:?}");
    }
}
