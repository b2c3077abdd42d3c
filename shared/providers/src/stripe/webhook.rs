//! Stripe's webhooks: verify, read.
//!
//! Deliveries come in any order and more than once, and two different events can tell of one change: each carries the object as it
//! was when the event was made.

use ::http::HeaderMap;
use domain::reading::{self, Unreadable};
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::second;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object::{Charge, CheckoutSession, Dispute, Refund};
use super::subscription::{Invoice, Subscription};
use crate::delivery::{self, ParseError, SignatureError, check_age};
use crate::mac;
use crate::secret::Secret;

const HEADER: &str = "stripe-signature";

/// Verifies a delivery over the bytes as received. Any of the signatures may fit any of the secrets (`whsec_…`, whose whole text
/// is the key).
pub fn verify(secrets: &[Secret], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let header = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let header = header.ok_or(SignatureError::MissingHeader(HEADER))?;
    let values = |wanted: &'static str| {
        let parts = header.split(',').filter_map(|part| part.trim().split_once('='));
        parts.filter(move |(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let signed_at = values("t").next().ok_or(SignatureError::Timestamp)?;
    check_age(signed_at, now)?;
    // Other versions of the scheme may stand beside `v1`; they are passed over.
    mac::check_hex(secrets, &[signed_at.as_bytes(), b".", body], values("v1").map(str::as_bytes))
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// `evt_…`; a repeat has the same.
    pub event_id: String,
    /// When the event was made, to the second.
    pub created_at: Timestamp,
    /// Whether it is about real money.
    pub livemode: bool,
    /// What happened.
    pub kind: StripeEventKind,
}

/// What happened, with the object as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StripeEventKind {
    /// Somebody went through Checkout; whether the money is in is told by the session.
    CheckoutCompleted(CheckoutSession),
    /// Money that was on its way came in.
    CheckoutPaid(CheckoutSession),
    /// Money that was on its way did not come.
    CheckoutFailed(CheckoutSession),
    /// Nobody paid in time, or we ended the session.
    CheckoutExpired(CheckoutSession),
    /// Some or all of a charge went back; how much over all refunds is told by the charge.
    ChargeRefunded(Charge),
    /// A refund was made, got on, or failed.
    Refund(Refund),
    /// A dispute began, got on, or ended.
    Dispute(Dispute),
    /// A subscription began, changed or ended.
    Subscription(Subscription),
    /// A period is paid.
    InvoicePaid(Invoice),
    /// A period could not be paid.
    InvoiceFailed(Invoice),
    /// An event that is no concern of ours.
    Unknown {
        /// Its `type`.
        kind: String,
    },
}

/// The events that we read.
const EVENTS: [&str; 20] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "invoice.paid",
    "invoice.payment_failed",
];

#[derive(Deserialize)]
struct HeadWire {
    id: String,
    #[serde(with = "second::required")]
    created: Timestamp,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    livemode: bool,
}

#[derive(Deserialize)]
struct Carrying<T> {
    data: DataWire<T>,
}

#[derive(Deserialize)]
struct DataWire<T> {
    object: T,
}

/// Reads a verified delivery.
pub fn parse(body: &[u8]) -> Result<StripeEvent, ParseError> {
    let kind = delivery::kind(body)?;
    let event = EVENTS.into_iter().find(|known| *known == kind);
    let malformed = |why| ParseError { event, why };
    let HeadWire { id: event_id, created: created_at, livemode } = reading::read(body).map_err(malformed)?;
    let kind = match event {
        Some(event) => read_kind(event, body).map_err(malformed)?,
        None => StripeEventKind::Unknown { kind },
    };
    Ok(StripeEvent { event_id, created_at, livemode, kind })
}

fn read_kind(event: &str, body: &[u8]) -> Result<StripeEventKind, Unreadable> {
    Ok(match event {
        "checkout.session.completed" => StripeEventKind::CheckoutCompleted(object(body)?),
        "checkout.session.async_payment_succeeded" => StripeEventKind::CheckoutPaid(object(body)?),
        "checkout.session.async_payment_failed" => StripeEventKind::CheckoutFailed(object(body)?),
        "checkout.session.expired" => StripeEventKind::CheckoutExpired(object(body)?),
        "charge.refunded" => StripeEventKind::ChargeRefunded(object(body)?),
        "invoice.paid" => StripeEventKind::InvoicePaid(object(body)?),
        "invoice.payment_failed" => StripeEventKind::InvoiceFailed(object(body)?),
        dispute if dispute.starts_with("charge.dispute.") => StripeEventKind::Dispute(object(body)?),
        refund if refund.starts_with("refund.") => StripeEventKind::Refund(object(body)?),
        _ => StripeEventKind::Subscription(object(body)?),
    })
}

fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    reading::read::<Carrying<T>>(body).map(|event| event.data.object)
}

#[cfg(test)]
mod tests {
    use super::super::{DisputeStatus, InvoiceStatus, PaymentStatus, Period, SessionStatus, SubscriptionStatus};
    use super::StripeEventKind as Kind;
    use super::*;
    use crate::known_answers::{body, cases, headers, named};
    use crate::sum::Sum;
    use ::http::HeaderValue;
    use serde_json::{Value, json};

    fn file() -> Value {
        serde_json::from_str(include_str!("../../vectors/stripe.json")).unwrap()
    }

    fn secret(file: &Value, name: &str) -> Secret {
        Secret::new(file["webhook"][name].as_str().unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn every_known_delivery_is_judged_as_expected() {
        let file = file();
        assert_eq!(cases(&file).len(), 29);
        for case in cases(&file) {
            let expect = case["expect"].as_str().unwrap();
            let expected = match expect {
                "invalid: no match" | "invalid: no v1 signature" => Err(SignatureError::NoMatch),
                "invalid: too old" => Err(SignatureError::TooOld),
                "invalid: header missing" => Err(SignatureError::MissingHeader(HEADER)),
                "invalid: unparsable" => Err(SignatureError::Timestamp),
                "policy: official SDK accepts (one-sided check); we may reject" => Err(SignatureError::TooNew),
                valid if valid.starts_with("valid") => Ok(()),
                other => panic!("{other}"),
            };
            let now = at(case["verify_at"].as_i64().unwrap_or_else(|| file["verify_at"].as_i64().unwrap()));
            let verdict = verify(&[secret(&file, "signing_secret")], &headers(case), body(&file, case), now);
            assert_eq!(verdict, expected, "{}", case["name"]);
        }
    }

    #[test]
    fn any_signature_may_fit_any_secret_and_an_empty_one_never() {
        let file = file();
        let (new, old) = (secret(&file, "signing_secret"), secret(&file, "previous_signing_secret"));
        let case = &cases(&file)[0];
        let signed = |header: &str, secrets: &[Secret]| {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_str(header).unwrap())]);
            verify(secrets, &headers, body(&file, case), at(1_795_167_000))
        };
        let sign = |key: &str| hex::encode(mac::hmac_sha256(key.as_bytes(), &[b"1795167000.", body(&file, case)]));
        let by_old = format!("t=1795167000,v1={},v0=abc", sign(old.expose()));
        assert_eq!(signed(&by_old, &[new.clone(), old.clone()]), Ok(()));
        assert_eq!(signed(&by_old, std::slice::from_ref(&new)), Err(SignatureError::NoMatch));
        let by_both = format!("t=1795167000, v1={}, v1={}", sign("other"), sign(new.expose()));
        assert_eq!(signed(&by_both, std::slice::from_ref(&new)), Ok(()));
        let by_nothing = format!("t=1795167000,v1={}", sign(""));
        assert_eq!(signed(&by_nothing, &[Secret::new("")]), Err(SignatureError::NoMatch));
        let by_another_version = format!("t=1795167000,v0={}", sign(new.expose()));
        assert_eq!(signed(&by_another_version, &[new]), Err(SignatureError::NoMatch));
        for odd in ["t=,v1=00", "t=soon,v1=00", "v1=00", "t"] {
            assert_eq!(signed(odd, std::slice::from_ref(&old)), Err(SignatureError::Timestamp), "{odd}");
        }
    }

    #[test]
    fn every_known_event_is_read() {
        let file = file();
        let read = |id: &str| {
            let case = cases(&file).iter().find(|case| case["event_id"] == id).unwrap();
            let event = parse(body(&file, case)).unwrap();
            assert_eq!((&*event.event_id, event.created_at, event.livemode), (id, at(1_795_166_998), false));
            event.kind
        };
        let usd = |amount| Sum::new(amount, "USD");

        let Kind::CheckoutCompleted(paid) = read("evt_FAKE0001") else { panic!() };
        assert_eq!((paid.status, paid.payment_status), (SessionStatus::Complete, PaymentStatus::Paid));
        assert_eq!(
            (paid.total.clone(), paid.reference.as_deref()),
            (Some(usd(4900)), Some("order_01JFAKE0000000000000000001"))
        );
        assert_eq!(paid.payment_intent_id.as_deref(), Some("pi_FAKE3Nabc0001"));
        assert_eq!(paid.metadata["order_id"], "order_01JFAKE0000000000000000001");
        assert!(!format!("{paid:?}").contains("zoe"), "{paid:?}");
        let Kind::CheckoutCompleted(waiting) = read("evt_FAKE0002") else { panic!() };
        assert_eq!((waiting.status, waiting.payment_status), (SessionStatus::Complete, PaymentStatus::Unpaid));
        let Kind::CheckoutPaid(paid) = read("evt_FAKE0003") else { panic!() };
        assert_eq!(paid.payment_status, PaymentStatus::Paid);
        let Kind::CheckoutFailed(failed) = read("evt_FAKE0004") else { panic!() };
        assert_eq!((failed.session_id, failed.payment_status), (paid.session_id, PaymentStatus::Unpaid));
        let Kind::CheckoutExpired(expired) = read("evt_FAKE0005") else { panic!() };
        assert_eq!((expired.status, expired.url), (SessionStatus::Expired, None));
        let Kind::CheckoutCompleted(plan) = read("evt_FAKE0006") else { panic!() };
        assert_eq!((plan.subscription_id.as_deref(), plan.payment_intent_id), (Some("sub_FAKE0001"), None));

        let month = Period { start: at(1_795_166_940), end: at(1_797_758_940) };
        let Kind::InvoicePaid(first) = read("evt_FAKE0007") else { panic!() };
        assert_eq!((first.status, &*first.reason), (InvoiceStatus::Paid, "subscription_create"));
        assert_eq!((first.due, first.paid_minor, first.period), (usd(1900), 1900, Some(month)));
        assert_eq!(first.subscription_id.as_deref(), Some("sub_FAKE0001"));
        assert_eq!(first.metadata["user_id"], "user_FAKE29w83sxmDNGwOuEthce5gg56");
        assert_eq!(first.product_id.as_deref(), Some("prod_FAKEpro"));
        let Kind::InvoicePaid(renewal) = read("evt_FAKE0008") else { panic!() };
        assert_eq!((&*renewal.reason, renewal.period), ("subscription_cycle", Some(month)));
        let Kind::InvoiceFailed(failed) = read("evt_FAKE0009") else { panic!() };
        assert_eq!((failed.status, failed.next_attempt_at), (InvoiceStatus::Open, Some(at(1_795_426_200))));

        let subscription = |id: &str| {
            let Kind::Subscription(subscription) = read(id) else { panic!() };
            subscription
        };
        let begun = subscription("evt_FAKE0010");
        assert_eq!((begun.status, begun.period, begun.ends_at), (SubscriptionStatus::Incomplete, Some(month), None));
        assert_eq!((begun.item_id.as_deref(), begun.price), (Some("si_FAKE0001"), Some(usd(1900))));
        assert_eq!(subscription("evt_FAKE0011").status, SubscriptionStatus::Active);
        let ending = subscription("evt_FAKE0012");
        assert_eq!((ending.status, ending.ends_at), (SubscriptionStatus::Active, Some(month.end)));
        let ended = subscription("evt_FAKE0013");
        assert_eq!((ended.status, ended.ended_at), (SubscriptionStatus::Canceled, Some(at(1_795_166_998))));

        for (id, back) in [("evt_FAKE0014", 1500), ("evt_FAKE0015", 4900)] {
            let Kind::ChargeRefunded(charge) = read(id) else { panic!() };
            assert_eq!((charge.total, charge.refunded_minor, charge.paid), (usd(4900), back, true));
            assert_eq!(charge.payment_intent_id.as_deref(), Some("pi_FAKE3Nabc0001"));
        }
        for (id, status) in [("evt_FAKE0016", DisputeStatus::NeedsResponse), ("evt_FAKE0017", DisputeStatus::Lost)] {
            let Kind::Dispute(dispute) = read(id) else { panic!() };
            assert_eq!((dispute.total, dispute.status, &*dispute.reason), (usd(4900), status, "fraudulent"));
        }
    }

    /// A known event of this name, with these members of its object changed; null takes one out.
    fn event(name: &str, kind: &str, changes: Value) -> Result<StripeEvent, ParseError> {
        let mut event: Value = serde_json::from_slice(named(&file(), name)).unwrap();
        event["type"] = json!(kind);
        for (member, value) in changes.as_object().unwrap() {
            event["data"]["object"][member] = value.clone();
        }
        parse(event.to_string().as_bytes())
    }

    #[test]
    fn what_stripe_adds_or_leaves_out_does_no_harm() {
        let name = "customer.subscription.created: often incomplete at creation";
        for (changes, ends_at) in [
            (json!({ "status": "brand_new", "metadata": null, "items": null, "latest_invoice": null }), None),
            (json!({ "status": null, "items": { "data": [] }, "surprise": { "a": [1] } }), None),
            (json!({ "status": "x", "cancel_at_period_end": true }), Some(at(1_797_758_940))),
        ] {
            let Ok(StripeEvent { kind: Kind::Subscription(subscription), .. }) =
                event(name, "customer.subscription.paused", changes.clone())
            else {
                panic!("{changes}")
            };
            assert_eq!((subscription.status, subscription.ends_at), (SubscriptionStatus::Unknown, ends_at));
        }
        let refund = json!({ "id": "evt_1", "type": "refund.failed", "created": 5, "data": { "object": {
            "id": "re_1", "amount": 7, "currency": "inr", "status": "failed", "created": 4 } } });
        let Kind::Refund(refund) = parse(refund.to_string().as_bytes()).unwrap().kind else { panic!() };
        assert_eq!((refund.total, refund.charge_id), (Sum::new(7, "INR"), None));
        let other = json!({ "id": "evt_1", "type": "payout.paid", "created": 5, "data": 7 });
        let kind = parse(other.to_string().as_bytes()).unwrap().kind;
        assert_eq!(kind, Kind::Unknown { kind: "payout.paid".into() });
    }

    #[test]
    fn a_line_of_a_whole_month_names_the_plan_before_one_that_sets_off_a_part() {
        let line = |amount: i64, end: i64, product: &str, proration: bool| {
            json!({ "amount": amount, "period": { "start": 1_795_166_940, "end": end },
                "parent": { "subscription_item_details": { "proration": proration } },
                "pricing": { "price_details": { "product": product } } })
        };
        let lines = json!({ "data": [
            line(-500, 1_797_758_941, "prod_old", true), line(3000, 1_797_758_940, "prod_new", false),
            line(-1, 1_797_758_942, "prod_old", true),
        ] });
        let name = "invoice.paid: first subscription invoice";
        let Ok(StripeEvent { kind: Kind::InvoicePaid(invoice), .. }) =
            event(name, "invoice.paid", json!({ "lines": lines, "parent": null }))
        else {
            panic!()
        };
        assert_eq!((invoice.product_id.as_deref(), invoice.subscription_id), (Some("prod_new"), None));
        assert_eq!(invoice.period.unwrap().end, at(1_797_758_940));
    }

    #[test]
    fn a_body_that_breaks_its_promise_is_refused_without_its_content() {
        for wrong in ["", "[]", "{}", r#"{"type":7}"#, r#"{"type":"invoice.paid"}"#, r#"{"type":"payout.paid"}"#] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let check = |name: &str, kind: &str, changes: Value, told: &str| {
            let error = event(name, kind, changes).unwrap_err();
            assert_eq!(error.to_string(), told);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        };
        let charge = "charge.refunded: full refund (second one)";
        check(
            charge,
            "charge.refunded",
            json!({ "amount": "s3cret" }),
            "of charge.refunded, data.object.amount is not a whole number from 0",
        );
        check(
            charge,
            "charge.refunded",
            json!({ "amount": -1 }),
            "of charge.refunded, data.object.amount is not a whole number from 0",
        );
        check(
            charge,
            "charge.refunded",
            json!({ "currency": null }),
            "of charge.refunded, data.object.currency is not a text",
        );
        check(charge, "refund.created", json!({ "id": ["s3cret"] }), "of refund.created, data.object.id is not a text");
    }
}
