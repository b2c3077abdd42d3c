use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::test_receiver::{Received, Receiver};
use crate::transcripts;

const VECTORS: &str = include_str!("../../tests/vectors/stream.json");
const CALL: &str = "/api/v2/video/call/default/bkg_1";

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

/// A Stream app with two users and a receiver for its webhooks.
struct Setup {
    stream: Stream,
    receiver: Receiver,
}

impl Setup {
    async fn new(options: StreamOptions) -> Self {
        let receiver = Receiver::start().await;
        let stream = Stream::start(options).await.unwrap();
        stream.set_api_url(receiver.url());
        let setup = Self { stream, receiver };
        let users = json!({ "users": {
            "server": { "id": "server", "role": "admin" },
            "user_c": { "id": "user_c", "name": "Zoë", "role": "user" },
            "user_i": { "id": "user_i", "name": "Ivan", "role": "user" },
        } });
        assert_eq!(setup.call("POST", "/api/v2/users", &users).await.0, 201);
        setup
    }

    async fn with_call(mode: &str) -> Self {
        let setup = Self::new(StreamOptions::default()).await;
        let (status, _) = setup.call("POST", CALL, &call_body(mode)).await;
        assert_eq!(status, 201);
        setup
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let query = format!("?api_key={}", self.stream.api_key());
        let headers = [("authorization", self.stream.server_token()), ("stream-auth-type", "jwt".into())];
        self.send(method, &format!("{path}{query}"), &headers, body).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, String)], body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.stream.base_url());
        let mut request = reqwest::Client::new().request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn play(&self, request: Value) -> Value {
        let request = serde_json::from_value(request).unwrap();
        self.stream.play("default", "bkg_1", request).await.unwrap()
    }

    fn types(&self) -> Vec<String> {
        self.receiver.received().iter().map(|event| event.json()["type"].as_str().unwrap().to_owned()).collect()
    }

    fn event(&self, event_type: &str) -> Value {
        let events = self.receiver.received();
        let found = events.iter().map(Received::json).find(|event| event["type"] == event_type);
        found.unwrap_or_else(|| panic!("no {event_type}"))
    }
}

fn call_body(mode: &str) -> Value {
    json!({ "data": {
        "created_by_id": "server",
        "starts_at": "2026-11-20T10:30:00Z",
        "members": [{ "user_id": "user_c", "role": "user" }, { "user_id": "user_i", "role": "host" }],
        "custom": { "booking_id": "bkg_1" },
        "settings_override": {
            "recording": { "mode": mode, "quality": "720p" },
            "transcription": { "mode": mode, "language": "en" },
            "limits": { "max_duration_seconds": 5400 },
        },
    } })
}

