//! Stream's webhooks: unpack, verify, read.
//!
//! The signature covers the uncompressed body and no time, so old deliveries can be played back; our own state rules
//! must make a repeated or late event harmless.

use std::borrow::Cow;
use std::io::Read as _;

use ::http::HeaderMap;
use domain::ids::UserId;
use domain::reading::{self, Unreadable};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::MediaFile;
use super::instant::Instant;
use super::wire::{FileWire, ParticipantWire};
use crate::delivery::{self, ParseError, SignatureError};
use crate::mac;
use crate::secret::Secret;

/// Largest body that is accepted, after unpacking. Real events have a few KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A body that cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`]: 413.
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// Begins like gzip and is not: 400.
    #[error("the body is not valid gzip")]
    NotGzip,
}

/// Unpacks a body. Gzip is recognised by its first bytes, because not every proxy keeps the header that announces it.
pub fn decode(body: &[u8]) -> Result<Cow<'_, [u8]>, BodyError> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return if body.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(Cow::Borrowed(body)) };
    }
    let mut unpacked = Vec::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked).map_err(|_| BodyError::NotGzip)?;
    if unpacked.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(Cow::Owned(unpacked)) }
}

/// Verifies a delivery over its unpacked body. The signature may fit any of the API secrets.
pub fn verify(secrets: &[Secret], headers: &HeaderMap, decoded_body: &[u8]) -> Result<(), SignatureError> {
    let signature = headers.get("x-signature").ok_or(SignatureError::MissingHeader("x-signature"))?;
    mac::check_hex(secrets, &[decoded_body], [signature.as_bytes()])
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// Something happened to a call.
    Call(CallEvent),
    /// An event we do not handle, or one about a participant who is not one of our users.
    Unknown {
        /// Its `type`.
        kind: String,
    },
}

/// Something that happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// Which call.
    pub call: CallRef,
    /// When it happened, by Stream's clock.
    pub created_at: Timestamp,
    /// What happened.
    pub kind: CallEventKind,
}

/// The name of a call. Whether it is one of ours is for the caller to see: the id of ours is a booking id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRef {
    /// The call's type; ours is [`super::CALL_TYPE`].
    pub call_type: String,
    /// The call's id within its type.
    pub call_id: String,
}

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEventKind {
    /// The first person joined.
    SessionStarted {
        /// Which session of the call.
        session_id: String,
    },
    /// The last person left; another session may follow.
    SessionEnded {
        /// Which session of the call.
        session_id: String,
    },
    /// Somebody joined.
    ParticipantJoined {
        /// Which session of the call.
        session_id: String,
        /// Who.
        user_id: UserId,
        /// Which of their connections.
        user_session_id: String,
        /// When.
        joined_at: Timestamp,
    },
    /// Somebody left.
    ParticipantLeft {
        /// Which session of the call.
        session_id: String,
        /// Who.
        user_id: UserId,
        /// Which of their connections.
        user_session_id: String,
        /// When they had joined, so that the leave alone tells the whole stay.
        joined_at: Option<Timestamp>,
        /// When they left.
        left_at: Timestamp,
        /// How long they were there, by Stream's count.
        duration_seconds: Option<u64>,
    },
    /// The call was ended for all and for good.
    CallEnded,
    /// A recording runs.
    RecordingStarted,
    /// A recording no longer runs; its file follows.
    RecordingStopped,
    /// A recording gave no file.
    RecordingFailed,
    /// A recording can be fetched.
    RecordingReady {
        /// The file.
        file: MediaFile,
    },
    /// A transcription runs.
    TranscriptionStarted,
    /// A transcription no longer runs; its file follows.
    TranscriptionStopped,
    /// A transcription gave no file.
    TranscriptionFailed {
        /// Stream's reason.
        reason: Option<String>,
    },
    /// A transcript can be fetched.
    TranscriptionReady {
        /// The file.
        file: MediaFile,
    },
}

