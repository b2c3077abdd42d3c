//! Subscriptions: their months, what falls due as the clock goes on, and what is told of it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::Inner;
use super::acts::shown;
use super::store::{Kept, number, text};
use crate::crypto::random_id;
use crate::http::lock;

/// How long after a renewal failed it is tried again, and how often.
const RETRY_SECONDS: i64 = 3 * 86_400;
const TRIES: i64 = 4;

/// The first end of a month, counted from the anchor, after `start`.
fn month_end(anchor: i64, start: i64) -> i64 {
    let Ok(first) = Timestamp::from_second(anchor) else { return start };
    let first = first.to_zoned(TimeZone::UTC);
    let ends = (1_i64..2_400).filter_map(|months| first.checked_add(months.months()).ok());
    ends.map(|end| end.timestamp().as_second()).find(|end| *end > start).unwrap_or(start)
}

fn item(subscription: &Value) -> Value {
    subscription["items"]["data"][0].clone()
}

impl Inner {
    /// A subscription whose first month the session's customer has just paid: its id and the invoice's.
    pub fn begin_subscription(&self, kept: &mut Kept, customer: &str, session: &Value) -> (String, String) {
        let now = kept.now();
        let id = random_id("sub_");
        let item = json!({
            "id": random_id("si_"), "object": "subscription_item", "created": now, "quantity": 1, "subscription": id,
            "current_period_start": now, "current_period_end": month_end(now, now), "price": session["_price"],
        });
        let subscription = kept.add(json!({
            "id": id, "object": "subscription", "billing_cycle_anchor": now, "cancel_at": null,
            "cancel_at_period_end": false, "canceled_at": null, "collection_method": "charge_automatically",
            "created": now, "currency": session["currency"], "customer": customer, "ended_at": null,
            "items": { "object": "list", "data": [item], "has_more": false, "total_count": 1 },
            "latest_invoice": null, "livemode": false, "metadata": session["_carried"], "start_date": now,
            "status": "incomplete",
        }));
        self.tell(kept, "customer.subscription.created", &subscription);
        let invoice = self.invoice(kept, &id, "subscription_create", None);
        self.pay_invoice(kept, text(&invoice, "id"), true);
        (id, text(&invoice, "id").to_owned())
    }

    /// An invoice of the period that a subscription is in, or of another amount for a part of it.
    pub fn invoice(&self, kept: &mut Kept, subscription_id: &str, reason: &str, amount: Option<i64>) -> Value {
        let subscription = kept.get(subscription_id).cloned().unwrap_or_default();
        let (item, now) = (item(&subscription), kept.now());
        let price = &item["price"];
        let due = amount.unwrap_or_else(|| number(price, "unit_amount"));
        let id = random_id("in_");
        let line = json!({
            "id": random_id("il_"), "object": "line_item", "amount": due, "currency": subscription["currency"],
            "metadata": subscription["metadata"], "quantity": 1,
            "parent": { "type": "subscription_item_details", "subscription_item_details": {
                "proration": amount.is_some(), "subscription": subscription_id, "subscription_item": item["id"] } },
            "period": { "start": item["current_period_start"], "end": item["current_period_end"] },
            "pricing": { "type": "price_details", "price_details": { "price": price["id"], "product": price["product"] } },
        });
        let invoice = kept.add(json!({
            "id": id, "object": "invoice", "amount_due": due, "amount_paid": 0, "amount_remaining": due,
            "attempt_count": 0, "billing_reason": reason, "created": now, "currency": subscription["currency"],
            "customer": subscription["customer"], "hosted_invoice_url": format!("{}/invoices/{id}", self.base_url),
            "lines": { "object": "list", "data": [line], "has_more": false }, "livemode": false,
            "next_payment_attempt": null, "period_start": now, "period_end": now, "status": "open", "total": due,
            "parent": { "type": "subscription_details", "subscription_details": {
                "subscription": subscription_id, "metadata": subscription["metadata"] } },
        }));
        kept.change(subscription_id, &json!({ "latest_invoice": id }));
        invoice
    }

