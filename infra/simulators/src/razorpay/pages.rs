//! The page on which an order is paid, in place of the window that Razorpay's script opens.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::Inner;
use crate::html::{button, escape, money, page, see_other};
use crate::http::{lock, query_value};

/// `GET /pay/{order}?callback_url=…`: where the browser is sent afterwards, with what the product verifies in the query.
pub async fn show(State(inner): State<Arc<Inner>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(order) = lock(&inner.kept).get(&id).cloned().filter(|object| object["entity"] == "order") else {
        return page(StatusCode::NOT_FOUND, "No such order", "");
    };
    let total = money(order["amount"].as_i64().unwrap_or_default(), order["currency"].as_str().unwrap_or_default());
    let here = format!("/pay/{id}?{}", query.unwrap_or_default());
    let buttons = if order["status"] == "paid" {
        "<p>This order is paid.".to_owned()
    } else {
        button(&here, "outcome", "paid", "Pay")
            + &button(&here, "outcome", "declined", "Let the bank decline")
            + &button(&here, "outcome", "abandoned", "Close")
    };
    page(StatusCode::OK, "Razorpay (simulated)", &format!("<p>{}</p>{buttons}", escape(&total)))
}

pub async fn act(
    State(inner): State<Arc<Inner>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let callback = query_value(query.as_deref(), "callback_url");
    let outcome = query_value(std::str::from_utf8(&body).ok(), "outcome").unwrap_or_default();
    let told = match outcome.as_str() {
        "paid" => inner.pay(&id).map(|paid| json!(paid)),
        "declined" => {
            inner.decline(&id).map(|payment_id| json!({ "razorpay_payment_id": payment_id, "error": "declined" }))
        }
        _ => Ok(json!({ "error": "abandoned" })),
    };
    match (told, callback) {
        (Err(message), _) => page(StatusCode::BAD_REQUEST, "Razorpay (simulated)", &format!("<p>{}", escape(&message))),
        (Ok(told), Some(url)) => {
            let pairs = told.as_object().into_iter().flatten();
            let pairs: Vec<String> =
                pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
            see_other(&format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, pairs.join("&")))
        }
        (Ok(told), None) => {
            page(StatusCode::OK, "Razorpay (simulated)", &format!("<pre>{}</pre>", escape(&told.to_string())))
        }
    }
}
