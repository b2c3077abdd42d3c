use std::time::Duration;

use domain::ids::BookingId;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::download::DownloadError;
use crate::http::{BaseUrl, Http, NoAnswer, Reach};
use crate::secret::Secret;
use crate::test_server::{Reply, TestServer};

const CALL_PATH: &str = "/api/v2/video/call/default/bkg_01JFAKE0000000000000000003";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/stream.json")).unwrap()
}

fn call_id() -> BookingId {
    "bkg_01JFAKE0000000000000000003".parse().unwrap()
}

fn client(server: &TestServer) -> StreamClient {
    let base = BaseUrl::parse(&server.base(), Reach::InternetAndLoopback).unwrap();
    let secret = Secret::new(vectors()["api_secret"].as_str().unwrap());
    StreamClient::new(Http::new(Reach::InternetAndLoopback), base, "fakestreamkey1", &secret)
}

fn request() -> CallRequest {
    CallRequest {
        call_id: call_id(),
        starts_at: "2026-11-20T10:30:00Z".parse().unwrap(),
        max_duration_seconds: 5_400,
        interviewee: "user_FAKEcandidate".parse().unwrap(),
        interviewer: "user_FAKEinterviewer".parse().unwrap(),
    }
}

/// The documented answer about a call, with these members of `call` changed.
fn call_answer(changes: Value) -> Value {
    let mut answer = vectors()["rest"]["get_or_create_call"]["response"]["body"].clone();
    answer["call"].as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    answer
}

fn refusal() -> Reply {
    Reply::json(400, &json!({ "code": 4, "message": "cannot do this for Zoë", "StatusCode": 400 }))
}

