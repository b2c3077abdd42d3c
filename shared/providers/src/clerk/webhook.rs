//! Clerk's webhooks, which are signed by the Svix scheme (`crate::svix`).

use domain::ids::UserId;
use domain::reading::{self, Unreadable};
use serde::Deserialize;

use super::user::{ClerkUser, UserWire};
use crate::delivery::{self, ParseError};

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClerkEvent {
    /// The user was created or changed; this is how they are now.
    UserUpserted {
        /// The whole user.
        user: ClerkUser,
    },
    /// The user is gone for good.
    UserDeleted {
        /// Who.
        user_id: UserId,
    },
    /// An event we do not handle.
    Unknown {
        /// Its `type`.
        kind: String,
    },
}

/// The events that we read.
const EVENTS: [&str; 3] = ["user.created", "user.updated", "user.deleted"];

#[derive(Deserialize)]
struct Carrying<T> {
    data: T,
    /// When the event was made, in milliseconds. Any other value is ignored.
    #[serde(default)]
    timestamp: serde_json::Value,
}

#[derive(Deserialize)]
struct DeletedWire {
    id: UserId,
}

/// Reads a verified delivery.
pub fn parse(body: &[u8]) -> Result<ClerkEvent, ParseError> {
    let kind = delivery::kind(body)?;
    let Some(event) = EVENTS.into_iter().find(|known| *known == kind) else {
        return Ok(ClerkEvent::Unknown { kind });
    };
    let malformed = |why| ParseError { event: Some(event), why };
    if event == "user.deleted" {
        let wire: Carrying<DeletedWire> = reading::read(body).map_err(malformed)?;
        return Ok(ClerkEvent::UserDeleted { user_id: wire.data.id });
    }
    let wire: Carrying<UserWire> = reading::read(body).map_err(malformed)?;
    let user = wire.data.into_user(wire.timestamp.as_i64());
    let user = user.ok_or_else(|| malformed(Unreadable::wrong("data.updated_at", "a possible time")))?;
    Ok(ClerkEvent::UserUpserted { user })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_answers::{body, cases};
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../vectors/clerk.json")).unwrap()
    }

    #[test]
    fn account_events_are_read_and_others_named() {
        let all = vectors();
        let event = |index: usize| parse(body(&all, &cases(&all)[index])).unwrap();
        for index in [0, 1] {
            let ClerkEvent::UserUpserted { user } = event(index) else { panic!() };
            let sent: Value = serde_json::from_slice(body(&all, &cases(&all)[index])).unwrap();
            assert_eq!(user.user_id.as_str(), sent["data"]["id"]);
            assert_eq!(Some(user.updated_at.as_millisecond()), sent["data"]["updated_at"].as_i64());
            let primary = sent["data"]["email_addresses"].as_array().unwrap().iter();
            let primary = primary.filter(|address| address["id"] == sent["data"]["primary_email_address_id"]);
            assert_eq!(
                user.email.as_deref(),
                primary.clone().next().and_then(|address| address["email_address"].as_str())
            );
            assert!(user.name.is_some() && user.image_url.is_some());
            assert_eq!(Some(user.told_at_millisecond), sent["timestamp"].as_i64());
            assert!(!user.banned && !user.locked);
        }
        let deleted = ClerkEvent::UserDeleted { user_id: "user_FAKE29w83sxmDNGwOuEthce5gg56".parse().unwrap() };
        assert_eq!(event(2), deleted);
        let other = parse(br#"{"type":"organization.created","data":7}"#).unwrap();
        assert_eq!(other, ClerkEvent::Unknown { kind: "organization.created".into() });
    }

    #[test]
    fn a_body_that_breaks_its_promise_is_refused() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"user.deleted","data":{}}"#,
            r#"{"type":"user.deleted","data":{"id":"a b"}}"#,
            r#"{"type":"user.updated","data":{"id":"user_1"}}"#,
            r#"{"type":"user.updated","data":{"id":"user_1","updated_at":"now"}}"#,
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let personal = parse(br#"{"type":"user.updated","data":{"id":"user_1","updated_at":"zoe@example.com"}}"#);
        let error = personal.unwrap_err();
        assert_eq!(error.to_string(), "of user.updated, data.updated_at is not a whole number");
        assert!(!format!("{error} {error:?}").contains("zoe"), "{error}");
        let nameless = parse(br#"{"type":"user.created","data":{"updated_at":1,"zoe":"zoe"}}"#).unwrap_err();
        assert_eq!(nameless.to_string(), "of user.created, the member data.id is missing");
        let untyped = parse(br#"{"type":["zoe"]}"#).unwrap_err();
        assert_eq!(untyped.to_string(), "of an event, type is not a text");
        let impossible = r#"{"type":"user.updated","data":{"id":"user_1","updated_at":9223372036854775807}}"#;
        let error = parse(impossible.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "of user.updated, data.updated_at is not a possible time");
    }
}
