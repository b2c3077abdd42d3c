//! Stripe's endpoints: who may ask, keys that make a repeat the same, parameters, and objects shown with what is expanded.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::acts::shown;
use super::store::{Kept, number, text};
use super::subscriptions::replaced;
use super::{API_VERSION, Inner, form};
use crate::crypto::{random_id, same};
use crate::http::{json_response, lock};

/// Why something is refused: status, type, code, words, and the parameter at fault.
pub struct Refusal(u16, &'static str, String, String, String);

type Answered = Result<Value, Refusal>;

impl Refusal {
    fn invalid(code: &str, param: &str, words: impl Into<String>) -> Self {
        Self(400, "invalid_request_error", code.into(), words.into(), param.into())
    }

    fn missing(param: &str) -> Self {
        Self::invalid("parameter_missing", param, format!("Missing required param: {param}."))
    }

    fn no_such(kind: &str, id: &str) -> Self {
        let words = format!("No such {kind}: '{id}'");
        Self(404, "invalid_request_error", "resource_missing".into(), words, "id".into())
    }

    fn body(&self) -> Value {
        let Self(_, kind, code, words, param) = self;
        let mut error = json!({ "type": kind, "message": words });
        for (name, value) in [("code", code), ("param", param)] {
            if !value.is_empty() {
                error[name] = json!(value);
            }
        }
        json!({ "error": error })
    }
}

/// The body of a scripted failure.
pub fn error_body_of_status(status: StatusCode) -> Value {
    let (kind, code) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("invalid_request_error", "rate_limit"),
        StatusCode::CONFLICT => ("idempotency_error", "idempotency_key_in_use"),
        StatusCode::PAYMENT_REQUIRED => ("card_error", "card_declined"),
        _ => ("api_error", "api_error"),
    };
    json!({ "error": { "type": kind, "code": code, "message": "Simulated." } })
}

