//! The world in which the table is tried: people, what belongs to them, and the requests they make.

use std::collections::BTreeMap;

use domain::attendance::Told;
use domain::booking::{Booking, FeedbackState};
use domain::feedback::{Feedback, FeedbackRecord, TokenUsage, Versions};
use domain::ids::BookingId;
use domain::party::Party;
use domain::speech::SpeechFacts;
use domain::user::Role;
use jiff::{SignedDuration, Timestamp};
use kit::Route;
use kit::route::IdempotencyKey;
use kit::secrets::Provider;
use serde_json::{Value, json};
use simulators::{Gemini, GeminiOptions, Stream, StreamOptions};
use store::Tx;
use store::media::{MediaKind, StoredFile};
use testing::{Answer, Options, TABLE, World, noon};
use tests::examples::request_of;

/// When the two bookings begin: in the morning after the tests' noon.
const START: &str = "2026-11-21T10:00:00Z";
const LATER: &str = "2026-11-23T10:00:00Z";
const ABSENT_BOOKING: &str = "bkg_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const ABSENT_RULE: &str = "avl_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const CLERK_SECRET: &str = "whsec_dGVzdC1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcyE=";

/// Everything that is stored, by key.
#[derive(Clone, PartialEq)]
pub struct Snapshot(BTreeMap<String, Value>);

pub struct Scene {
    pub world: World,
    pub own: BookingId,
    pub foreign: BookingId,
    /// What is published of the API.
    pub document: Value,
    stream: Stream,
    _gemini: Gemini,
}

impl Scene {
    pub async fn new(routes: &[Route]) -> Self {
        let stream = Stream::start(StreamOptions::default()).await.unwrap();
        let gemini = Gemini::start(GeminiOptions::default()).await.unwrap();
        let base_urls = [(Provider::Stream, stream.base_url()), (Provider::Gemini, gemini.base_url())].into();
        let mut options = Options { base_urls, ..Options::default() };
        options.secrets["stream"] = json!({ "apiKey": stream.api_key(), "apiSecret": stream.api_secret() });
        options.secrets["gemini"] = json!({ "apiKey": gemini.api_key() });
        let world = World::with(&tests::all_functions(), options).await;
        let (own, foreign) = people(&world).await;
        let document = kit::openapi::document(routes);
        Self { world, own, foreign, document, stream, _gemini: gemini }
    }

    pub fn snapshot(&self) -> Snapshot {
        let key = |item: &Value| json!({ "pk": item["pk"], "sk": item["sk"] }).to_string();
        Snapshot(testing::items(&self.world.engine).into_iter().map(|item| (key(&item), item)).collect())
    }

    /// Makes the table what it was.
    pub fn rewind(&self, now: &Snapshot, then: &Snapshot) {
        let ask = |operation: &str, request: Value| {
            let (status, answer) = testing::ask(&self.world.engine, operation, request.to_string().as_bytes());
            assert_eq!(status, 200, "{answer}");
        };
        for (_, item) in now.0.iter().filter(|(key, _)| !then.0.contains_key(*key)) {
            let key = json!({ "pk": item["pk"], "sk": item["sk"] });
            ask("DeleteItem", json!({ "TableName": TABLE, "Key": key }));
        }
        for (_, item) in then.0.iter().filter(|(key, item)| now.0.get(*key) != Some(item)) {
            ask("PutItem", json!({ "TableName": TABLE, "Item": item }));
        }
    }

