//! The engine asked without a connection: for tests that ask so much that HTTP is a good part of their time.

use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde_json::Value;

/// Answers an operation of the table as the engine's own server does.
pub fn ask(engine: &Database, operation: &str, body: &[u8]) -> (StatusCode, String) {
    macro_rules! ask {
        ($operation:ident) => {{
            let request = serde_json::from_slice(body).expect("a request");
            engine.$operation(request).map(|answer| serde_json::to_string(&answer).expect("an answer"))
        }};
    }
    let outcome: Result<String, DynoxideError> = match operation {
        "GetItem" => ask!(get_item),
        "BatchGetItem" => ask!(batch_get_item),
        "Query" => ask!(query),
        "Scan" => ask!(scan),
        "PutItem" => ask!(put_item),
        "UpdateItem" => ask!(update_item),
        "DeleteItem" => ask!(delete_item),
        "TransactWriteItems" => ask!(transact_write_items),
        other => panic!("nobody asks the table for {other}"),
    };
    match outcome {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (StatusCode::from_u16(error.status_code()).expect("a status"), error.to_json()),
    }
}

/// An item as plain JSON, without its types.
pub fn plain(item: &Value) -> Value {
    let members = item.as_object().expect("an item");
    members.iter().map(|(name, value)| (name.clone(), untyped(value))).collect()
}

fn untyped(value: &Value) -> Value {
    let (kind, value) = value.as_object().and_then(|typed| typed.iter().next()).expect("a typed value");
    match kind.as_str() {
        "N" => serde_json::from_str(value.as_str().expect("a number's text")).expect("a number"),
        "L" => value.as_array().expect("a list").iter().map(untyped).collect(),
        "M" => plain(value),
        "NULL" => Value::Null,
        _ => value.clone(),
    }
}
