//! Reading the known answers in `vectors/`.

use ::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The headers that a case was delivered with.
pub fn headers(case: &Value) -> HeaderMap {
    let present = case["headers"].as_object().unwrap().iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_str(value.as_str()?).unwrap();
        Some((name.parse::<HeaderName>().unwrap(), value))
    });
    present.collect()
}

/// The cases of a file of webhooks.
pub fn cases(file: &Value) -> &Vec<Value> {
    file["webhook"]["vectors"].as_array().unwrap()
}

/// The body of a case, or of the case that it refers to by the name or the event's id.
pub fn body<'a>(file: &'a Value, case: &'a Value) -> &'a [u8] {
    let meant = |reference: &Value| {
        cases(file).iter().find(|other| [&other["name"], &other["event_id"]].contains(&reference)).unwrap()
    };
    let text = case["raw_body"].as_str();
    text.unwrap_or_else(|| meant(&case["raw_body_ref"])["raw_body"].as_str().unwrap()).as_bytes()
}

/// The body of the case of this name.
pub fn named<'a>(file: &'a Value, name: &str) -> &'a [u8] {
    body(file, cases(file).iter().find(|case| case["name"] == name).unwrap())
}
