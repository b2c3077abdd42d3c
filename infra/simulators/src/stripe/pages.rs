//! The pages that people see: Checkout, the billing portal, a receipt.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::store::{number, text};
use super::{CheckoutOutcome, Inner};
use crate::html::{button, escape, money, page, see_other};
use crate::http::{lock, query_value};

fn find(inner: &Inner, kind: &str, id: &str) -> Result<Value, Box<Response>> {
    let object = lock(&inner.kept).of_kind(kind, id).cloned();
    object.ok_or_else(|| Box::new(page(StatusCode::NOT_FOUND, "Stripe (simulated)", "<p>There is nothing here.")))
}

fn price_of(object: &Value, member: &str) -> String {
    money(number(object, member), text(object, "currency"))
}

pub async fn checkout(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    match find(&inner, "checkout.session", &id) {
        Ok(session) => checkout_page(&inner, &session, ""),
        Err(refused) => *refused,
    }
}

fn checkout_page(inner: &Inner, session: &Value, note: &str) -> Response {
    if session["status"] != "open" {
        return page(StatusCode::GONE, "Stripe (simulated)", "<p>This session can no longer be paid.");
    }
    let product =
        lock(&inner.kept).get(text(&session["_price"], "product")).map(|product| text(product, "name").to_owned());
    let every = if session["mode"] == "subscription" { " a month" } else { "" };
    let here = format!("/pay/{}", text(session, "id"));
    let mut body = format!(
        "<p>{}: {}{every}<p><b>{}</b>",
        escape(&product.unwrap_or_default()),
        escape(&price_of(session, "amount_total")),
        escape(note)
    );
    for (outcome, label) in [
        ("paid", "Pay"),
        ("declined", "Let the card be declined"),
        ("delayed", "Pay by a slow way"),
        ("abandoned", "Turn back"),
    ] {
        if outcome != "delayed" || session["mode"] == "payment" {
            body.push_str(&button(&here, "outcome", outcome, label));
        }
    }
    page(StatusCode::OK, "Stripe Checkout (simulated)", &body)
}

pub async fn act(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    let outcome = query_value(std::str::from_utf8(&body).ok(), "outcome").unwrap_or_default();
    let Ok(outcome) = serde_json::from_value::<CheckoutOutcome>(json!(outcome)) else {
        return page(StatusCode::BAD_REQUEST, "Stripe (simulated)", "<p>paid, declined, delayed or abandoned");
    };
    match (inner.checkout(&id, outcome), outcome) {
        (Err(message), _) => page(StatusCode::BAD_REQUEST, "Stripe (simulated)", &format!("<p>{}", escape(&message))),
        (Ok(session), CheckoutOutcome::Declined) => checkout_page(&inner, &session, "Your card was declined."),
        (Ok(session), CheckoutOutcome::Abandoned) => see_other(text(&session, "cancel_url")),
        (Ok(session), _) => see_other(&text(&session, "success_url").replace("{CHECKOUT_SESSION_ID}", &id)),
    }
}

pub async fn portal(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    let portal = match find(&inner, "billing_portal.session", &id) {
        Ok(portal) => portal,
        Err(refused) => return *refused,
    };
    let (subscriptions, invoices, broken) = {
        let kept = lock(&inner.kept);
        let broken = kept.account.broken_cards.iter().any(|card| portal["customer"] == **card);
        (kept.list("subscription"), kept.list("invoice"), broken)
    };
    let here = format!("/portal/{id}");
    let mut body = format!("<p>The card {}. ", if broken { "is declined" } else { "works" });
    body.push_str(&if broken {
        button(&here, "card", "works", "Take another card")
    } else {
        button(&here, "card", "broken", "Let it be declined")
    });
    for plan in subscriptions.iter().filter(|plan| plan["customer"] == portal["customer"]) {
        let id = text(plan, "id");
        let _ = write!(body, "<p>{}: {} ", escape(id), escape(text(plan, "status")));
        if plan["status"] == "canceled" {
            continue;
        }
        body.push_str(&if plan["cancel_at_period_end"] == true {
            button(&here, "resume", id, "Go on")
        } else {
            button(&here, "cancel", id, "Cancel at the end of the period")
        });
    }
    for invoice in invoices.iter().filter(|invoice| invoice["customer"] == portal["customer"]) {
        let _ = write!(
            body,
            "<p>{}: {} {} ",
            escape(text(invoice, "id")),
            escape(&price_of(invoice, "total")),
            escape(text(invoice, "status"))
        );
        if invoice["status"] == "open" {
            body.push_str(&button(&here, "pay", text(invoice, "id"), "Pay now"));
        }
    }
    let _ = write!(body, "<p><a href=\"{}\">Back</a>", escape(text(&portal, "return_url")));
    page(StatusCode::OK, "Billing portal (simulated)", &body)
}

pub async fn portal_act(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> Response {
    let portal = match find(&inner, "billing_portal.session", &id) {
        Ok(portal) => portal,
        Err(refused) => return *refused,
    };
    let form = std::str::from_utf8(&body).ok();
    let customer = text(&portal, "customer");
    // Only what is the customer's own.
    let own = |name: &str| {
        let id = query_value(form, name)?;
        lock(&inner.kept).get(&id).is_some_and(|object| object["customer"] == customer).then_some(id)
    };
    if let Some(card) = query_value(form, "card") {
        let _ = inner.set_card(customer, card == "works");
    }
    for (name, ends) in [("cancel", true), ("resume", false)] {
        if let Some(id) = own(name) {
            inner.set_end(&mut lock(&inner.kept), &id, ends);
        }
    }
    if let Some(id) = own("pay") {
        let mut kept = lock(&inner.kept);
        let works = !kept.account.broken_cards.iter().any(|card| card == customer);
        inner.pay_invoice(&mut kept, &id, works);
        kept.save();
    }
    see_other(&format!("/portal/{id}"))
}

pub async fn receipt(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    match find(&inner, "charge", &id) {
        Ok(charge) => {
            page(StatusCode::OK, "Receipt (simulated)", &format!("<p>{}", escape(&price_of(&charge, "amount"))))
        }
        Err(refused) => *refused,
    }
}
