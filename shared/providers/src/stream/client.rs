//! Stream's REST API, for the calls we make.

use std::fmt;
use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use domain::ids::{BookingId, UserId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::StreamError;
use super::wire::{self, CallAnswer, RecordingsAnswer, StayWire, StaysAnswer, TranscriptionsAnswer};
use super::{CALL_TYPE, CallRole, CallState, CaptureMode, MediaFile, Participant, SERVER_USER_ID, token};
use crate::BoxFuture;
use crate::download::{self, Download, DownloadError};
use crate::http::{Answer, BaseUrl, DEFAULT_TIMEOUT, Http, Request};
use crate::secret::Secret;
use crate::unexpected::{Operation, Why};

/// The language that is spoken in interviews; the speech facts are made for it.
const TRANSCRIPTION_LANGUAGE: &str = "en";

/// How many pages of stays Stream is asked for at most. How many stays a page has is left to it.
const PAGES_AT_MOST: usize = 40;

/// A person as Stream shows them. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamUser {
    /// Who.
    pub id: UserId,
    /// The name that the others in a call see.
    pub name: String,
    /// The link to a picture.
    pub image: Option<String>,
}

impl fmt::Debug for StreamUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamUser").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The call of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// The booking, whose id the call has.
    pub call_id: BookingId,
    /// When the interview is to start.
    pub starts_at: Timestamp,
    /// How long a session of the call may last before Stream ends it.
    pub max_duration_seconds: u32,
    /// Joins as `user`.
    pub interviewee: UserId,
    /// Joins as `host`.
    pub interviewer: UserId,
}

/// Calls Stream's REST API.
///
/// Every request may be repeated: what is already as asked for counts as done. So a connection that fails or breaks is
/// tried once more here; all other repeats are the caller's.
#[derive(Clone)]
pub struct StreamClient {
    http: Http,
    base: BaseUrl,
    api_key: String,
    server_token: Secret,
    timeout: Duration,
}

/// What can run in a call, and how Stream's paths name it.
#[derive(Clone, Copy)]
enum Capture {
    Recording,
    Transcription,
}

