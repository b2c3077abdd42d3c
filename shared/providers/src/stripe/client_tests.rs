use std::time::Duration;

use domain::problem::Problem as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::http::{BaseUrl, Http, NoAnswer, Reach};
use crate::secret::Secret;
use crate::sum::Sum;
use crate::test_server::{Received, Reply, TestServer};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/stripe.json")).unwrap()
}

fn client(server: &TestServer) -> StripeClient {
    let base = BaseUrl::parse(&server.base(), Reach::InternetAndLoopback).unwrap();
    StripeClient::new(Http::new(Reach::InternetAndLoopback), base, Secret::new("sk_test_FAKE")).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = form_urlencoded::parse(text).into_owned().collect();
    pairs.sort();
    pairs
}

/// What a request carries, in its body or its query.
fn parameters(sent: &Received) -> Vec<(String, String)> {
    match sent.target.split_once('?') {
        Some((_, query)) => pairs(query.as_bytes()),
        None => pairs(&sent.body),
    }
}

fn expected(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    pairs.sort();
    pairs
}

fn order() -> Vec<(String, String)> {
    vec![("order_id".into(), "order_01JFAKE0000000000000000001".into())]
}

fn pack() -> CheckoutRequest {
    CheckoutRequest {
        idempotency_key: "checkout:order_01JFAKE0000000000000000001".into(),
        reference: "order_01JFAKE0000000000000000001".into(),
        mode: Mode::Payment,
        title: "1:1 interview, 60 min".into(),
        price: Sum::new(4900, "USD"),
        customer: Customer::Email("zoe.candidate@example.com".into()),
        success_url: "https://app.mockinterviews.example/billing/done?session_id={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://app.mockinterviews.example/billing/cancelled".into(),
        expires_at: Some(at(1_795_168_800)),
        metadata: order(),
    }
}

fn session_answer(changes: Value) -> Value {
    let mut answer = vectors()["responses"]["create_session_open"]["body"].clone();
    answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    answer
}

fn charge_answer() -> Value {
    json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 4900, "amount_refunded": 0,
        "currency": "usd", "paid": true, "disputed": false, "metadata": {}, "created": 1_795_166_940,
        "receipt_url": "https://pay.stripe.example/receipts/s3cret" })
}

fn intent_answer(id: &str) -> Value {
    json!({ "id": id, "object": "payment_intent", "status": "succeeded", "amount": 4900, "amount_received": 4900,
        "currency": "usd", "metadata": { "order_id": "o" }, "latest_charge": charge_answer(), "created": 1_795_166_940 })
}

fn subscription_answer() -> Value {
    json!({ "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "metadata": {},
        "items": { "data": [{ "id": "si_1", "current_period_start": 5, "current_period_end": 9,
            "price": { "product": "pln_1", "unit_amount": 300, "currency": "usd" } }] } })
}

fn refund_answer(id: &str) -> Value {
    json!({ "id": id, "object": "refund", "payment_intent": "pi_1", "charge": "ch_1", "amount": 1500,
        "currency": "usd", "status": "pending", "metadata": {}, "created": 1_795_166_940 })
}

#[test]
fn forms_are_written_as_stripes_own_library_writes_them() {
    let vectors = vectors();
    let requests = vectors["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let pairs: Vec<(String, String)> = serde_json::from_value(request["pairs"].clone()).unwrap();
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        assert_eq!(written, request["urlencoded"], "{}", request["name"]);
    }
}