pub async fn handle(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path: Vec<&str> = uri.path().trim_start_matches("/v1/").split('/').collect();
    let query = query.unwrap_or_default();
    let sent = if method == Method::GET { query } else { String::from_utf8_lossy(&body).into_owned() };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut kept = lock(&inner.kept);
    let asked = format!("{method} {} {sent}", uri.path());
    let mut replayed = false;
    let outcome = (|| {
        Inner::admit(&kept, &headers)?;
        if let Some(key) = key.as_ref().filter(|_| method == Method::POST) {
            if key.len() > 255 {
                return Err(Refusal::invalid("", "", "Idempotency keys are at most 255 characters long."));
            }
            if let Some((before, answer)) = kept.keys.get(key) {
                if *before != asked {
                    let words = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
                    return Err(Refusal(400, "idempotency_error", String::new(), words.into(), String::new()));
                }
                replayed = true;
                return Ok(answer.clone());
            }
        }
        let parameters =
            form::read(&sent).map_err(|name| Refusal::invalid("parameter_unknown", &name, "Invalid form."))?;
        let answer = inner.act(&mut kept, &method, &path, &parameters)?;
        let answer = shown(&expanded(&kept, answer, &parameters["expand"]));
        if let Some(key) = key.clone().filter(|_| method == Method::POST) {
            kept.keys.insert(key, (asked.clone(), answer.clone()));
        }
        kept.save();
        Ok(answer)
    })();
    let mut response = match outcome {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err(refusal) => {
            json_response(StatusCode::from_u16(refusal.0).unwrap_or(StatusCode::BAD_REQUEST), &refusal.body())
        }
    };
    if let Ok(id) = HeaderValue::from_str(&random_id("req_")) {
        response.headers_mut().insert("request-id", id);
    }
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// Puts objects in the place of ids, along paths such as `data.latest_charge`.
fn expanded(kept: &Kept, mut answer: Value, paths: &Value) -> Value {
    for path in paths.as_object().into_iter().flat_map(|paths| paths.values()).filter_map(Value::as_str) {
        expand(kept, &mut answer, path);
    }
    answer
}

fn expand(kept: &Kept, place: &mut Value, path: &str) {
    let (member, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Value::Array(items) = place {
        for item in items {
            expand(kept, item, path);
        }
        return;
    }
    let Some(value) = place.get_mut(member) else { return };
    if let Some(object) = value.as_str().and_then(|id| kept.get(id)) {
        *value = object.clone();
    }
    if !rest.is_empty() {
        expand(kept, value, rest);
    }
}

/// Refuses parameters that are not known.
fn only(parameters: &Value, known: &[&str]) -> Result<(), Refusal> {
    let mut names = parameters.as_object().into_iter().flat_map(|all| all.keys());
    match names.find(|name| !known.contains(&name.as_str()) && *name != "expand") {
        Some(name) => Err(Refusal::invalid("parameter_unknown", name, format!("Received unknown parameter: {name}"))),
        None => Ok(()),
    }
}

fn metadata(parameters: &Value, name: &str) -> Answered {
    let given = &parameters[name];
    let Some(entries) = given.as_object() else {
        return if given.is_null() { Ok(json!({})) } else { Err(Refusal::invalid("", name, "Invalid object")) };
    };
    let too_long = |(key, value): (&String, &Value)| {
        key.chars().count() > 40 || value.as_str().is_none_or(|value| value.chars().count() > 500)
    };
    if entries.len() > 50 || entries.iter().any(too_long) {
        return Err(Refusal::invalid("", name, "Metadata has at most 50 keys of 40 characters, with values of 500."));
    }
    Ok(given.clone())
}

/// A price that is made for one request. `monthly` says whether it must recur.
fn price(kept: &mut Kept, data: &Value, param: &str, monthly: bool) -> Answered {
    let currency = data["currency"].as_str().ok_or_else(|| Refusal::missing(&format!("{param}[currency]")))?;
    let amount = data["unit_amount"].as_str().ok_or_else(|| Refusal::missing(&format!("{param}[unit_amount]")))?;
    let amount: i64 = amount.parse().ok().filter(|amount| *amount >= 0).ok_or_else(|| {
        Refusal::invalid("parameter_invalid_integer", &format!("{param}[unit_amount]"), "Invalid integer")
    })?;
    if currency.len() != 3 || currency.bytes().any(|byte| !byte.is_ascii_lowercase()) {
        return Err(Refusal::invalid("", &format!("{param}[currency]"), format!("Invalid currency: {currency}.")));
    }
    if data["recurring"].is_object() != monthly {
        let words = "You must provide a recurring price in `subscription` mode, and only there.";
        return Err(Refusal::invalid("", &format!("{param}[recurring]"), words));
    }
    if monthly && data["recurring"]["interval"] != "month" {
        return Err(Refusal::invalid("", &format!("{param}[recurring][interval]"), "Only `month` is simulated."));
    }
    let product = match (data["product"].as_str(), data["product_data"]["name"].as_str()) {
        (Some(id), None) if kept.of_kind("product", id).is_some() => id.to_owned(),
        (Some(id), None) => {
            return Err(Refusal::invalid(
                "resource_missing",
                &format!("{param}[product]"),
                format!("No such product: '{id}'"),
            ));
        }
        (None, Some(name)) if !name.is_empty() => {
            let now = kept.now();
            let product =
                json!({ "id": random_id("prod_"), "object": "product", "active": true, "created": now, "name": name });
            text(&kept.add(product), "id").to_owned()
        }
        _ => return Err(Refusal::missing(&format!("{param}[product_data][name]"))),
    };
    Ok(json!({ "id": random_id("price_"), "object": "price", "active": true, "currency": currency,
        "unit_amount": amount, "unit_amount_decimal": amount.to_string(), "product": product,
        "recurring": if monthly { json!({ "interval": "month", "interval_count": 1 }) } else { Value::Null } }))
}

impl Inner {
    fn admit(kept: &Kept, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let basic = given.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
        let key = match (given.strip_prefix("Bearer "), basic) {
            (Some(key), _) => key.to_owned(),
            (None, Some(pair)) => String::from_utf8_lossy(&pair).trim_end_matches(':').to_owned(),
            (None, None) => String::new(),
        };
        if !same(key.as_bytes(), kept.account.secret_key.as_bytes()) {
            let words = if key.is_empty() { "You did not provide an API key." } else { "Invalid API Key provided" };
            return Err(Refusal(401, "invalid_request_error", String::new(), words.into(), String::new()));
        }
        let version = headers.get("stripe-version").map(HeaderValue::as_bytes);
        if version.is_some_and(|version| version != API_VERSION.as_bytes()) {
            return Err(Refusal::invalid(
                "",
                "",
                format!("Invalid Stripe API version: only {API_VERSION} is simulated."),
            ));
        }
        Ok(())
    }

    fn act(&self, kept: &mut Kept, method: &Method, path: &[&str], parameters: &Value) -> Answered {
        let one = |kept: &Kept, kind: &str, id: &str| {
            kept.of_kind(kind, id).cloned().ok_or_else(|| Refusal::no_such(kind, id))
        };
        match (method.as_str(), path) {
            ("POST", ["checkout", "sessions"]) => self.make_session(kept, parameters),
            ("GET", ["checkout", "sessions", id]) => one(kept, "checkout.session", id),
            ("POST", ["checkout", "sessions", id, "expire"]) => {
                one(kept, "checkout.session", id)?;
                let words = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
                self.expire(kept, id).map_err(|_| Refusal::invalid("", "", words))
            }
            ("GET", ["payment_intents"]) => list(kept, "payment_intent", parameters, &["customer"]),
            ("GET", ["payment_intents", id]) => one(kept, "payment_intent", id),
            ("GET", ["charges"]) => list(kept, "charge", parameters, &["customer", "payment_intent"]),
            ("GET", ["charges", id]) => one(kept, "charge", id),
            ("POST", ["refunds"]) => self.make_refund(kept, parameters),
            ("GET", ["refunds"]) => list(kept, "refund", parameters, &["charge", "payment_intent"]),
            ("GET", ["refunds", id]) => one(kept, "refund", id),
            ("GET", ["disputes"]) => list(kept, "dispute", parameters, &["charge", "payment_intent"]),
            ("GET", ["disputes", id]) => one(kept, "dispute", id),
            ("GET", ["invoices", id]) => one(kept, "invoice", id),
            ("GET", ["invoices"]) => list(kept, "invoice", parameters, &["customer"]),
            ("GET", ["invoice_payments"]) => invoice_payments(kept, parameters),
            ("GET", ["customers", id]) => one(kept, "customer", id),
            ("GET", ["subscriptions"]) => list(kept, "subscription", parameters, &["customer", "status"]),
            ("GET", ["subscriptions", id]) => one(kept, "subscription", id),
            ("POST", ["subscriptions", id]) => self.change_subscription(kept, id, parameters),
            ("DELETE", ["subscriptions", id]) => {
                if one(kept, "subscription", id)?["status"] == "canceled" {
                    return Err(Refusal::no_such("subscription", id));
                }
                Ok(self.end_subscription(kept, id))
            }
            ("POST", ["products"]) => make_product(kept, parameters),
            ("GET", ["products", id]) => one(kept, "product", id),
            ("POST", ["billing_portal", "sessions"]) => self.make_portal(kept, parameters),
            _ => {
                let words = format!("Unrecognized request URL ({method}: /v1/{}).", path.join("/"));
                Err(Refusal(404, "invalid_request_error", String::new(), words, String::new()))
            }
        }
    }

    fn make_session(&self, kept: &mut Kept, wanted: &Value) -> Answered {
        only(
            wanted,
            &[
                "mode",
                "line_items",
                "client_reference_id",
                "customer",
                "customer_email",
                "success_url",
                "cancel_url",
                "expires_at",
                "metadata",
                "payment_intent_data",
                "subscription_data",
                "allow_promotion_codes",
                "ui_mode",
                "locale",
                "customer_creation",
            ],
        )?;
        let monthly = match wanted["mode"].as_str() {
            Some("payment") => false,
            Some("subscription") => true,
            Some(_) => {
                return Err(Refusal::invalid("", "mode", "Invalid mode: payment or subscription are simulated."));
            }
            None => return Err(Refusal::missing("mode")),
        };
        let success_url = wanted["success_url"].as_str().ok_or_else(|| Refusal::missing("success_url"))?;
        for (name, url) in [("success_url", success_url), ("cancel_url", text(wanted, "cancel_url"))] {
            if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(Refusal::invalid("url_invalid", name, "Not a valid URL"));
            }
        }
        if text(wanted, "client_reference_id").chars().count() > 200 {
            return Err(Refusal::invalid("", "client_reference_id", "At most 200 characters."));
        }
        if wanted["customer"].is_string() && wanted["customer_email"].is_string() {
            return Err(Refusal::invalid(
                "",
                "customer",
                "You may only specify one of these parameters: customer, customer_email.",
            ));
        }
        if let Some(id) = wanted["customer"].as_str().filter(|id| kept.of_kind("customer", id).is_none()) {
            return Err(Refusal::invalid("resource_missing", "customer", format!("No such customer: '{id}'")));
        }
        let other = if monthly { "payment_intent_data" } else { "subscription_data" };
        if !wanted[other].is_null() {
            return Err(Refusal::invalid("", other, format!("You can not pass `{other}` in this mode.")));
        }
        let (carrier, own) =
            (if monthly { "subscription_data" } else { "payment_intent_data" }, metadata(wanted, "metadata")?);
        let carried = metadata(&wanted[carrier], "metadata")?;
        let now = kept.now();
        let expires_at = match wanted["expires_at"].as_str() {
            None => now + 86_400,
            Some(at) => {
                at.parse().ok().filter(|at| (now + 30 * 60 - 5..=now + 86_400 + 5).contains(at)).ok_or_else(|| {
                    Refusal::invalid(
                        "",
                        "expires_at",
                        "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
                    )
                })?
            }
        };
        let items = wanted["line_items"].as_object().filter(|items| items.len() == 1 && items.contains_key("0"));
        let item = items.map(|items| items["0"].clone()).ok_or_else(|| Refusal::missing("line_items"))?;
        let quantity: i64 = text(&item, "quantity").parse().map_err(|_| Refusal::missing("line_items[0][quantity]"))?;
        let price = price(kept, &item["price_data"], "line_items[0][price_data]", monthly)?;
        let total = number(&price, "unit_amount") * quantity;
        if (!monthly || total > 0) && total < 50 {
            return Err(Refusal::invalid(
                "amount_too_small",
                "",
                "The Checkout Session's total amount due is too small.",
            ));
        }
        let id = random_id("cs_test_");
        Ok(kept.add(json!({
            "id": id, "object": "checkout.session", "amount_subtotal": total, "amount_total": total,
            "cancel_url": wanted["cancel_url"], "client_reference_id": wanted["client_reference_id"], "created": now,
            "currency": price["currency"], "customer": wanted["customer"], "customer_details": null,
            "customer_email": wanted["customer_email"], "expires_at": expires_at, "invoice": null, "livemode": false,
            "metadata": own, "mode": wanted["mode"], "payment_intent": null, "payment_status": "unpaid",
            "status": "open", "subscription": null, "success_url": success_url, "ui_mode": "hosted_page",
            "url": format!("{}/pay/{id}", self.base_url), "_carried": carried, "_price": price,
        })))
    }

    fn make_refund(&self, kept: &mut Kept, wanted: &Value) -> Answered {
        only(wanted, &["payment_intent", "charge", "amount", "reason", "metadata"])?;
        metadata(wanted, "metadata")?;
        let reasons = ["", "duplicate", "fraudulent", "requested_by_customer"];
        if !reasons.contains(&text(wanted, "reason")) {
            return Err(Refusal::invalid("", "reason", "Invalid reason"));
        }
        let charge_id = match (wanted["payment_intent"].as_str(), wanted["charge"].as_str()) {
            (Some(id), None) => {
                kept.of_kind("payment_intent", id).map(|intent| text(intent, "latest_charge").to_owned())
            }
            (None, Some(id)) => kept.of_kind("charge", id).map(|_| id.to_owned()),
            _ => return Err(Refusal::missing("payment_intent")),
        };
        let charge_id =
            charge_id.ok_or_else(|| Refusal::invalid("resource_missing", "payment_intent", "No such payment."))?;
        self.refund(kept, &charge_id, wanted).map_err(|(code, words)| {
            let param = if code.is_empty() { "amount" } else { "" };
            Refusal::invalid(&code, param, words)
        })
    }

    fn change_subscription(&self, kept: &mut Kept, id: &str, wanted: &Value) -> Answered {
        only(wanted, &["cancel_at_period_end", "items", "metadata", "proration_behavior", "payment_behavior"])?;
        let subscription =
            kept.of_kind("subscription", id).cloned().ok_or_else(|| Refusal::no_such("subscription", id))?;
        if subscription["status"] == "canceled" {
            return Err(Refusal::invalid(
                "",
                "",
                "A canceled subscription can only update its cancellation_details and metadata.",
            ));
        }
        match wanted["cancel_at_period_end"].as_str() {
            Some("true") => return Ok(self.set_end(kept, id, true)),
            Some("false") => return Ok(self.set_end(kept, id, false)),
            Some(_) => return Err(Refusal::invalid("", "cancel_at_period_end", "Invalid boolean")),
            None => {}
        }
        let item = &wanted["items"]["0"];
        if item["id"] != subscription["items"]["data"][0]["id"] {
            return Err(Refusal::invalid("resource_missing", "items[0][id]", "No such subscription item."));
        }
        let price = price(kept, &item["price_data"], "items[0][price_data]", true)?;
        let (difference, changes) = replaced(&subscription, price, &metadata(wanted, "metadata")?);
        let now_due = wanted["proration_behavior"] == "always_invoice" && difference > 0;
        let customer = text(&subscription, "customer");
        let works = !kept.account.broken_cards.iter().any(|broken| broken == customer);
        if now_due && !works && wanted["payment_behavior"] == "error_if_incomplete" {
            self.charge(kept, customer, difference, text(&subscription, "currency"), &json!({}), false);
            return Err(Refusal(
                402,
                "card_error",
                "card_declined".into(),
                "Your card was declined.".into(),
                String::new(),
            ));
        }
        let subscription = kept.change(id, &changes);
        self.tell(kept, "customer.subscription.updated", &subscription);
        if now_due {
            let invoice = self.invoice(kept, id, "subscription_update", Some(difference));
            self.pay_invoice(kept, text(&invoice, "id"), works);
        }
        kept.get(id).cloned().ok_or_else(|| Refusal::no_such("subscription", id))
    }

    fn make_portal(&self, kept: &mut Kept, wanted: &Value) -> Answered {
        only(wanted, &["customer", "return_url", "configuration", "locale"])?;
        let customer = text(wanted, "customer");
        if kept.of_kind("customer", customer).is_none() {
            return Err(Refusal::invalid("resource_missing", "customer", format!("No such customer: '{customer}'")));
        }
        let (id, now) = (random_id("bps_"), kept.now());
        Ok(kept.add(json!({ "id": id, "object": "billing_portal.session", "created": now, "customer": customer,
            "livemode": false, "return_url": wanted["return_url"], "url": format!("{}/portal/{id}", self.base_url) })))
    }
}

fn make_product(kept: &mut Kept, wanted: &Value) -> Answered {
    only(wanted, &["id", "name", "metadata", "description"])?;
    let name = wanted["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| Refusal::missing("name"))?;
    let id = wanted["id"].as_str().map_or_else(|| random_id("prod_"), str::to_owned);
    if kept.get(&id).is_some() {
        return Err(Refusal::invalid("resource_already_exists", "id", "Product already exists."));
    }
    let now = kept.now();
    Ok(kept.add(json!({ "id": id, "object": "product", "active": true, "created": now, "name": name })))
}

/// A page, newest first, of those whose members are as asked for.
fn list(kept: &Kept, kind: &str, wanted: &Value, members: &[&str]) -> Answered {
    only(wanted, &[members, &["created", "limit", "starting_after"]].concat())?;
    let limit: usize = text(wanted, "limit").parse().unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::invalid("", "limit", "This value must be between 1 and 100 (inclusive)."));
    }
    let bound = |name: &str, other: i64| text(&wanted["created"], name).parse().unwrap_or(other);
    let (from, to) = (bound("gte", i64::MIN), bound("lt", i64::MAX));
    let mut found = kept.list(kind);
    if let Some(after) = wanted["starting_after"].as_str() {
        let place = found.iter().position(|object| object["id"] == after);
        let place = place.ok_or_else(|| Refusal::invalid("resource_missing", "starting_after", "No such object."))?;
        found.drain(..=place);
    }
    found.retain(|object| (from..to).contains(&number(object, "created")));
    found.retain(|object| members.iter().all(|member| wanted[member].is_null() || object[member] == wanted[member]));
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(json!({ "object": "list", "data": found, "has_more": has_more, "url": "/v1" }))
}

fn invoice_payments(kept: &Kept, wanted: &Value) -> Answered {
    only(wanted, &["invoice", "payment", "status", "limit"])?;
    let mut found = kept.list("invoice_payment");
    found.retain(|one| wanted["invoice"].is_null() || one["invoice"] == wanted["invoice"]);
    let payment = &wanted["payment"]["payment_intent"];
    found.retain(|one| payment.is_null() || one["payment"]["payment_intent"] == *payment);
    Ok(json!({ "object": "list", "data": found, "has_more": false, "url": "/v1/invoice_payments" }))
}
