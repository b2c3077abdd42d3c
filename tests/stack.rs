//! The deployed local stack, and people on it. Each test makes people of its own, so tests need neither order nor quiet.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{Items, Key, Table};
use tests::examples::{Request, request};

/// How long anything may take to become true before a test fails.
const DEADLINE: Duration = Duration::from_mins(3);

/// The stack that `GREENROOM_STACK` names.
#[derive(Clone)]
pub struct Stack {
    http: reqwest::Client,
    ready: Value,
    run: String,
}

/// An answer of the stack.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, as JSON where it is some.
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Stack {
    /// The running stack. Without one the test fails with what to do.
    pub fn get() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test run names its stack so")]
        let file = std::env::var("GREENROOM_STACK").expect("run `cargo xtask test`: it starts a stack for these tests");
        let text = std::fs::read_to_string(&file).expect("the file that GREENROOM_STACK names");
        #[expect(clippy::disallowed_methods, reason = "local addresses only; the defaults will do")]
        let http = reqwest::Client::new();
        #[expect(clippy::disallowed_methods, reason = "people of different runs must not meet")]
        let run = ulid::Ulid::new().to_string().to_lowercase();
        Self { http, ready: serde_json::from_str(&text).unwrap(), run: run[16..].to_owned() }
    }

    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.ready["apiUrl"].as_str().unwrap().trim_end_matches('/'))
    }

    pub fn ready(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// The deployed table.
    pub fn table(&self) -> Table {
        Table::new(kit::aws::Aws::at(self.ready("awsEndpoint")).dynamodb(), self.ready("tableName"))
    }

    /// What is stored under a key of the deployed table.
    pub async fn stored(&self, key: &Key) -> Items {
        self.table().batch_get(std::slice::from_ref(key)).await.unwrap()
    }

    pub fn simulator(&self, provider: &str, path: &str) -> String {
        let base = &self.ready["simulators"][provider];
        let base = base.as_str().or_else(|| base["baseUrl"].as_str()).unwrap();
        format!("{}{path}", base.trim_end_matches('/'))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.timeout(DEADLINE).send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status, headers, body }
    }

    pub fn request(&self, method: &str, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), url)
    }

    /// A request to a simulator's control routes.
    pub async fn control(&self, provider: &str, method: &str, path: &str, body: Value) -> Value {
        let mut request = self.request(method, &self.simulator(provider, path));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = self.send(request).await;
        assert!(answer.status < 300, "{provider} {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// A session token of a person.
    pub async fn token(&self, user: &str) -> String {
        let asked = json!({ "userId": user, "lifetimeSeconds": 600 });
        let answer = self.control("clerk", "POST", "/simulator/sessions", asked).await;
        answer["token"].as_str().unwrap().to_owned()
    }

    /// `user` calls the API.
    pub async fn call(&self, user: &str, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(user, method, path, body, None).await
    }

    /// `user` makes the example call of a route about what is named.
    pub async fn ask(&self, user: &str, route: &str, names: &[(&str, &str)]) -> Answer {
        self.make(user, request(route, names)).await
    }

    /// `user` makes this call.
    pub async fn make(&self, user: &str, request: Request) -> Answer {
        self.call(user, request.method, &request.path, request.body).await
    }

    /// `user` calls the API, under an idempotency key.
    pub async fn call_with(&self, user: &str, method: &str, path: &str, body: Value, key: Option<&str>) -> Answer {
        let token = self.token(user).await;
        let mut request = self.request(method, &self.api(path)).bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request).await
    }

    /// An id of this run.
    pub fn id(&self, name: &str) -> String {
        format!("user_{name}_{}", self.run)
    }

    /// A person whom Clerk knows, and whom its webhook has made known to us.
    async fn person(&self, name: &str) -> String {
        let id = self.id(name);
        let user = json!({ "id": id, "firstName": name, "lastName": "Tester",
            "email": format!("{id}@example.test") });
        self.control("clerk", "POST", "/simulator/users", user).await;
        self.make(&id, request("sync_user", &[]).with(json!({ "name": name }))).await.expect(200);
        id
    }

    /// A candidate with so many credits.
    pub async fn candidate(&self, name: &str, credits: u64) -> String {
        let id = self.person(name).await;
        self.ask(&id, "onboard", &[]).await.expect(200);
        if credits > 0 {
            let gift = json!({ "amount": credits, "reason": "for a test" });
            let path = format!("/api/admin/users/{id}/credits");
            self.call_with("user_demo_admin", "POST", &path, gift, Some("first-gift")).await.expect(200);
        }
        id
    }

    /// A verified interviewer who takes 20 credits per hour and offers an hour at every hour (UTC).
    pub async fn interviewer(&self, name: &str) -> String {
        let id = self.person(name).await;
        self.make(&id, request("onboard", &[]).with(testing::interviewer_profile())).await.expect(200);
        self.ask(&id, "submit_verification", &[]).await.expect(202);
        self.ask("user_demo_admin", "decide_verification", &[("interviewerId", &id)]).await.expect(200);
        self.call(&id, "POST", "/api/availability", testing::availability_all_day(60)).await.expect(201);
        id
    }

    /// Books the session at this time.
    pub async fn book(&self, candidate: &str, interviewer: &str, start: &str) -> String {
        let wanted = [("interviewerId", interviewer), ("startTime", start)];
        let view = self.ask(candidate, "create_booking", &wanted).await.expect(201);
        view["bookingId"].as_str().unwrap().to_owned()
    }

    /// Both parties agree to being recorded.
    pub async fn consent(&self, booking: &str, parties: [&str; 2]) {
        for party in parties {
            self.ask(party, "give_consent", &[("callId", booking)]).await.expect(200);
        }
    }

    /// Waits until the call at Stream has this capture mode.
    pub async fn wait_for_capture(&self, booking: &str, mode: &str) {
        self.wait(&format!("recording mode {mode}"), || async {
            let url = self.simulator("stream", &format!("/simulator/calls/default/{booking}"));
            let answer = self.send(self.request("GET", &url)).await;
            let call = if answer.body["call"].is_object() { &answer.body["call"] } else { &answer.body };
            (call["settings"]["recording"]["mode"] == mode).then_some(())
        })
        .await;
    }

    /// Plays a session of the call.
    pub async fn play(&self, booking: &str, how: Value) -> Value {
        self.control("stream", "POST", &format!("/simulator/calls/default/{booking}/play"), how).await
    }

    /// How often the model was asked about this booking's transcript. Prompts name no booking, so requests are told apart
    /// by a phrase that only this test's transcript has.
    pub async fn model_calls(&self, phrase: &str) -> usize {
        let answer = self.control("gemini", "GET", "/simulator/requests", Value::Null).await;
        let list = answer["requests"].as_array().or_else(|| answer.as_array()).expect("a list of requests");
        list.iter().filter(|r| r.to_string().contains(phrase)).count()
    }

    /// The files of a booking that lie in our bucket: their keys and what is in them.
    pub async fn stored_files(&self, booking: &str) -> Vec<(String, Vec<u8>)> {
        let (s3, bucket) = (kit::aws::Aws::at(self.ready("awsEndpoint")).s3(), self.ready("mediaBucket"));
        let mut files = Vec::new();
        for kind in ["transcripts", "recordings"] {
            let found = s3.list_objects_v2().bucket(bucket).prefix(format!("{kind}/{booking}/")).send().await.unwrap();
            for object in found.contents() {
                let key = object.key().unwrap();
                let file = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
                files.push((key.to_owned(), file.body.collect().await.unwrap().to_vec()));
            }
        }
        files
    }

    /// Waits until `probe` finds something; never for a fixed time.
    pub async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, mut probe: impl FnMut() -> F) -> T {
        let begun = tokio::time::Instant::now();
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            assert!(begun.elapsed() < DEADLINE, "waited in vain for: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for the feedback of a booking.
    pub async fn feedback(&self, user: &str, booking: &str) -> Value {
        self.wait("feedback", || async {
            let answer = self.ask(user, "get_feedback", &[("bookingId", booking)]).await;
            match answer.status {
                200 => Some(answer.body),
                404 => None,
                _ => panic!("{}", answer.body),
            }
        })
        .await
    }

    /// A booking as one of its parties sees it.
    pub async fn booking(&self, user: &str, booking: &str) -> Value {
        self.ask(user, "get_booking", &[("bookingId", booking)]).await.expect(200)
    }

    /// A person's credits.
    pub async fn credits(&self, user: &str) -> Value {
        self.ask(user, "get_wallet", &[]).await.expect(200)["assets"]["CREDIT"].clone()
    }
}

/// The start of the session that begins `hours` full hours from now.
pub fn hour(hours: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the stack lives by the real clock")]
    let now = Timestamp::now();
    let full = now.as_second() / 3600 * 3600;
    (Timestamp::from_second(full).unwrap() + SignedDuration::from_hours(hours)).to_string()
}