#[tokio::test]
async fn a_pack_is_asked_for_as_documented() {
    let server = TestServer::start([Reply::json(200, &session_answer(json!({})))]);
    let session = client(&server).create_checkout(&pack()).await.unwrap();
    assert_eq!((session.status, session.payment_status), (SessionStatus::Open, PaymentStatus::Unpaid));
    assert_eq!((session.total.clone(), session.expires_at), (Some(Sum::new(4900, "USD")), Some(at(1_795_168_800))));
    assert!(session.url.as_ref().unwrap().expose().starts_with("https://checkout.stripe.example/"));
    assert!(!format!("{session:?}").contains("checkout.stripe"), "{session:?}");

    let known = vectors()["requests"][0].clone();
    let sent = server.request(0);
    assert_eq!((&*sent.method, &*sent.target), ("POST", known["path"].as_str().unwrap()));
    for (name, value) in known["headers"].as_object().unwrap() {
        assert_eq!(sent.header(name), value.as_str(), "{name}");
    }
    let mut wanted: Vec<(String, String)> = serde_json::from_value(known["pairs"].clone()).unwrap();
    wanted.retain(|(name, _)| name != "payment_intent_data[transfer_group]");
    wanted.sort();
    assert_eq!(parameters(&sent), wanted);
}

#[tokio::test]
async fn a_plan_is_asked_for_as_documented() {
    let server = TestServer::start([Reply::json(200, &session_answer(json!({ "mode": "subscription" })))]);
    let plan = CheckoutRequest {
        mode: Mode::Subscription,
        title: "Pro".into(),
        price: Sum::new(49_900, "INR"),
        customer: Customer::Known("cus_FAKE0001".into()),
        expires_at: None,
        ..pack()
    };
    client(&server).create_checkout(&plan).await.unwrap();
    assert_eq!(
        parameters(&server.request(0)),
        expected(&[
            ("mode", "subscription"),
            ("client_reference_id", &plan.reference),
            ("customer", "cus_FAKE0001"),
            ("success_url", &plan.success_url),
            ("cancel_url", &plan.cancel_url),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", "inr"),
            ("line_items[0][price_data][unit_amount]", "49900"),
            ("line_items[0][price_data][product_data][name]", "Pro"),
            ("line_items[0][price_data][recurring][interval]", "month"),
            ("metadata[order_id]", &plan.reference),
            ("subscription_data[metadata][order_id]", &plan.reference),
        ])
    );
}

#[tokio::test]
async fn a_session_is_read_with_the_charge_that_paid_it_and_can_be_ended() {
    let paid = session_answer(json!({ "payment_intent": intent_answer("pi_1"), "payment_status": "paid",
        "status": "complete", "url": null }));
    let server = TestServer::start([
        Reply::json(200, &paid),
        Reply::json(200, &session_answer(json!({ "status": "expired", "url": null }))),
    ]);
    let client = client(&server);
    let session = client.checkout_session("cs_1").await.unwrap();
    assert_eq!((session.payment_intent_id.as_deref(), session.payment_status), (Some("pi_1"), PaymentStatus::Paid));
    assert_eq!(session.charge.as_ref().unwrap().charge_id, "ch_1");
    assert!(!format!("{session:?}").contains("s3cret"), "{session:?}");
    assert_eq!(client.expire_checkout("cs_1").await.unwrap().status, SessionStatus::Expired);
    let asked = [0, 1].map(|index| server.request(index));
    assert_eq!(&*asked[0].method, "GET");
    assert!(asked[0].target.starts_with("/v1/checkout/sessions/cs_1?"), "{}", asked[0].target);
    assert_eq!(parameters(&asked[0]), expected(&[("expand[0]", "payment_intent.latest_charge")]));
    assert_eq!((&*asked[1].method, &*asked[1].target), ("POST", "/v1/checkout/sessions/cs_1/expire"));
}