    /// Brings about what it takes for the route to serve whom it is for, and as much for strangers' things.
    pub async fn set(&self, route: &str) {
        let start: Timestamp = START.parse().unwrap();
        let end = start + SignedDuration::from_hours(1);
        match route {
            "submit_verification" => {
                for interviewer in ["user_interviewer", "user_other_interviewer"] {
                    reject(&self.world, interviewer).await;
                }
            }
            "decide_verification" => reject(&self.world, "user_interviewer").await,
            "create_availability" => {
                for interviewer in ["user_interviewer", "user_other_interviewer"] {
                    let path = format!("/api/availability/{}", self.rule_of(interviewer).await);
                    self.world.call(interviewer, "DELETE", &path, Value::Null).await.expect(204);
                }
            }
            "complete_booking" => self.both_were_there(end).await,
            "review_booking" => {
                self.both_were_there(end).await;
                for (interviewer, booking) in
                    [("user_interviewer", self.own), ("user_foreign_interviewer", self.foreign)]
                {
                    let path = format!("/api/bookings/{booking}/complete");
                    self.world.call(interviewer, "POST", &path, Value::Null).await.expect(200);
                }
            }
            "get_feedback" => {
                self.world.app.clock.set(end + SignedDuration::from_mins(30));
                self.store_feedback().await;
            }
            "get_recording" => self.store_recordings(start, end).await,
            "get_call" => self.world.app.clock.set(start),
            _ => {}
        }
    }

    pub fn reset_clock(&self) {
        self.world.app.clock.set(noon());
    }

    async fn both_were_there(&self, end: Timestamp) {
        self.world.app.clock.set(end);
        let start: Timestamp = START.parse().unwrap();
        let mut tx = Tx::new();
        for booking in [self.own, self.foreign] {
            for party in [Party::Interviewee, Party::Interviewer] {
                let (joined_at, left_at) = (Some(start), Some(end));
                let told = Told {
                    session_id: "session-1".into(),
                    party,
                    connection: format!("{party:?}"),
                    joined_at,
                    left_at,
                    duration_seconds: None,
                };
                store::attendance::write_told(&mut tx, booking, &told).unwrap();
            }
        }
        tx.commit(&self.world.app.table).await.unwrap();
    }

    async fn store_feedback(&self) {
        let versions = || Versions { prompt: "prompt-1".into(), rubric: "rubric-1".into() };
        for id in [self.own, self.foreign] {
            let before: Booking = store::booking::get(&self.world.app.table, id).await.unwrap().unwrap();
            let after = Booking { feedback: Some(FeedbackState::InsufficientEvidence), ..before.clone() };
            let now = self.world.app.now();
            let feedback = Feedback::insufficient(id, "too few words", SpeechFacts::default(), versions(), now);
            let usage = TokenUsage::default();
            let record = FeedbackRecord { feedback, usage, generations: 0, heard: None, was_renewed: false };
            let mut tx = Tx::new();
            store::booking::replace(&mut tx, &before, &after).unwrap();
            store::feedback::write(&mut tx, id, &record).unwrap();
            tx.commit(&self.world.app.table).await.unwrap();
        }
    }

    async fn store_recordings(&self, start_time: Timestamp, end_time: Timestamp) {
        let mut tx = Tx::new();
        for id in [self.own, self.foreign] {
            let file = StoredFile {
                session_id: "session-1".into(),
                filename: "recording.mp4".into(),
                object_key: Some(format!("recordings/{id}/1.mp4")),
                start_time,
                end_time,
                bytes: 1,
            };
            store::media::write(&mut tx, id, MediaKind::Recording, &file).unwrap();
        }
        tx.commit(&self.world.app.table).await.unwrap();
    }

    async fn rule_of(&self, interviewer: &str) -> String {
        let rules = self.world.call(interviewer, "GET", "/api/availability", Value::Null).await.expect(200);
        rules["items"][0]["availabilityId"].as_str().unwrap().to_owned()
    }