impl StreamClient {
    /// A client for the app that `api_key` and `api_secret` belong to. During rotation the first secret signs.
    pub fn new(http: Http, base: BaseUrl, api_key: impl Into<String>, api_secret: &Secret) -> Self {
        Self {
            http,
            base,
            api_key: api_key.into(),
            server_token: token::server_token(api_secret),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// The same client with another limit for a whole exchange than the usual ten seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Creates or replaces users, and the server's own with them. Everybody must exist before a call names them.
    pub fn upsert_users<'a>(&'a self, users: &'a [StreamUser]) -> BoxFuture<'a, Result<(), StreamError>> {
        Box::pin(async move {
            let server = json!({ "id": SERVER_USER_ID, "name": "Greenroom", "role": "admin" });
            let mut entries = Map::from_iter([(SERVER_USER_ID.to_owned(), server)]);
            for user in users {
                let mut entry = json!({ "id": user.id, "name": user.name, "role": "user" });
                if let Some(image) = &user.image {
                    entry["image"] = json!(image);
                }
                entries.insert(user.id.to_string(), entry);
            }
            let body = json!({ "users": entries });
            self.ask("upsert users", Method::POST, &["users"], &[], Some(&body)).await.map(drop)
        })
    }

    /// Creates the call of a booking, or finds it. It neither records nor transcribes until somebody asks for that,
    /// because consent can be missing or be withdrawn. The users must exist.
    pub fn get_or_create_call<'a>(&'a self, call: &'a CallRequest) -> BoxFuture<'a, Result<CallState, StreamError>> {
        Box::pin(async move {
            let mut settings = capture_settings("available");
            settings["limits"] = json!({ "max_duration_seconds": call.max_duration_seconds });
            settings["backstage"] = json!({ "enabled": false });
            let body = json!({ "notify": false, "ring": false, "data": {
                "created_by_id": SERVER_USER_ID,
                "starts_at": call.starts_at,
                "members": [
                    { "user_id": call.interviewee, "role": CallRole::User.as_str() },
                    { "user_id": call.interviewer, "role": CallRole::Host.as_str() },
                ],
                "custom": { "booking_id": call.call_id },
                "settings_override": settings,
            }});
            let answer = self.ask_call("create call", Method::POST, call.call_id, &[], Some(&body)).await?;
            Ok(read::<CallAnswer>("create call", &answer)?.into_state())
        })
    }

    /// The call as it is now.
    pub fn call_state(&self, call_id: BookingId) -> BoxFuture<'_, Result<CallState, StreamError>> {
        Box::pin(async move {
            match self.ask_call("get call", Method::GET, call_id, &[], None).await {
                Ok(answer) => Ok(read::<CallAnswer>("get call", &answer)?.into_state()),
                Err(StreamError::NotFound) => Ok(wire::no_call()),
                Err(error) => Err(error),
            }
        })
    }

    /// Tells the call of a rescheduled booking its new start.
    pub fn set_start(&self, call_id: BookingId, starts_at: Timestamp) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let body = json!({ "starts_at": starts_at });
            self.ask_call("move call", Method::PATCH, call_id, &[], Some(&body)).await.map(drop)
        })
    }

    /// Sets when recording and transcription run. [`CaptureMode::AutoOn`] takes effect when the next person joins.
    pub fn set_capture_mode(&self, call_id: BookingId, mode: CaptureMode) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let mode = match mode {
                CaptureMode::AutoOn => "auto-on",
                CaptureMode::Disabled => "disabled",
                CaptureMode::Available | CaptureMode::Unknown => "available",
            };
            let body = json!({ "settings_override": capture_settings(mode) });
            self.ask_call("set capture mode", Method::PATCH, call_id, &[], Some(&body)).await.map(drop)
        })
    }

    /// Starts to record the call. Somebody must be in it.
    pub fn start_recording(&self, call_id: BookingId) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(self.switch(
            "start recording",
            call_id,
            &["recordings", "composite", "start"],
            Some(json!({})),
            |state| state.recording,
        ))
    }

    /// Stops recording. A call that is not being recorded is as asked for.
    pub fn stop_recording(&self, call_id: BookingId) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(self.switch(
            "stop recording",
            call_id,
            &["recordings", "composite", "stop"],
            Some(json!({})),
            |state| !state.recording,
        ))
    }

    /// Starts to transcribe the call. Somebody must be in it.
    pub fn start_transcription(&self, call_id: BookingId) -> BoxFuture<'_, Result<(), StreamError>> {
        let body = json!({ "language": TRANSCRIPTION_LANGUAGE, "enable_closed_captions": false });
        Box::pin(
            self.switch("start transcription", call_id, &["start_transcription"], Some(body), |state| {
                state.transcribing
            }),
        )
    }

    /// Stops transcribing. A call that is not being transcribed is as asked for.
    pub fn stop_transcription(&self, call_id: BookingId) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(self.switch("stop transcription", call_id, &["stop_transcription"], Some(json!({})), |state| {
            !state.transcribing
        }))
    }

    /// Ends the call for all and for good. A call that has been ended is as asked for.
    pub fn end_call(&self, call_id: BookingId) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(self.switch("end call", call_id, &["mark_ended"], None, |state| state.ended))
    }

    /// Who was in a session of the call and when, whether it goes on or not, up to forty pages of stays. Nobody
    /// where Stream does not know the session.
    pub fn list_participants<'a>(
        &'a self,
        call_id: BookingId,
        session_id: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Participant>, StreamError>> {
        Box::pin(async move {
            let call = call_id.to_string();
            let path = ["video", "call", CALL_TYPE, &call, "session", session_id, "participant_sessions"];
            let (mut found, mut next) = (Vec::new(), None::<String>);
            for _ in 0..PAGES_AT_MOST {
                let query: Vec<(&str, &str)> = next.as_deref().map(|next| ("next", next)).into_iter().collect();
                let answer = match self.ask("list participants", Method::GET, &path, &query, None).await {
                    Err(StreamError::NotFound) => break,
                    outcome => read::<StaysAnswer>("list participants", &outcome?)?,
                };
                found.extend(answer.participants_sessions.into_iter().filter_map(StayWire::into_participant));
                next = answer.next.filter(|next| !next.is_empty());
                if next.is_none() {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// All recordings of all sessions of the call, with fresh links.
    pub fn list_recordings(&self, call_id: BookingId) -> BoxFuture<'_, Result<Vec<MediaFile>, StreamError>> {
        Box::pin(async move {
            let answer = self.ask_call("list recordings", Method::GET, call_id, &["recordings"], None).await?;
            let files = read::<RecordingsAnswer>("list recordings", &answer)?.recordings;
            Ok(files.into_iter().map(wire::FileWire::into_file).collect())
        })
    }

    /// All transcripts of all sessions of the call, with fresh links.
    pub fn list_transcriptions(&self, call_id: BookingId) -> BoxFuture<'_, Result<Vec<MediaFile>, StreamError>> {
        Box::pin(async move {
            let answer = self.ask_call("list transcripts", Method::GET, call_id, &["transcriptions"], None).await?;
            let files = read::<TranscriptionsAnswer>("list transcripts", &answer)?.transcriptions;
            Ok(files.into_iter().map(wire::FileWire::into_file).collect())
        })
    }

    /// Deletes a recording at Stream. One that is not there is as asked for.
    pub fn delete_recording<'a>(
        &'a self,
        call_id: BookingId,
        session_id: &'a str,
        filename: &'a str,
    ) -> BoxFuture<'a, Result<(), StreamError>> {
        Box::pin(self.delete_file(Capture::Recording, call_id, session_id, filename))
    }

    /// Deletes a transcript at Stream. One that is not there is as asked for.
    pub fn delete_transcription<'a>(
        &'a self,
        call_id: BookingId,
        session_id: &'a str,
        filename: &'a str,
    ) -> BoxFuture<'a, Result<(), StreamError>> {
        Box::pin(self.delete_file(Capture::Transcription, call_id, session_id, filename))
    }

    /// Begins to fetch a recording of up to `limit_bytes` from a link that Stream gave out.
    pub fn download<'a>(&'a self, link: &'a str, limit_bytes: u64) -> BoxFuture<'a, Result<Download, DownloadError>> {
        download::open(&self.http, link, limit_bytes)
    }

    /// Goes on with a recording from byte `from` on, where it is still what `etag` names.
    pub fn download_from<'a>(
        &'a self,
        link: &'a str,
        limit_bytes: u64,
        from: u64,
        etag: &'a str,
    ) -> BoxFuture<'a, Result<Option<Download>, DownloadError>> {
        download::go_on(&self.http, link, limit_bytes, from, etag)
    }

    /// Fetches a transcript of up to `limit_bytes` whole.
    pub fn download_bounded<'a>(
        &'a self,
        link: &'a str,
        limit_bytes: u64,
    ) -> BoxFuture<'a, Result<Bytes, DownloadError>> {
        download::fetch(&self.http, link, limit_bytes)
    }

    /// Asks for a change of the call. When Stream refuses, the call is looked at: if it is as asked for, the change was
    /// made before. Stream's wording of "already" is not documented, its call state is.
    async fn switch(
        &self,
        operation: &'static str,
        call_id: BookingId,
        path: &[&str],
        body: Option<Value>,
        is_done: fn(&CallState) -> bool,
    ) -> Result<(), StreamError> {
        let refusal = match self.ask_call(operation, Method::POST, call_id, path, body.as_ref()).await {
            Err(refusal @ StreamError::Refused { .. }) => refusal,
            outcome => return outcome.map(drop),
        };
        let state = self.call_state(call_id).await?;
        if state.exists && is_done(&state) { Ok(()) } else { Err(refusal) }
    }

    async fn delete_file(
        &self,
        capture: Capture,
        call_id: BookingId,
        session_id: &str,
        filename: &str,
    ) -> Result<(), StreamError> {
        let (operation, collection) = match capture {
            Capture::Recording => ("delete recording", "recordings"),
            Capture::Transcription => ("delete transcript", "transcriptions"),
        };
        match self.ask_call(operation, Method::DELETE, call_id, &[session_id, collection, filename], None).await {
            Ok(_) | Err(StreamError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ask_call(
        &self,
        operation: &'static str,
        method: Method,
        call_id: BookingId,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer, StreamError> {
        let call_id = call_id.to_string();
        let whole = [&["video", "call", CALL_TYPE, &call_id], path].concat();
        self.ask(operation, method, &whole, &[], body).await
    }

    fn ask<'a>(
        &'a self,
        operation: &'static str,
        method: Method,
        path: &'a [&'a str],
        query: &'a [(&'a str, &'a str)],
        body: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Answer, StreamError>> {
        Box::pin(async move {
            let operation = named(operation);
            let whole = [&["api", "v2"], path].concat();
            let mut url = self.base.join(&whole).map_err(|error| operation.unexpected(Why::Address(error)))?;
            url.query_pairs_mut().append_pair("api_key", &self.api_key).extend_pairs(query);
            let mut request = Request::new(method, url)
                .secret_header("authorization", self.server_token.expose())
                .header("stream-auth-type", "jwt")
                .header("content-type", "application/json")
                .timeout(self.timeout);
            if let Some(body) = body {
                request = request.json(body);
            }
            let outcome = self.http.exchange_repeatable(&request).await;
            let answer = outcome.map_err(|reason| StreamError::from_no_answer(operation, reason))?;
            if answer.status.is_success() { Ok(answer) } else { Err(StreamError::from_answer(operation, &answer)) }
        })
    }
}

/// Closed captions would be speech turned into text without anybody's consent.
fn capture_settings(mode: &str) -> Value {
    json!({
        "recording": { "mode": mode, "quality": "720p", "audio_only": false },
        "transcription": { "mode": mode, "language": TRANSCRIPTION_LANGUAGE, "closed_caption_mode": "disabled" },
    })
}

fn named(name: &'static str) -> Operation {
    Operation { provider: "Stream", name }
}

fn read<T: DeserializeOwned>(operation: &'static str, answer: &Answer) -> Result<T, StreamError> {
    Ok(named(operation).read(answer)?)
}
