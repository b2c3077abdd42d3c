//! Whatever is wrong with a member of a request: its refusal names it, says what it should be, and speaks neither of Rust nor of
//! the value.

use domain::user::Role;
use kit::{Route, Who};
use serde_json::{Value, json};
use testing::{Answer, World};
use tests::examples::{caller, request_of};

/// A value that would be seen if it got out.
const CANARY: &str = "canary-7f3a";

fn wrong_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(""),
        json!(CANARY),
        json!([]),
        json!([CANARY]),
        json!([[]]),
        json!({}),
        json!({ CANARY: 1 }),
    ]
}

async fn people() -> World {
    let world = World::new(&tests::all_functions()).await;
    world.add_candidate("cara", 100).await;
    world.add_interviewer("ivy").await;
    world.add_person("user_admin", Role::Admin).await;
    world
}

fn who(route: &Route) -> &'static str {
    caller(route, ["cara", "ivy", "user_admin"])
}

fn address(route: &Route) -> String {
    let booking = "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let rule = ("availabilityId", "avl_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let names = [("bookingId", booking), ("callId", booking), rule, ("interviewerId", "ivy"), ("userId", "cara")];
    request_of(route, &names).path
}

/// What is wrong with how `answer` refuses `member`.
fn fault(member: &str, answer: &Answer) -> Option<String> {
    if answer.status != 422 {
        // Unavailable is what calls a provider, which these people have none of.
        let is_fine = answer.status < 500 || answer.status == 503;
        return (!is_fine).then(|| answer.body.to_string());
    }
    let told = answer.body.to_string();
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let of_rust = ["u32", "u64", "i64", "struct", "invalid", "expected", "deserializ", "`", "API's document gives"];
    let says_little = |message: &str| {
        let is_a_name = message == "must be one of the names that the API's document gives";
        !is_a_name && of_rust.iter().any(|word| message.contains(word))
    };
    let names = |field: &str| field.split(['.', '[']).next() == Some(member);
    let well = !errors.is_empty()
        && errors.iter().all(|error| !says_little(error["message"].as_str().unwrap_or("invalid")))
        && errors.iter().any(|error| error["field"].as_str().is_some_and(names))
        && (member == CANARY || !told.contains(CANARY) || told.contains(&format!(".{CANARY}")));
    (!well).then_some(told)
}

/// The members of a schema, also where it has several forms.
fn members<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    if let Some(name) = schema["$ref"].as_str() {
        return members(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    let forms = schema["oneOf"].as_array().into_iter().flatten().flat_map(|form| members(document, form));
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let mut all: Vec<&str> = own.chain(forms).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test]
async fn every_member_of_every_body_is_refused_by_name_and_in_plain_words() {
    let routes = tests::all_routes();
    let (world, document) = (people().await, kit::openapi::document(&routes));
    let (mut tried, mut faults) = (0, Vec::new());
    for route in routes.iter().filter(|route| route.body.is_some() && route.who != Who::Signed) {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        for member in members(&document, schema).into_iter().chain([CANARY]) {
            for value in wrong_values() {
                let key = format!("k{tried}");
                let key = [("idempotency-key", key.as_str())];
                let body = json!({ member: value });
                let refused = world.call_with(who(route), route.method, &address(route), body.clone(), &key).await;
                tried += 1;
                let members_missing = refused.status == 422 && faultless_without(member, &refused);
                if !members_missing && let Some(fault) = fault(member, &refused) {
                    faults.push(format!("{} {body}: {fault}", route.name));
                }
            }
        }
    }
    assert!(tried > 300, "only {tried} were tried");
    assert!(faults.is_empty(), "{} of {tried}:\n{}", faults.len(), faults.join("\n"));
}

/// The value was good enough, and only other members are missing.
fn faultless_without(member: &str, answer: &Answer) -> bool {
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let is_missing = |error: &Value| {
        let message = error["message"].as_str().unwrap_or_default();
        error["field"] != member
            && (message.starts_with("is required")
                || message.starts_with("must be true")
                || message.contains("must name"))
    };
    !errors.is_empty() && errors.iter().all(is_missing)
}

#[tokio::test]
async fn whoever_may_not_read_is_not_told_what_a_request_should_look_like() {
    let routes = tests::all_routes();
    let world = people().await;
    world.add_person("user_synced", Role::Unassigned).await;
    let needs_role = |who| !matches!(who, Who::Anyone | Who::Signed | Who::SignedIn);
    let mut tried = 0;
    for route in routes.iter().filter(|route| route.method == "GET" && needs_role(route.who)) {
        let malformed = route.path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
        let path = format!("{}?limit=0&cursor=none", malformed.collect::<Vec<_>>().join("/"));
        world.call("user_synced", "GET", &path, Value::Null).await.refused(403, "onboarding_required");
        tried += 1;
    }
    assert!(tried > 10, "only {tried} were tried");
}

#[tokio::test]
async fn every_parameter_of_every_query_is_refused_by_name_and_in_plain_words() {
    let routes = tests::all_routes();
    let (world, document) = (people().await, kit::openapi::document(&routes));
    let (mut refused, mut faults) = (0, Vec::new());
    for route in routes.iter().filter(|route| route.query.is_some()) {
        let parameters = document["paths"][route.path][route.method.to_lowercase()]["parameters"].as_array().unwrap();
        let named = parameters.iter().filter(|parameter| parameter["in"] == "query");
        for name in named.map(|parameter| parameter["name"].as_str().unwrap()).chain([CANARY]) {
            for value in ["", "-1", "1.5", CANARY, "%F0%9F%92%A9", "1&{name}=1"] {
                let query = format!("{name}={}", value.replace("{name}", name));
                let path = format!("{}?{query}", address(route));
                let answer = world.call(who(route), route.method, &path, Value::Null).await;
                refused += usize::from(answer.status == 422);
                if let Some(fault) = fault(name, &answer) {
                    faults.push(format!("{} {query}: {fault}", route.name));
                }
            }
        }
    }
    assert!(refused > 50, "only {refused} were refused");
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
}
