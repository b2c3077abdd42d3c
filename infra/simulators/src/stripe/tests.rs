use super::*;
use crate::test_receiver::{Received, Receiver};

const MONTH: Duration = Duration::from_hours(31 * 24);

struct Scene {
    stripe: Stripe,
    receiver: Receiver,
}

impl Scene {
    async fn new() -> Self {
        let receiver = Receiver::start().await;
        let options = StripeOptions { api_url: Some(receiver.url()), ..StripeOptions::default() };
        Self { stripe: Stripe::start(options).await.unwrap(), receiver }
    }

    async fn ask(&self, method: &str, path: &str, form: &[(&str, &str)], key: Option<&str>) -> (u16, Value) {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let mut request = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}/v1/{path}", self.stripe.base_url()))
            .bearer_auth(self.stripe.secret_key())
            .header("stripe-version", API_VERSION)
            .body(body.join("&"));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn session(&self, mode: &str, changes: &[(&'static str, &'static str)]) -> (u16, Value) {
        let mut form = vec![
            ("mode", mode),
            ("client_reference_id", "pay_1"),
            ("customer_email", "zoe@example.com"),
            ("success_url", "https://app.example/done?s={CHECKOUT_SESSION_ID}"),
            ("cancel_url", "https://app.example/back"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", "usd"),
            ("line_items[0][price_data][unit_amount]", "600"),
            ("line_items[0][price_data][product_data][name]", "10 <credits>"),
            ("metadata[payment]", "pay_1"),
        ];
        if mode == "subscription" {
            form.push(("line_items[0][price_data][recurring][interval]", "month"));
            form.push(("subscription_data[metadata][payment]", "pay_1"));
        } else {
            form.push(("payment_intent_data[metadata][payment]", "pay_1"));
        }
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        self.ask("POST", "checkout/sessions", &form, None).await
    }

    async fn open(&self, mode: &str) -> String {
        let (status, session) = self.session(mode, &[]).await;
        assert_eq!((status, &session["status"]), (200, &json!("open")), "{session}");
        session["id"].as_str().unwrap().to_owned()
    }

    /// The names of the events that arrived since the last look, sorted, without those of attempts and customers.
    async fn told(&self, seen: usize) -> Vec<String> {
        self.stripe.settled().await;
        let received = self.receiver.received();
        let mut names: Vec<String> =
            received[seen..].iter().map(|event| event.json()["type"].as_str().unwrap().to_owned()).collect();
        names.retain(|name| {
            !name.starts_with("payment_intent.")
                && !["charge.succeeded", "charge.failed", "customer.created"].contains(&name.as_str())
        });
        names.sort();
        names
    }
}

#[test]
fn signatures_equal_the_known_answers() {
    let expected = "t=1795167000,v1=ea2398ccad91afc8893597dcbf8ed08a5ff7c52341892134853c9e950259be47";
    assert_eq!(stripe_signature(&["whsec_FAKE".into()], 1_795_167_000, r#"{"hello":"world"}"#), expected);
}

#[tokio::test]
async fn a_pack_is_paid_and_told_of_by_signed_words() {
    let scene = Scene::new().await;
    scene.stripe.add_webhook_secret("whsec_second");
    let id = scene.open("payment").await;
    scene.stripe.checkout(&id, CheckoutOutcome::Declined).unwrap();
    scene.stripe.checkout(&id, CheckoutOutcome::Abandoned).unwrap();
    assert_eq!(scene.stripe.object(&id).unwrap()["status"], "open");
    scene.stripe.checkout(&id, CheckoutOutcome::Paid).unwrap();
    assert!(scene.stripe.checkout(&id, CheckoutOutcome::Paid).is_err());
    assert_eq!(scene.told(0).await, ["checkout.session.completed"]);
    for event in scene.receiver.received() {
        let header = event.header("stripe-signature");
        let at: i64 = header.split(',').next().unwrap().trim_start_matches("t=").parse().unwrap();
        let secrets = lock(&scene.stripe.inner.kept).account.webhook_secrets.clone();
        assert_eq!(header, stripe_signature(&secrets, at, &event.text()));
        assert_eq!(header.matches("v1=").count(), 2);
    }
    let (_, session) =
        scene.ask("GET", &format!("checkout/sessions/{id}?expand[0]=payment_intent.latest_charge"), &[], None).await;
    assert_eq!((&session["payment_status"], &session["url"]), (&json!("paid"), &Value::Null));
    assert_eq!(session["payment_intent"]["latest_charge"]["amount"], 600);
    assert_eq!(session["payment_intent"]["metadata"], json!({ "payment": "pay_1" }));
    assert!(session["_carried"].is_null());
}

#[tokio::test]
async fn slow_money_comes_or_does_not_and_a_session_ends_by_itself() {
    let scene = Scene::new().await;
    for paid in [true, false] {
        let seen = scene.receiver.received().len();
        let id = scene.open("payment").await;
        scene.stripe.checkout(&id, CheckoutOutcome::Delayed).unwrap();
        assert_eq!(scene.stripe.object(&id).unwrap()["payment_status"], "unpaid");
        scene.stripe.settle(&id, paid).unwrap();
        assert!(scene.stripe.settle(&id, paid).is_err());
        let outcome = if paid { "succeeded" } else { "failed" };
        let expected = [format!("checkout.session.async_payment_{outcome}"), "checkout.session.completed".into()];
        assert_eq!(scene.told(seen).await, expected);
    }
    let seen = scene.receiver.received().len();
    let id = scene.open("payment").await;
    scene.stripe.advance(Duration::from_secs(86_401));
    assert_eq!(scene.told(seen).await, ["checkout.session.expired"]);
    assert_eq!(scene.ask("POST", &format!("checkout/sessions/{id}/expire"), &[], None).await.0, 400);
}

#[tokio::test]
async fn a_plan_is_renewed_falls_behind_recovers_and_ends() {
    let scene = Scene::new().await;
    let id = scene.open("subscription").await;
    let session = scene.stripe.checkout(&id, CheckoutOutcome::Paid).unwrap();
    let subscription = || scene.stripe.object(session["subscription"].as_str().unwrap()).unwrap();
    let first = [
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.paid",
    ];
    assert_eq!(scene.told(0).await, first);
    assert_eq!(subscription()["status"], "active");
    let customer = session["customer"].as_str().unwrap();

    let seen = scene.receiver.received().len();
    scene.stripe.advance(MONTH);
    assert_eq!(scene.told(seen).await, ["customer.subscription.updated", "invoice.paid"]);
    let invoices = scene.stripe.objects("invoice");
    assert_eq!((invoices.len(), &invoices[0]["billing_reason"]), (2, &json!("subscription_cycle")));
    let (_, payments) =
        scene.ask("GET", &format!("invoice_payments?invoice={}", invoices[0]["id"].as_str().unwrap()), &[], None).await;
    assert_eq!(payments["data"].as_array().unwrap().len(), 1);

    scene.stripe.set_card(customer, false).unwrap();
    let seen = scene.receiver.received().len();
    scene.stripe.advance(MONTH);
    assert_eq!(subscription()["status"], "past_due");
    scene.stripe.advance(Duration::from_hours(10 * 24));
    assert_eq!(subscription()["status"], "canceled", "nobody paid for nine days");
    let told = scene.told(seen).await;
    assert_eq!(told.iter().filter(|name| *name == "invoice.payment_failed").count(), 4);
    assert!(told.contains(&"customer.subscription.deleted".to_owned()), "{told:?}");

    scene.stripe.set_card(customer, true).unwrap();
    let again = scene.stripe.checkout(&scene.open("subscription").await, CheckoutOutcome::Paid).unwrap();
    let (id, customer) = (again["subscription"].as_str().unwrap(), again["customer"].as_str().unwrap());
    scene.stripe.set_card(customer, false).unwrap();
    scene.stripe.advance(MONTH);
    assert_eq!(scene.stripe.object(id).unwrap()["status"], "past_due");
    scene.stripe.set_card(customer, true).unwrap();
    scene.stripe.advance(Duration::from_hours(4 * 24));
    assert_eq!(scene.stripe.object(id).unwrap()["status"], "active");
    let path = format!("subscriptions/{id}");
    let (_, ending) = scene.ask("POST", &path, &[("cancel_at_period_end", "true")], None).await;
    assert_eq!(ending["cancel_at"], ending["items"]["data"][0]["current_period_end"]);
    let (_, resumed) = scene.ask("POST", &path, &[("cancel_at_period_end", "false")], None).await;
    assert_eq!(resumed["cancel_at"], Value::Null);
    scene.ask("POST", &path, &[("cancel_at_period_end", "true")], None).await;
    scene.stripe.advance(MONTH);
    assert_eq!(scene.stripe.object(id).unwrap()["status"], "canceled");
    assert_eq!(scene.ask("DELETE", &path, &[], None).await.0, 404);
}

#[tokio::test]
async fn a_plan_is_changed_at_once_or_a_declined_card_leaves_it_as_it_was() {
    let scene = Scene::new().await;
    let session = scene.stripe.checkout(&scene.open("subscription").await, CheckoutOutcome::Paid).unwrap();
    let id = session["subscription"].as_str().unwrap();
    let item = scene.stripe.object(id).unwrap()["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.ask("POST", "products", &[("id", "pln_2"), ("name", "Pro")], None).await.0, 200);
    let (status, refused) = scene.ask("POST", "products", &[("id", "pln_2"), ("name", "Pro")], None).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("resource_already_exists")));
    let change = [
        ("items[0][id]", &*item),
        ("items[0][price_data][currency]", "usd"),
        ("items[0][price_data][unit_amount]", "1500"),
        ("items[0][price_data][product]", "pln_2"),
        ("items[0][price_data][recurring][interval]", "month"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "error_if_incomplete"),
        ("metadata[plan]", "pln_2"),
    ];
    let path = format!("subscriptions/{id}");
    scene.stripe.set_card(session["customer"].as_str().unwrap(), false).unwrap();
    assert_eq!(scene.ask("POST", &path, &change, Some("a")).await.0, 402);
    assert_eq!(scene.stripe.object(id).unwrap()["items"]["data"][0]["price"]["unit_amount"], 600);
    scene.stripe.set_card(session["customer"].as_str().unwrap(), true).unwrap();
    let (status, changed) = scene.ask("POST", &path, &change, Some("b")).await;
    assert_eq!((status, &changed["items"]["data"][0]["price"]["product"]), (200, &json!("pln_2")));
    assert_eq!(changed["metadata"], json!({ "payment": "pay_1", "plan": "pln_2" }));
    let invoice = &scene.stripe.objects("invoice")[0];
    assert_eq!((&invoice["billing_reason"], &invoice["total"]), (&json!("subscription_update"), &json!(900)));
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid_and_disputes_begin_and_end() {
    let scene = Scene::new().await;
    let session = scene.stripe.checkout(&scene.open("payment").await, CheckoutOutcome::Paid).unwrap();
    let payment = session["payment_intent"].as_str().unwrap();
    let refund = async |amount: &str, key: &str| {
        scene.ask("POST", "refunds", &[("payment_intent", payment), ("amount", amount)], Some(key)).await
    };
    let (status, first) = refund("200", "a").await;
    assert_eq!((status, &first["status"]), (200, &json!("succeeded")));
    assert_eq!(refund("200", "a").await.1, first);
    let (status, reused) = refund("201", "a").await;
    assert_eq!((status, &reused["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(refund("401", "b").await.0, 400);
    let charge = || scene.stripe.objects("charge")[0].clone();
    assert_eq!((&charge()["amount_refunded"], &charge()["refunded"]), (&json!(200), &json!(false)));
    scene.stripe.fail_refund(first["id"].as_str().unwrap()).unwrap();
    assert_eq!(charge()["amount_refunded"], 0);
    assert_eq!(refund("600", "c").await.0, 200);
    assert_eq!(refund("1", "d").await.1["error"]["code"], "charge_already_refunded");
    let (_, list) = scene.ask("GET", &format!("refunds?payment_intent={payment}&limit=1"), &[], None).await;
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (1, &json!(true)));

    let other = scene.stripe.checkout(&scene.open("payment").await, CheckoutOutcome::Paid).unwrap();
    let seen = scene.receiver.received().len();
    let dispute = scene.stripe.dispute(other["payment_intent"].as_str().unwrap()).unwrap();
    assert!(scene.stripe.dispute(other["payment_intent"].as_str().unwrap()).is_err());
    scene.stripe.close_dispute(dispute["id"].as_str().unwrap(), "won").unwrap();
    scene.stripe.settled().await;
    let kinds: Vec<String> = scene.receiver.received()[seen..]
        .iter()
        .map(Received::json)
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .filter(|name| name.starts_with("charge.dispute"))
        .collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[tokio::test]
async fn what_stripe_refuses_is_refused() {
    let scene = Scene::new().await;
    for (changes, code, param) in [
        (&[("mode", "")][..], "parameter_missing", "mode"),
        (&[("success_url", "")], "parameter_missing", "success_url"),
        (&[("payment_method_types[0]", "card")], "parameter_unknown", "payment_method_types"),
        (&[("customer", "cus_none"), ("customer_email", "")], "resource_missing", "customer"),
        (
            &[("line_items[0][price_data][unit_amount]", "1.5")],
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            &[("line_items[0][price_data][product_data][name]", "")],
            "parameter_missing",
            "line_items[0][price_data][product_data][name]",
        ),
    ] {
        let (status, body) = scene.session("payment", changes).await;
        assert_eq!(
            (status, body["error"]["code"].as_str(), body["error"]["param"].as_str()),
            (400, Some(code), Some(param))
        );
    }
    for changes in [
        &[("expires_at", "1")][..],
        &[("customer", "cus_1")],
        &[("line_items[0][price_data][unit_amount]", "49")],
        &[("line_items[0][price_data][recurring][interval]", "month")],
        &[("line_items[0][price_data][currency]", "USD")],
        &[("subscription_data[metadata][a]", "b")],
    ] {
        assert_eq!(scene.session("payment", changes).await.0, 400, "{changes:?}");
    }
    assert_eq!(scene.ask("GET", "checkout/sessions/cs_none", &[], None).await.0, 404);
    assert_eq!(scene.ask("GET", "nothing", &[], None).await.0, 404);
    let url = format!("{}/v1/charges", scene.stripe.base_url());
    let client = reqwest::Client::new();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    let old = client.get(&url).bearer_auth(scene.stripe.secret_key()).header("stripe-version", "2020-08-27");
    assert_eq!(old.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_pages_pay_decline_turn_back_and_manage_a_plan() {
    let scene = Scene::new().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let id = scene.open("subscription").await;
    let url = format!("{}/pay/{id}", scene.stripe.base_url());
    let page = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("10 &lt;credits&gt;: 6.00 USD a month"), "{page}");
    let post = async |url: &str, body: &'static str| client.post(url).body(body).send().await.unwrap();
    assert!(post(&url, "outcome=declined").await.text().await.unwrap().contains("declined"));
    assert_eq!(post(&url, "outcome=abandoned").await.headers()["location"], "https://app.example/back");
    let paid = post(&url, "outcome=paid").await;
    assert_eq!(paid.headers()["location"], format!("https://app.example/done?s={id}").as_str());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 410);

    let customer = scene.stripe.object(&id).unwrap()["customer"].as_str().unwrap().to_owned();
    let form = [("customer", &*customer), ("return_url", "https://app.example/billing")];
    let (_, portal) = scene.ask("POST", "billing_portal/sessions", &form, None).await;
    let url = portal["url"].as_str().unwrap();
    assert!(client.get(url).send().await.unwrap().text().await.unwrap().contains("Cancel at the end"));
    let plan = scene.stripe.objects("subscription")[0]["id"].as_str().unwrap().to_owned();
    let cancelled = client.post(url).body(format!("cancel={plan}")).send().await.unwrap();
    assert_eq!(cancelled.status(), 303);
    assert_eq!(scene.stripe.object(&plan).unwrap()["cancel_at_period_end"], true);
}

#[tokio::test]
async fn everything_is_kept_between_runs() {
    let file = std::env::temp_dir().join(random_id("stripe-")).join("stripe.journal");
    let options = StripeOptions { state_file: Some(file.clone()), ..StripeOptions::default() };
    let first = Stripe::start(options.clone()).await.unwrap();
    let scene = Scene { stripe: first, receiver: Receiver::start().await };
    let id = scene.open("payment").await;
    scene.stripe.advance(Duration::from_mins(1));
    let key = scene.stripe.secret_key();
    drop(scene);
    let second = Stripe::start(options).await.unwrap();
    assert_eq!(second.secret_key(), key);
    second.checkout(&id, CheckoutOutcome::Paid).unwrap();
    assert_eq!(second.objects("charge").len(), 1);
    assert!(lock(&second.inner.kept).account.ahead_seconds >= 60);
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
