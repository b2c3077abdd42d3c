//! What happens to orders and payments, and what is told of it.

use serde_json::{Value, json};

use super::{Inner, Kept, Return, razorpay_signature};
use crate::clock;
use crate::crypto::random_id;
use crate::http::lock;

fn amount(object: &Value, member: &str) -> i64 {
    object[member].as_i64().unwrap_or_default()
}

fn no_such(what: &str) -> String {
    format!("The {what} does not exist")
}

impl Inner {
    pub fn make_order(kept: &mut Kept, wanted: &Value) -> Value {
        let order = json!({
            "id": random_id("order_"), "entity": "order", "amount": wanted["amount"], "amount_paid": 0,
            "amount_due": wanted["amount"], "currency": wanted["currency"], "receipt": wanted["receipt"],
            "offer_id": null, "status": "created", "attempts": 0, "notes": notes(&wanted["notes"]),
            "created_at": clock::now().as_second(),
        });
        kept.objects.add(order.clone());
        kept.save();
        order
    }

    /// Begins an attempt to pay an order.
    fn attempt(kept: &mut Kept, order_id: &str, status: &str) -> Result<Value, String> {
        let order = kept.get_mut(order_id).ok_or_else(|| no_such("order"))?;
        if order["status"] == "paid" {
            return Err("Payment already done for this order.".into());
        }
        order["attempts"] = json!(amount(order, "attempts") + 1);
        order["status"] = json!("attempted");
        let captured = status == "captured";
        let total = amount(order, "amount");
        let payment = json!({
            "id": random_id("pay_"), "entity": "payment", "amount": total, "currency": order["currency"],
            "base_amount": total, "status": status, "order_id": order_id, "invoice_id": null, "international": false,
            "method": "upi", "amount_refunded": 0, "amount_transferred": 0, "refund_status": null,
            "captured": captured, "description": null, "card_id": null, "bank": null, "wallet": null,
            "vpa": "payer@simulatedbank", "email": "payer@example.com", "contact": "+919000000000",
            "notes": order["notes"], "fee": captured.then_some(total * 236 / 10_000),
            "tax": captured.then_some(total * 36 / 10_000), "error_code": null, "error_description": null,
            "error_source": null, "error_step": null, "error_reason": null,
            "acquirer_data": { "rrn": "000000000000" }, "created_at": clock::now().as_second(),
        });
        kept.objects.add(payment.clone());
        Ok(payment)
    }

    pub fn pay(&self, order_id: &str) -> Result<Return, String> {
        let mut kept = lock(&self.kept);
        let payment = Self::attempt(&mut kept, order_id, "captured")?;
        let order = kept.get_mut(order_id).ok_or_else(|| no_such("order"))?;
        order["status"] = json!("paid");
        order["amount_paid"] = order["amount"].clone();
        order["amount_due"] = json!(0);
        let order = order.clone();
        kept.save();
        let mut authorized = payment.clone();
        (authorized["status"], authorized["captured"]) = (json!("authorized"), json!(false));
        (authorized["fee"], authorized["tax"]) = (Value::Null, Value::Null);
        self.tell(&kept, "payment.authorized", &[("payment", &authorized)]);
        self.tell(&kept, "payment.captured", &[("payment", &payment)]);
        self.tell(&kept, "order.paid", &[("payment", &payment), ("order", &order)]);
        let payment_id = payment["id"].as_str().unwrap_or_default();
        Ok(Return {
            razorpay_order_id: order_id.to_owned(),
            razorpay_payment_id: payment_id.to_owned(),
            razorpay_signature: razorpay_signature(&kept.account.key_secret, &format!("{order_id}|{payment_id}")),
        })
    }

    /// A payment that the bank allows and nobody has captured yet.
    pub fn authorize(&self, order_id: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let payment = Self::attempt(&mut kept, order_id, "authorized")?;
        kept.save();
        self.tell(&kept, "payment.authorized", &[("payment", &payment)]);
        Ok(payment)
    }

