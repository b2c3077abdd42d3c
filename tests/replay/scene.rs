//! One application with its people, what is done to it, and how it gets there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;

use domain::booking::CancelCode;
use domain::ids::BookingId;
use domain::user::Role;
use kit::write::sha256_hex;
use serde_json::{Value, json};
use store::media::digest;
use store::outbox::{Effect, Message, StreamFile};
use testing::{Answer, Beginning, noon};

use tests::examples::{Request, request};
use tests::line::Lines;
use tests::stage::{ADMIN, Queued, Stage, instant, waits};
use tests::transcript::{long, rich};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;

/// What is awaited on one thread.
pub type Awaited<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One invocation of one function.
#[derive(Clone)]
pub enum Act {
    /// A person asks, always under the same idempotency key.
    Ask {
        who: &'static str,
        method: &'static str,
        path: String,
        body: Value,
    },
    /// Anyone asks.
    Visit {
        path: String,
    },
    Clerk(Value),
    Stream(Value),
    /// A message comes to its queue's worker.
    Work(Effect),
    /// The table's stream shows the outbox rows that there are.
    Relay(Value),
    Redrive,
    Sweep,
    Reconcile,
    /// The schedule of the secrets.
    CheckSecrets,
    /// Everything that waits is relayed and done.
    Follow,
    /// So many seconds pass.
    Pass(i64),
    /// What no function does, for tests of the driver.
    Other(fn(&Scene) -> Awaited<'_, Outcome>),
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    Answer(Answer),
    Done,
    Failed(String),
}

impl Outcome {
    /// Whether whoever asked need not ask again.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.status < 500,
            Self::Done => true,
            Self::Failed(_) => false,
        }
    }

    /// In words.
    pub fn told(&self) -> String {
        match self {
            Self::Answer(answer) => format!("{} {}", answer.status, answer.body),
            Self::Done => "done".to_owned(),
            Self::Failed(why) => why.clone(),
        }
    }
}

impl Act {
    /// The function that this invokes.
    pub fn function(&self) -> String {
        match self {
            Self::Ask { method, path, .. } => route_at(method, path),
            Self::Visit { path } => route_at("GET", path),
            Self::Clerk(_) => "clerk_webhook".to_owned(),
            Self::Stream(_) => "stream_webhook".to_owned(),
            Self::Work(effect) => format!("run_{}", queue_of(effect)),
            Self::Relay(_) => "relay_outbox".to_owned(),
            Self::Redrive => "redrive_outbox".to_owned(),
            Self::Sweep => "sweep_bookings".to_owned(),
            Self::Reconcile => "reconcile_ledger".to_owned(),
            Self::CheckSecrets => "check_secrets".to_owned(),
            Self::Follow | Self::Pass(_) | Self::Other(_) => "none".to_owned(),
        }
    }

    /// Whether a client asks, who may never ask again.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Ask { .. } | Self::Visit { .. } | Self::Clerk(_) | Self::Stream(_))
    }
}

fn queue_of(effect: &Effect) -> &'static str {
    effect.queue().name()
}

/// The route that serves an address.
fn route_at(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |pattern: &str| {
        let (parts, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), pattern.split('/').collect());
        parts.len() == wanted.len() && parts.iter().zip(wanted).all(|(p, w)| *p == w || w.starts_with('{'))
    };
    let route = tests::all_routes().into_iter().find(|r| r.method == method && fits(r.path));
    route.map_or_else(|| "unknown_address".to_owned(), |route| route.name.to_owned())
}

pub struct Scene {
    pub stage: Stage,
    pub lines: Lines,
    /// What was sent to queues since the act began.
    pub sent: RefCell<Vec<Queued>>,
    /// Texts that differ from run to run, and what to call them.
    pub aliases: RefCell<BTreeMap<String, String>>,
    /// When the act began.
    pub begun: Cell<i64>,
}

/// How every case begins.
static BEGINNING: Beginning = Beginning::new();

