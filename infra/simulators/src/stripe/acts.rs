//! What happens to sessions, payments, refunds and disputes, and what is told of it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::store::{Kept, number, text};
use crate::crypto::random_id;
use crate::http::lock;

/// How somebody leaves Checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The money is in.
    Paid,
    /// The card was declined; the session stays open.
    Declined,
    /// By a way of paying that takes days.
    Delayed,
    /// Without paying; the session stays open.
    Abandoned,
}

impl Inner {
    /// Puts a customer's card to an amount: a payment and a charge, whether it works or not.
    pub fn charge(
        &self,
        kept: &mut Kept,
        customer: &str,
        amount: i64,
        currency: &str,
        metadata: &Value,
        works: bool,
    ) -> Value {
        let (intent_id, charge_id, now) = (random_id("pi_"), random_id("ch_"), kept.now());
        let status = if works { "succeeded" } else { "failed" };
        let charge = kept.add(json!({
            "id": charge_id, "object": "charge", "amount": amount, "amount_captured": if works { amount } else { 0 },
            "amount_refunded": 0, "captured": works, "created": now, "currency": currency, "customer": customer,
            "disputed": false, "livemode": false, "metadata": metadata, "paid": works, "payment_intent": intent_id,
            "receipt_url": format!("{}/receipts/{charge_id}", self.base_url), "refunded": false, "status": status,
            "failure_code": if works { Value::Null } else { json!("card_declined") },
        }));
        let intent = kept.add(json!({
            "id": intent_id, "object": "payment_intent", "amount": amount, "amount_received": if works { amount } else { 0 },
            "created": now, "currency": currency, "customer": customer, "latest_charge": charge_id, "livemode": false,
            "metadata": metadata, "status": if works { "succeeded" } else { "requires_payment_method" },
        }));
        self.tell(kept, &format!("charge.{status}"), &charge);
        let told = if works { "payment_intent.succeeded" } else { "payment_intent.payment_failed" };
        self.tell(kept, told, &intent);
        intent
    }

    fn open_session(kept: &Kept, session_id: &str) -> Result<Value, String> {
        let session = kept.of_kind("checkout.session", session_id).ok_or("there is no such session")?;
        if session["status"] == "open" { Ok(session.clone()) } else { Err("the session is not open".into()) }
    }