/// The events that we read.
const EVENTS: [&str; 13] = [
    "call.session_started",
    "call.session_ended",
    "call.session_participant_joined",
    "call.session_participant_left",
    "call.ended",
    "call.recording_started",
    "call.recording_stopped",
    "call.recording_failed",
    "call.recording_ready",
    "call.transcription_started",
    "call.transcription_stopped",
    "call.transcription_failed",
    "call.transcription_ready",
];

#[derive(Deserialize)]
struct CallWire {
    call_cid: String,
    created_at: Instant,
}

#[derive(Deserialize)]
struct SessionWire {
    session_id: String,
}

#[derive(Deserialize)]
struct JoinWire {
    session_id: String,
    participant: ParticipantWire,
    duration_seconds: Option<serde_json::Number>,
}

#[derive(Deserialize)]
struct RecordingWire {
    call_recording: FileWire,
}

#[derive(Deserialize)]
struct TranscriptionWire {
    call_transcription: FileWire,
}

#[derive(Deserialize)]
struct FailureWire {
    error: Option<String>,
}

/// Reads a verified, unpacked delivery.
pub fn parse(decoded_body: &[u8]) -> Result<StreamEvent, ParseError> {
    let kind = delivery::kind(decoded_body)?;
    let Some(event) = EVENTS.into_iter().find(|known| *known == kind) else {
        return Ok(StreamEvent::Unknown { kind });
    };
    match call_event(event, decoded_body) {
        Ok(Some(event)) => Ok(StreamEvent::Call(event)),
        Ok(None) => Ok(StreamEvent::Unknown { kind }),
        Err(why) => Err(ParseError { event: Some(event), why }),
    }
}

/// `None` for an event we do not handle.
fn call_event(name: &str, body: &[u8]) -> Result<Option<CallEvent>, Unreadable> {
    let Some(kind) = call_event_kind(name, body)? else { return Ok(None) };
    let CallWire { call_cid, created_at: Instant(created_at) } = read(body)?;
    let parts = call_cid.split_once(':').filter(|(call_type, call_id)| !call_type.is_empty() && !call_id.is_empty());
    let (call_type, call_id) = parts.ok_or_else(|| Unreadable::wrong("call_cid", "a type and an id"))?;
    let call = CallRef { call_type: call_type.to_owned(), call_id: call_id.to_owned() };
    Ok(Some(CallEvent { call, created_at, kind }))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    reading::read(body)
}

/// `None` for an event we do not handle.
fn call_event_kind(name: &str, body: &[u8]) -> Result<Option<CallEventKind>, Unreadable> {
    Ok(Some(match name {
        "call.session_started" => CallEventKind::SessionStarted { session_id: read::<SessionWire>(body)?.session_id },
        "call.session_ended" => CallEventKind::SessionEnded { session_id: read::<SessionWire>(body)?.session_id },
        "call.session_participant_joined" | "call.session_participant_left" => return participant_event(name, body),
        "call.ended" => CallEventKind::CallEnded,
        "call.recording_started" => CallEventKind::RecordingStarted,
        "call.recording_stopped" => CallEventKind::RecordingStopped,
        "call.recording_failed" => CallEventKind::RecordingFailed,
        "call.recording_ready" => {
            CallEventKind::RecordingReady { file: read::<RecordingWire>(body)?.call_recording.into_file() }
        }
        "call.transcription_started" => CallEventKind::TranscriptionStarted,
        "call.transcription_stopped" => CallEventKind::TranscriptionStopped,
        "call.transcription_failed" => CallEventKind::TranscriptionFailed { reason: read::<FailureWire>(body)?.error },
        "call.transcription_ready" => {
            CallEventKind::TranscriptionReady { file: read::<TranscriptionWire>(body)?.call_transcription.into_file() }
        }
        _ => return Ok(None),
    }))
}

