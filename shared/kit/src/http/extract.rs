//! Body, path and query, whose refusals are problem+json with the member that was refused.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Request};
use bytes::Bytes;
use domain::problem::ValidationError;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::App;
use crate::error::{Error, RequestError, not_found};
use crate::http::wording;

/// The largest body of an API request.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

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
    // Serde stops at a value it does not want before it sees that what follows is not JSON.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| RequestError::NotJson(wording::of_syntax(&error)))?;
    // It would read the members of a struct from an array as well, one after the other.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(ValidationError::field("body", "must be a JSON object").into());
    }
    let bytes = with_whole_numbers(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
        wording::refusal(if path == "." { "" } else { &path }, message).into()
    })
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
            let said = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            wording::of_query(said).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        price_credits: Option<u64>,
        names: Option<Vec<String>>,
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
}
