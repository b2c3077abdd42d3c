use std::time::Duration;

use domain::problem::Problem as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::http::{BaseUrl, Http, NoAnswer, Reach};
use crate::secret::Secret;
use crate::sum::Sum;
use crate::test_server::{Reply, TestServer};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/razorpay.json")).unwrap()
}

fn answer(name: &str) -> Value {
    vectors()["requests"][name]["response"]["body"].clone()
}

fn client(server: &TestServer) -> RazorpayClient {
    let base = BaseUrl::parse(&server.base(), Reach::InternetAndLoopback).unwrap();
    let file = vectors();
    let secret = Secret::new(file["key_secret"].as_str().unwrap());
    RazorpayClient::new(Http::new(Reach::InternetAndLoopback), base, file["key_id"].as_str().unwrap(), &secret).unwrap()
}

fn order() -> OrderRequest {
    OrderRequest {
        receipt: "01JFAKE0000000000000000002".into(),
        total: Sum::new(149_900, "INR"),
        notes: vec![("order_id".into(), "order_01JFAKE0000000000000000002".into())],
    }
}

fn payment_answer(id: &str) -> Value {
    json!({ "id": id, "entity": "payment", "order_id": "order_1", "status": "captured", "amount": 149_900,
        "amount_refunded": 0, "currency": "INR", "notes": [], "created_at": 1_795_166_960, "fee": null })
}

fn collection(items: &[Value]) -> Value {
    json!({ "entity": "collection", "count": items.len(), "items": items })
}

#[tokio::test]
async fn an_order_is_asked_for_as_documented() {
    let server = TestServer::start([Reply::json(200, &answer("create_order"))]);
    let made = client(&server).create_order(&order()).await.unwrap();
    assert_eq!((&*made.order_id, made.status), ("order_FAKE9A33XWu170", OrderStatus::Created));
    assert_eq!((made.total, made.receipt), (order().total, Some(order().receipt)));
    let (sent, known) = (server.request(0), vectors()["requests"]["create_order"].clone());
    assert_eq!((&*sent.method, &*sent.target), ("POST", known["path"].as_str().unwrap()));
    for (name, value) in known["headers"].as_object().unwrap() {
        assert_eq!(sent.header(name), value.as_str(), "{name}");
    }
    assert_eq!(sent.json(), known["body"]);
}

#[tokio::test]
async fn a_refund_is_asked_for_as_documented() {
    let known = vectors()["requests"]["refund"].clone();
    let server = TestServer::start([Reply::json(200, &answer("refund")), Reply::json(200, &answer("refund"))]);
    let mut wanted = RefundRequest {
        idempotency_key: "refund:order_01JFAKE0000000000000000002:1".into(),
        payment_id: "pay_FAKE29QQoUBi66".into(),
        amount_minor: Some(50_000),
        notes: Vec::new(),
    };
    let refund = client(&server).refund(&wanted).await.unwrap();
    assert_eq!((&*refund.refund_id, refund.status), ("rfnd_FAKE29QQoUBi66", RefundStatus::Pending));
    let sent = server.request(0);
    assert_eq!((&*sent.method, &*sent.target), ("POST", known["path"].as_str().unwrap()));
    for (name, value) in known["headers"].as_object().unwrap() {
        assert_eq!(sent.header(name), value.as_str(), "{name}");
    }
    assert_eq!(sent.json(), known["body"]);
    wanted.amount_minor = None;
    client(&server).refund(&wanted).await.unwrap();
    assert_eq!(server.request(1).json(), json!({ "speed": "normal", "notes": {} }));
}