#[tokio::test]
async fn a_call_is_created_as_documented_and_captures_nothing_by_itself() {
    let server = TestServer::start([Reply::json(201, &call_answer(json!({})))]);
    let state = client(&server).get_or_create_call(&request()).await.unwrap();
    assert!(state.exists && !state.ended && state.live_session.is_none());

    let expected = vectors()["rest"]["get_or_create_call"].clone();
    let sent = server.request(0);
    assert_eq!((&*sent.method, &*sent.target), ("POST", &*format!("{CALL_PATH}?api_key=fakestreamkey1")));
    for name in ["authorization", "stream-auth-type", "content-type"] {
        assert_eq!(sent.header(name), expected["headers"][name].as_str(), "{name}");
    }
    let capture = |mode: &str| {
        json!({
            "recording": { "mode": mode, "quality": "720p", "audio_only": false },
            "transcription": { "mode": mode, "language": "en", "closed_caption_mode": "disabled" },
        })
    };
    let mut settings = capture("available");
    settings["limits"] = json!({ "max_duration_seconds": 5_400 });
    settings["backstage"] = json!({ "enabled": false });
    let body = sent.json();
    assert_eq!(body["data"]["settings_override"], settings);
    assert_eq!(body["data"]["members"], expected["request"]["data"]["members"]);
    assert_eq!(body["data"]["starts_at"], "2026-11-20T10:30:00Z");
    assert_eq!(body["data"]["created_by_id"], "greenroom");
    assert_eq!(body["data"]["custom"], json!({ "booking_id": "bkg_01JFAKE0000000000000000003" }));
    assert_eq!((&body["ring"], &body["notify"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn users_are_upserted_together_with_the_servers_own() {
    let server = TestServer::start([Reply::json(201, &json!({ "users": {} }))]);
    let users = [
        StreamUser { id: "user_1".parse().unwrap(), name: "Zoë".into(), image: Some("https://x.example/z".into()) },
        StreamUser { id: "user_2".parse().unwrap(), name: "Ivan".into(), image: None },
    ];
    client(&server).upsert_users(&users).await.unwrap();
    let sent = server.request(0);
    assert_eq!((&*sent.method, &*sent.target), ("POST", "/api/v2/users?api_key=fakestreamkey1"));
    let expected = json!({ "users": {
        "greenroom": { "id": "greenroom", "name": "Greenroom", "role": "admin" },
        "user_1": { "id": "user_1", "name": "Zoë", "role": "user", "image": "https://x.example/z" },
        "user_2": { "id": "user_2", "name": "Ivan", "role": "user" },
    }});
    assert_eq!(sent.json(), expected);
    assert!(!format!("{users:?}").contains("Zoë"));
}

#[tokio::test]
async fn every_change_of_a_call_is_sent_as_documented() {
    let capture = json!({ "settings_override": {
        "recording": { "mode": "auto-on", "quality": "720p", "audio_only": false },
        "transcription": { "mode": "auto-on", "language": "en", "closed_caption_mode": "disabled" },
    }});
    let cases = [
        ("PATCH", "", Some(capture)),
        ("PATCH", "", Some(json!({ "starts_at": "2026-11-20T10:30:00Z" }))),
        ("POST", "/recordings/composite/start", Some(json!({}))),
        ("POST", "/recordings/composite/stop", Some(json!({}))),
        ("POST", "/start_transcription", Some(json!({ "language": "en", "enable_closed_captions": false }))),
        ("POST", "/stop_transcription", Some(json!({}))),
        ("POST", "/mark_ended", None),
        ("DELETE", "/s-1/recordings/rec%2F1.mp4", None),
        ("DELETE", "/s-1/transcriptions/t.jsonl", None),
    ];
    let server = TestServer::start(cases.iter().map(|_| Reply::json(200, &json!({ "duration": "1ms" }))));
    let client = client(&server);
    client.set_capture_mode(call_id(), CaptureMode::AutoOn).await.unwrap();
    client.set_start(call_id(), request().starts_at).await.unwrap();
    client.start_recording(call_id()).await.unwrap();
    client.stop_recording(call_id()).await.unwrap();
    client.start_transcription(call_id()).await.unwrap();
    client.stop_transcription(call_id()).await.unwrap();
    client.end_call(call_id()).await.unwrap();
    client.delete_recording(call_id(), "s-1", "rec/1.mp4").await.unwrap();
    client.delete_transcription(call_id(), "s-1", "t.jsonl").await.unwrap();
    for (index, (method, path, body)) in cases.into_iter().enumerate() {
        let sent = server.request(index);
        assert_eq!((&*sent.method, &*sent.target), (method, &*format!("{CALL_PATH}{path}?api_key=fakestreamkey1")));
        assert_eq!(sent.header("stream-auth-type"), Some("jwt"), "{path}");
        assert_eq!(
            Some(sent.body).filter(|body| !body.is_empty()).map(|body| serde_json::from_slice(&body).unwrap()),
            body
        );
    }
}

#[tokio::test]
async fn who_was_in_a_session_is_read_page_by_page() {
    let stay = |user: &str, connection: &str, left: Value| {
        json!({ "user_id": user, "user_session_id": connection, "publisher_type": "webrtc", "roles": ["host"],
            "joined_at": "2026-11-20T08:31:40Z", "left_at": left, "duration_in_seconds": 60 })
    };
    let page = |stays: &[Value], next: Option<&str>| {
        json!({ "call_id": "b", "call_session_id": "s/1", "call_type": "default", "duration": 3,
            "participants_sessions": stays, "next": next, "total_participant_duration": 60,
            "total_participant_sessions": 3 })
    };
    let server = TestServer::start([
        Reply::json(
            200,
            &page(
                &[stay("user_1", "us-1", json!("2026-11-20T09:31:40Z")), stay("!anon", "us-2", json!(null))],
                Some("b+/"),
            ),
        ),
        Reply::json(200, &page(&[stay("user_2", "us-3", json!(null))], None)),
    ]);
    let found = client(&server).list_participants(call_id(), "s/1").await.unwrap();
    let shown: Vec<_> =
        found.iter().map(|p| (p.user_id.as_str(), p.joined_at.is_some(), p.left_at.is_some())).collect();
    assert_eq!(shown, [("user_1", true, true), ("user_2", true, false)]);
    let [first, second] = [0, 1].map(|n| server.request(n).target.clone());
    let path = format!("/api/v2/video/call/default/{}/session/s%2F1/participant_sessions?", call_id());
    assert!(first.starts_with(&path) && !first.contains("next="), "{first}");
    assert!(second.starts_with(&path) && second.ends_with("&next=b%2B%2F"), "{second}");

    let server = TestServer::start([Reply::json(404, &json!({ "code": 16, "message": "Can't find call session" }))]);
    assert_eq!(client(&server).list_participants(call_id(), "s-9").await.unwrap(), []);
}

#[tokio::test]
async fn a_call_is_read_with_its_running_session() {
    let read = async |changes: Value| {
        let server = TestServer::start([Reply::json(200, &call_answer(changes))]);
        let state = client(&server).call_state(call_id()).await.unwrap();
        assert_eq!(server.request(0).method, "GET");
        state
    };
    let quiet = read(json!({})).await;
    assert_eq!(quiet.last_session, None);
    assert_eq!((quiet.recording_mode, quiet.transcription_mode), (CaptureMode::AutoOn, CaptureMode::AutoOn));

    let session = json!({
        "id": "s-1", "started_at": "2026-11-20T08:31:40Z", "participants_count_by_role": {},
        "participants": [
            { "user": { "id": "user_1" }, "user_session_id": "us-1", "role": "host", "joined_at": 1_795_163_500_000_000_000_i64 },
            { "user": { "id": "!anon" }, "user_session_id": "us-2", "role": "user", "joined_at": 1 },
        ],
    });
    let mut ended_session = session.clone();
    ended_session["ended_at"] = json!("2026-11-20T09:00:00Z");
    let live =
        read(json!({ "current_session_id": "s-1", "session": session, "recording": true, "transcribing": true })).await;
    assert_eq!(live.live_session.as_deref(), Some("s-1"));
    assert!(live.recording && live.transcribing && !live.ended);
    let started_at: Timestamp = "2026-11-20T08:31:40Z".parse().unwrap();
    let participant = Participant {
        user_id: "user_1".parse().unwrap(),
        user_session_id: "us-1".into(),
        joined_at: Some(started_at),
        left_at: None,
    };
    let expected = SessionState {
        session_id: "s-1".into(),
        started_at: Some(started_at),
        ended_at: None,
        participants: vec![participant],
    };
    assert_eq!(live.last_session, Some(expected));

    let over = read(
        json!({ "current_session_id": "s-1", "session": ended_session, "ended_at": 1_795_163_500_000_000_000_i64 }),
    )
    .await;
    assert!(over.ended && over.live_session.is_none());

    let settings = json!({ "recording": { "mode": "available" }, "transcription": { "mode": "sometimes" } });
    let odd = read(json!({ "settings": settings, "ended_at": null })).await;
    assert_eq!((odd.recording_mode, odd.transcription_mode), (CaptureMode::Available, CaptureMode::Unknown));
    assert!(!odd.ended);
}

#[tokio::test]
async fn a_call_that_does_not_exist_is_a_state_and_not_an_error() {
    let error = vectors()["rest"]["error"].clone();
    let server = TestServer::start([Reply::json(404, &error["body"]), Reply::json(404, &error["body"])]);
    assert!(!client(&server).call_state(call_id()).await.unwrap().exists);
    assert!(matches!(client(&server).end_call(call_id()).await, Err(StreamError::NotFound)));
}

#[tokio::test]
async fn what_is_already_as_asked_for_counts_as_done() {
    for (recording, transcribing, ended_at) in [(true, true, json!(5)), (false, false, Value::Null)] {
        let state = json!({ "recording": recording, "transcribing": transcribing, "ended_at": ended_at });
        let replies = (0..5).flat_map(|_| [refusal(), Reply::json(200, &call_answer(state.clone()))]);
        let server = TestServer::start(replies);
        let client = client(&server);
        assert_eq!(client.start_recording(call_id()).await.is_ok(), recording);
        assert_eq!(client.stop_recording(call_id()).await.is_ok(), !recording);
        assert_eq!(client.start_transcription(call_id()).await.is_ok(), transcribing);
        assert_eq!(client.stop_transcription(call_id()).await.is_ok(), !transcribing);
        assert_eq!(client.end_call(call_id()).await.is_ok(), recording);
        assert_eq!(server.request_count(), 10);
    }
    let server = TestServer::start([refusal(), Reply::json(200, &call_answer(json!({})))]);
    let error = client(&server).start_recording(call_id()).await.unwrap_err();
    let StreamError::Refused { status: 400, code: Some(4), message } = &error else { panic!("{error:?}") };
    assert_eq!(message, "cannot do this for Zoë");
    assert!(!format!("{error} {error:?}").contains("Zoë"));
}

#[tokio::test]
async fn files_that_are_gone_count_as_deleted() {
    let server = TestServer::start([Reply::new(404, "{}"), Reply::new(404, "{}"), Reply::new(403, "{}")]);
    let client = client(&server);
    client.delete_recording(call_id(), "s", "f").await.unwrap();
    client.delete_transcription(call_id(), "s", "f").await.unwrap();
    assert!(matches!(client.delete_recording(call_id(), "s", "f").await, Err(StreamError::Unauthorized)));
    let nowhere = client.delete_recording(call_id(), "s", "..").await;
    assert!(matches!(nowhere, Err(StreamError::Unexpected(_))), "a name that leads elsewhere is not taken for deleted");
    assert_eq!(server.request_count(), 3);
}

#[tokio::test]
async fn files_are_listed_and_fetched() {
    let file = |name: &str, url: &str| {
        json!({
            "filename": name, "url": url, "start_time": 1_795_163_510_000_000_000_i64,
            "end_time": "2026-11-20T09:29:25Z", "session_id": "s-1", "recording_type": "composite",
        })
    };
    let media = TestServer::start([Reply::new(200, "line"), Reply::new(200, "film"), Reply::new(403, "")]);
    let link = media.url("/f?Signature=s3cret");
    let server = TestServer::start([
        Reply::json(200, &json!({ "recordings": [file("a.mp4", &link), file("b.mp4", &link)], "duration": "1ms" })),
        Reply::json(200, &json!({ "transcriptions": [file("t.jsonl", &link)] })),
    ]);
    let client = client(&server);
    let recordings = client.list_recordings(call_id()).await.unwrap();
    assert_eq!(recordings.iter().map(|file| file.filename.as_str()).collect::<Vec<_>>(), ["a.mp4", "b.mp4"]);
    assert!(!format!("{recordings:?}").contains("s3cret"));
    let transcripts = client.list_transcriptions(call_id()).await.unwrap();
    assert_eq!(transcripts[0].start_time.as_second(), 1_795_163_510);
    for (index, path) in ["/recordings", "/transcriptions"].into_iter().enumerate() {
        let sent = server.request(index);
        assert_eq!((&*sent.method, &*sent.target), ("GET", &*format!("{CALL_PATH}{path}?api_key=fakestreamkey1")));
    }

    assert_eq!(client.download_bounded(&transcripts[0].url, 100).await.unwrap(), "line");
    let mut stream = client.download(&recordings[0].url, 100).await.unwrap();
    assert_eq!(stream.next_chunk().await.unwrap().unwrap(), "film");
    assert!(matches!(client.download_bounded(&link, 100).await, Err(DownloadError::Expired)));
}

#[tokio::test]
async fn every_failure_has_its_class() {
    let ask = async |reply: Reply| {
        let server = TestServer::start([reply.clone(), reply]);
        let outcome = client(&server).call_state(call_id()).await;
        (outcome.unwrap_err(), server.request_count())
    };
    for status in [401, 403] {
        assert!(matches!(ask(Reply::new(status, "{}")).await, (StreamError::Unauthorized, 1)));
    }
    let limited = vectors()["rest"]["rate_limited"].clone();
    let reply =
        Reply::json(429, &limited["body"]).header("retry-after", limited["headers"]["retry-after"].as_str().unwrap());
    let (StreamError::RateLimited { retry_after }, 1) = ask(reply).await else { panic!() };
    assert_eq!(retry_after, Some(Duration::from_secs(17)));
    for status in [500, 502, 503, 504] {
        let (error, asked) = ask(Reply::new(status, "<html>")).await;
        assert!(matches!(error, StreamError::Unavailable(NoAnswer::Status { status: s }) if s == status));
        assert_eq!(asked, 1, "an answer is an answer");
    }
    assert!(matches!(ask(refusal()).await, (StreamError::Refused { status: 400, code: Some(4), .. }, 1)));
    assert!(matches!(ask(Reply::new(409, "<html>")).await.0, StreamError::Refused { status: 409, code: None, .. }));
    for reply in
        [Reply::new(200, "<html>"), Reply::new(200, "{}"), Reply::new(302, ""), Reply::new(200, vec![b' '; 9 << 20])]
    {
        assert!(matches!(ask(reply).await.0, StreamError::Unexpected(_)));
    }
    let secret = call_answer(json!({ "ended_at": "s3cret, expected a date", "s3cret": ["s3cret"] }));
    for (reply, told) in [
        (Reply::json(200, &secret), "status 200, call.ended_at is not an RFC 3339 date-time or Unix nanoseconds"),
        (Reply::new(201, r#"{"call":{"s3cret":1}}"#), "status 201, the member call.settings is missing"),
        (Reply::new(200, "<s3cret>"), "status 200, it is not JSON, line 1, column 1"),
        (Reply::new(304, "s3cret"), "status 304 is neither a success nor a refusal"),
        (Reply::new(200, vec![b' '; 9 << 20]), "it is longer than 8388608 bytes"),
    ] {
        let error = ask(reply).await.0;
        assert_eq!(error.to_string(), format!("Stream's answer to get call cannot be used: {told}"));
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    for reply in [Reply::cut(200, "{", 9), Reply::close()] {
        let (error, asked) = ask(reply).await;
        assert!(matches!(error, StreamError::Unavailable(NoAnswer::Broken(_))), "{error:?}");
        assert_eq!(asked, 2, "a broken connection is tried once more");
    }
}

#[tokio::test]
async fn one_broken_connection_goes_unnoticed() {
    let server = TestServer::start([Reply::close(), Reply::json(200, &call_answer(json!({})))]);
    assert!(client(&server).call_state(call_id()).await.unwrap().exists);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_not_asked_again() {
    let server = TestServer::start([Reply::hang()]);
    let impatient = client(&server).with_timeout(Duration::from_millis(100));
    let outcome = impatient.start_recording(call_id()).await;
    assert!(matches!(outcome, Err(StreamError::Unavailable(NoAnswer::Timeout))), "{outcome:?}");
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn an_unreachable_server_is_an_outage() {
    let base = BaseUrl::parse("http://127.0.0.1:1", Reach::InternetAndLoopback).unwrap();
    let client = StreamClient::new(Http::new(Reach::InternetAndLoopback), base, "k", &Secret::new("s3cret"));
    let error = client.call_state(call_id()).await.unwrap_err();
    assert!(matches!(error, StreamError::Unavailable(NoAnswer::Connect(_))));
    assert!(!format!("{error:?}").contains("api_key"), "the URL is not printed");
}
