//! How values look on the wire: date-times, media links, errors, and the objects of the OpenAPI file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::calls::{Call, Member, Participant, Session};
use crate::clock;
use crate::crypto::{hmac_sha256, same};
use crate::journal::Items;

/// The form of date-times. Stream's own sources disagree, so both must be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateTimes {
    /// Strings with nine fraction digits, as in captured webhook deliveries.
    #[default]
    Rfc3339,
    /// Whole Unix nanoseconds, as in the OpenAPI file.
    UnixNs,
}

/// What is needed to write an answer or an event.
#[derive(Clone)]
pub struct Wire {
    pub times: DateTimes,
    pub base_url: String,
    pub secret: String,
    /// How long a media link stays valid.
    pub link_seconds: i64,
}

impl Wire {
    pub fn time(&self, at: Timestamp) -> Value {
        match self.times {
            DateTimes::Rfc3339 => clock::rfc3339(at),
            DateTimes::UnixNs => clock::unix_nanoseconds(at),
        }
    }

    /// A link that expires by the machine's clock, whatever time the session was played at.
    pub fn media_url(&self, filename: &str) -> String {
        let expires = clock::now().as_second() + self.link_seconds;
        let signature = media_signature(&self.secret, filename, expires);
        format!("{}/media/{filename}?Expires={expires}&Signature={signature}&Key-Pair-Id=SIMULATED", self.base_url)
    }
}

fn media_signature(secret: &str, filename: &str, expires: i64) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), format!("media {filename} {expires}").as_bytes()))
}

/// Whether a link was made by [`Wire::media_url`] for this file and has not run out.
pub fn media_link_is_good(secret: &str, filename: &str, expires: &str, signature: &str) -> bool {
    let Ok(expires) = expires.parse() else { return false };
    expires > clock::now().as_second()
        && same(media_signature(secret, filename, expires).as_bytes(), signature.as_bytes())
}

/// A refusal in Stream's numbering: 2 access key, 4 input, 5 authentication, 16 does not exist, 17 not allowed,
/// 40–43 token.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: i64,
    pub message: String,
}

impl Refusal {
    pub fn input(message: impl Into<String>) -> Self {
        Self { status: 400, code: 4, message: message.into() }
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self { status: 404, code: 16, message: message.into() }
    }

    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self { status: 403, code: 17, message: message.into() }
    }

    pub fn token(code: i64, message: impl Into<String>) -> Self {
        Self { status: 401, code, message: message.into() }
    }

    /// The error body; note the capital S.
    pub fn body(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "StatusCode": self.status,
            "duration": "0.00ms",
            "more_info": "https://getstream.io/video/docs/api/errors/",
            "details": [],
        })
    }
}

/// A user as upserted.
#[derive(Clone, Deserialize, Serialize)]
pub struct User {
    pub id: String,
    pub name: String,
    pub image: String,
    pub role: String,
    pub custom: Value,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub type Users = Items<User>;

/// The users and the wire format together: what every view needs.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub wire: &'a Wire,
    pub users: &'a Users,
}

impl View<'_> {
    pub fn user(&self, id: &str) -> Value {
        let Some(user) = self.users.get(id) else { return json!({ "id": id }) };
        json!({
            "id": user.id, "name": user.name, "image": user.image, "custom": user.custom, "language": "",
            "role": user.role, "teams": [],
            "created_at": self.wire.time(user.created_at), "updated_at": self.wire.time(user.updated_at),
            "banned": false, "online": true, "blocked_user_ids": [], "shadow_banned": false, "invisible": false,
            "last_active": self.wire.time(user.updated_at),
        })
    }

    pub fn member(&self, call: &Call, member: &Member) -> Value {
        json!({
            "user_id": member.user_id, "user": self.user(&member.user_id), "role": member.role, "custom": {},
            "created_at": self.wire.time(call.created_at), "updated_at": self.wire.time(call.updated_at),
        })
    }

    pub fn members(&self, call: &Call) -> Value {
        call.members.iter().map(|member| self.member(call, member)).collect()
    }

    pub fn participant(&self, participant: &Participant) -> Value {
        json!({
            "user": self.user(&participant.user_id), "user_session_id": participant.user_session_id,
            "role": participant.role, "joined_at": self.wire.time(participant.joined_at),
        })
    }

    pub fn call(&self, call: &Call) -> Value {
        let live = call.live_session();
        let mut view = json!({
            "type": call.call_type, "id": call.id, "cid": call.cid(),
            "current_session_id": live.map(|session| session.id.as_str()).unwrap_or_default(),
            "created_by": self.user(&call.created_by), "custom": call.custom,
            "created_at": self.wire.time(call.created_at), "updated_at": self.wire.time(call.updated_at),
            "recording": call.recording.is_some(), "transcribing": call.transcription.is_some(),
            "captioning": false, "translating": false,
            "backstage": call.settings["backstage"]["enabled"], "settings": call.settings,
            "blocked_user_ids": call.blocked,
            "ingress": {
                "rtmp": { "address": "rtmps://ingress.stream.example/live" },
                "srt": { "address": "srt://ingress.stream.example" },
                "whip": { "address": "https://ingress.stream.example/whip" },
            },
            "egress": { "broadcasting": false, "rtmps": [] },
        });
        if let Some(at) = call.starts_at {
            view["starts_at"] = self.wire.time(at);
        }
        if let Some(at) = call.ended_at {
            view["ended_at"] = self.wire.time(at);
        }
        if let Some(seconds) = call.settings["backstage"].get("join_ahead_time_seconds") {
            view["join_ahead_time_seconds"] = seconds.clone();
        }
        if let Some(session) = call.sessions.last() {
            view["session"] = self.session(session);
        }
        view
    }

    fn session(&self, session: &Session) -> Value {
        let mut by_role: Map<String, Value> = Map::new();
        for participant in &session.participants {
            let count = by_role.get(&participant.role).and_then(Value::as_u64).unwrap_or(0);
            by_role.insert(participant.role.clone(), json!(count + 1));
        }
        let participants: Vec<Value> =
            session.participants.iter().map(|participant| self.participant(participant)).collect();
        let mut view = json!({
            "id": session.id, "participants": participants, "participants_count_by_role": by_role,
            "anonymous_participant_count": 0, "accepted_by": {}, "rejected_by": {}, "missed_by": {},
            "started_at": self.wire.time(session.started_at),
        });
        if let Some(at) = session.ended_at {
            view["ended_at"] = self.wire.time(at);
        }
        view
    }
}