    pub fn checkout(&self, session_id: &str, outcome: Outcome) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let kept = &mut *kept;
        let session = Self::open_session(kept, session_id)?;
        let (amount, currency) = (number(&session, "amount_total"), text(&session, "currency"));
        let subscribes = session["mode"] == "subscription";
        let metadata = &session["_carried"];
        if outcome == Outcome::Abandoned {
            return Ok(session);
        }
        if outcome == Outcome::Declined {
            self.charge(kept, text(&session, "customer"), amount, currency, metadata, false);
            kept.save();
            return Ok(session);
        }
        if outcome == Outcome::Delayed && subscribes {
            return Err("a plan is paid at once".into());
        }
        let customer = self.customer_of(kept, &session);
        let mut changes = json!({ "status": "complete", "payment_status": "paid", "url": null, "customer": customer,
            "customer_details": { "email": session["customer_email"] } });
        if subscribes {
            let (subscription, invoice) = self.begin_subscription(kept, &customer, &session);
            (changes["subscription"], changes["invoice"]) = (json!(subscription), json!(invoice));
        } else if outcome == Outcome::Paid {
            changes["payment_intent"] = self.charge(kept, &customer, amount, currency, metadata, true)["id"].clone();
        } else {
            changes["payment_status"] = json!("unpaid");
        }
        let session = kept.change(session_id, &changes);
        self.tell(kept, "checkout.session.completed", &shown(&session));
        kept.save();
        Ok(session)
    }

    fn customer_of(&self, kept: &mut Kept, session: &Value) -> String {
        if let Some(known) = session["customer"].as_str() {
            return known.to_owned();
        }
        let now = kept.now();
        let customer = kept.add(json!({ "id": random_id("cus_"), "object": "customer", "created": now,
            "email": session["customer_email"], "livemode": false, "metadata": {} }));
        self.tell(kept, "customer.created", &customer);
        text(&customer, "id").to_owned()
    }

    pub fn settle(&self, session_id: &str, paid: bool) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let kept = &mut *kept;
        let session = kept.of_kind("checkout.session", session_id).ok_or("there is no such session")?.clone();
        if session["status"] != "complete" || session["payment_status"] != "unpaid" || session["_settled"] == true {
            return Err("no money is on its way for this session".into());
        }
        let (amount, currency) = (number(&session, "amount_total"), text(&session, "currency"));
        let intent = self.charge(kept, text(&session, "customer"), amount, currency, &session["_carried"], paid);
        let status = if paid { "paid" } else { "unpaid" };
        let changes = json!({ "payment_status": status, "payment_intent": intent["id"], "_settled": true });
        let session = kept.change(session_id, &changes);
        let event =
            if paid { "checkout.session.async_payment_succeeded" } else { "checkout.session.async_payment_failed" };
        self.tell(kept, event, &shown(&session));
        kept.save();
        Ok(session)
    }

    pub fn expire(&self, kept: &mut Kept, session_id: &str) -> Result<Value, String> {
        Self::open_session(kept, session_id)?;
        let session = kept.change(session_id, &json!({ "status": "expired", "url": null }));
        self.tell(kept, "checkout.session.expired", &shown(&session));
        kept.save();
        Ok(session)
    }

    /// A refund of a charge. The error is Stripe's code, its words and the parameter at fault.
    pub fn refund(&self, kept: &mut Kept, charge_id: &str, wanted: &Value) -> Result<Value, (String, String)> {
        let charge = kept.of_kind("charge", charge_id).cloned().unwrap_or_default();
        let left = number(&charge, "amount") - number(&charge, "amount_refunded");
        let refused = |code: &str, words: &str| Err((code.to_owned(), words.to_owned()));
        if charge["paid"] != true {
            return refused("charge_not_refundable", "This charge was not paid.");
        }
        if charge["disputed"] == true {
            return refused("charge_disputed", "This charge has been charged back.");
        }
        if left == 0 {
            return refused("charge_already_refunded", "This charge has already been refunded.");
        }
        let back = match wanted["amount"].as_str() {
            None => left,
            Some(amount) => match amount.parse::<i64>() {
                Ok(amount) if (1..=left).contains(&amount) => amount,
                _ => return refused("", "Refund amount is not between 1 and the unrefunded amount on the charge."),
            },
        };
        let refunded = number(&charge, "amount_refunded") + back;
        let changes = json!({ "amount_refunded": refunded, "refunded": back == left });
        let charge = kept.change(charge_id, &changes);
        let now = kept.now();
        let metadata = if wanted["metadata"].is_object() { wanted["metadata"].clone() } else { json!({}) };
        let refund = kept.add(json!({
            "id": random_id("re_"), "object": "refund", "amount": back, "charge": charge_id, "created": now,
            "currency": charge["currency"], "metadata": metadata, "payment_intent": charge["payment_intent"],
            "reason": wanted["reason"], "status": "succeeded",
        }));
        self.tell(kept, "refund.created", &refund);
        self.tell(kept, "charge.refunded", &charge);
        kept.save();
        Ok(refund)
    }

    pub fn fail_refund(&self, refund_id: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let refund = kept.of_kind("refund", refund_id).ok_or("there is no such refund")?.clone();
        if refund["status"] == "failed" {
            return Err("the refund has failed already".into());
        }
        let charge_id = text(&refund, "charge");
        let left =
            kept.get(charge_id).map_or(0, |charge| number(charge, "amount_refunded")) - number(&refund, "amount");
        kept.change(charge_id, &json!({ "amount_refunded": left, "refunded": false }));
        let refund = kept.change(refund_id, &json!({ "status": "failed", "failure_reason": "lost_or_stolen_card" }));
        self.tell(&kept, "refund.updated", &refund);
        self.tell(&kept, "refund.failed", &refund);
        kept.save();
        Ok(refund)
    }

    pub fn dispute(&self, charge_or_payment: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let payment = kept.of_kind("payment_intent", charge_or_payment);
        let charge_id = payment.map_or(charge_or_payment, |payment| text(payment, "latest_charge")).to_owned();
        let charge = kept.of_kind("charge", &charge_id).ok_or("there is no such charge")?.clone();
        if charge["paid"] != true || charge["disputed"] == true {
            return Err("the charge is not paid, or disputed already".into());
        }
        kept.change(&charge_id, &json!({ "disputed": true }));
        let now = kept.now();
        let dispute = kept.add(json!({
            "id": random_id("du_"), "object": "dispute", "amount": number(&charge, "amount") - number(&charge, "amount_refunded"),
            "charge": charge_id, "created": now, "currency": charge["currency"], "is_charge_refundable": false,
            "livemode": false, "metadata": {}, "payment_intent": charge["payment_intent"], "reason": "fraudulent",
            "status": "needs_response", "evidence_details": { "due_by": now + 7 * 86_400 },
        }));
        self.tell(&kept, "charge.dispute.created", &dispute);
        self.tell(&kept, "charge.dispute.funds_withdrawn", &dispute);
        kept.save();
        Ok(dispute)
    }

    pub fn close_dispute(&self, dispute_id: &str, status: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let dispute = kept.of_kind("dispute", dispute_id).ok_or("there is no such dispute")?;
        if dispute["status"] != "needs_response" || !["won", "lost"].contains(&status) {
            return Err("only an open dispute can be won or lost".into());
        }
        let dispute = kept.change(dispute_id, &json!({ "status": status }));
        self.tell(&kept, "charge.dispute.closed", &dispute);
        if status == "won" {
            self.tell(&kept, "charge.dispute.funds_reinstated", &dispute);
        }
        kept.save();
        Ok(dispute)
    }

    pub fn set_card(&self, customer_id: &str, works: bool) -> Result<(), String> {
        let mut kept = lock(&self.kept);
        kept.of_kind("customer", customer_id).ok_or("there is no such customer")?;
        kept.account.broken_cards.retain(|broken| broken != customer_id);
        if !works {
            kept.account.broken_cards.push(customer_id.to_owned());
        }
        kept.save();
        Ok(())
    }
}

/// An object without what the simulator notes on it for itself.
pub fn shown(object: &Value) -> Value {
    match object {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, value)| (name.clone(), shown(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(shown).collect(),
        other => other.clone(),
    }
}
