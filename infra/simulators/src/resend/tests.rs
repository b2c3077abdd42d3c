use super::*;
use crate::test_receiver::Receiver;

struct Scene {
    resend: Resend,
    receiver: Receiver,
}

impl Scene {
    async fn new() -> Self {
        let receiver = Receiver::start().await;
        let options = ResendOptions { api_url: Some(receiver.url()), ..ResendOptions::default() };
        Self { resend: Resend::start(options).await.unwrap(), receiver }
    }

    async fn send(&self, mail: &Value, key: Option<&str>) -> (u16, Value) {
        let mut request = reqwest::Client::new()
            .post(format!("{}/emails", self.resend.base_url()))
            .bearer_auth(self.resend.api_key())
            .json(mail);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn page(&self, path: &str) -> String {
        reqwest::get(format!("{}{path}", self.resend.base_url())).await.unwrap().text().await.unwrap()
    }
}

fn mail() -> Value {
    json!({ "from": "Greenroom <no-reply@greenroom.example>", "to": ["zoe@example.com"], "subject": "Your <booking>",
        "html": "<p>Hello</p><script>alert(1)</script>", "text": "Hello",
        "headers": { "List-Unsubscribe": "<https://app.example/u>" },
        "tags": [{ "name": "kind", "value": "booking" }],
        "attachments": [{ "filename": "invite.ics", "content_type": "text/calendar", "content": "QkVHSU46VkNBTEVOREFS" }] })
}

#[tokio::test]
async fn an_email_is_taken_once_and_told_of_by_signed_words() {
    let scene = Scene::new().await;
    let (status, first) = scene.send(&mail(), Some("k")).await;
    assert_eq!(status, 200);
    assert_eq!(scene.send(&mail(), Some("k")).await.1, first);
    let mut other = mail();
    other["subject"] = json!("another");
    let (status, refused) = scene.send(&other, Some("k")).await;
    assert_eq!((status, &refused["name"]), (409, &json!("invalid_idempotent_request")));
    assert_eq!(scene.resend.mails().len(), 1);
    scene.resend.settled().await;
    let events = scene.receiver.received();
    let mut kinds: Vec<String> = events.iter().map(|e| e.json()["type"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["email.delivered", "email.sent"]);
    for event in events {
        let at: i64 = event.header("svix-timestamp").parse().unwrap();
        let expected = svix_signature(&scene.resend.webhook_secret(), &event.header("svix-id"), at, &event.text());
        assert_eq!(event.header("svix-signature"), expected);
        assert_eq!(
            (&event.json()["data"]["email_id"], &event.json()["data"]["tags"]),
            (&first["id"], &json!({ "kind": "booking" }))
        );
    }
}

#[tokio::test]
async fn an_address_can_bounce_by_itself_or_by_command() {
    let scene = Scene::new().await;
    let mut bounced = mail();
    bounced["to"] = json!("bounced@resend.dev");
    let id = scene.send(&bounced, None).await.1["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.resend.mails()[0].last_event, "bounced");
    let url = format!("{}/simulator/emails/{id}/happen", scene.resend.base_url());
    let response = reqwest::Client::new().post(url).json(&json!({ "event": "complained" })).send().await.unwrap();
    assert_eq!(response.status(), 200);
    scene.resend.settled().await;
    let told: Vec<Value> = scene.receiver.received().iter().map(crate::test_receiver::Received::json).collect();
    let bounce = told.iter().find(|event| event["type"] == "email.bounced").unwrap();
    assert_eq!(bounce["data"]["bounce"]["type"], "Permanent");
    assert!(told.iter().any(|event| event["type"] == "email.complained"));
}

#[tokio::test]
async fn what_resend_refuses_is_refused() {
    let scene = Scene::new().await;
    for (member, value, status, name) in [
        ("from", json!(null), 422, "missing_required_field"),
        ("to", json!([]), 422, "missing_required_field"),
        ("subject", json!(""), 422, "missing_required_field"),
        ("from", json!("nobody"), 422, "invalid_from_address"),
        ("to", json!("zoe at example"), 422, "validation_error"),
        ("to", json!(vec!["a@b.example"; 51]), 422, "validation_error"),
        ("tags", json!([{ "name": "a b", "value": "c" }]), 422, "validation_error"),
        ("attachments", json!([{ "filename": "a", "content": "%" }]), 422, "invalid_attachment"),
        ("headers", json!({ "X": "a\r\nBcc: b@c.example" }), 422, "validation_error"),
        ("surprise", json!(1), 422, "validation_error"),
    ] {
        let mut mail = mail();
        mail[member] = value;
        let (told, body) = scene.send(&mail, None).await;
        assert_eq!((told, body["name"].as_str()), (status, Some(name)), "{member}: {body}");
    }
    assert_eq!(scene.send(&mail(), Some(&"k".repeat(257))).await.1["name"], "invalid_idempotency_key");
    let url = format!("{}/emails", scene.resend.base_url());
    let client = reqwest::Client::new();
    assert_eq!(client.post(&url).json(&mail()).send().await.unwrap().status(), 401);
    assert_eq!(client.post(&url).bearer_auth("re_wrong").json(&mail()).send().await.unwrap().status(), 403);
    assert_eq!(scene.resend.mails().len(), 0);
}

#[tokio::test]
async fn the_inbox_shows_what_its_reader_sees_and_runs_none_of_it() {
    let scene = Scene::new().await;
    let id = scene.send(&mail(), None).await.1["id"].as_str().unwrap().to_owned();
    let list = scene.page("/inbox").await;
    assert!(list.contains("Your &lt;booking&gt;") && list.contains(&id), "{list}");
    let shown = scene.page(&format!("/inbox/{id}")).await;
    assert!(
        shown.contains("invite.ics") && shown.contains("List-Unsubscribe") && !shown.contains("<script>"),
        "{shown}"
    );
    let html = reqwest::get(format!("{}/inbox/{id}/html", scene.resend.base_url())).await.unwrap();
    assert!(html.headers()["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    assert_eq!(html.text().await.unwrap(), mail()["html"]);
    assert_eq!(scene.page(&format!("/inbox/{id}/attachments/0")).await, "BEGIN:VCALENDAR");
    assert!(scene.page("/inbox/none").await.contains("No such e-mail"));
}

#[tokio::test]
async fn what_was_sent_is_kept_between_runs() {
    let file = std::env::temp_dir().join(random_id("resend-")).with_extension("json");
    let options = ResendOptions { state_file: Some(file.clone()), ..ResendOptions::default() };
    let first = Resend::start(options.clone()).await.unwrap();
    let key = first.api_key();
    let response = reqwest::Client::new()
        .post(format!("{}/emails", first.base_url()))
        .bearer_auth(&key)
        .json(&mail())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    drop(first);
    let second = Resend::start(options).await.unwrap();
    assert_eq!((second.api_key(), second.mails().len()), (key, 1));
    std::fs::remove_file(file).unwrap();
}