#[tokio::test]
async fn refunds_are_made_and_listed_page_by_page() {
    let page = |id: &str, more: bool| json!({ "object": "list", "data": [refund_answer(id)], "has_more": more });
    let server = TestServer::start([
        Reply::json(200, &refund_answer("re_1")),
        Reply::json(200, &refund_answer("re_1")),
        Reply::json(200, &page("re_2", true)),
        Reply::json(200, &page("re_1", false)),
    ]);
    let client = client(&server);
    let mut wanted = RefundRequest {
        idempotency_key: "refund:1".into(),
        payment_intent_id: "pi_1".into(),
        amount_minor: Some(1500),
        metadata: order(),
    };
    let refund = client.refund(&wanted).await.unwrap();
    assert_eq!((refund.total, refund.status), (Sum::new(1500, "USD"), RefundStatus::Pending));
    client.get_refund("re_1").await.unwrap();
    let first = client.list_refunds("pi_1", None).await.unwrap();
    assert_eq!((first.items.len(), first.next.as_deref()), (1, Some("re_2")));
    let last = client.list_refunds("pi_1", first.next.as_deref()).await.unwrap();
    assert_eq!((last.items.len(), last.next), (1, None));

    let sent = [0, 1, 2, 3].map(|index| server.request(index));
    assert_eq!((&*sent[0].method, &*sent[0].target), ("POST", "/v1/refunds"));
    assert_eq!(sent[0].header("idempotency-key"), Some("refund:1"));
    let whole = [("payment_intent", "pi_1"), ("reason", "requested_by_customer")];
    let mut part = whole.to_vec();
    part.extend([("amount", "1500"), ("metadata[order_id]", "order_01JFAKE0000000000000000001")]);
    assert_eq!(parameters(&sent[0]), expected(&part));
    assert_eq!(sent[1].target, "/v1/refunds/re_1");
    assert_eq!(parameters(&sent[2]), expected(&[("limit", "100"), ("payment_intent", "pi_1")]));
    let next = [("limit", "100"), ("payment_intent", "pi_1"), ("starting_after", "re_2")];
    assert_eq!(parameters(&sent[3]), expected(&next));

    let server = TestServer::start([Reply::json(200, &refund_answer("re_1"))]);
    (wanted.amount_minor, wanted.metadata) = (None, Vec::new());
    self::client(&server).refund(&wanted).await.unwrap();
    assert_eq!(parameters(&server.request(0)), expected(&whole));
}

#[tokio::test]
async fn the_payments_and_charges_of_a_day_are_listed() {
    let server = TestServer::start([
        Reply::json(200, &intent_answer("pi_1")),
        Reply::json(200, &json!({ "data": [intent_answer("pi_2"), intent_answer("pi_1")], "has_more": true })),
        Reply::json(200, &json!({ "data": [charge_answer()], "has_more": false })),
        Reply::json(200, &json!({ "data": [] })),
    ]);
    let client = client(&server);
    let one = client.payment_intent("pi_1").await.unwrap();
    assert_eq!((one.status, one.received_minor), (PaymentIntentStatus::Succeeded, 4900));
    let day = at(1_795_132_800)..at(1_795_219_200);
    let intents = client.list_payment_intents(day.clone(), Some("pi_3")).await.unwrap();
    assert_eq!((intents.items[1].clone(), intents.next.as_deref()), (one, Some("pi_1")));
    let charges = client.list_charges(day.clone(), None).await.unwrap();
    assert_eq!((charges.items[0].charge_id.as_str(), charges.next), ("ch_1", None));
    assert_eq!(client.list_charges(day, None).await.unwrap().items, []);

    let days = [("created[gte]", "1795132800"), ("created[lt]", "1795219200"), ("limit", "100")];
    let mut second = days.to_vec();
    second.extend([("expand[0]", "data.latest_charge"), ("starting_after", "pi_3")]);
    assert_eq!(parameters(&server.request(0)), expected(&[("expand[0]", "latest_charge")]));
    assert!(server.request(1).target.starts_with("/v1/payment_intents?"));
    assert_eq!(parameters(&server.request(1)), expected(&second));
    assert!(server.request(2).target.starts_with("/v1/charges?"));
    assert_eq!(parameters(&server.request(2)), expected(&days));
}

