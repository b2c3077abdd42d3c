//! Whether an answer is what the published document says of it: its status, its headers, and each member of its body.

use std::collections::BTreeSet;

use kit::Route;
use serde_json::{Map, Value};
use testing::Answer;

/// What `answer` has that `document` does not describe, or lacks that it promises.
pub fn fault(document: &Value, route: &Route, answer: &Answer) -> Option<String> {
    let responses = &document["paths"][route.path][route.method.to_lowercase()]["responses"];
    let Some(response) = responses.get(answer.status.to_string()) else {
        return Some(format!("{} is not described", answer.status));
    };
    let response = resolved(document, response);
    let described = response["headers"].as_object().cloned().unwrap_or_default();
    headers(document, &described, answer).or_else(|| body(document, response, answer))
}

/// What the example of the route's body has that `document` does not describe, or lacks that it asks for.
pub fn fault_of_example(document: &Value, route: &Route) -> Option<String> {
    let operation = &document["paths"][route.path][route.method.to_lowercase()];
    let content = &operation["requestBody"]["content"]["application/json"];
    // Of a delivery only its sender could say more.
    if route.body.is_none() {
        return (!content["example"].is_object()).then(|| "it is no object".to_owned());
    }
    conforms(document, &content["schema"], &content["example"], "").err()
}

fn headers(document: &Value, described: &Map<String, Value>, answer: &Answer) -> Option<String> {
    let promised = described.iter().filter(|(_, header)| resolved(document, header)["required"] == true);
    let missing = promised.map(|(name, _)| name).find(|name| !answer.headers.contains_key(name.as_str()));
    // These are in every answer over HTTP, and say nothing of ours.
    let plain =
        ["content-type", "cache-control", "content-security-policy", "x-content-type-options", "referrer-policy"];
    let is_described = |name: &str| described.keys().any(|known| known.eq_ignore_ascii_case(name));
    let mut sent = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
    let undescribed = sent.find(|name| !plain.contains(name) && !is_described(name));
    missing
        .map(|name| format!("the header {name} is missing"))
        .or_else(|| undescribed.map(|name| format!("the header {name} is not described")))
}

fn body(document: &Value, response: &Value, answer: &Answer) -> Option<String> {
    let content = response["content"].as_object();
    let sent = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let (Some(content), Some(sent)) = (content, sent) else {
        // No form is published of a page, nor of the document itself.
        let is_json = sent == Some("application/json") && !answer.body["openapi"].is_string();
        return (content.is_some() || is_json).then(|| "a body is described and not sent, or the other way".to_owned());
    };
    match content.get(sent) {
        Some(described) => conforms(document, &described["schema"], &answer.body, "").err(),
        None => Some(format!("{sent} is not described")),
    }
}

fn resolved<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(name) => resolved(document, document.pointer(name.trim_start_matches('#')).expect("what is referred to")),
        None => node,
    }
}

/// Checks a value, and that its schema describes all that is in it.
fn conforms(document: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let described = look(document, schema, value, path)?;
    let members = value.as_object().into_iter().flatten().map(|(name, _)| name);
    match members.into_iter().find(|name| !described.contains(*name)) {
        Some(name) => Err(format!("{path}.{name} is not described")),
        None => Ok(()),
    }
}

/// Checks a value, and says which of its members the schema describes.
fn look(document: &Value, schema: &Value, value: &Value, path: &str) -> Result<BTreeSet<String>, String> {
    let mut described = BTreeSet::new();
    if let Some(name) = schema["$ref"].as_str() {
        let target = document.pointer(name.trim_start_matches('#')).expect("what is referred to");
        described.extend(look(document, target, value, path)?);
    }
    plainly(schema, value).map_err(|why| format!("{path} {why}"))?;
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return Err(format!("{path}.{name} is required, and missing"));
            }
        }
        for (name, value) in members {
            if let Some(schema) = schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
                described.insert(name.clone());
                conforms(document, schema, value, &format!("{path}.{name}"))?;
            }
        }
    }
    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(document, &schema["items"], item, &format!("{path}[{nth}]"))?;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        described.extend(look(document, part, value, path)?);
    }
    for several in ["anyOf", "oneOf"] {
        let Some(forms) = schema[several].as_array() else { continue };
        let (fitting, refused): (Vec<_>, Vec<_>) =
            forms.iter().map(|form| look(document, form, value, path)).partition(Result::is_ok);
        if fitting.is_empty() {
            let why: Vec<String> = refused.into_iter().filter_map(Result::err).collect();
            return Err(format!("{path} has none of its forms: {}", why.join("; ")));
        }
        described.extend(fitting.into_iter().flatten().flatten());
    }
    Ok(described)
}

fn plainly(schema: &Value, value: &Value) -> Result<(), String> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Err(format!("is {value}, and not {}", types.join(" or ")));
    }
    let is_listed = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    let is_the_one = schema.get("const").is_none_or(|one| one == value);
    let is_instant = schema["format"] != "date-time"
        || value.as_str().is_none_or(|text| domain::instant::parse_instant(text).is_ok());
    if is_listed && is_the_one && is_instant { Ok(()) } else { Err(format!("is {value}, which is not described")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(value: &Value) -> Option<String> {
        let document = json!({ "components": { "schemas": { "Thing": { "type": "object", "required": ["id", "note"],
            "properties": { "id": { "type": "string" }, "note": { "type": ["string", "null"] },
                "at": { "type": "string", "format": "date-time" }, "kind": { "enum": ["A", "B"] } },
            "oneOf": [
                { "properties": { "form": { "const": 1 }, "one": { "type": "integer" } }, "required": ["form", "one"] },
                { "properties": { "form": { "const": 2 } }, "required": ["form"] },
            ] } } } });
        conforms(&document, &json!({ "$ref": "#/components/schemas/Thing" }), value, "").err()
    }

    #[test]
    fn what_is_missing_or_not_described_is_found() {
        assert_eq!(
            wrong(&json!({ "id": "1", "note": null, "form": 2, "at": "2026-11-20T12:00:00Z", "kind": "A" })),
            None
        );
        assert_eq!(wrong(&json!({ "id": "1", "note": "x", "form": 1, "one": 7 })), None);
        for (value, why) in [
            (json!({ "id": "1", "form": 2 }), ".note is required, and missing"),
            (json!({ "id": 1, "note": null, "form": 2 }), ".id is 1, and not string"),
            (json!({ "id": "1", "note": null, "form": 2, "one": 7 }), ".one is not described"),
            (json!({ "id": "1", "note": null, "form": 2, "kind": "C" }), ".kind is \"C\", which is not described"),
            (json!({ "id": "1", "note": null, "form": 2, "at": "noon" }), ".at is \"noon\", which is not described"),
            (json!([]), " is [], and not object"),
        ] {
            assert_eq!(wrong(&value).as_deref(), Some(why), "{value}");
        }
        assert!(wrong(&json!({ "id": "1", "note": null, "form": 3 })).unwrap().contains("none of its forms"));
    }
}
