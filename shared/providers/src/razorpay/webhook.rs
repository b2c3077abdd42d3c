//! Razorpay's signatures: of the browser's return, and of webhooks. Neither covers a time, so an old delivery can be played back;
//! our own state rules must make a repeated or late event harmless.

use ::http::HeaderMap;
use domain::reading::{self, Unreadable};
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::second;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object::{Dispute, Order, Payment, Refund};
use crate::delivery::{ParseError, SignatureError};
use crate::mac;
use crate::secret::Secret;

const HEADER: &str = "x-razorpay-signature";

/// Verifies what the browser brings back from the checkout of an order. The order must be the one that we stored, not one that
/// the browser names. `key_secrets` are of the API key.
pub fn verify_return(
    key_secrets: &[Secret],
    order_id: &str,
    payment_id: &str,
    signature: &str,
) -> Result<(), SignatureError> {
    mac::check_hex(key_secrets, &[order_id.as_bytes(), b"|", payment_id.as_bytes()], [signature.as_bytes()])
}

/// Verifies a delivery over the bytes as received. The signature may fit any of the webhook's secrets: the repeat of an older
/// event is signed with the secret of its time.
pub fn verify(secrets: &[Secret], headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureError> {
    let signature = headers.get(HEADER).ok_or(SignatureError::MissingHeader(HEADER))?;
    mac::check_hex(secrets, &[body], [signature.as_bytes()])
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RazorpayEvent {
    /// When the event was made, to the second.
    pub created_at: Timestamp,
    /// What happened.
    pub kind: RazorpayEventKind,
}

/// What happened, with the objects as they were then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RazorpayEventKind {
    /// A bank said yes; the money is not in yet.
    PaymentAuthorized(Payment),
    /// The money is in.
    PaymentCaptured(Payment),
    /// An attempt failed. The order can still be paid.
    PaymentFailed(Payment),
    /// The money is in: told of the same payment as `PaymentCaptured`.
    OrderPaid {
        /// What was ordered.
        order: Order,
        /// What paid it.
        payment: Payment,
    },
    /// A refund was made, got on, or failed.
    Refund {
        /// The refund.
        refund: Refund,
        /// What it pays back.
        payment: Option<Payment>,
    },
    /// A dispute began, got on, or ended.
    Dispute {
        /// The dispute.
        dispute: Dispute,
        /// What is disputed.
        payment: Option<Payment>,
    },
    /// An event that is no concern of ours.
    Unknown {
        /// Its name.
        kind: String,
    },
}

/// The events that we read.
const EVENTS: [&str; 14] = [
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "refund.speed_changed",
    "payment.dispute.created",
    "payment.dispute.under_review",
    "payment.dispute.action_required",
    "payment.dispute.won",
    "payment.dispute.lost",
    "payment.dispute.closed",
];

#[derive(Deserialize)]
struct NameWire {
    event: String,
}

#[derive(Deserialize)]
struct HeadWire {
    #[serde(with = "second::required")]
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Carrying<T> {
    payload: T,
}

#[derive(Deserialize)]
struct Entity<T> {
    entity: T,
}

#[derive(Deserialize)]
struct PaymentPayload {
    payment: Entity<Payment>,
}

#[derive(Deserialize)]
struct OrderPayload {
    order: Entity<Order>,
    payment: Entity<Payment>,
}

#[derive(Deserialize)]
struct RefundPayload {
    refund: Entity<Refund>,
    payment: Option<Entity<Payment>>,
}

#[derive(Deserialize)]
struct DisputePayload {
    dispute: Entity<Dispute>,
    payment: Option<Entity<Payment>>,
}

/// Reads a verified delivery.
pub fn parse(body: &[u8]) -> Result<RazorpayEvent, ParseError> {
    let NameWire { event: kind } = reading::read(body).map_err(ParseError::nameless)?;
    let event = EVENTS.into_iter().find(|known| *known == kind);
    let malformed = |why| ParseError { event, why };
    let HeadWire { created_at } = reading::read(body).map_err(malformed)?;
    let kind = match event {
        Some(event) => read_kind(event, body).map_err(malformed)?,
        None => RazorpayEventKind::Unknown { kind },
    };
    Ok(RazorpayEvent { created_at, kind })
}

fn read_kind(event: &str, body: &[u8]) -> Result<RazorpayEventKind, Unreadable> {
    if event.starts_with("payment.dispute.") {
        let DisputePayload { dispute, payment } = payload(body)?;
        let payment = payment.map(|payment| payment.entity);
        return Ok(RazorpayEventKind::Dispute { dispute: dispute.entity, payment });
    }
    if event.starts_with("refund.") {
        let RefundPayload { refund, payment } = payload(body)?;
        let payment = payment.map(|payment| payment.entity);
        return Ok(RazorpayEventKind::Refund { refund: refund.entity, payment });
    }
    if event == "order.paid" {
        let OrderPayload { order, payment } = payload(body)?;
        return Ok(RazorpayEventKind::OrderPaid { order: order.entity, payment: payment.entity });
    }
    let payment = payload::<PaymentPayload>(body)?.payment.entity;
    Ok(match event {
        "payment.captured" => RazorpayEventKind::PaymentCaptured(payment),
        "payment.failed" => RazorpayEventKind::PaymentFailed(payment),
        _ => RazorpayEventKind::PaymentAuthorized(payment),
    })
}

fn payload<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    reading::read::<Carrying<T>>(body).map(|event| event.payload)
}

#[cfg(test)]
mod tests {
    use super::super::{DisputeStatus, OrderStatus, PaymentStatus, RefundStatus};
    use super::RazorpayEventKind as Kind;
    use super::*;
    use crate::known_answers::{body, cases, headers, named};
    use crate::sum::Sum;
    use serde_json::{Value, json};

    fn file() -> Value {
        serde_json::from_str(include_str!("../../vectors/razorpay.json")).unwrap()
    }

    fn secret(value: &Value) -> Secret {
        Secret::new(value.as_str().unwrap())
    }

    #[test]
    fn every_known_delivery_is_judged_as_expected() {
        let file = file();
        let (new, old) = (secret(&file["webhook"]["secret"]), secret(&file["webhook"]["previous_secret"]));
        assert_eq!(cases(&file).len(), 12);
        for case in cases(&file) {
            let judge = |secrets: &[Secret]| verify(secrets, &headers(case), body(&file, case));
            let expect = case["expect"].as_str().unwrap();
            // Razorpay's own library compares texts, and refuses capitals; they prove as much.
            let accepted = expect == "valid" || case["name"] == "upper-case hex";
            let expected = if accepted { Ok(()) } else { Err(SignatureError::NoMatch) };
            assert_eq!(judge(std::slice::from_ref(&new)), expected, "{}", case["name"]);
            if expect.contains("valid with the previous one") {
                assert_eq!(judge(&[new.clone(), old.clone()]), Ok(()), "{}", case["name"]);
            }
            assert!(judge(&[Secret::new("")]).is_err());
        }
        assert_eq!(verify(&[new], &HeaderMap::new(), b""), Err(SignatureError::MissingHeader(HEADER)));
    }

    #[test]
    fn every_known_return_is_judged_as_expected() {
        let file = file();
        let secrets = [Secret::new("before"), secret(&file["key_secret"])];
        let mut judged = 0;
        for case in file["checkout_signatures"].as_array().unwrap() {
            let (Some(order), Some(payment)) =
                (case["razorpay_order_id"].as_str(), case["razorpay_payment_id"].as_str())
            else {
                continue;
            };
            let verdict = verify_return(&secrets, order, payment, case["signature"].as_str().unwrap());
            assert_eq!(verdict.is_ok(), case["expect"] == "valid", "{}", case["name"]);
            assert!(verify_return(&[], order, payment, case["signature"].as_str().unwrap()).is_err());
            judged += 1;
        }
        assert_eq!(judged, 3);
        assert_eq!(verify_return(&secrets, "order_1", "pay_1", "zz"), Err(SignatureError::NoMatch));
    }

    #[test]
    fn every_known_event_is_read() {
        let file = file();
        let read = |name: &str| {
            let event = parse(named(&file, name)).unwrap();
            assert_eq!(event.created_at.as_second(), 1_795_166_999);
            event.kind
        };
        let inr = |amount| Sum::new(amount, "INR");
        let Kind::PaymentCaptured(payment) = read("payment.captured") else { panic!() };
        assert_eq!((payment.total.clone(), payment.status), (inr(149_900), PaymentStatus::Captured));
        assert_eq!(payment.order_id.as_deref(), Some("order_FAKE9A33XWu170"));
        assert_eq!(payment.notes["order_id"], "order_01JFAKE0000000000000000002");
        assert!(!format!("{payment:?}").contains("zoe"));
        let Kind::OrderPaid { order, payment: same } = read("order.paid") else { panic!() };
        assert_eq!((order.status, order.paid_minor, same), (OrderStatus::Paid, 149_900, payment.clone()));
        assert_eq!(order.receipt.as_deref(), Some("01JFAKE0000000000000000002"));
        let Kind::PaymentFailed(failed) = read("payment.failed") else { panic!() };
        assert_eq!((failed.status, failed.error_reason.as_deref()), (PaymentStatus::Failed, Some("payment_cancelled")));
        let Kind::PaymentAuthorized(authorized) = read("payment.authorized") else { panic!() };
        assert_eq!(authorized.status, PaymentStatus::Authorized);
        for (name, status, back) in [
            ("refund.created", RefundStatus::Pending, 50_000),
            ("refund.processed", RefundStatus::Processed, 50_000),
            ("refund.failed", RefundStatus::Failed, 0),
        ] {
            let Kind::Refund { refund, payment: Some(of) } = read(name) else { panic!("{name}") };
            assert_eq!((refund.total, refund.status, of.refunded_minor), (inr(50_000), status, back), "{name}");
            assert!(refund.notes.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_dispute_is_read_and_what_razorpay_adds_or_leaves_out_does_no_harm() {
        let dispute = |name: &str, status: Value| {
            let event = json!({ "event": name, "created_at": 9, "payload": { "dispute": { "entity": {
                "id": "disp_1", "payment_id": "pay_1", "amount": 100, "currency": "INR", "status": status,
                "phase": "chargeback", "created_at": 8 } } } });
            parse(event.to_string().as_bytes()).unwrap().kind
        };
        for (status, expected) in [
            (json!("open"), DisputeStatus::Open),
            (json!("won"), DisputeStatus::Won),
            (json!("odd"), DisputeStatus::Unknown),
            (json!(null), DisputeStatus::Unknown),
        ] {
            let Kind::Dispute { dispute, payment: None } = dispute("payment.dispute.lost", status) else { panic!() };
            assert_eq!((dispute.status, dispute.total), (expected, Sum::new(100, "INR")));
        }
        let other = parse(br#"{"event":"payout.processed","created_at":1,"payload":7}"#).unwrap().kind;
        assert_eq!(other, Kind::Unknown { kind: "payout.processed".into() });
    }

    #[test]
    fn a_body_that_breaks_its_promise_is_refused_without_its_content() {
        let check = |body: &str, told: &str| {
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), told);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        };
        check("s3cret", "of an event, it is not JSON, line 1, column 1");
        check(r#"{"event":["s3cret"]}"#, "of an event, event is not a text");
        check(r#"{"event":"order.paid"}"#, "of order.paid, the member created_at is missing");
        check(
            r#"{"event":"order.paid","created_at":1,"payload":{"payment":{"entity":{"id":"s3cret"}}}}"#,
            "of order.paid, the member payload.payment.entity.amount is missing",
        );
        check(
            r#"{"event":"payment.captured","created_at":1,"payload":{"payment":{"entity":{"id":"pay_1","amount":-1}}}}"#,
            "of payment.captured, payload.payment.entity.amount is not a whole number from 0",
        );
    }
}