/// Members of `recorded` that `made` lacks, as paths.
fn missing(recorded: &Value, made: &Value, path: &str, found: &mut Vec<String>) {
    match (recorded, made) {
        (Value::Object(recorded), Value::Object(made)) if !path.ends_with("_by_role") && !path.ends_with("custom") => {
            for (name, value) in recorded {
                let path = format!("{path}.{name}");
                match made.get(name) {
                    Some(other) => missing(value, other, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(recorded), Value::Array(made)) => {
            if let (Some(first), Some(other)) = (recorded.first(), made.first()) {
                missing(first, other, path, found);
            }
        }
        _ => {}
    }
}

#[test]
fn signatures_and_tokens_equal_the_known_answers() {
    let vectors = vectors();
    let secret = vectors["api_secret"].as_str().unwrap();
    for event in vectors["events"].as_array().unwrap() {
        let signature = stream_signature(secret, event["body"].as_str().unwrap().as_bytes());
        assert_eq!(signature, event["signature"], "{}", event["name"]);
    }
    for vector in vectors["tokens"].as_array().unwrap() {
        let claims = crate::crypto::read_hs256(secret.as_bytes(), vector["token"].as_str().unwrap());
        assert_eq!(claims.as_ref(), Some(&vector["claims"]), "{}", vector["name"]);
    }
}

#[tokio::test]
async fn requests_without_proper_credentials_are_refused() {
    let setup = Setup::with_call("available").await;
    let key = format!("{CALL}?api_key={}", setup.stream.api_key());
    let good = setup.stream.server_token();
    let secret = EncodingKey::from_secret(setup.stream.api_secret().as_bytes());
    let token = |claims: Value| encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
    let now = clock::now().as_second();
    let cases = [
        (CALL.to_owned(), Some("jwt"), Some(good.clone()), 401, 2),
        (format!("{CALL}?api_key=other"), Some("jwt"), Some(good.clone()), 401, 2),
        (key.clone(), None, Some(good.clone()), 401, 5),
        (key.clone(), Some("jwt"), None, 401, 5),
        (key.clone(), Some("jwt"), Some(format!("Bearer {good}")), 401, 5),
        (key.clone(), Some("jwt"), Some(format!("{good}x")), 401, 43),
        (key.clone(), Some("jwt"), Some(token(json!({ "server": true, "exp": now - 1 }))), 401, 40),
        (key.clone(), Some("jwt"), Some(token(json!({ "server": true, "iat": now + 60 }))), 401, 42),
        (key.clone(), Some("jwt"), Some(token(json!({ "user_id": "user_c", "exp": now + 60 }))), 403, 17),
    ];
    for (index, (path, auth_type, token, status, code)) in cases.into_iter().enumerate() {
        let mut headers = Vec::new();
        headers.extend(auth_type.map(|value| ("stream-auth-type", value.to_owned())));
        headers.extend(token.map(|value| ("authorization", value)));
        let (got, body) = setup.send("GET", &path, &headers, &Value::Null).await;
        assert_eq!((got, body["code"].as_i64()), (status, Some(code)), "case {index}: {body}");
        assert_eq!(body["StatusCode"], status);
    }
    let headers = [("authorization", token(json!({}))), ("stream-auth-type", "jwt".into())];
    assert_eq!(setup.send("GET", &key, &headers, &Value::Null).await.0, 200, "an empty server token is accepted");
}

#[tokio::test]
async fn a_call_is_created_once_with_the_documented_shape() {
    let setup = Setup::new(StreamOptions { rest_date_times: DateTimes::Rfc3339, ..StreamOptions::default() }).await;
    let (status, first) = setup.call("POST", CALL, &call_body("auto-on")).await;
    assert_eq!((status, &first["created"]), (201, &json!(true)));
    let (status, second) = setup.call("POST", CALL, &call_body("disabled")).await;
    assert_eq!((status, &second["created"]), (201, &json!(false)));
    assert_eq!(second["call"]["settings"]["recording"]["mode"], "auto-on", "an existing call is returned unchanged");
    let mut absent = Vec::new();
    missing(&vectors()["get_or_create"]["response"], &first, "", &mut absent);
    // The recorded call was made for a type that has a join-ahead time.
    absent.retain(|path| path != ".call.join_ahead_time_seconds");
    assert!(absent.is_empty(), "{absent:?}");
    let (status, read) = setup.call("GET", CALL, &Value::Null).await;
    assert_eq!((status, &read["call"]["cid"]), (200, &json!("default:bkg_1")));
    let patch = json!({ "settings_override": { "recording": { "mode": "available" } }, "custom": { "a": 1 } });
    let (status, patched) = setup.call("PATCH", CALL, &patch).await;
    assert_eq!((status, &patched["call"]["settings"]["recording"]["mode"]), (200, &json!("available")));
    assert_eq!(patched["call"]["settings"]["recording"]["quality"], "720p");
    let members = json!({ "update_members": [{ "user_id": "server", "role": "admin" }], "remove_members": ["user_i"] });
    let (status, changed) = setup.call("POST", &format!("{CALL}/members"), &members).await;
    assert_eq!((status, changed["members"].as_array().unwrap().len()), (201, 2));
}

#[tokio::test]
async fn malformed_calls_are_refused() {
    let setup = Setup::new(StreamOptions::default()).await;
    let with = |pointer: &str, value: Value| {
        let mut body = call_body("available");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let settings = "/data/settings_override";
    let long = format!("/api/v2/video/call/default/{}", "x".repeat(65));
    let cases = [
        (CALL, with("/data/created_by_id", Value::Null), 400),
        (CALL, with("/data/created_by_id", json!("nobody")), 400),
        (CALL, with("/data/members/0/user_id", json!("nobody")), 400),
        (CALL, with("/data/members/0/role", json!("juggler")), 400),
        (CALL, with("/data/starts_at", json!("tomorrow")), 400),
        (CALL, with("/data/custom", json!([])), 400),
        (CALL, with(&format!("{settings}/recording"), json!({ "quality": "720p" })), 400),
        (CALL, with(&format!("{settings}/recording/mode"), json!("always")), 400),
        (CALL, with(&format!("{settings}/recording/quality"), json!("8k")), 400),
        (CALL, with(&format!("{settings}/transcription/mode"), json!("on")), 400),
        (CALL, with(&format!("{settings}/transcription/language"), json!("xx")), 400),
        (CALL, with(&format!("{settings}/limits/max_duration_seconds"), json!("long")), 400),
        ("/api/v2/video/call/nonsense/bkg_1", call_body("available"), 404),
        ("/api/v2/video/call/default/a%20b", call_body("available"), 400),
        (&long, call_body("available"), 400),
        ("/api/v2/users", json!({ "users": { "a": { "id": "b" } } }), 400),
        ("/api/v2/users", json!({ "users": { "a b": { "id": "a b" } } }), 400),
        ("/api/v2/users", json!({ "users": { "a": { "id": "a", "role": "emperor" } } }), 400),
        ("/api/v2/users", json!({}), 400),
    ];
    for (path, body, status) in cases {
        let (got, answer) = setup.call("POST", path, &body).await;
        assert_eq!(got, status, "{path} {body}: {answer}");
    }
    let (status, body) = setup.call("GET", CALL, &Value::Null).await;
    assert_eq!((status, &body["code"]), (404, &json!(16)), "nothing was created");
}

#[tokio::test]
async fn recording_starts_only_in_a_live_call_that_allows_it_and_only_once() {
    let setup = Setup::with_call("available").await;
    let start = format!("{CALL}/recordings/composite/start");
    assert_eq!(setup.call("POST", &start, &json!({})).await.0, 400, "nobody is in the call");
    setup.stream.join("default:bkg_1", "user_c", None).await.unwrap();
    assert_eq!(setup.call("POST", &format!("{CALL}/recordings/composite/stop"), &json!({})).await.0, 400);
    assert_eq!(setup.call("POST", &start, &json!({})).await.0, 201);
    assert_eq!(setup.call("POST", &start, &json!({})).await.0, 400, "it runs already");
    let disabled = json!({ "settings_override": { "transcription": { "mode": "disabled" } } });
    setup.call("PATCH", CALL, &disabled).await;
    assert_eq!(setup.call("POST", &format!("{CALL}/start_transcription"), &json!({})).await.0, 400);
    assert_eq!(setup.call("POST", "/api/v2/video/call/default/none/start_transcription", &json!({})).await.0, 404);
}

#[tokio::test]
async fn without_consent_a_played_session_leaves_no_files() {
    let setup = Setup::with_call("available").await;
    let played = setup.play(json!({ "transcript": "strong-system-design-45min" })).await;
    assert_eq!((&played["recordings"], &played["transcriptions"]), (&json!([]), &json!([])));
    let joined = "call.session_participant_joined";
    let left = "call.session_participant_left";
    assert_eq!(setup.types(), ["call.session_started", joined, joined, left, left, "call.session_ended"]);
    assert_eq!(setup.event("call.session_started")["created_at"], "2026-11-20T10:30:00.000000000Z");
    assert_eq!(setup.event(left)["duration_seconds"], 45 * 60);
}

#[tokio::test]
async fn a_played_session_sends_signed_events_of_the_recorded_shape() {
    let setup = Setup::with_call("auto-on").await;
    setup.play(json!({ "transcript": "middling-backend-30min" })).await;
    let types = setup.types();
    for expected in [
        "call.session_started",
        "call.session_participant_joined",
        "call.recording_started",
        "call.transcription_started",
        "call.session_participant_left",
        "call.recording_stopped",
        "call.transcription_stopped",
        "call.session_ended",
        "call.recording_ready",
        "call.transcription_ready",
    ] {
        assert!(types.iter().any(|got| got == expected), "{expected} is missing in {types:?}");
    }
    let mut gzipped = 0;
    for event in setup.receiver.received() {
        assert_eq!(event.path, "/api/webhooks/stream");
        assert_eq!(event.header("x-signature"), stream_signature(&setup.stream.api_secret(), event.text().as_bytes()));
        assert_eq!(event.header("x-api-key"), setup.stream.api_key());
        assert_eq!(event.header("x-webhook-attempt"), "1");
        assert_eq!(event.header("content-encoding") == "gzip", event.text().len() >= 256);
        gzipped += usize::from(event.raw.starts_with(&[0x1f, 0x8b]));
    }
    assert!(gzipped > 0);
    let recorded = vectors();
    for vector in recorded["events"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        if !types.iter().any(|got| got == name) {
            continue;
        }
        let body: Value = serde_json::from_str(vector["body"].as_str().unwrap()).unwrap();
        let mut absent = Vec::new();
        missing(&body, &setup.event(name), "", &mut absent);
        absent.retain(|path| path != ".call.join_ahead_time_seconds");
        assert!(absent.is_empty(), "{name}: {absent:?}");
    }
}

#[tokio::test]
async fn files_are_listed_fetched_until_the_link_expires_and_deleted() {
    let setup = Setup::with_call("auto-on").await;
    let played = setup.play(json!({ "transcript": "middling-backend-30min", "format": "ms" })).await;
    let ready = setup.event("call.transcription_ready");
    let url = ready["call_transcription"]["url"].as_str().unwrap();
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 83);
    assert_eq!((&lines[0]["speaker_id"], &lines[1]["speaker_id"]), (&json!("user_i"), &json!("user_c")));
    assert_eq!(lines[0]["start_ts"], 12_523);
    let video = reqwest::get(setup.event("call.recording_ready")["call_recording"]["url"].as_str().unwrap()).await;
    let video = video.unwrap().bytes().await.unwrap();
    assert_eq!((&video[4..8], video.len()), (b"ftyp".as_slice(), 64 * 1024));
    assert_eq!(reqwest::get(url.replace("Signature=", "Signature=0")).await.unwrap().status(), 403, "tampered");
    lock(&setup.stream.inner.manners).link_seconds = -1;
    let (_, list) = setup.call("GET", &format!("{CALL}/transcriptions"), &Value::Null).await;
    let expired = list["transcriptions"][0]["url"].as_str().unwrap();
    assert_eq!(reqwest::get(expired).await.unwrap().status(), 403, "expired");
    let session = played["sessionId"].as_str().unwrap();
    let file = played["transcriptions"][0].as_str().unwrap();
    let path = format!("{CALL}/{session}/transcriptions/{file}");
    assert_eq!(setup.call("DELETE", &path, &Value::Null).await.0, 200);
    assert_eq!(setup.call("DELETE", &path, &Value::Null).await.0, 404);
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
}

#[tokio::test]
async fn only_what_was_said_while_transcription_ran_is_in_the_file() {
    let setup = Setup::with_call("available").await;
    let start = clock::now();
    let at = |seconds: i64| Some(start + jiff::SignedDuration::from_secs(seconds));
    let line = |speaker: &str, text: &str, start: i64| {
        json!({ "speaker_id": speaker, "type": "speech", "text": text, "start_ts": start, "stop_ts": start + 900 })
            .to_string()
    };
    let inline = [
        line("interviewee", "before the start", 2_000),
        line("interviewee", "while it runs", 700_000),
        line("interviewer", "not there yet", 701_000),
        line("interviewee", "after the stop", 1_500_000),
    ]
    .join("\n");
    setup.stream.join("default:bkg_1", "user_c", at(0)).await.unwrap();
    let script = media::Script::read(&inline, "user_c", "user_i", None);
    let put_script = |call: &mut calls::Call, _: View| {
        call.set_script(script.clone(), Silence::Failed);
        Ok(Vec::new())
    };
    setup.stream.inner.change_call("default:bkg_1", put_script).unwrap();
    // The session's clock follows the acts in it, so acts of the server happen at the session's time.
    let move_to = |seconds: i64| {
        let at = at(seconds).unwrap();
        let change = move |call: &mut calls::Call, view: View| call.join(view, "server", None, at);
        setup.stream.inner.change_call("default:bkg_1", change).unwrap();
    };
    move_to(600);
    assert_eq!(setup.call("POST", &format!("{CALL}/start_transcription"), &json!({ "language": "en" })).await.0, 201);
    move_to(1_200);
    assert_eq!(setup.call("POST", &format!("{CALL}/stop_transcription"), &json!({})).await.0, 201);
    setup.stream.settled().await;
    let ready = setup.event("call.transcription_ready");
    let text = reqwest::get(ready["call_transcription"]["url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert_eq!(lines[0]["text"], "while it runs");
    let from = lines[0]["start_ts"].as_i64().unwrap();
    assert!((99_000..=100_000).contains(&from), "times count from the start of the transcription: {from}");
}

#[tokio::test]
async fn silence_fails_the_transcription_or_leaves_an_empty_file() {
    let setup = Setup::with_call("auto-on").await;
    setup.play(json!({ "transcript": "silence-10min" })).await;
    assert!(setup.types().contains(&"call.transcription_failed".to_owned()));
    let played = setup.play(json!({ "transcript": "silence-10min", "silence": "empty" })).await;
    assert_eq!(played["transcriptions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_does_not_come_or_leaves_early_is_seen_in_the_events() {
    let setup = Setup::with_call("available").await;
    setup.play(json!({ "transcript": "short-5min", "onlyJoin": "interviewer" })).await;
    let joined = setup.event("call.session_participant_joined");
    assert_eq!(
        (&joined["participant"]["user"]["id"], &joined["participant"]["role"]),
        (&json!("user_i"), &json!("host"))
    );
    assert_eq!(setup.types().iter().filter(|name| name.ends_with("joined")).count(), 1);
    setup.play(json!({ "leaveAfterSeconds": { "interviewee": 120.0 }, "dateTimes": "unix_ns" })).await;
    let left = setup.receiver.received().iter().map(Received::json).find(|event| {
        event["type"] == "call.session_participant_left" && event["participant"]["user"]["id"] == "user_c"
    });
    let left = left.unwrap();
    assert_eq!(left["duration_seconds"], 120);
    assert_eq!(left["created_at"], 1_795_170_720_000_000_000_i64);
}

#[tokio::test]
async fn repeats_keep_their_id_and_a_seed_repeats_its_order() {
    let order = async |seed: u64| {
        let setup = Setup::with_call("auto-on").await;
        setup.play(json!({ "transcript": "short-5min", "repeat": 3, "shuffle": seed })).await;
        let mut ids: BTreeMap<String, usize> = BTreeMap::new();
        for event in setup.receiver.received() {
            *ids.entry(event.header("x-webhook-id")).or_default() += 1;
        }
        assert!(ids.values().all(|count| *count == 3), "{ids:?}");
        setup.types()
    };
    let first = order(7).await;
    assert_eq!(first, order(7).await);
    assert_ne!(first, order(8).await);
}

#[tokio::test]
async fn a_failing_endpoint_is_tried_as_often_as_stream_does() {
    let setup = Setup::with_call("available").await;
    for (status, tries) in [(500, 3), (503, 3), (429, 3), (408, 3), (401, 1), (404, 1), (200, 1)] {
        setup.receiver.answer_next_with(&[status; 3]);
        let event = RawEvent { event: Some(json!({ "type": "call.ended" })), ..RawEvent::default() };
        let delivery = &setup.stream.send_event(event).await[0];
        assert_eq!(delivery.attempts.len(), tries, "{status}");
        setup.receiver.answer_next_with(&[]);
    }
    let received = setup.receiver.received();
    let attempts: Vec<String> = received[..3].iter().map(|event| event.header("x-webhook-attempt")).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    assert_eq!(received[0].header("x-webhook-id"), received[2].header("x-webhook-id"));
}

#[tokio::test]
async fn raw_events_can_be_signed_badly() {
    let setup = Setup::with_call("available").await;
    let event = |signature: &str| RawEvent {
        event: Some(json!({ "type": "call.ended" })),
        signature: Some(signature.into()),
        ..RawEvent::default()
    };
    setup.stream.send_event(event("wrong")).await;
    setup.stream.send_event(event("none")).await;
    let received = setup.receiver.received();
    assert_ne!(received[0].header("x-signature"), stream_signature(&setup.stream.api_secret(), &received[0].raw));
    assert_eq!(received[1].header("x-signature"), "");
}

#[tokio::test]
async fn ending_a_call_ends_its_session_and_nobody_enters_again() {
    let setup = Setup::with_call("auto-on").await;
    setup.stream.join("default:bkg_1", "user_c", None).await.unwrap();
    assert_eq!(setup.call("POST", &format!("{CALL}/mark_ended"), &Value::Null).await.0, 201);
    assert_eq!(setup.call("POST", &format!("{CALL}/mark_ended"), &Value::Null).await.0, 201);
    setup.stream.settled().await;
    let types = setup.types();
    assert_eq!(types.iter().filter(|name| *name == "call.ended").count(), 1);
    assert!(types.contains(&"call.session_ended".to_owned()) && types.contains(&"call.recording_ready".to_owned()));
    assert!(setup.stream.join("default:bkg_1", "user_c", None).await.is_err());
}

#[tokio::test]
async fn a_held_open_session_lets_the_server_start_recording() {
    let setup = Setup::with_call("available").await;
    let starting = async {
        let is_live = |state: &State| state.calls["default:bkg_1"].live_session().is_some();
        assert!(setup.stream.inner.wait_for(5.0, is_live).await);
        setup.call("POST", &format!("{CALL}/recordings/composite/start"), &json!({})).await;
        setup.call("POST", &format!("{CALL}/start_transcription"), &json!({})).await;
    };
    let playing = setup.play(json!({ "transcript": "short-5min", "holdOpenSeconds": 5.0 }));
    let (played, ()) = tokio::join!(playing, starting);
    assert_eq!(played["recordings"].as_array().unwrap().len(), 1);
    assert_eq!(played["transcriptions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_said_is_given_while_somebody_is_there() {
    let setup = Setup::with_call("available").await;
    let act = async |what: &str, body: Value| {
        setup.send("POST", &format!("/simulator/calls/default/bkg_1/{what}"), &[], &body).await.0
    };
    let spoken = json!({ "transcript": "short-5min" });
    // The second time, somebody comes back into the session that is empty.
    for _ in 0..2 {
        assert_eq!(act("join", json!({ "userId": "user_c", "transcript": "short-5min" })).await, 200);
        assert_eq!(act("leave", json!({ "userId": "user_c" })).await, 200);
        assert_eq!(act("end-session", spoken.clone()).await, 400, "nobody is there to say it");
    }
    assert_eq!(act("join", json!({ "userId": "user_c" })).await, 200);
    assert_eq!(act("end-session", spoken).await, 200);
}

#[tokio::test]
async fn a_call_token_admits_to_its_call_only() {
    let setup = Setup::with_call("available").await;
    let secret = EncodingKey::from_secret(setup.stream.api_secret().as_bytes());
    let token = |cid: &str, exp: i64| {
        let claims = json!({ "user_id": "user_i", "call_cids": [cid], "role": "host", "exp": exp });
        encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap()
    };
    let later = clock::now().as_second() + 60;
    let join = "/simulator/calls/default/bkg_1/join";
    for (token, status) in [
        (token("default:other", later), 403),
        (token("default:bkg_1", later - 120), 401),
        ("nonsense".into(), 401),
        (token("default:bkg_1", later), 200),
    ] {
        assert_eq!(setup.send("POST", join, &[], &json!({ "token": token })).await.0, status);
    }
}

#[tokio::test]
async fn users_calls_and_files_survive_a_restart() {
    let folder = std::env::temp_dir().join(random_id("stream-"));
    let options = || StreamOptions { state_file: Some(folder.join("stream.journal")), ..StreamOptions::default() };
    let setup = Setup::new(options()).await;
    setup.call("POST", CALL, &call_body("auto-on")).await;
    let played = setup.play(json!({ "transcript": "garbage-15min" })).await;
    let key = setup.stream.api_key();
    drop(setup);
    let setup = Setup::new(options()).await;
    assert_eq!(setup.stream.api_key(), key);
    let (_, list) = setup.call("GET", &format!("{CALL}/transcriptions"), &Value::Null).await;
    assert_eq!(list["transcriptions"][0]["filename"], played["transcriptions"][0]);
    let text = reqwest::get(list["transcriptions"][0]["url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    assert!(text.contains("this line is not JSON at all") && text.contains("\"user_c\""));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_bundled_transcript_fits_its_length_and_repeats_no_line() {
    assert!(transcripts().len() >= 8);
    for transcript in transcripts() {
        let script = media::Script::read(transcript.file, "c", "i", None);
        assert!(script.length_ms() <= i64::from(transcript.minutes) * 60_000, "{}", transcript.name);
        let mut lines: Vec<&str> = transcript.file.lines().collect();
        let count = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), count, "{}", transcript.name);
        let is_raw = |line: &&media::ScriptLine| matches!(line, media::ScriptLine::Raw(_));
        let raw = script.lines.iter().filter(is_raw).count();
        assert_eq!(raw > 0, transcript.name.starts_with("garbage"), "{}", transcript.name);
    }
    let forms: Vec<bool> = transcripts().iter().map(|transcript| transcript.file.contains("start_time")).collect();
    assert!(forms.contains(&true) && forms.contains(&false), "both line forms are there");
}
