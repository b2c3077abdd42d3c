//! The application under test with everything it talks to, in process: a table behind [`Faults`], Stream, Gemini, a bucket,
//! queues, and people.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use axum::Router;
use jiff::{SignedDuration, Timestamp};
use kit::App;
use kit::aws::Aws;
use kit::secrets::Provider;
use kit::worker::ReceivedMessage;
use serde_json::{Value, json};
use simulators::{Gemini, GeminiOptions, Stream, StreamOptions};
use store::Table;
use store::outbox::{Message, Queue};
use testing::{Answer, Arrangement, Faults, Meter, Options, TABLE, World, gateway};

use crate::calls_in_a_row::CallsInARow;
use crate::line::Lines;

pub const ADMIN: &str = "user_admin";
pub const STREAM_SECRET: &str = "stream-test-secret";
const CLERK_SECRET: &str = "whsec_dGVzdC1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE=";

/// How many worlds this process has made.
static WORLDS: AtomicUsize = AtomicUsize::new(0);

pub struct Stage {
    pub world: World,
    pub app: App,
    pub faults: Faults,
    /// Where the application finds AWS, Stream and Gemini.
    pub addresses: [String; 3],
    pub stream: Stream,
    pub gemini: Gemini,
    router: Router,
    control: reqwest::Client,
    calls_in_a_row: CallsInARow,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    pub queue: String,
    pub message: Message,
    pub receives: u32,
}

/// What lies between an application and everything it talks to.
#[derive(Clone, Copy)]
enum Between<'a> {
    Nothing,
    Lines(&'a Lines),
    /// Only before AWS.
    Meter,
}

/// Whether an item is an outbox row that was not relayed yet.
pub fn waits(item: &Value) -> bool {
    item["gsi1pk"].as_str().is_some_and(|partition| partition.starts_with(store::keys::OUTBOX_PREFIX))
}

impl Stage {
    pub async fn new(seed: u64) -> Self {
        Self::assemble(seed, Between::Nothing, Options::default()).await.0
    }

    /// A stage on which everything that the application asks of AWS is counted.
    pub async fn metered() -> (Self, Meter) {
        let (stage, meter) = Self::assemble(1, Between::Meter, Options::default()).await;
        (stage, meter.unwrap())
    }

    /// A stage whose application reaches everything over these lines. New candidates are given 50 credits.
    pub async fn over(lines: &Lines, table: Option<Arrangement>) -> Self {
        let options = Options { signup_credits: 50, table, ..Options::default() };
        Self::assemble(1, Between::Lines(lines), options).await.0
    }

    async fn assemble(seed: u64, between: Between<'_>, options: Options) -> (Self, Option<Meter>) {
        let (api_key, api_secret) = (Some("key_test".to_owned()), Some(STREAM_SECRET.to_owned()));
        let stream = StreamOptions { api_key, api_secret, gzip: false, ..StreamOptions::default() };
        let stream = Stream::start(stream).await.unwrap();
        let api_key = Some("gemini-test-key".to_owned());
        let gemini = Gemini::start(GeminiOptions { api_key, ..GeminiOptions::default() }).await.unwrap();
        let (mut stream_base_url, mut gemini_base_url) = (stream.base_url(), gemini.base_url());
        if let Between::Lines(lines) = between {
            stream_base_url = lines.to_provider(&stream_base_url).await;
            gemini_base_url = lines.to_provider(&gemini_base_url).await;
        }
        let base_urls =
            [(Provider::Stream, stream_base_url.clone()), (Provider::Gemini, gemini_base_url.clone())].into();
        let options = Options { base_urls, ..options };
        let world = World::with(&[], options).await;
        let faults = Faults::start(&world).await;
        let (aws_url, meter) = match between {
            Between::Nothing => (faults.url(), None),
            Between::Lines(lines) => (lines.to_aws(&faults.url()).await, None),
            Between::Meter => {
                let meter = Meter::start(&faults.url()).await;
                (meter.url(), Some(meter))
            }
        };
        let mut config = (*world.app.config).clone();
        config.queues =
            Some(Queue::ALL.map(|queue| (queue.name().to_owned(), format!("{aws_url}/{}", queue.name()))).into());
        let (clock, ids) = (world.app.clock.clone(), world.app.ids.clone());
        let aws = Aws::at(&aws_url);
        let mut app = App::assemble(config, aws.clone(), world.app.secrets.clone(), clock, ids).unwrap();
        // The SDK tries as often as in production, only sooner; what it may spend on that is this world's alone.
        let retries =
            RetryConfig::standard().with_max_attempts(3).with_initial_backoff(std::time::Duration::from_millis(1));
        let client = aws.dynamodb();
        let client = client.config().to_builder().retry_config(retries);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let client = client.retry_partition(RetryPartition::new(format!("world-{seed}-{number}"))).build();
        let calls_in_a_row = CallsInARow::default();
        let client = client.to_builder().interceptor(calls_in_a_row.clone()).build();
        app.table = Table::new(aws_sdk_dynamodb::Client::from_conf(client), TABLE);
        let router = kit::router::router(&crate::all_routes(), app.clone());
        let control = if let Between::Lines(lines) = between { lines.http() } else { Lines::default().http() };
        let addresses = [aws_url, stream_base_url, gemini_base_url];
        (Self { world, app, faults, addresses, stream, gemini, router, control, calls_in_a_row }, meter)
    }