impl Scene {
    /// Cara, who has 100 credits, Ivy, who can be booked for every hour at 20 credits, and an admin.
    pub async fn new() -> Self {
        let lines = Lines::default();
        let table = BEGINNING.table(async |world| {
            world.add_person(ADMIN, Role::Admin).await;
            world.add_candidate("cara", 100).await;
            world.add_interviewer("ivy").await;
            // Without it every sweep would look back a week.
            let position = store::sweep::Position { hour: noon(), reached: None };
            store::sweep::write_position(&world.app.table, position).await.unwrap();
        });
        let stage = Stage::over(&lines, Some(table.await)).await;
        let [aws, stream, gemini] = stage.addresses.clone();
        let aliases = [
            (aws, "aws"),
            (stream, "stream"),
            (gemini, "gemini"),
            (stage.faults.url(), "aws"),
            (stage.stream.base_url(), "stream"),
        ];
        let aliases = aliases.map(|(address, name)| (address, format!("http://{name}")));
        let aliases = RefCell::new(aliases.into_iter().collect());
        Self { stage, lines, sent: RefCell::default(), aliases, begun: Cell::new(0) }
    }

    /// The arrangement is complete: from now on everything counts.
    pub fn begin(&self) {
        self.stage.take_sent();
        self.lines.mend();
        self.begun.set(self.stage.now());
    }

    pub fn alias(&self, text: &str, name: &str) {
        self.aliases.borrow_mut().insert(text.to_owned(), name.to_owned());
    }

    /// Invokes the function.
    pub async fn perform(&self, act: &Act, receives: u32) -> Outcome {
        let ran = |outcome: Result<Value, kit::error::Error>| match outcome {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Failed(format!("{error:?}")),
        };
        let app = &self.stage.app;
        match act {
            Act::Ask { who, method, path, body, .. } => {
                let body = if body.is_null() { String::new() } else { body.to_string() };
                Outcome::Answer(self.stage.call(who, method, path, &body, Some("key-1")).await)
            }
            Act::Visit { path } => Outcome::Answer(self.stage.send("GET", path, "", &[]).await),
            Act::Clerk(body) => Outcome::Answer(self.stage.hear_clerk(&body.to_string()).await),
            Act::Stream(body) => Outcome::Answer(self.hear(body).await),
            Act::Work(effect) => {
                let message = Message { outbox_id: effect.outbox_id(), origin: None, effect: effect.clone() };
                let queued = Queued { queue: queue_of(effect).to_owned(), message, receives };
                self.stage.work(&queued).await.map_or_else(Outcome::Failed, |()| Outcome::Done)
            }
            Act::Relay(event) => match background::relay_outbox::task().run(app, event.clone()).await {
                // The stream goes on from the first record that failed.
                Ok(told) if told["batchItemFailures"] != json!([]) => Outcome::Failed(told.to_string()),
                outcome => ran(outcome),
            },
            Act::Redrive => {
                let event = json!({ "olderThanSeconds": 0 });
                ran(background::redrive_outbox::task().run(app, event).await)
            }
            Act::Sweep => ran(sessions::sweep_bookings::task().run(app, Value::Null).await),
            Act::CheckSecrets => ran(background::check_secrets::task().run(app, Value::Null).await),
            Act::Reconcile => ran(background::reconcile_ledger::task().run(app, Value::Null).await),
            Act::Follow => {
                self.follow().await;
                Outcome::Done
            }
            Act::Pass(seconds) => {
                self.stage.advance(*seconds);
                Outcome::Done
            }
            Act::Other(other) => other(self).await,
        }
    }

    /// Notes what was sent to the queues.
    pub fn collect_sent(&self) {
        self.sent.borrow_mut().extend(self.stage.take_sent());
    }

