//! Calls, their sessions, and the events that each change causes. Nothing here sends or listens.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::media::Script;
use super::wire::{Refusal, Users, View};
use crate::clock;
use crate::crypto::random_uuid;
use crate::journal::Items;

/// Everything Stream knows about the app.
pub struct State {
    pub users: Users,
    /// By `type:id`.
    pub calls: Items<Call>,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Member {
    pub user_id: String,
    pub role: String,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Participant {
    pub user_id: String,
    pub user_session_id: String,
    pub role: String,
    pub joined_at: Timestamp,
}

/// One stay of one user, kept after they left.
#[derive(Clone, Deserialize, Serialize)]
pub struct Stay {
    pub user_id: String,
    pub user_session_id: String,
    pub joined_at: Timestamp,
    pub left_at: Option<Timestamp>,
}

/// How silence shows. The documentation leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// `call.transcription_failed`.
    #[default]
    Failed,
    /// `call.transcription_ready` with an empty file.
    Empty,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Session {
    pub id: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub participants: Vec<Participant>,
    pub stays: Vec<Stay>,
    pub script: Option<Script>,
    pub silence: Silence,
    /// Events about files that are announced once the session is over.
    pub announcements: Vec<Announcement>,
}

/// A running recording or transcription.
#[derive(Clone, Deserialize, Serialize)]
pub struct Egress {
    pub id: String,
    pub session_id: String,
    pub started_at: Timestamp,
}

/// A finished file.
#[derive(Clone, Deserialize, Serialize)]
pub struct Media {
    pub filename: String,
    pub session_id: String,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    /// The text of a transcript; recordings are made up when they are fetched.
    pub text: Option<String>,
}

#[derive(Clone, Deserialize, Serialize)]
pub enum Announcement {
    Recording { egress_id: String, filename: String },
    Transcription { egress_id: String, filename: String },
    TranscriptionFailed { egress_id: String },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Track {
    Recording,
    Transcription,
}

#[derive(Clone, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "`type` is a keyword")]
pub struct Call {
    pub call_type: String,
    pub id: String,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub starts_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub custom: Value,
    pub settings: Value,
    pub members: Vec<Member>,
    pub blocked: Vec<String>,
    pub sessions: Vec<Session>,
    pub recording: Option<Egress>,
    pub transcription: Option<Egress>,
    pub recordings: Vec<Media>,
    pub transcriptions: Vec<Media>,
    /// How far the session's clock is ahead of the machine's, so that a played session keeps its own time.
    pub clock_ahead_ns: i64,
}

impl Call {
    pub fn cid(&self) -> String {
        format!("{}:{}", self.call_type, self.id)
    }

    pub fn live_session(&self) -> Option<&Session> {
        self.sessions.last().filter(|session| session.ended_at.is_none())
    }

    fn live_session_mut(&mut self) -> Option<&mut Session> {
        self.sessions.last_mut().filter(|session| session.ended_at.is_none())
    }

    /// The time in the call's session: the machine's clock, shifted to where the session is being played.
    pub fn now(&self) -> Timestamp {
        if self.live_session().is_none() {
            return clock::now();
        }
        clock::now() + SignedDuration::from_nanos(self.clock_ahead_ns)
    }

    fn set_clock(&mut self, at: Timestamp) {
        let ahead = at.duration_since(clock::now()).as_nanos();
        self.clock_ahead_ns = i64::try_from(ahead).unwrap_or(0);
    }

    pub fn member_with_role(&self, roles: &[&str]) -> Option<String> {
        self.members.iter().find(|member| roles.contains(&member.role.as_str())).map(|member| member.user_id.clone())
    }

    fn event(&self, view: View, event_type: &str, at: Timestamp, members: Value) -> Value {
        let mut event = json!({ "type": event_type, "created_at": view.wire.time(at), "call_cid": self.cid() });
        if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
            event.extend(members);
        }
        event
    }

    /// A user enters. The first one starts a session, and with it whatever is set to `auto-on`.
    pub fn join(
        &mut self,
        view: View,
        user_id: &str,
        role: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<Value>, Refusal> {
        if self.ended_at.is_some() {
            return Err(Refusal::not_allowed(format!("JoinCall failed with error: \"call {} has ended\"", self.cid())));
        }
        if !view.users.contains_key(user_id) {
            return Err(Refusal::missing(format!("JoinCall failed with error: \"user {user_id} does not exist\"")));
        }
        if self.blocked.iter().any(|blocked| blocked == user_id) {
            return Err(Refusal::not_allowed(format!("JoinCall failed with error: \"user {user_id} is blocked\"")));
        }
        let limit = self.settings["limits"]["max_participants"].as_u64().filter(|limit| *limit > 0);
        let present = self.live_session().map_or(0, |session| session.participants.len());
        if limit.is_some_and(|limit| u64::try_from(present).unwrap_or(u64::MAX) >= limit) {
            return Err(Refusal::not_allowed("JoinCall failed with error: \"max participants limit reached\""));
        }
        self.set_clock(at);
        let is_new = self.live_session().is_none();
        if is_new {
            self.sessions.push(Session {
                id: random_uuid(),
                started_at: at,
                ended_at: None,
                participants: Vec::new(),
                stays: Vec::new(),
                script: None,
                silence: Silence::default(),
                announcements: Vec::new(),
            });
        }
        let member_role = self.members.iter().find(|member| member.user_id == user_id).map(|member| &member.role);
        let role = role.or(member_role.map(String::as_str)).unwrap_or("user").to_owned();
        let participant = Participant { user_id: user_id.into(), user_session_id: random_uuid(), role, joined_at: at };
        let joined = view.participant(&participant);
        let Some(session) = self.live_session_mut() else { return Ok(Vec::new()) };
        session.stays.push(Stay {
            user_id: user_id.into(),
            user_session_id: participant.user_session_id.clone(),
            joined_at: at,
            left_at: None,
        });
        session.participants.push(participant);
        let session_id = session.id.clone();
        let mut events = Vec::new();
        if is_new {
            let members = json!({ "session_id": session_id, "call": view.call(self) });
            events.push(self.event(view, "call.session_started", at, members));
        }
        let members = json!({ "session_id": session_id, "participant": joined });
        events.push(self.event(view, "call.session_participant_joined", at, members));
        if present == 0 {
            for track in [Track::Recording, Track::Transcription] {
                if self.mode(track) == "auto-on" {
                    events.extend(self.start(view, track, at)?);
                }
            }
        }
        Ok(events)
    }

    fn mode(&self, track: Track) -> &str {
        let name = if track == Track::Recording { "recording" } else { "transcription" };
        self.settings[name]["mode"].as_str().unwrap_or("available")
    }

    /// A user leaves. When the last one does, recording and transcription stop; their files are announced when the
    /// session ends.
    pub fn leave(&mut self, view: View, user_id: &str, at: Timestamp, reason: &str) -> Result<Vec<Value>, Refusal> {
        self.set_clock(at);
        let cid = self.cid();
        let missing = || Refusal::missing(format!("user {user_id} is not in the session of {cid}"));
        let session = self.live_session_mut().ok_or_else(missing)?;
        let index = session.participants.iter().position(|participant| participant.user_id == user_id);
        let participant = session.participants.remove(index.ok_or_else(missing)?);
        if let Some(stay) = session.stays.iter_mut().find(|stay| stay.user_session_id == participant.user_session_id) {
            stay.left_at = Some(at);
        }
        let is_empty = session.participants.is_empty();
        let members = json!({
            "session_id": session.id,
            "participant": view.participant(&participant),
            "duration_seconds": at.duration_since(participant.joined_at).as_secs(),
            "reason": reason,
        });
        let mut events = vec![self.event(view, "call.session_participant_left", at, members)];
        if is_empty {
            for track in [Track::Recording, Track::Transcription] {
                if self.egress(track).is_some() {
                    events.push(self.stop(view, track, at)?);
                }
            }
        }
        Ok(events)
    }

    /// The session is over: whoever is left leaves, files are announced.
    pub fn end_session(&mut self, view: View, at: Timestamp) -> Result<Vec<Value>, Refusal> {
        let Some(session) = self.live_session() else {
            return Err(Refusal::missing(format!("{} has no live session", self.cid())));
        };
        let present: Vec<String> = session.participants.iter().map(|participant| participant.user_id.clone()).collect();
        let mut events = Vec::new();
        for user_id in present {
            events.extend(self.leave(view, &user_id, at, "")?);
        }
        let Some(session) = self.live_session_mut() else { return Ok(events) };
        session.ended_at = Some(at);
        let announcements = std::mem::take(&mut session.announcements);
        let session_id = session.id.clone();
        let members = json!({ "session_id": session_id, "call": view.call(self) });
        events.push(self.event(view, "call.session_ended", at, members));
        for announcement in announcements {
            events.extend(self.announce(view, &announcement, at));
        }
        Ok(events)
    }

    /// `mark_ended`: the call is over for good. Doing it again changes nothing.
    pub fn mark_ended(&mut self, view: View) -> Result<Vec<Value>, Refusal> {
        if self.ended_at.is_some() {
            return Ok(Vec::new());
        }
        let at = self.now();
        self.ended_at = Some(at);
        self.updated_at = clock::now();
        let members =
            json!({ "call": view.call(self), "user": view.user(&self.created_by), "members": view.members(self) });
        let mut events = vec![self.event(view, "call.ended", at, members)];
        if self.live_session().is_some() {
            events.extend(self.end_session(view, at)?);
        }
        Ok(events)
    }

    fn egress(&self, track: Track) -> Option<&Egress> {
        match track {
            Track::Recording => self.recording.as_ref(),
            Track::Transcription => self.transcription.as_ref(),
        }
    }

    fn egress_mut(&mut self, track: Track) -> &mut Option<Egress> {
        match track {
            Track::Recording => &mut self.recording,
            Track::Transcription => &mut self.transcription,
        }
    }

    /// Starts recording or transcribing. Refused without somebody in the call, where the mode is `disabled`, and where
    /// it already runs.
    pub fn start(&mut self, view: View, track: Track, at: Timestamp) -> Result<Vec<Value>, Refusal> {
        let what = if track == Track::Recording { "recording" } else { "transcription" };
        if self.mode(track) == "disabled" {
            return Err(Refusal::input(format!("{what} is disabled for this call")));
        }
        let session_id = match self.live_session() {
            Some(session) if !session.participants.is_empty() => session.id.clone(),
            _ => return Err(Refusal::input(format!("cannot start {what}: there is no active call session"))),
        };
        if self.egress(track).is_some() {
            return Err(Refusal::input(format!("{what} is already running")));
        }
        let egress = Egress { id: random_uuid(), session_id, started_at: at };
        let event = match track {
            Track::Recording => {
                let members = json!({ "egress_id": egress.id, "recording_type": "composite" });
                self.event(view, "call.recording_started", at, members)
            }
            Track::Transcription => {
                self.event(view, "call.transcription_started", at, json!({ "egress_id": egress.id }))
            }
        };
        *self.egress_mut(track) = Some(egress);
        Ok(vec![event])
    }

    /// Stops recording or transcribing on request, and announces the file at once.
    pub fn stop_now(&mut self, view: View, track: Track, at: Timestamp) -> Result<Vec<Value>, Refusal> {
        let mut events = vec![self.stop(view, track, at)?];
        let waiting = self.live_session_mut().map(|session| std::mem::take(&mut session.announcements));
        for announcement in waiting.unwrap_or_default() {
            events.extend(self.announce(view, &announcement, at));
        }
        Ok(events)
    }

    fn stop(&mut self, view: View, track: Track, at: Timestamp) -> Result<Value, Refusal> {
        let what = if track == Track::Recording { "recording" } else { "transcription" };
        let Some(egress) = self.egress_mut(track).take() else {
            return Err(Refusal::input(format!("{what} is not running")));
        };
        let event_type = format!("call.{what}_stopped");
        let mut members = json!({ "egress_id": egress.id });
        if track == Track::Recording {
            members["recording_type"] = json!("composite");
        }
        let event = self.event(view, &event_type, at, members);
        let text = (track == Track::Transcription).then(|| self.transcript_text(&egress, at));
        let announcement = match (track, text) {
            (Track::Transcription, Some(None)) => Announcement::TranscriptionFailed { egress_id: egress.id },
            (Track::Transcription, text) => {
                let media = self.media(&egress, at, "transcript", "jsonl", text.flatten());
                let filename = media.filename.clone();
                self.transcriptions.push(media);
                Announcement::Transcription { egress_id: egress.id, filename }
            }
            (Track::Recording, _) => {
                let media = self.media(&egress, at, "rec", "mp4", None);
                let filename = media.filename.clone();
                self.recordings.push(media);
                Announcement::Recording { egress_id: egress.id, filename }
            }
        };
        if let Some(session) = self.live_session_mut() {
            session.announcements.push(announcement);
        }
        Ok(event)
    }

    fn media(&self, egress: &Egress, end: Timestamp, prefix: &str, suffix: &str, text: Option<String>) -> Media {
        let video = if prefix == "rec" { "_video" } else { "" };
        let mut milliseconds = egress.started_at.as_millisecond();
        let name =
            |milliseconds: i64| format!("{prefix}_{}_{}{video}_{milliseconds}.{suffix}", self.call_type, self.id);
        // A session can be played twice at the same instant; two files still need two names.
        while self.recordings.iter().chain(&self.transcriptions).any(|media| media.filename == name(milliseconds)) {
            milliseconds += 1;
        }
        let filename = name(milliseconds);
        Media { filename, session_id: egress.session_id.clone(), start_time: egress.started_at, end_time: end, text }
    }

    /// What was said while transcription ran; `None` for a silence that shows as a failure.
    fn transcript_text(&self, egress: &Egress, end: Timestamp) -> Option<String> {
        let session = self.sessions.iter().find(|session| session.id == egress.session_id)?;
        let was_present = |speaker: &str, at: Timestamp| {
            let mut stays = session.stays.iter().filter(|stay| stay.user_id == speaker).peekable();
            // A voice that belongs to no participant is let through: garbage has to stay garbage.
            let is_stranger = stays.peek().is_none() && !self.members.iter().any(|member| member.user_id == speaker);
            is_stranger || stays.any(|stay| stay.joined_at <= at && stay.left_at.is_none_or(|left_at| at < left_at))
        };
        let text = session
            .script
            .as_ref()
            .and_then(|script| script.transcript(session.started_at, egress.started_at, end, was_present));
        match (text, session.silence) {
            (None, Silence::Empty) => Some(String::new()),
            (text, _) => text,
        }
    }

    fn announce(&self, view: View, announcement: &Announcement, at: Timestamp) -> Option<Value> {
        // Files take some seconds to appear after the session.
        let at = at + SignedDuration::from_secs(4);
        match announcement {
            Announcement::Recording { egress_id, filename } => {
                let media = self.recordings.iter().find(|media| media.filename == *filename)?;
                let recording = Self::media_view(view, Track::Recording, media);
                let members =
                    json!({ "egress_id": egress_id, "recording_type": "composite", "call_recording": recording });
                Some(self.event(view, "call.recording_ready", at, members))
            }
            Announcement::Transcription { egress_id, filename } => {
                let media = self.transcriptions.iter().find(|media| media.filename == *filename)?;
                let transcription = Self::media_view(view, Track::Transcription, media);
                let members = json!({ "egress_id": egress_id, "call_transcription": transcription });
                Some(self.event(view, "call.transcription_ready", at, members))
            }
            Announcement::TranscriptionFailed { egress_id } => {
                let members = json!({ "egress_id": egress_id, "error": "no speech was recognised" });
                Some(self.event(view, "call.transcription_failed", at, members))
            }
        }
    }

    /// A file as lists and events show it, with a fresh link.
    pub fn media_view(view: View, track: Track, media: &Media) -> Value {
        let mut value = json!({
            "filename": media.filename,
            "url": view.wire.media_url(&media.filename),
            "start_time": view.wire.time(media.start_time),
            "end_time": view.wire.time(media.end_time),
            "session_id": media.session_id,
        });
        if track == Track::Recording {
            value["recording_type"] = json!("composite");
        }
        value
    }

    /// Gives the live session what is said in it.
    pub fn set_script(&mut self, script: Script, silence: Silence) {
        if let Some(session) = self.live_session_mut() {
            session.script = Some(script);
            session.silence = silence;
        }
    }
}