fn participant_event(name: &str, body: &[u8]) -> Result<Option<CallEventKind>, Unreadable> {
    let JoinWire { session_id, participant, duration_seconds } = read(body)?;
    let CallWire { created_at: Instant(created_at), .. } = read(body)?;
    let Some(participant) = participant.into_participant() else { return Ok(None) };
    let (user_id, user_session_id) = (participant.user_id, participant.user_session_id);
    Ok(Some(if name == "call.session_participant_joined" {
        let joined_at = participant.joined_at.unwrap_or(created_at);
        CallEventKind::ParticipantJoined { session_id, user_id, user_session_id, joined_at }
    } else {
        CallEventKind::ParticipantLeft {
            session_id,
            user_id,
            user_session_id,
            joined_at: participant.joined_at,
            left_at: created_at,
            duration_seconds: duration_seconds.and_then(|seconds| seconds.as_u64()),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_answers::{body, cases, headers};
    use ::http::HeaderValue;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value, json};
    use std::io::Write as _;

    fn file() -> Value {
        serde_json::from_str(include_str!("../../vectors/stream.json")).unwrap()
    }

    #[test]
    fn every_known_delivery_is_judged_as_expected() {
        let file = file();
        let secrets = [Secret::new(file["api_secret"].as_str().unwrap())];
        assert_eq!(cases(&file).len(), 23);
        let mut packed = 0;
        for case in cases(&file) {
            let valid = case["expect"].as_str().unwrap().starts_with("valid");
            let expected = if valid { Ok(()) } else { Err(SignatureError::NoMatch) };
            let plain = decode(body(&file, case)).unwrap();
            assert_eq!(verify(&secrets, &headers(case), &plain), expected, "{}", case["name"]);
            if let Some(gzip) = case["gzip_variant"]["body_base64"].as_str() {
                let gzip = BASE64_STANDARD.decode(gzip).unwrap();
                assert_eq!(decode(&gzip).unwrap(), plain);
                assert_eq!(verify(&secrets, &headers(case), &gzip), Err(SignatureError::NoMatch));
                packed += 1;
            }
        }
        assert_eq!(packed, 9);
    }

    #[test]
    fn both_forms_of_every_event_mean_the_same() {
        let file = file();
        let call = CallRef { call_type: "default".into(), call_id: "iv_01JFAKE0000000000000000003".into() };
        let (session_id, user_session_id) =
            (String::from("6f0d0fa0-fake-4a1b-9c2d-000000000001"), String::from("us-fake-ewer"));
        let user_id: UserId = "user_FAKEinterviewer".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (joined_at, left_at) = (at("2026-11-20T08:32:00.769328551Z"), at("2026-11-20T09:29:20.769328551Z"));
        let media = |filename: &str| MediaFile {
            filename: filename.into(),
            url: format!(
                "https://cdn.stream.example/video/1/video/{filename}?Expires=1795167900&Signature=FAKE&Key-Pair-Id=FAKE"
            ),
            start_time: at("2026-11-20T08:31:50.769328551Z"),
            end_time: at("2026-11-20T09:29:25.769328551Z"),
            session_id: session_id.clone(),
        };
        let expected = [
            (
                "call.session_started",
                "2026-11-20T08:31:40.769328551Z",
                CallEventKind::SessionStarted { session_id: session_id.clone() },
            ),
            (
                "call.session_participant_joined",
                "2026-11-20T08:32:00.769328551Z",
                CallEventKind::ParticipantJoined {
                    session_id: session_id.clone(),
                    user_id: user_id.clone(),
                    user_session_id: user_session_id.clone(),
                    joined_at,
                },
            ),
            (
                "call.session_participant_left",
                "2026-11-20T09:29:20.769328551Z",
                CallEventKind::ParticipantLeft {
                    session_id: session_id.clone(),
                    user_id,
                    user_session_id,
                    joined_at: Some(joined_at),
                    left_at,
                    duration_seconds: Some(3_440),
                },
            ),
            (
                "call.session_ended",
                "2026-11-20T09:29:55.769328551Z",
                CallEventKind::SessionEnded { session_id: session_id.clone() },
            ),
            ("call.ended", "2026-11-20T09:29:30.769328551Z", CallEventKind::CallEnded),
            (
                "call.recording_ready",
                "2026-11-20T09:29:58.769328551Z",
                CallEventKind::RecordingReady {
                    file: media("rec_default_iv_01JFAKE0000000000000000003_video_1795163510000.mp4"),
                },
            ),
            ("call.recording_failed", "2026-11-20T09:29:58.769328551Z", CallEventKind::RecordingFailed),
            (
                "call.transcription_ready",
                "2026-11-20T09:29:59.769328551Z",
                CallEventKind::TranscriptionReady {
                    file: media("transcript_default_iv_01JFAKE0000000000000000003_1795163510000.jsonl"),
                },
            ),
            (
                "call.transcription_failed",
                "2026-11-20T09:29:59.769328551Z",
                CallEventKind::TranscriptionFailed { reason: Some("speech provider unavailable".into()) },
            ),
        ];
        for (name, created_at, kind) in expected {
            let event = StreamEvent::Call(CallEvent { call: call.clone(), created_at: at(created_at), kind });
            for name in [name.to_owned(), format!("{name} (date-times as Unix nanoseconds)")] {
                let case = cases(&file).iter().find(|case| case["name"] == *name).unwrap();
                assert_eq!(parse(body(&file, case)).unwrap(), event, "{name}");
            }
        }
    }

    #[test]
    fn during_rotation_any_secret_verifies_and_an_empty_one_never() {
        let file = file();
        let case = &cases(&file)[0];
        let judge = |secrets: &[Secret]| verify(secrets, &headers(case), body(&file, case));
        let (good, other) = (Secret::new(file["api_secret"].as_str().unwrap()), Secret::new("other"));
        assert_eq!(judge(&[other.clone(), good.clone()]), Ok(()));
        assert_eq!(judge(&[good, other.clone()]), Ok(()));
        assert_eq!(judge(&[other]), Err(SignatureError::NoMatch));
        assert_eq!(judge(&[]), Err(SignatureError::NoMatch));
        assert_eq!(verify(&[], &HeaderMap::new(), b""), Err(SignatureError::MissingHeader("x-signature")));

        let forged = hex::encode(mac::hmac_sha256(b"", &[b"{}"]));
        let forged = HeaderMap::from_iter([("x-signature".parse().unwrap(), HeaderValue::from_str(&forged).unwrap())]);
        assert_eq!(verify(&[Secret::new("")], &forged, b"{}"), Err(SignatureError::NoMatch));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_unpacked_to_one_mebibyte_and_no_further() {
        let largest = vec![b'x'; MAX_BODY_BYTES];
        assert_eq!(decode(&gzip(&largest)).unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(decode(&largest).unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(decode(&gzip(&vec![b'x'; MAX_BODY_BYTES + 1])), Err(BodyError::TooLarge));
        assert_eq!(decode(&vec![b'x'; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge));
        assert_eq!(decode(&gzip(&vec![0; 64 * MAX_BODY_BYTES])), Err(BodyError::TooLarge), "a bomb");

        assert_eq!(decode(b"").unwrap(), b"".as_slice());
        assert_eq!(decode(&[0x1f, 0x8b]), Err(BodyError::NotGzip));
        let mut damaged = gzip(b"{\"type\":\"call.ended\"}");
        damaged.truncate(damaged.len() - 4);
        assert_eq!(decode(&damaged), Err(BodyError::NotGzip));
    }

    #[test]
    fn events_of_no_concern_are_named_and_not_read() {
        for name in ["call.stats_report_ready", "user.updated", "call.session_participant_count_updated", ""] {
            let event = parse(json!({ "type": name, "created_at": {} }).to_string().as_bytes()).unwrap();
            assert_eq!(event, StreamEvent::Unknown { kind: name.into() });
        }
        let anonymous = json!({
            "type": "call.session_participant_joined", "call_cid": "default:x", "created_at": 1, "session_id": "s",
            "participant": { "user": { "id": "!anon-1" }, "user_session_id": "u", "role": "user", "joined_at": 1 },
        });
        assert!(matches!(parse(anonymous.to_string().as_bytes()), Ok(StreamEvent::Unknown { .. })));
    }

    #[test]
    fn a_body_that_breaks_its_promise_is_refused() {
        for wrong in [
            json!([]),
            json!({}),
            json!({ "type": 7 }),
            json!({ "type": "call.ended" }),
            json!({ "type": "call.ended", "call_cid": "default:x" }),
            json!({ "type": "call.ended", "call_cid": "default:x", "created_at": "yesterday" }),
            json!({ "type": "call.session_started", "call_cid": "default:x", "created_at": 1 }),
            json!({ "type": "call.recording_ready", "call_cid": "default:x", "created_at": 1, "call_recording": {} }),
            json!({ "type": "call.session_participant_left", "call_cid": "default:x", "created_at": 1, "session_id": "s" }),
        ] {
            assert!(parse(wrong.to_string().as_bytes()).is_err(), "{wrong}");
        }
        for call_cid in ["", "default", ":x", "default:"] {
            let wrong = json!({ "type": "call.ended", "call_cid": call_cid, "created_at": 1 });
            let error = parse(wrong.to_string().as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "of call.ended, call_cid is not a type and an id", "{call_cid}");
        }
        let garbage = parse(b"\xff").unwrap_err();
        assert_eq!(garbage.to_string(), "of an event, it is not JSON, line 1, column 1");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_without_its_content() {
        let check = |event: Value, told: &str| {
            let error = parse(event.to_string().as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), told);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        };
        check(
            json!({ "type": "call.ended", "call_cid": "s3cret:x", "created_at": "s3cret, expected s3cret" }),
            "of call.ended, created_at is not an RFC 3339 date-time or Unix nanoseconds",
        );
        check(
            json!({ "type": "call.recording_ready", "call_recording": { "url": "https://x.example/s3cret" } }),
            "of call.recording_ready, the member call_recording.filename is missing",
        );
        check(
            json!({ "type": "call.session_participant_joined", "session_id": "s", "s3cret": 1,
                "participant": { "user": "s3cret" } }),
            "of call.session_participant_joined, participant.user is not an object",
        );
        check(json!({ "type": { "s3cret": "s3cret" } }), "of an event, type is not a text");
    }

    #[test]
    fn a_file_that_is_ready_is_read_without_its_session() {
        for session in [json!({}), json!({ "session_id": null })] {
            let mut file = json!({ "filename": "f", "url": "https://x.example/f", "start_time": 1, "end_time": 2 });
            file.as_object_mut().unwrap().extend(session.as_object().unwrap().clone());
            let event = json!({
                "type": "call.transcription_ready", "call_cid": "default:x", "created_at": 3, "call_transcription": file,
            });
            let StreamEvent::Call(event) = parse(event.to_string().as_bytes()).unwrap() else { panic!() };
            let CallEventKind::TranscriptionReady { file } = event.kind else { panic!() };
            assert_eq!((file.filename.as_str(), file.session_id.as_str()), ("f", ""));
        }
    }

    #[test]
    fn a_leave_may_lack_what_a_join_told() {
        let event = json!({
            "type": "call.session_participant_left", "call_cid": "default:x", "created_at": 5, "session_id": "s",
            "participant": { "user": { "id": "user_1" }, "user_session_id": "u" }, "duration_seconds": 1.5,
        });
        let StreamEvent::Call(event) = parse(event.to_string().as_bytes()).unwrap() else { panic!() };
        let CallEventKind::ParticipantLeft { joined_at, left_at, duration_seconds, .. } = event.kind else { panic!() };
        assert_eq!((joined_at, left_at.as_nanosecond(), duration_seconds), (None, 5, None));
    }
}
