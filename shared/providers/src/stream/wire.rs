//! Stream's JSON, as far as we read it.

use jiff::Timestamp;
use serde::Deserialize;

use super::instant::Instant;
use super::{CallState, CaptureMode, MediaFile, Participant, SessionState};

#[derive(Deserialize)]
pub struct CallAnswer {
    call: CallWire,
}

#[derive(Deserialize)]
struct CallWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    current_session_id: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    recording: bool,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    transcribing: bool,
    ended_at: Option<Instant>,
    settings: SettingsWire,
    session: Option<SessionWire>,
}

#[derive(Deserialize)]
struct SettingsWire {
    recording: CaptureWire,
    transcription: CaptureWire,
}

#[derive(Deserialize)]
struct CaptureWire {
    mode: String,
}

#[derive(Deserialize)]
struct SessionWire {
    id: String,
    started_at: Option<Instant>,
    ended_at: Option<Instant>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    participants: Vec<ParticipantWire>,
}

#[derive(Deserialize)]
pub struct ParticipantWire {
    user: UserWire,
    user_session_id: String,
    joined_at: Option<Instant>,
}

#[derive(Deserialize)]
struct UserWire {
    id: String,
}

/// One page of who was in a session.
#[derive(Deserialize)]
pub struct StaysAnswer {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    pub participants_sessions: Vec<StayWire>,
    #[serde(default)]
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub struct StayWire {
    user_id: String,
    user_session_id: String,
    joined_at: Option<Instant>,
    left_at: Option<Instant>,
}

#[derive(Deserialize)]
pub struct RecordingsAnswer {
    pub recordings: Vec<FileWire>,
}

#[derive(Deserialize)]
pub struct TranscriptionsAnswer {
    pub transcriptions: Vec<FileWire>,
}

#[derive(Deserialize)]
pub struct FileWire {
    filename: String,
    url: String,
    start_time: Instant,
    end_time: Instant,
    /// Left out at times.
    #[serde(default, deserialize_with = "crate::null::or_default")]
    session_id: String,
}

impl ParticipantWire {
    /// `None` for somebody who is not a user of ours, such as an anonymous viewer.
    pub fn into_participant(self) -> Option<Participant> {
        let joined_at = instant(self.joined_at);
        let user_id = self.user.id.parse().ok()?;
        Some(Participant { user_id, user_session_id: self.user_session_id, joined_at, left_at: None })
    }
}

impl StayWire {
    /// `None` for somebody who is not a user of ours.
    pub fn into_participant(self) -> Option<Participant> {
        let (joined_at, left_at) = (instant(self.joined_at), instant(self.left_at));
        Some(Participant {
            user_id: self.user_id.parse().ok()?,
            user_session_id: self.user_session_id,
            joined_at,
            left_at,
        })
    }
}

impl CallAnswer {
    pub fn into_state(self) -> CallState {
        let call = self.call;
        let last_session = call.session.map(SessionWire::into_state);
        let is_over =
            |id: &str| last_session.as_ref().is_some_and(|last| last.session_id == id && last.ended_at.is_some());
        let live_session = Some(call.current_session_id).filter(|id| !id.is_empty() && !is_over(id));
        CallState {
            exists: true,
            live_session,
            recording: call.recording,
            transcribing: call.transcribing,
            ended: call.ended_at.is_some(),
            recording_mode: capture_mode(&call.settings.recording.mode),
            transcription_mode: capture_mode(&call.settings.transcription.mode),
            last_session,
        }
    }
}

impl SessionWire {
    fn into_state(self) -> SessionState {
        SessionState {
            session_id: self.id,
            started_at: instant(self.started_at),
            ended_at: instant(self.ended_at),
            participants: self.participants.into_iter().filter_map(ParticipantWire::into_participant).collect(),
        }
    }
}

impl FileWire {
    pub fn into_file(self) -> MediaFile {
        let (Instant(start_time), Instant(end_time)) = (self.start_time, self.end_time);
        MediaFile { filename: self.filename, url: self.url, start_time, end_time, session_id: self.session_id }
    }
}

/// The state of a call that Stream does not know.
pub fn no_call() -> CallState {
    CallState {
        exists: false,
        live_session: None,
        recording: false,
        transcribing: false,
        ended: false,
        recording_mode: CaptureMode::Unknown,
        transcription_mode: CaptureMode::Unknown,
        last_session: None,
    }
}

fn instant(wire: Option<Instant>) -> Option<Timestamp> {
    wire.map(|Instant(timestamp)| timestamp)
}

fn capture_mode(text: &str) -> CaptureMode {
    match text {
        "available" => CaptureMode::Available,
        "auto-on" => CaptureMode::AutoOn,
        "disabled" => CaptureMode::Disabled,
        _ => CaptureMode::Unknown,
    }
}