    /// The id of a resource, as the table names it.
    pub async fn id(&self, route: &Route, resource: &str) -> String {
        let id = match (kind_of_id(route), resource, route.name) {
            ("bookingId" | "callId", "own", _) => return self.own.to_string(),
            ("bookingId" | "callId", "foreign", _) => return self.foreign.to_string(),
            ("bookingId" | "callId", "absent", _) => ABSENT_BOOKING,
            ("availabilityId", "own", _) => return self.rule_of("user_interviewer").await,
            ("availabilityId", "foreign", _) => return self.rule_of("user_foreign_interviewer").await,
            ("availabilityId", "absent", _) => ABSENT_RULE,
            ("packId", "own", _) => "pck_00000000000000000000000001",
            ("packId", "foreign", _) => "pck_00000000000000000000000002",
            ("packId", "absent", _) => "pck_00000000000000000000000099",
            ("planId", "own", _) => "pln_00000000000000000000000001",
            ("planId", "foreign", _) => "pln_00000000000000000000000002",
            ("planId", "absent", _) => "pln_00000000000000000000000099",
            ("userId", "own", _) | (_, "foreign", "decide_verification") => "user_candidate",
            (_, "foreign", "adjust_credits") => "user_gone",
            ("userId", "foreign", _) => "user_other_candidate",
            (_, "own", _) => "user_interviewer",
            (_, "foreign", _) => "user_hidden",
            (_, "absent", _) => "user_nobody",
            (_, "malformed", _) => "no;id",
            _ => "",
        };
        id.to_owned()
    }

    /// Sends the route's request about the thing of this id.
    pub async fn send(&self, route: &Route, resource: &str, id: &str, token: Option<&str>) -> Answer {
        let kind = Some(kind_of_id(route)).filter(|kind| !kind.is_empty()).unwrap_or("interviewerId");
        let request = request_of(route, &[(kind, id), ("startTime", LATER)]);
        let bytes = (!request.body.is_null()).then(|| request.text());
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, String)> = vec![("content-type", "application/json".to_owned())];
        headers.extend(authorization.map(|value| ("authorization", value)));
        if route.idempotency_key != IdempotencyKey::Ignored {
            headers.push(("idempotency-key", "the-key".to_owned()));
        }
        if matches!(resource, "signed" | "forged") {
            let text = bytes.as_deref().unwrap();
            headers.extend(self.signature(route.name, if resource == "signed" { text } else { "{}" }));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.world.send(route.method, &request.path, bytes.map(String::into_bytes), &headers).await
    }

    fn signature(&self, route: &str, text: &str) -> Vec<(&'static str, String)> {
        if route == "stream_webhook" {
            let signature = simulators::stream_signature(&self.stream.api_secret(), text.as_bytes());
            return vec![("x-signature", signature)];
        }
        let now = self.world.app.now().as_second();
        let signature = simulators::svix_signature(CLERK_SECRET, "msg_1", now, text);
        vec![("svix-id", "msg_1".to_owned()), ("svix-timestamp", now.to_string()), ("svix-signature", signature)]
    }
}

/// The people of the columns, two strangers with a booking of their own, and the ids of the two bookings.
async fn people(world: &World) -> (BookingId, BookingId) {
    for candidate in ["user_candidate", "user_other_candidate", "user_foreign_candidate"] {
        world.add_candidate(candidate, 100).await;
    }
    for interviewer in ["user_interviewer", "user_other_interviewer", "user_foreign_interviewer", "user_hidden"] {
        world.add_interviewer(interviewer).await;
    }
    world.add_person("user_synced", Role::Unassigned).await;
    // Stored as an admin, and not named by the deployment.
    world.add_person("user_demoted", Role::Admin).await;
    world.add_person("user_admin", Role::Admin).await;
    reject(world, "user_hidden").await;

    world.add_candidate("user_gone", 100).await;
    testing::delete(world, "user_gone").await;

    let own = book(world, "user_candidate", "user_interviewer").await;
    (own, book(world, "user_foreign_candidate", "user_foreign_interviewer").await)
}

async fn book(world: &World, candidate: &str, interviewer: &str) -> BookingId {
    let wanted = json!({ "interviewerId": interviewer, "startTime": START });
    let view = world.call(candidate, "POST", "/api/bookings", wanted).await.expect(201);
    view["bookingId"].as_str().unwrap().parse().unwrap()
}

async fn reject(world: &World, interviewer: &str) {
    let path = format!("/api/admin/interviewers/{interviewer}/verification");
    world.call("user_admin", "POST", &path, json!({ "decision": "REJECTED" })).await.expect(200);
}

/// What the id in the route's path is called.
fn kind_of_id(route: &Route) -> &'static str {
    route.path.split(['{', '}']).nth(1).unwrap_or_default()
}
