//! Stream Video: calls, their recordings and transcripts, and who was in them.
//!
//! A booking's call has the booking's id and the type [`CALL_TYPE`], so that every event names its booking.

mod client;
mod error;
mod instant;
pub mod token;
pub mod webhook;
mod wire;

#[cfg(test)]
mod client_tests;

use std::fmt;

use domain::ids::{BookingId, UserId};
use jiff::Timestamp;

pub use client::{CallRequest, StreamClient, StreamUser};
pub use error::StreamError;

/// The type of all our calls. It comes with every Stream app.
pub const CALL_TYPE: &str = "default";

/// The Stream user in whose name the server creates calls.
pub const SERVER_USER_ID: &str = "greenroom";

/// The full name of a booking's call, as tokens and events write it.
pub fn call_cid(call_id: BookingId) -> String {
    format!("{CALL_TYPE}:{call_id}")
}

/// What a person may do in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallRole {
    /// The interviewer.
    Host,
    /// The interviewee.
    User,
}

impl CallRole {
    /// Stream's name of the role.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
        }
    }
}

/// When recording and transcription run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureMode {
    /// Only when asked to.
    Available,
    /// Whenever somebody is in the call. Only for calls to which both have consented.
    AutoOn,
    /// Never; we set this nowhere.
    Disabled,
    /// A mode that Stream added.
    Unknown,
}

/// A call as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts that Stream reports as such")]
pub struct CallState {
    /// Whether Stream knows the call. All else is empty if not.
    pub exists: bool,
    /// The session in which people are now; a call can have several, one after the other.
    pub live_session: Option<String>,
    /// Whether a recording is running.
    pub recording: bool,
    /// Whether a transcription is running.
    pub transcribing: bool,
    /// Whether the call was ended for all and for good.
    pub ended: bool,
    /// When recordings run.
    pub recording_mode: CaptureMode,
    /// When transcriptions run.
    pub transcription_mode: CaptureMode,
    /// The current or most recent session, where there was one.
    pub last_session: Option<SessionState>,
}

/// A stretch of time in which somebody was in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Stream's id of the session.
    pub session_id: String,
    /// When the first person joined.
    pub started_at: Option<Timestamp>,
    /// When the last person left.
    pub ended_at: Option<Timestamp>,
    /// Who is in it now. Participants that are not users of ours are left out.
    pub participants: Vec<Participant>,
}

/// A person's connection to a session; somebody with two devices is there twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub user_id: UserId,
    /// Stream's id of this connection.
    pub user_session_id: String,
    /// Since when.
    pub joined_at: Option<Timestamp>,
    /// Until when; none while they are there.
    pub left_at: Option<Timestamp>,
}

/// A recording or a transcript at Stream, which keeps it for two weeks. `Debug` hides the link.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// Unique within the call's session.
    pub filename: String,
    /// A signed link, valid for minutes to days. Whoever has it has the file: never log it.
    pub url: String,
    /// When it begins; times inside a transcript count from here.
    pub start_time: Timestamp,
    /// When it ends.
    pub end_time: Timestamp,
    /// The session it is of; empty where Stream does not say.
    pub session_id: String,
}

impl fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaFile")
            .field("filename", &self.filename)
            .field("start_time", &self.start_time)
            .field("end_time", &self.end_time)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}