    pub fn capture(&self, payment_id: &str, wanted: &Value) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let payment = kept.get_mut(payment_id).ok_or_else(|| no_such("id provided"))?;
        if payment["status"] != "authorized" {
            return Err("This payment has already been captured".into());
        }
        if payment["amount"] != wanted["amount"] || payment["currency"] != wanted["currency"] {
            return Err("Capture amount must be equal to the amount authorized".into());
        }
        (payment["status"], payment["captured"]) = (json!("captured"), json!(true));
        let payment = payment.clone();
        let order = kept.get_mut(payment["order_id"].as_str().unwrap_or_default()).ok_or_else(|| no_such("order"))?;
        order["status"] = json!("paid");
        order["amount_paid"] = order["amount"].clone();
        order["amount_due"] = json!(0);
        let order = order.clone();
        kept.save();
        self.tell(&kept, "payment.captured", &[("payment", &payment)]);
        self.tell(&kept, "order.paid", &[("payment", &payment), ("order", &order)]);
        Ok(payment)
    }

    pub fn decline(&self, order_id: &str) -> Result<String, String> {
        let mut kept = lock(&self.kept);
        let mut payment = Self::attempt(&mut kept, order_id, "failed")?;
        for (member, value) in [
            ("error_code", "BAD_REQUEST_ERROR"),
            ("error_description", "Payment was declined by the bank."),
            ("error_source", "bank"),
            ("error_step", "payment_authorization"),
            ("error_reason", "payment_failed"),
        ] {
            payment[member] = json!(value);
        }
        if let Some(stored) = kept.get_mut(payment["id"].as_str().unwrap_or_default()) {
            stored.clone_from(&payment);
        }
        kept.save();
        self.tell(&kept, "payment.failed", &[("payment", &payment)]);
        Ok(payment["id"].as_str().unwrap_or_default().to_owned())
    }

    pub fn refund(&self, kept: &mut Kept, payment_id: &str, wanted: &Value) -> Result<Value, String> {
        let payment = kept.get_mut(payment_id).ok_or_else(|| no_such("id provided"))?;
        if payment["captured"] != true {
            return Err("The payment status should be captured for action to be taken".into());
        }
        let left = amount(payment, "amount") - amount(payment, "amount_refunded");
        if left == 0 {
            return Err("The payment has been fully refunded already".into());
        }
        let back = wanted["amount"].as_i64().unwrap_or(left);
        if back < 100.min(left) {
            return Err("The amount must be at least INR 1.00".into());
        }
        if back > left {
            return Err("The refund amount provided is greater than amount captured".into());
        }
        payment["amount_refunded"] = json!(amount(payment, "amount_refunded") + back);
        payment["refund_status"] = json!(if back == left { "full" } else { "partial" });
        if back == left {
            payment["status"] = json!("refunded");
        }
        let payment = payment.clone();
        let refund = json!({
            "id": random_id("rfnd_"), "entity": "refund", "amount": back, "currency": payment["currency"],
            "payment_id": payment_id, "notes": notes(&wanted["notes"]), "receipt": wanted["receipt"],
            "acquirer_data": { "arn": null }, "created_at": clock::now().as_second(), "batch_id": null,
            "status": "pending", "speed_processed": "normal", "speed_requested": "normal",
        });
        kept.objects.add(refund.clone());
        kept.save();
        self.tell(kept, "refund.created", &[("refund", &refund), ("payment", &payment)]);
        Ok(refund)
    }

    pub fn finish_refund(&self, refund_id: &str, status: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let refund = kept.get_mut(refund_id).ok_or_else(|| no_such("refund"))?;
        if refund["status"] != "pending" || !["processed", "failed"].contains(&status) {
            return Err("only a pending refund can be processed or fail".into());
        }
        refund["status"] = json!(status);
        let refund = refund.clone();
        let payment =
            kept.get_mut(refund["payment_id"].as_str().unwrap_or_default()).ok_or_else(|| no_such("payment"))?;
        if status == "failed" {
            let back = amount(payment, "amount_refunded") - amount(&refund, "amount");
            payment["amount_refunded"] = json!(back);
            payment["refund_status"] = if back == 0 { Value::Null } else { json!("partial") };
            payment["status"] = json!("captured");
        }
        let payment = payment.clone();
        kept.save();
        self.tell(&kept, &format!("refund.{status}"), &[("refund", &refund), ("payment", &payment)]);
        Ok(refund)
    }

    pub fn dispute(&self, payment_id: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let payment = kept.get(payment_id).ok_or_else(|| no_such("payment"))?.clone();
        if payment["captured"] != true {
            return Err("only a captured payment can be disputed".into());
        }
        let dispute = json!({
            "id": random_id("disp_"), "entity": "dispute", "payment_id": payment_id, "amount": payment["amount"],
            "currency": payment["currency"], "amount_deducted": 0, "reason_code": "chargeback_authorization",
            "respond_by": clock::now().as_second() + 7 * 86_400, "status": "open", "phase": "chargeback",
            "created_at": clock::now().as_second(),
        });
        kept.objects.add(dispute.clone());
        kept.save();
        self.tell(&kept, "payment.dispute.created", &[("payment", &payment), ("dispute", &dispute)]);
        Ok(dispute)
    }

    pub fn close_dispute(&self, dispute_id: &str, status: &str) -> Result<Value, String> {
        let mut kept = lock(&self.kept);
        let dispute = kept.get_mut(dispute_id).ok_or_else(|| no_such("dispute"))?;
        if dispute["status"] != "open" || !["won", "lost", "closed"].contains(&status) {
            return Err("only an open dispute can be won, lost or closed".into());
        }
        dispute["status"] = json!(status);
        if status == "lost" {
            dispute["amount_deducted"] = dispute["amount"].clone();
        }
        let dispute = dispute.clone();
        let payment_id = dispute["payment_id"].as_str().unwrap_or_default();
        let payment = kept.get(payment_id).ok_or_else(|| no_such("payment"))?.clone();
        kept.save();
        self.tell(&kept, &format!("payment.dispute.{status}"), &[("payment", &payment), ("dispute", &dispute)]);
        Ok(dispute)
    }
}

/// Notes that are empty come as a list.
fn notes(wanted: &Value) -> Value {
    match wanted.as_object() {
        Some(notes) if !notes.is_empty() => wanted.clone(),
        _ => json!([]),
    }
}