#[tokio::test]
async fn the_payments_of_an_invoice_are_found_from_both_sides() {
    let answer = json!({ "data": [{ "id": "inpay_1", "invoice": "in_1", "status": "paid",
        "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }], "has_more": false });
    let server = TestServer::start([
        Reply::json(200, &answer),
        Reply::json(200, &answer),
        Reply::json(200, &json!({ "data": [], "has_more": false })),
    ]);
    let client = client(&server);
    let expected_payment =
        InvoicePayment { invoice_id: "in_1".into(), payment_intent_id: Some("pi_1".into()), paid: true };
    assert_eq!(client.payments_of_invoice("in_1").await.unwrap(), std::slice::from_ref(&expected_payment));
    assert_eq!(client.invoice_of_payment("pi_1").await.unwrap(), Some(expected_payment));
    assert_eq!(client.invoice_of_payment("pi_2").await.unwrap(), None);
    assert_eq!(parameters(&server.request(0)), expected(&[("invoice", "in_1")]));
    let by_payment = [("payment[type]", "payment_intent"), ("payment[payment_intent]", "pi_1")];
    assert_eq!(parameters(&server.request(1)), expected(&by_payment));
}

#[tokio::test]
async fn every_change_of_a_subscription_is_sent_as_documented() {
    let price = [
        ("items[0][id]", "si_1"),
        ("items[0][price_data][currency]", "usd"),
        ("items[0][price_data][unit_amount]", "1500"),
        ("items[0][price_data][product]", "pln_2"),
        ("items[0][price_data][recurring][interval]", "month"),
        ("metadata[plan]", "pln_2"),
    ];
    let upgrade = [("proration_behavior", "always_invoice"), ("payment_behavior", "error_if_incomplete")];
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("GET", vec![]),
        ("POST", vec![("cancel_at_period_end", "true")]),
        ("POST", vec![("cancel_at_period_end", "false")]),
        ("POST", [&price[..], &upgrade].concat()),
        ("POST", [&price[..], &[("proration_behavior", "none")]].concat()),
        ("DELETE", vec![]),
    ];
    let server = TestServer::start(cases.iter().map(|_| Reply::json(200, &subscription_answer())));
    let client = client(&server);
    let mut change = PlanChange {
        subscription_id: "sub_1".into(),
        item_id: "si_1".into(),
        product_id: "pln_2".into(),
        price: Sum::new(1500, "USD"),
        metadata: vec![("plan".into(), "pln_2".into())],
        proration: Proration::InvoiceNow,
    };
    let now = client.subscription("sub_1").await.unwrap();
    assert_eq!((now.status, now.product_id.as_deref()), (SubscriptionStatus::Active, Some("pln_1")));
    client.cancel_at_period_end("sub_1").await.unwrap();
    client.resume("sub_1").await.unwrap();
    client.change_plan(&change, "change:1").await.unwrap();
    change.proration = Proration::None;
    client.change_plan(&change, "change:2").await.unwrap();
    client.cancel_now("sub_1").await.unwrap();
    for (index, (method, parameters_sent)) in cases.into_iter().enumerate() {
        let sent = server.request(index);
        assert_eq!((&*sent.method, &*sent.target), (method, "/v1/subscriptions/sub_1"));
        assert_eq!(parameters(&sent), expected(&parameters_sent), "{index}");
        assert_eq!(sent.header("stripe-version"), Some(API_VERSION));
    }
    assert_eq!(server.request(3).header("idempotency-key"), Some("change:1"));
}

#[tokio::test]
async fn a_product_may_be_there_already_and_the_portal_gives_a_link() {
    let exists = json!({ "error": { "type": "invalid_request_error", "code": "resource_already_exists" } });
    let server = TestServer::start([
        Reply::json(200, &json!({ "id": "pln_1", "object": "product" })),
        Reply::json(400, &exists),
        Reply::json(400, &json!({ "error": { "type": "invalid_request_error", "code": "parameter_missing" } })),
        Reply::json(200, &json!({ "id": "bps_1", "url": "https://billing.stripe.example/s3cret" })),
    ]);
    let client = client(&server);
    client.put_product("pln_1", "Pro").await.unwrap();
    client.put_product("pln_1", "Pro").await.unwrap();
    assert!(client.put_product("pln_1", "").await.is_err());
    let link = client.billing_portal("cus_1", "https://app.example/billing").await.unwrap();
    assert_eq!((link.expose(), &*format!("{link:?}")), ("https://billing.stripe.example/s3cret", "[link]"));
    assert_eq!(parameters(&server.request(0)), expected(&[("id", "pln_1"), ("name", "Pro")]));
    let portal = [("customer", "cus_1"), ("return_url", "https://app.example/billing")];
    assert_eq!(server.request(3).target, "/v1/billing_portal/sessions");
    assert_eq!(parameters(&server.request(3)), expected(&portal));
}

async fn ask(reply: Reply) -> (StripeError, usize) {
    let server = TestServer::start([reply.clone(), reply]);
    let outcome = client(&server).create_checkout(&pack()).await;
    (outcome.unwrap_err(), server.request_count())
}

#[tokio::test]
async fn every_known_refusal_has_its_class() {
    let known = vectors()["responses"].clone();
    let refused = async |name: &str| {
        let answer = &known[name];
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let (error, asked) = ask(Reply::json(status, &answer["body"])).await;
        assert_eq!(asked, 1, "an answer is an answer");
        error
    };
    let StripeError::Refused { status: 400, code, param } = refused("error_invalid_param").await else { panic!() };
    assert_eq!((code.as_deref(), param.as_deref()), (Some("parameter_unknown"), Some("payment_method_types")));
    assert!(matches!(refused("error_idempotency_mismatch").await, StripeError::KeyReused));
    assert!(matches!(refused("error_idempotency_in_progress").await, StripeError::InProgress));
    assert!(matches!(refused("error_rate_limit").await, StripeError::RateLimited { retry_after: None }));
    assert!(matches!(refused("error_auth").await, StripeError::Unauthorized));
    assert_eq!(known.as_object().unwrap().len(), 6);
}

#[tokio::test]
async fn every_failure_has_its_class() {
    let card = json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        "message": "s3cret" } });
    let (error, _) = ask(Reply::json(402, &card)).await;
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    let StripeError::Declined { decline_code: Some(reason), .. } = error else { panic!() };
    assert_eq!(reason, "insufficient_funds");
    let (StripeError::RateLimited { retry_after }, 1) = ask(Reply::new(429, "{}").header("retry-after", "17")).await
    else {
        panic!()
    };
    assert_eq!(retry_after, Some(Duration::from_secs(17)));
    assert!(matches!(ask(Reply::new(403, "{}")).await, (StripeError::Unauthorized, 1)));
    assert!(matches!(ask(Reply::new(404, "{}")).await, (StripeError::NotFound, 1)));
    assert!(matches!(ask(Reply::new(400, "<html>")).await, (StripeError::Refused { status: 400, code: None, .. }, 1)));
    for status in [500, 502, 503, 504] {
        let (error, asked) = ask(Reply::new(status, "<html>")).await;
        assert!(matches!(error, StripeError::Unavailable(NoAnswer::Status { status: s }) if s == status));
        assert_eq!((asked, error.retry_after_seconds(), error.code()), (1, Some(5), "upstream_unavailable"));
    }
    for (reply, told) in [
        (Reply::new(200, "<s3cret>"), "status 200, it is not JSON, line 1, column 1"),
        (Reply::new(200, r#"{"s3cret":1}"#), "status 200, the member id is missing"),
        (Reply::new(302, "s3cret"), "status 302 is neither a success nor a refusal"),
    ] {
        let (error, _) = ask(reply).await;
        assert_eq!(error.to_string(), format!("Stripe's answer to create checkout session cannot be used: {told}"));
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    for reply in [Reply::cut(200, "{", 9), Reply::close()] {
        let (error, asked) = ask(reply).await;
        assert!(matches!(error, StripeError::Unavailable(NoAnswer::Broken(_))), "{error:?}");
        assert_eq!(asked, 2, "a broken connection is tried once more, under the same key");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_not_asked_again() {
    let server = TestServer::start([Reply::hang()]);
    let outcome = client(&server).with_timeout(Duration::from_millis(100)).checkout_session("cs_1").await;
    assert!(matches!(outcome, Err(StripeError::Unavailable(NoAnswer::Timeout))), "{outcome:?}");
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_is_asked_for_nowhere() {
    let server = TestServer::start([]);
    let client = client(&server);
    for id in ["..", "", "%2e%2e"] {
        assert!(matches!(client.checkout_session(id).await, Err(StripeError::Unexpected(_))), "{id}");
    }
    assert_eq!(server.request_count(), 0);
}
