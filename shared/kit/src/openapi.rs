//! The published description of the API, made from the routes themselves.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::error::ProblemBody;
use crate::route::{IdempotencyKey, Route, Who};

/// The OpenAPI 3.1 document of these routes.
pub fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<ProblemBody>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let body = route.body.map(|schema| schema(&mut generator));
        let answer = route.answer.map(|schema| schema(&mut generator));
        let query = route.query.map(|schema| schema(&mut generator));
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
            "schemas": generator.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "A refusal (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A Clerk session token." },
            },
        },
    })
}

fn operation(route: &Route, body: Option<Value>, answer: Option<Value>, query: Option<Value>) -> Value {
    let mut responses = Map::new();
    let description = if route.status == 204 { "Done." } else { "Success." };
    let mut success = json!({ "description": description });
    if let Some(schema) = answer {
        success["content"] = json!({ "application/json": { "schema": schema } });
    }
    if route.idempotency_key != IdempotencyKey::Ignored {
        success["headers"] = json!({ "Idempotent-Replayed": {
            "description": "Present where this is the answer to an earlier request with the same key.",
            "schema": { "type": "string", "const": "true" },
        } });
    }
    responses.insert(route.status.to_string(), success);
    for (status, codes) in refusals(route) {
        let described = json!({ "$ref": "#/components/responses/Problem", "description": codes.join(", ") });
        responses.insert(status.to_string(), described);
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.about.split(". ").next().unwrap_or_default().trim_end_matches('.'),
        "description": format!("{}\n\nWho may call it: {}.", route.about, route.who.words()),
        "tags": [tag(route.path)],
        "parameters": parameters(route, query),
        "responses": responses,
    });
    if route.who.needs_token() {
        operation["security"] = json!([{ "session": [] }]);
    }
    if let Some(schema) = body {
        operation["requestBody"] =
            json!({ "required": !route.body_is_optional, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// The statuses a route refuses with, and the codes behind each: its own and those of its kind.
pub fn refusals(route: &Route) -> Vec<(u16, Vec<&'static str>)> {
    let mut all: Vec<(u16, &'static str)> = route.refusals.to_vec();
    if route.who.needs_token() {
        all.extend([(401, "unauthenticated"), (403, "account_deleted"), (503, "upstream_unavailable")]);
    }
    if !matches!(route.who, Who::Anyone | Who::Signed | Who::SignedIn) {
        all.extend([(403, "onboarding_required"), (403, "forbidden")]);
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
            "description": "The same key and body again get the first answer, for 24 hours.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    parameters
}

fn tag(path: &str) -> &str {
    match path.trim_start_matches("/api/").split('/').next().unwrap_or_default() {
        "user" | "onboarding" => "Accounts",
        "interviewers" | "verification" | "availability" => "Directory and availability",
        "bookings" | "appointments" | "calls" | "ai" => "Bookings",
        "wallet" => "Wallet",
        "admin" => "Admin",
        "webhooks" => "Webhooks",
        _ => "Platform",
    }
}