    /// Puts the customer's card to an invoice, and the subscription with it.
    pub fn pay_invoice(&self, kept: &mut Kept, invoice_id: &str, works: bool) {
        let invoice = kept.get(invoice_id).cloned().unwrap_or_default();
        let due = number(&invoice, "amount_due");
        let (customer, currency) = (text(&invoice, "customer"), text(&invoice, "currency"));
        let intent = self.charge(kept, customer, due, currency, &json!({}), works);
        let (now, tries) = (kept.now(), number(&invoice, "attempt_count") + 1);
        let details = &invoice["parent"]["subscription_details"];
        let subscription_id = text(details, "subscription").to_owned();
        if works {
            kept.add(json!({ "id": random_id("inpay_"), "object": "invoice_payment", "amount_paid": due,
                "created": now, "currency": currency, "invoice": invoice_id, "status": "paid",
                "payment": { "type": "payment_intent", "payment_intent": intent["id"] } }));
            let changes = json!({ "status": "paid", "amount_paid": due, "amount_remaining": 0, "attempt_count": tries,
                "next_payment_attempt": null });
            let invoice = kept.change(invoice_id, &changes);
            self.tell(kept, "invoice.paid", &invoice);
            self.set_status(kept, &subscription_id, "active");
            return;
        }
        let next = if tries < TRIES { json!(now + RETRY_SECONDS) } else { Value::Null };
        let invoice = kept.change(invoice_id, &json!({ "attempt_count": tries, "next_payment_attempt": next }));
        self.tell(kept, "invoice.payment_failed", &invoice);
        if next.is_null() {
            self.end_subscription(kept, &subscription_id);
        } else {
            self.set_status(kept, &subscription_id, "past_due");
        }
    }

    fn set_status(&self, kept: &mut Kept, subscription_id: &str, status: &str) {
        let subscription = kept.change(subscription_id, &json!({ "status": status }));
        self.tell(kept, "customer.subscription.updated", &subscription);
    }

    pub fn end_subscription(&self, kept: &mut Kept, subscription_id: &str) -> Value {
        let now = kept.now();
        let changes = json!({ "status": "canceled", "ended_at": now, "canceled_at": now });
        let subscription = kept.change(subscription_id, &changes);
        self.tell(kept, "customer.subscription.deleted", &subscription);
        subscription
    }

    /// Lets a subscription run out, or takes that back.
    pub fn set_end(&self, kept: &mut Kept, subscription_id: &str, ends: bool) -> Value {
        let subscription = kept.get(subscription_id).cloned().unwrap_or_default();
        let (end, now) = (item(&subscription)["current_period_end"].clone(), kept.now());
        let changes = if ends {
            json!({ "cancel_at_period_end": true, "cancel_at": end, "canceled_at": now })
        } else {
            json!({ "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null })
        };
        let subscription = kept.change(subscription_id, &changes);
        self.tell(kept, "customer.subscription.updated", &subscription);
        kept.save();
        subscription
    }

    /// Sets the clock forward, and does what falls due in the order in which it does.
    pub fn advance(&self, seconds: i64) {
        let mut kept = lock(&self.kept);
        let kept = &mut *kept;
        let until = kept.now() + seconds;
        while let Some((at, id)) = next_due(kept).filter(|(at, _)| *at <= until) {
            kept.account.ahead_seconds += (at - kept.now()).max(0);
            self.come_due(kept, &id);
        }
        kept.account.ahead_seconds += (until - kept.now()).max(0);
        kept.save();
    }

    fn come_due(&self, kept: &mut Kept, id: &str) {
        let object = kept.get(id).cloned().unwrap_or_default();
        let works = !kept.account.broken_cards.iter().any(|broken| object["customer"] == **broken);
        match text(&object, "object") {
            "checkout.session" => {
                let _ = self.expire(kept, id);
            }
            "invoice" => self.pay_invoice(kept, id, works),
            _ if object["cancel_at_period_end"] == true => {
                self.end_subscription(kept, id);
            }
            _ => {
                let mut item = item(&object);
                let start = number(&item, "current_period_end");
                item["current_period_start"] = json!(start);
                item["current_period_end"] = json!(month_end(number(&object, "billing_cycle_anchor"), start));
                let mut items = object["items"].clone();
                items["data"] = json!([item]);
                kept.change(id, &json!({ "items": items }));
                let invoice = self.invoice(kept, id, "subscription_cycle", None);
                self.pay_invoice(kept, text(&invoice, "id"), works);
            }
        }
    }
}

/// What falls due next: the end of an open session or of a month, or another try to be paid.
fn next_due(kept: &Kept) -> Option<(i64, String)> {
    let due = |object: &Value| {
        let at = match (text(object, "object"), text(object, "status")) {
            ("checkout.session", "open") => object["expires_at"].as_i64(),
            ("invoice", "open") => object["next_payment_attempt"].as_i64(),
            ("subscription", "active") => item(object)["current_period_end"].as_i64(),
            _ => None,
        };
        at.map(|at| (at, text(object, "id").to_owned()))
    };
    kept.objects.iter().filter_map(due).min_by_key(|(at, _)| *at)
}

/// A change of the plan: what is due at once, and the subscription afterwards.
pub fn replaced(subscription: &Value, price: Value, metadata: &Value) -> (i64, Value) {
    let mut items = subscription["items"].clone();
    let difference = number(&price, "unit_amount") - number(&items["data"][0]["price"], "unit_amount");
    items["data"][0]["price"] = price;
    let mut all = subscription["metadata"].clone();
    for (name, value) in metadata.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    (difference, shown(&json!({ "items": items, "metadata": all })))
}
