//! The published description of the API, made from the routes themselves.
//!
//! What is read and what is sent are described differently: a member that may be left out of a request is optional, one that every
//! answer has is required, also where it can be null, and one that is left out where there is nothing is never null.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::http::problem::ProblemBody;
use crate::http::route::{IdempotencyKey, Route};
use crate::http::who::Who;

/// The OpenAPI 3.1 document of these routes.
pub fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let (mut sent, mut read) = (settings.clone().for_serialize().into_generator(), settings.into_generator());
    let problem = sent.subschema_for::<ProblemBody>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let body = route.body.map(|schema| schema(&mut read));
        let answer = route.answer.map(|schema| schema(&mut sent));
        let query = route.query.map(|schema| schema(&mut read));
        let operation = operation(route, body.map(Into::into), answer.map(Into::into), query.map(Into::into));
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Greenroom",
            "version": "1",
            "description": "Mock interviews: book a verified interviewer, talk, and read feedback whose every quote \
                was found in the transcript. Reports are practice feedback to the candidate, not a hiring assessment.",
        },
        "paths": paths,
        "components": {
            "schemas": together(sent.take_definitions(true), read.take_definitions(true)),
            "responses": {
                "Problem": {
                    "description": "The request was refused (RFC 9457).",
                    "headers": headers(&["X-Request-Id"]),
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "Unauthenticated": {
                    "description": "Authentication is missing or invalid (RFC 9457).",
                    "headers": headers(&["X-Request-Id", "WWW-Authenticate"]),
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "TryAgain": {
                    "description": "The request was refused for now; try again later (RFC 9457).",
                    "headers": headers(&["X-Request-Id", "Retry-After"]),
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "headers": {
                "X-Request-Id": {
                    "description": "Identifies this request; quote it to support.",
                    "required": true, "schema": { "type": "string" },
                },
                "WWW-Authenticate": {
                    "description": "The authentication scheme to use.",
                    "required": true, "schema": { "type": "string" },
                },
                "Retry-After": {
                    "description": "How many seconds to wait before trying again.",
                    "required": true, "schema": { "type": "integer", "minimum": 1 },
                },
                "ETag": {
                    "description": "Names this version of the answer; send it as If-None-Match.",
                    "required": true, "schema": { "type": "string" },
                },
                "Idempotent-Replayed": {
                    "description": "Present if this repeats the answer to an earlier request with the same key.",
                    "schema": { "type": "string", "const": "true" },
                },
            },
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A Clerk session token." },
            },
        },
    })
}

/// What is sent and what is read, by name. A name must mean the same in both.
fn together(sent: Map<String, Value>, read: Map<String, Value>) -> Map<String, Value> {
    let mut all = sent;
    all.values_mut().for_each(leave_out_null);
    for (name, schema) in read {
        let known = all.entry(name.clone()).or_insert_with(|| schema.clone());
        assert!(*known == schema, "{name} is sent in another form than it is read; it needs two names");
    }
    all
}

/// What an answer leaves out where there is nothing is not null where it is there.
fn leave_out_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (_, member) in members.iter_mut().filter(|(name, _)| !required.contains(&json!(name))) {
            if let Some(types) = member.get_mut("type").and_then(Value::as_array_mut) {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    member["type"] = only.clone();
                }
            }
            let forms = member.get_mut("anyOf").and_then(Value::as_array_mut);
            let Some(forms) = forms else { continue };
            forms.retain(|form| form["type"] != "null");
            if let [only] = forms.as_mut_slice() {
                let only = only.take();
                if let Some(member) = member.as_object_mut() {
                    member.remove("anyOf");
                    member.extend(only.as_object().cloned().unwrap_or_default());
                }
            }
        }
    }
    match schema {
        Value::Object(parts) => parts.values_mut().for_each(leave_out_null),
        Value::Array(parts) => parts.iter_mut().for_each(leave_out_null),
        _ => {}
    }
}

fn headers(names: &[&str]) -> Value {
    let all = names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })));
    all.collect::<Map<String, Value>>().into()
}