    pub fn now(&self) -> i64 {
        self.app.now().as_second()
    }

    pub fn advance(&self, seconds: i64) {
        self.app.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Sends a request as the gateway hands it over.
    pub async fn send(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let body = if body.is_empty() { None } else { Some(body.as_bytes().to_vec()) };
        gateway::send(&self.router, gateway::event(method, path, body, headers)).await
    }

    /// A person asks, under an idempotency key or without.
    pub async fn call(&self, who: &str, method: &str, path: &str, body: &str, key: Option<&str>) -> Answer {
        let authorization = format!("Bearer {}", self.world.token(who));
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.send(method, path, body, &headers).await
    }

    pub async fn hear_stream(&self, body: &str) -> Answer {
        let signature = simulators::stream_signature(STREAM_SECRET, body.as_bytes());
        self.send("POST", "/api/webhooks/stream", body, &[("x-signature", &signature)]).await
    }

    pub async fn hear_clerk(&self, body: &str) -> Answer {
        let now = self.now();
        let signature = simulators::svix_signature(CLERK_SECRET, "msg_1", now, body);
        let seconds = now.to_string();
        let headers = [("svix-id", "msg_1"), ("svix-timestamp", &*seconds), ("svix-signature", &*signature)];
        self.send("POST", "/api/webhooks/clerk", body, &headers).await
    }

    /// Relays what waits in the outbox. False where that failed.
    pub async fn relay(&self) -> bool {
        // Looked up in the engine: a run that finds nothing asks for each shard.
        if self.stream_records().is_empty() {
            return true;
        }
        let event = json!({ "olderThanSeconds": 0 });
        background::redrive_outbox::task().run(&self.app, event).await.is_ok()
    }

    /// How many calls to the table had to wait for one another since the last time.
    pub fn calls_in_a_row(&self) -> usize {
        self.calls_in_a_row.take()
    }

    /// The outbox rows that wait, newest first, each as the record that the table's stream shows of it.
    pub fn stream_records(&self) -> Vec<Value> {
        let newest = |shard| {
            let waiting = json!({ "TableName": TABLE, "IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :p",
                "ExpressionAttributeValues": { ":p": { "S": store::keys::outbox_waiting(shard) } },
                "ScanIndexForward": false, "Limit": 20 });
            self.ask("Query", &waiting)["Items"].as_array().unwrap().clone()
        };
        let mut rows: Vec<Value> = (0..store::keys::OUTBOX_SHARDS).flat_map(newest).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row["gsi1sk"]["S"].as_str().unwrap().to_owned()));
        let record = |row: &Value| {
            json!({ "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventVersion": "1.1",
                "awsRegion": "eu-west-1", "dynamodb": { "ApproximateCreationDateTime": self.now(), "Keys": {},
                "NewImage": row, "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES" } })
        };
        rows.iter().map(record).collect()
    }

    /// What the queues got since the last time.
    pub fn take_sent(&self) -> Vec<Queued> {
        let queued = |sent: testing::Sent| Queued {
            queue: sent.queue,
            message: serde_json::from_str(&sent.body).unwrap(),
            receives: 0,
        };
        self.faults.take_sent().into_iter().map(queued).collect()
    }

    /// Lets the worker of its queue deal with a message. The text says why it failed.
    pub async fn work(&self, queued: &Queued) -> Result<(), String> {
        let received = ReceivedMessage { message: queued.message.clone(), receive_count: queued.receives };
        let worker = crate::all_workers().into_iter().find(|worker| worker.queue.name() == queued.queue).unwrap();
        (worker.work)(self.app.only(&worker.given()), received).await.map_err(|failure| format!("{:?}", failure.error))
    }

    /// One run of the sweep. False where it failed as a whole.
    pub async fn sweep(&self) -> bool {
        sessions::sweep_bookings::task().run(&self.app, Value::Null).await.is_ok()
    }

    /// All calls that Stream has, as its simulator shows them.
    pub async fn calls(&self) -> Vec<Value> {
        let of = async |path: &str| -> Value {
            let answer = self.control.get(format!("{}/simulator/calls{path}", self.stream.base_url())).send().await;
            answer.unwrap().json().await.unwrap()
        };
        let mut calls = Vec::new();
        for call in of("").await["calls"].as_array().unwrap() {
            calls.push(of(&format!("/default/{}", call["id"].as_str().unwrap())).await);
        }
        calls
    }

    /// Ends all trouble of Stream.
    pub async fn reset_stream(&self) {
        let url = format!("{}/simulator/reset", self.stream.base_url());
        let answer = self.control.post(url).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Asks the engine past all trouble.
    fn ask(&self, operation: &str, request: &Value) -> Value {
        let (status, answer) = testing::ask(&self.world.engine, operation, request.to_string().as_bytes());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// One item, as it is stored: read past all trouble.
    pub async fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let answer = self.ask("GetItem", &json!({ "TableName": TABLE, "ConsistentRead": true, "Key": key }));
        answer.get("Item").map(testing::plain)
    }

    /// How many items lie in a partition of the table or of one of its indexes.
    pub fn count(&self, index: Option<&str>, partition: &str) -> u64 {
        let mut request = json!({ "TableName": TABLE, "Select": "COUNT", "KeyConditionExpression": "#p = :p",
            "ExpressionAttributeNames": { "#p": format!("{}pk", index.unwrap_or_default()) },
            "ExpressionAttributeValues": { ":p": { "S": partition } } });
        if let Some(index) = index {
            request["IndexName"] = json!(index);
        }
        let mut count = 0;
        loop {
            let page = self.ask("Query", &request);
            count += page["Count"].as_u64().unwrap();
            match page.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return count,
            }
        }
    }

    /// Everything that is stored, as DynamoDB writes it.
    pub fn stored(&self) -> Vec<Value> {
        testing::items(&self.world.engine)
    }

    /// Everything that is stored.
    pub fn items(&self) -> Vec<Value> {
        self.stored().iter().map(testing::plain).collect()
    }

    /// The stored bookings of a candidate, by id.
    pub async fn bookings_of(&self, candidate: &str) -> Vec<String> {
        let values = json!({ ":p": { "S": format!("CANDIDATE#{candidate}") } });
        let request = json!({ "TableName": TABLE, "IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :p",
            "ExpressionAttributeValues": values });
        let found = self.ask("Query", &request);
        let id = |item: &Value| item["bookingId"]["S"].as_str().unwrap().to_owned();
        found["Items"].as_array().unwrap().iter().map(id).collect()
    }

    /// A verified interviewer who came the ordinary way, with this rule.
    pub async fn add_interviewer(&self, id: &str, rate: i64, rule: Value) {
        let mut profile = testing::interviewer_profile();
        profile["creditRate"] = json!(rate);
        for (who, path, body) in [
            (id, "/api/user/sync".to_owned(), json!({ "name": id })),
            (id, "/api/onboarding".to_owned(), profile),
            (id, "/api/verification".to_owned(), json!({ "notes": "Please verify me." })),
            (ADMIN, format!("/api/admin/interviewers/{id}/verification"), json!({ "decision": "VERIFIED" })),
            (id, "/api/availability".to_owned(), rule),
        ] {
            let answer = self.call(who, "POST", &path, &body.to_string(), None).await;
            assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.body);
        }
    }
}

/// An instant as Stream writes it.
pub fn instant(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}

/// Seconds of a stored instant.
pub fn second(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).expect("an instant").as_second()
}
