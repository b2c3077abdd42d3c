use super::*;
use crate::test_receiver::Receiver;

struct Scene {
    razorpay: Razorpay,
    receiver: Receiver,
}

impl Scene {
    async fn new() -> Self {
        let receiver = Receiver::start().await;
        let options = RazorpayOptions { api_url: Some(receiver.url()), ..RazorpayOptions::default() };
        Self { razorpay: Razorpay::start(options).await.unwrap(), receiver }
    }

    async fn ask(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}{path}", self.razorpay.base_url());
        let mut request = reqwest::Client::new()
            .request(method.parse().unwrap(), url)
            .basic_auth(self.razorpay.key_id(), Some(self.razorpay.key_secret()));
        if !body.is_null() {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn order(&self) -> String {
        let wanted = json!({ "amount": 49_900, "currency": "INR", "receipt": "r-1", "notes": { "payment": "pay_1" } });
        let (status, order) = self.ask("POST", "/v1/orders", wanted, &[]).await;
        assert_eq!((status, &order["status"]), (200, &json!("created")));
        order["id"].as_str().unwrap().to_owned()
    }

    /// The names of the events that arrived, sorted.
    async fn told(&self) -> Vec<String> {
        self.razorpay.settled().await;
        let mut names: Vec<String> =
            self.receiver.received().iter().map(|event| event.json()["event"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn signatures_equal_the_known_answers() {
    assert_eq!(
        razorpay_signature("fake-webhook-secret", r#"{"hello":"world"}"#),
        "51a6eb378d532ee048d7ce3e79aa3a184407eb9e0a7798065c42f109c180f576"
    );
    assert_eq!(
        razorpay_signature("fake-key-secret", "order_FAKE1|pay_FAKE1"),
        "367423c23539ef8144e19a0f640ac718f764e0d53f4ea96b1fd93c6648cf4f46"
    );
}

#[tokio::test]
async fn an_order_is_paid_once_and_everybody_is_told_by_signed_words() {
    let scene = Scene::new().await;
    let order = scene.order().await;
    scene.razorpay.decline(&order).unwrap();
    let paid = scene.razorpay.pay(&order).unwrap();
    assert!(scene.razorpay.pay(&order).is_err() && scene.razorpay.decline(&order).is_err());
    let message = format!("{order}|{}", paid.razorpay_payment_id);
    assert_eq!(paid.razorpay_signature, razorpay_signature(&scene.razorpay.key_secret(), &message));
    assert_eq!(scene.told().await, ["order.paid", "payment.authorized", "payment.captured", "payment.failed"]);
    for event in scene.receiver.received() {
        assert_eq!(event.path, "/api/webhooks/razorpay");
        let expected = razorpay_signature(&scene.razorpay.webhook_secret(), &event.text());
        assert_eq!(event.header("x-razorpay-signature"), expected);
    }
    let (_, order) = scene.ask("GET", &format!("/v1/orders/{order}"), Value::Null, &[]).await;
    assert_eq!((&order["status"], &order["attempts"], &order["amount_due"]), (&json!("paid"), &json!(2), &json!(0)));
    let path = format!("/v1/orders/{}/payments", order["id"].as_str().unwrap());
    let (_, payments) = scene.ask("GET", &path, Value::Null, &[]).await;
    assert_eq!((&payments["count"], &payments["items"][0]["status"]), (&json!(2), &json!("captured")));
    let (_, found) = scene.ask("GET", "/v1/orders?receipt=r-1", Value::Null, &[]).await;
    assert_eq!(found["items"][0]["id"], order["id"]);
    let (_, day) = scene.ask("GET", "/v1/payments?from=0&to=9999999999&count=1", Value::Null, &[]).await;
    assert_eq!(day["count"], 1);
}

#[tokio::test]
async fn a_payment_that_is_only_authorized_is_captured_for_its_whole_amount() {
    let scene = Scene::new().await;
    let order = scene.order().await;
    let payment = scene.razorpay.inner.authorize(&order).unwrap();
    let path = format!("/v1/payments/{}/capture", payment["id"].as_str().unwrap());
    let capture =
        async |amount: u32| scene.ask("POST", &path, json!({ "amount": amount, "currency": "INR" }), &[]).await.0;
    assert_eq!([capture(1).await, capture(49_900).await, capture(49_900).await], [400, 200, 400]);
    assert_eq!(scene.razorpay.object(&order).unwrap()["status"], "paid");
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid_and_a_key_makes_one() {
    let scene = Scene::new().await;
    let paid = scene.razorpay.pay(&scene.order().await).unwrap();
    let path = format!("/v1/payments/{}/refund", paid.razorpay_payment_id);
    let refund = async |amount: u32, key: &str| {
        scene.ask("POST", &path, json!({ "amount": amount }), &[("x-refund-idempotency", key)]).await
    };
    let (status, first) = refund(20_000, "a").await;
    assert_eq!((status, &first["status"], &first["notes"]), (200, &json!("pending"), &json!([])));
    assert_eq!(refund(20_000, "a").await.1["id"], first["id"]);
    assert_eq!(refund(20_001, "a").await.0, 400);
    assert_eq!(refund(29_901, "b").await.0, 400);
    let payment = || scene.razorpay.object(&paid.razorpay_payment_id).unwrap();
    assert_eq!((&payment()["amount_refunded"], &payment()["refund_status"]), (&json!(20_000), &json!("partial")));
    let second = refund(29_900, "c").await.1;
    assert_eq!(payment()["status"], "refunded");
    assert_eq!(refund(1, "d").await.0, 400);
    scene.razorpay.finish_refund(first["id"].as_str().unwrap(), "processed").unwrap();
    scene.razorpay.finish_refund(second["id"].as_str().unwrap(), "failed").unwrap();
    assert_eq!((&payment()["amount_refunded"], &payment()["status"]), (&json!(20_000), &json!("captured")));
    assert!(scene.razorpay.finish_refund(second["id"].as_str().unwrap(), "processed").is_err());
    let told = scene.told().await;
    assert_eq!(told[3..], ["refund.created", "refund.created", "refund.failed", "refund.processed"]);
}

#[tokio::test]
async fn a_dispute_begins_and_ends() {
    let scene = Scene::new().await;
    let paid = scene.razorpay.pay(&scene.order().await).unwrap();
    let dispute = scene.razorpay.dispute(&paid.razorpay_payment_id).unwrap();
    let id = dispute["id"].as_str().unwrap();
    assert!(scene.razorpay.close_dispute(id, "odd").is_err());
    assert_eq!(scene.razorpay.close_dispute(id, "lost").unwrap()["amount_deducted"], 49_900);
    assert!(scene.razorpay.close_dispute(id, "won").is_err());
    assert_eq!(scene.told().await[3..], ["payment.dispute.created", "payment.dispute.lost"]);
}

#[tokio::test]
async fn what_razorpay_refuses_is_refused() {
    let scene = Scene::new().await;
    for (wanted, field) in [
        (json!({ "amount": 99, "currency": "INR" }), "amount"),
        (json!({ "amount": 1.5, "currency": "INR" }), "amount"),
        (json!({ "amount": 100 }), "currency"),
        (json!({ "amount": 100, "currency": "INR", "receipt": "r".repeat(41) }), "receipt"),
        (json!({ "amount": 100, "currency": "INR", "notes": { "a": "x".repeat(257) } }), "notes"),
        (json!({ "amount": 100, "currency": "INR", "surprise": 1 }), "surprise"),
    ] {
        let (status, body) = scene.ask("POST", "/v1/orders", wanted.clone(), &[]).await;
        assert_eq!((status, &body["error"]["field"]), (400, &json!(field)), "{wanted}");
    }
    assert_eq!(scene.ask("GET", "/v1/orders/order_none", Value::Null, &[]).await.0, 400);
    assert_eq!(scene.ask("GET", "/v1/nothing", Value::Null, &[]).await.0, 404);
    let url = format!("{}/v1/orders/order_1", scene.razorpay.base_url());
    let response = reqwest::Client::new().get(url).basic_auth("rzp", Some("wrong")).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn the_page_pays_and_sends_the_browser_back_with_the_signature() {
    let scene = Scene::new().await;
    let order = scene.order().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}/pay/{order}?callback_url=https://app.example/back?x=1", scene.razorpay.base_url());
    let page = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("499.00 INR"), "{page}");
    let paid = client.post(&url).body("outcome=paid").send().await.unwrap();
    let location = paid.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("https://app.example/back?x=1&razorpay_order_id=order_"), "{location}");
    assert!(location.contains("razorpay_signature="), "{location}");
    assert_eq!(client.post(&url).body("outcome=paid").send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn events_can_be_held_back_and_let_go_in_another_order_and_twice() {
    let scene = Scene::new().await;
    scene.razorpay.set_manner(Manner { hold: true, ..Manner::default() });
    scene.razorpay.pay(&scene.order().await).unwrap();
    assert_eq!(scene.told().await, Vec::<String>::new());
    let sent = scene.razorpay.release(Release { reverse: true, repeat: 2, ..Release::default() }).await;
    let names: Vec<&str> = sent.iter().map(|delivery| delivery.event_type.as_str()).collect();
    let expected = [
        "order.paid",
        "order.paid",
        "payment.captured",
        "payment.captured",
        "payment.authorized",
        "payment.authorized",
    ];
    assert_eq!(names, expected);
    assert_eq!(scene.receiver.received().len(), 6);
}