#[tokio::test]
async fn everything_is_read_where_it_is_documented() {
    let day = Timestamp::from_second(1_795_132_800).unwrap()..Timestamp::from_second(1_795_219_200).unwrap();
    let full: Vec<Value> = (0..100).map(|n| payment_answer(&format!("pay_{n}"))).collect();
    let server = TestServer::start([
        Reply::json(200, &answer("create_order")),
        Reply::json(200, &collection(&[answer("create_order")])),
        Reply::json(200, &collection(&[payment_answer("pay_1"), payment_answer("pay_2")])),
        Reply::json(200, &payment_answer("pay_1")),
        Reply::json(200, &payment_answer("pay_1")),
        Reply::json(200, &answer("refund")),
        Reply::json(200, &collection(&[answer("refund")])),
        Reply::json(200, &collection(&full)),
        Reply::json(200, &collection(&[payment_answer("pay_1")])),
    ]);
    let client = client(&server);
    client.order("order_1").await.unwrap();
    assert_eq!(client.orders_of_receipt("r 1").await.unwrap().len(), 1);
    assert_eq!(client.payments_of_order("order_1").await.unwrap()[1].payment_id, "pay_2");
    let payment = client.payment("pay_1").await.unwrap();
    assert_eq!((payment.status, payment.notes.len()), (PaymentStatus::Captured, 0));
    client.capture("pay_1", &Sum::new(149_900, "INR")).await.unwrap();
    client.get_refund("rfnd_1").await.unwrap();
    assert_eq!(client.list_refunds("pay_1").await.unwrap().len(), 1);
    let first = client.list_payments(day.clone(), 0).await.unwrap();
    assert_eq!((first.items.len(), first.next), (100, Some(100)));
    let last = client.list_payments(day, 100).await.unwrap();
    assert_eq!((last.items.len(), last.next), (1, None));
    let targets = [
        ("GET", "/v1/orders/order_1"),
        ("GET", "/v1/orders?receipt=r+1"),
        ("GET", "/v1/orders/order_1/payments"),
        ("GET", "/v1/payments/pay_1"),
        ("POST", "/v1/payments/pay_1/capture"),
        ("GET", "/v1/refunds/rfnd_1"),
        ("GET", "/v1/payments/pay_1/refunds?count=100"),
        ("GET", "/v1/payments?from=1795132800&to=1795219199&count=100&skip=0"),
        ("GET", "/v1/payments?from=1795132800&to=1795219199&count=100&skip=100"),
    ];
    for (index, expected) in targets.into_iter().enumerate() {
        let sent = server.request(index);
        assert_eq!((&*sent.method, &*sent.target), expected);
    }
    assert_eq!(server.request(4).json(), json!({ "amount": 149_900, "currency": "INR" }));
}

#[tokio::test]
async fn every_failure_has_its_class() {
    let ask = async |reply: Reply| {
        let server = TestServer::start([reply.clone(), reply]);
        (client(&server).order("order_1").await.unwrap_err(), server.request_count())
    };
    let known = |name: &str| Reply::json(if name == "auth_failed" { 401 } else { 400 }, &answer(name));
    let (RazorpayError::Refused { status: 400, code, reason, field }, 1) = ask(known("bad_request")).await else {
        panic!()
    };
    assert_eq!((code.as_deref(), field.as_deref()), (Some("BAD_REQUEST_ERROR"), Some("amount")));
    assert_eq!(reason.as_deref(), Some("input_validation_failed"));
    assert!(matches!(ask(known("auth_failed")).await, (RazorpayError::Unauthorized, 1)));
    assert!(matches!(ask(Reply::new(404, "<html>")).await, (RazorpayError::NotFound, 1)));
    assert!(matches!(ask(Reply::new(409, "{}")).await, (RazorpayError::InProgress, 1)));
    let (RazorpayError::RateLimited { retry_after }, 1) = ask(Reply::new(429, "").header("retry-after", "3")).await
    else {
        panic!()
    };
    assert_eq!(retry_after, Some(Duration::from_secs(3)));
    for status in [500, 502, 503, 504] {
        let (error, asked) = ask(Reply::new(status, "<html>")).await;
        assert!(matches!(error, RazorpayError::Unavailable(NoAnswer::Status { status: s }) if s == status));
        assert_eq!((asked, error.code()), (1, "upstream_unavailable"));
    }
    let (error, _) = ask(Reply::new(200, r#"{"id":"s3cret"}"#)).await;
    assert_eq!(
        error.to_string(),
        "Razorpay's answer to get order cannot be used: status 200, the member amount is missing"
    );
    assert!(matches!(ask(Reply::close()).await, (RazorpayError::Unavailable(NoAnswer::Broken(_)), 2)));
}

#[tokio::test]
async fn an_order_whose_answer_got_lost_is_not_made_again_by_itself() {
    let server = TestServer::start([Reply::close(), Reply::json(200, &answer("create_order"))]);
    let outcome = client(&server).create_order(&order()).await;
    assert!(matches!(outcome, Err(RazorpayError::Unavailable(NoAnswer::Broken(_)))), "{outcome:?}");
    assert_eq!(server.request_count(), 1);
    let server = TestServer::start([Reply::hang()]);
    let outcome = client(&server).with_timeout(Duration::from_millis(100)).create_order(&order()).await;
    assert!(matches!(outcome, Err(RazorpayError::Unavailable(NoAnswer::Timeout))), "{outcome:?}");
}