    /// Somebody does something, and it works.
    pub async fn done(&self, who: &str, request: Request) -> Value {
        let answer = self.stage.call(who, request.method, &request.path, &request.text(), None).await;
        assert!(answer.status < 300, "{request:?}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Cara books Ivy for an hour, so many hours after noon.
    pub async fn book(&self, hours: i64) -> String {
        let start = instant(noon().as_second() + hours * HOUR);
        let wanted = request("create_booking", &[("interviewerId", "ivy"), ("startTime", &start)]);
        let booked = self.done("cara", wanted).await;
        booked["bookingId"].as_str().unwrap().to_owned()
    }

    /// Both agree to be recorded.
    pub async fn agree(&self, booking: &str) {
        for who in ["cara", "ivy"] {
            self.done(who, consent(booking, true)).await;
        }
    }

    /// Everything that waits is relayed and done.
    pub async fn follow(&self) {
        for _ in 0..10 {
            // What was committed in this very moment is not looked for yet.
            self.stage.advance(1);
            assert!(self.stage.relay().await, "the outbox cannot be relayed");
            let sent = self.stage.take_sent();
            if sent.is_empty() {
                return;
            }
            for queued in sent {
                let queued = Queued { receives: 1, ..queued };
                self.stage.work(&queued).await.unwrap_or_else(|why| panic!("{queued:?}: {why}"));
            }
        }
        panic!("one thing always leads to another");
    }

    /// A delivery of Stream's. It is known by its digest, and it may name addresses of this run.
    async fn hear(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let digest = sha256_hex(body.as_bytes());
        if !self.aliases.borrow().contains_key(&digest) {
            let name = format!("delivery-{}", self.aliases.borrow().len());
            self.alias(&digest[..20], &format!("{name}-short"));
            self.alias(&digest, &name);
        }
        self.stage.hear_stream(&body).await
    }

    /// Stream tells of something in a call.
    pub async fn told(&self, event: Value) {
        self.hear(&event).await.expect(200);
    }

    /// Both were in the call of the booking that began at noon plus so many hours, for most of the hour.
    pub async fn attend(&self, booking: &str, hours: i64) {
        let start = noon().as_second() + hours * HOUR;
        for who in ["ivy", "cara"] {
            self.told(stay(booking, "joined", who, start + MINUTE)).await;
            self.told(stay(booking, "left", who, start + 50 * MINUTE)).await;
        }
    }

    /// Where a file of Stream's is.
    pub fn file(&self, filename: &str, hours: i64, body: &[u8]) -> StreamFile {
        let path = format!("/files/{filename}");
        self.stage.faults.serve_file(&path, body);
        let start = noon() + jiff::SignedDuration::from_hours(hours);
        StreamFile {
            session_id: "session-1".to_owned(),
            filename: filename.to_owned(),
            url: format!("{}{path}", self.stage.addresses[0]),
            start_time: start,
            end_time: start + jiff::SignedDuration::from_mins(50),
        }
    }

    /// Cara was alone in the call, which was recorded at Stream. Says which file came of that.
    pub async fn recorded(&self, booking: &str) -> StreamFile {
        let cid = format!("default:{booking}");
        self.stage.stream.join(&cid, "cara", Some(noon())).await.unwrap();
        self.stage.stream.end_session(&cid, Some(noon() + jiff::SignedDuration::from_mins(20))).await.unwrap();
        let call = self.stage.calls().await.into_iter().find(|call| call["call"]["cid"] == cid.as_str()).unwrap();
        let recording = &call["recordings"][0];
        let text = |name: &str| recording[name].as_str().unwrap().to_owned();
        let file = StreamFile {
            session_id: text("session_id"),
            filename: text("filename"),
            url: format!("{}/media/{}", self.stage.addresses[1], text("filename")),
            start_time: text("start_time").parse().unwrap(),
            end_time: text("end_time").parse().unwrap(),
        };
        self.alias(&digest(&file.session_id, &file.filename), "recording");
        self.alias(&digest(&file.session_id, ""), "session");
        file
    }

    /// A session that took place, with its recording and transcript in our bucket.
    pub async fn held(&self, hours: i64) -> String {
        let booking = self.book(hours).await;
        self.agree(&booking).await;
        self.follow().await;
        self.stage.advance((hours + 2) * HOUR);
        self.attend(&booking, hours).await;
        for effect in [
            Effect::CopyRecording { booking_id: id(&booking), file: self.file("recording.mp4", hours, b"video") },
            Effect::CopyTranscript {
                booking_id: id(&booking),
                file: self.file("transcript.jsonl", hours, rich("ivy", "cara").as_bytes()),
            },
        ] {
            assert!(self.perform(&Act::Work(effect), 1).await.is_final());
        }
        booking
    }

    /// Another session of the same call, in which more was said than in the first. Says what its transcript asks for.
    pub async fn held_again(&self, booking: &str) -> Effect {
        let file = self.file("second.jsonl", 1, long("ivy", "cara").as_bytes());
        let cause = digest(&file.session_id, &file.filename);
        let effect = Effect::CopyTranscript { booking_id: id(booking), file };
        assert!(self.perform(&Act::Work(effect), 1).await.is_final());
        Effect::Feedback { booking_id: id(booking), cause }
    }

    /// Rows for all three queues wait: a call to create, files to copy.
    pub async fn waiting_rows(&self) {
        let booking = self.book(1).await;
        self.agree(&booking).await;
        let file = self.file("recording.mp4", 1, b"video");
        let file = json!({ "filename": file.filename, "url": file.url, "session_id": file.session_id,
            "start_time": file.start_time, "end_time": file.end_time });
        let at = noon().as_second() + 2 * HOUR;
        self.told(event(&booking, "call.recording_ready", at, json!({ "call_recording": file }))).await;
        let at = noon().as_second() + 2 * HOUR;
        self.told(event(&booking, "call.transcription_failed", at, json!({ "error": "no speech" }))).await;
    }

    /// The effect of writing the feedback of [`Scene::held`].
    pub fn feedback(booking: &str) -> Effect {
        Effect::Feedback { booking_id: id(booking), cause: digest("session-1", "transcript.jsonl") }
    }

    /// What the table's stream shows of the rows that wait.
    pub async fn records(&self) -> Value {
        let rows = self.stage.items().into_iter().filter(waits);
        let record = |(place, row): (usize, Value)| {
            let image: serde_json::Map<String, Value> = row
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.clone(), json!({ "S": value.as_str().unwrap() })))
                .collect();
            json!({
                "eventID": place.to_string(), "eventName": "INSERT", "eventVersion": "1.1",
                "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1", "eventSourceARN": "arn:aws:dynamodb",
                "dynamodb": { "ApproximateCreationDateTime": 1_795_176_000.0,
                    "Keys": { "pk": image["pk"], "sk": image["sk"] }, "NewImage": image,
                    "SequenceNumber": format!("{place:03}"), "SizeBytes": 0, "StreamViewType": "NEW_AND_OLD_IMAGES" },
            })
        };
        json!({ "Records": rows.enumerate().map(record).collect::<Vec<Value>>() })
    }
}

pub fn id(booking: &str) -> BookingId {
    booking.parse().unwrap()
}

/// A party agrees to be recorded, or takes that back.
pub fn consent(booking: &str, record: bool) -> Request {
    request("give_consent", &[("callId", booking)]).with(json!({ "record": record }))
}

pub fn objection() -> Value {
    json!({ "reason": "nobody came", "code": CancelCode::DidNotTakePlace })
}

/// An event of a call at an instant.
pub fn event(booking: &str, kind: &str, at: i64, more: Value) -> Value {
    let mut body = json!({ "type": kind, "created_at": instant(at), "call_cid": format!("default:{booking}") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Somebody joined a call, or left it.
pub fn stay(booking: &str, what: &str, who: &str, at: i64) -> Value {
    let participant = json!({ "user": { "id": who }, "user_session_id": format!("{who}-1"), "role": "user",
        "joined_at": instant(at.div_euclid(HOUR) * HOUR + MINUTE) });
    let more = json!({ "session_id": "session-1", "participant": participant, "duration_seconds": 49 * MINUTE });
    event(booking, &format!("call.session_participant_{what}"), at, more)
}