fn operation(route: &Route, body: Option<Value>, answer: Option<Value>, query: Option<Value>) -> Value {
    let mut responses = Map::new();
    let description = if route.status == 204 { "Done." } else { "Success." };
    let mut success = json!({ "description": description });
    if let Some(schema) = answer {
        success["content"] = json!({ "application/json": { "schema": schema } });
    }
    let is_remembered = route.idempotency_key != IdempotencyKey::Ignored;
    success["headers"] = headers(match is_remembered {
        true => &["X-Request-Id", "Idempotent-Replayed"],
        false if route.is_tagged => &["X-Request-Id", "ETag"],
        false => &["X-Request-Id"],
    });
    responses.insert(route.status.to_string(), success);
    if route.is_tagged {
        let unchanged = json!({ "description": "Not changed.", "headers": headers(&["X-Request-Id", "ETag"]) });
        responses.insert("304".to_owned(), unchanged);
    }
    for (status, codes) in refusals(route) {
        let kind = match status {
            401 => "Unauthenticated",
            429 | 503 => "TryAgain",
            _ => "Problem",
        };
        let kind = format!("#/components/responses/{kind}");
        let described = json!({ "$ref": kind, "description": codes.join(", ") });
        responses.insert(status.to_string(), described);
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.about.split(". ").next().unwrap_or_default().trim_end_matches('.'),
        "description": format!("{}\n\nAccess: {}.", route.about, route.who.words()),
        "tags": [tag(route.path)],
        "parameters": parameters(route, query),
        "responses": responses,
    });
    if route.who.needs_token() {
        operation["security"] = json!([{ "session": [] }]);
    }
    let example = route.example.and_then(|text| serde_json::from_str::<Value>(text).ok());
    // Of a delivery no form is published: it is its sender's.
    if let Some(schema) = body.or_else(|| example.is_some().then(|| json!({ "type": "object" }))) {
        let mut content = json!({ "schema": schema });
        if let Some(example) = example {
            content["example"] = example;
        }
        operation["requestBody"] =
            json!({ "required": !route.body_is_optional, "content": { "application/json": content } });
    }
    operation
}

/// The statuses a route refuses with, and the codes behind each: its own and those of its kind.
pub fn refusals(route: &Route) -> Vec<(u16, Vec<&'static str>)> {
    let mut all: Vec<(u16, &'static str)> = route.refusals.to_vec();
    all.push((500, "internal"));
    // Clerk, whose keys a token is checked with, the table, or a provider can be away.
    if route.who.needs_token() || !route.needs.table.is_empty() || !route.needs.secrets.is_empty() {
        all.push((503, "upstream_unavailable"));
    }
    if route.who.needs_token() {
        all.extend([(401, "unauthenticated"), (403, "account_deleted")]);
    }
    if !matches!(route.who, Who::Anyone | Who::Signed | Who::SignedIn) {
        all.extend([(403, "onboarding_required"), (403, "forbidden")]);
    }
    // Who acts for somebody else may only read.
    if route.who.needs_token() && route.method != "GET" {
        all.push((403, "forbidden"));
    }
    if route.path.contains('{') {
        all.push((404, "not_found"));
    }
    if route.query.is_some() {
        all.push((422, "validation_failed"));
    }
    if route.who == Who::Signed {
        all.extend([(400, "malformed_request"), (401, "invalid_signature"), (413, "payload_too_large")]);
    } else if route.method != "GET" {
        all.push((429, "rate_limited"));
        if route.body.is_some() {
            all.extend([(400, "malformed_request"), (413, "payload_too_large"), (422, "validation_failed")]);
        }
        if route.idempotency_key != IdempotencyKey::Ignored {
            all.push((422, "idempotency_key_reused"));
        }
    }
    all.sort_unstable();
    all.dedup();
    let mut grouped: Vec<(u16, Vec<&'static str>)> = Vec::new();
    for (status, code) in all {
        match grouped.last_mut() {
            Some((last, codes)) if *last == status => codes.push(code),
            _ => grouped.push((status, vec![code])),
        }
    }
    grouped
}

fn parameters(route: &Route, query: Option<Value>) -> Vec<Value> {
    let names = route.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let mut parameters: Vec<Value> = names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if let Some(schema) = query {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|s| s.remove("description"));
            let mut parameter = json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()),
                "schema": schema });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameters.push(parameter);
        }
    }
    if route.idempotency_key != IdempotencyKey::Ignored {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": route.idempotency_key == IdempotencyKey::Required,
            "description": "Repeating a request with the same key and body returns the first answer, for 24 hours.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    if route.is_tagged {
        parameters.push(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The ETag of an earlier answer: 304 while nothing has changed.", "schema": { "type": "string" },
        }));
    }
    parameters
}

fn tag(path: &str) -> &str {
    match path.trim_start_matches("/api/").split('/').next().unwrap_or_default() {
        "user" | "onboarding" => "Accounts",
        "interviewers" | "verification" | "availability" => "Directory and availability",
        "catalog" => "Wallet and payments",
        "bookings" | "appointments" | "calls" | "ai" => "Bookings",
        "wallet" => "Wallet",
        "admin" => "Admin",
        "webhooks" => "Webhooks",
        _ => "Platform",
    }
}
