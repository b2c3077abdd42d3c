//! Clerk's webhooks, which are signed by the Svix scheme.

use ::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ids::UserId;
use domain::reading::{self, Unreadable};
use jiff::Timestamp;
use serde::Deserialize;

use super::user::{ClerkUser, UserWire};
use crate::mac;
use crate::secret::Secret;

/// How far the signed time may lie from now, either way: the tolerance of the Svix libraries.
const TOLERANCE_SECONDS: u64 = 300;

/// Why a delivery is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of the three `svix-` headers is missing or not text.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// `svix-timestamp` is not a number of seconds.
    #[error("the timestamp is malformed")]
    Timestamp,
    /// Signed more than five minutes ago: perhaps a replay.
    #[error("the timestamp is too old")]
    TooOld,
    /// Signed more than five minutes ahead.
    #[error("the timestamp is too far ahead")]
    TooNew,
    /// No signature fits any of the secrets; the secret may have been rotated.
    #[error("no signature matches")]
    NoMatch,
}

/// Verifies a delivery over the bytes as received. Any of the signatures may fit any of the secrets (`whsec_…`).
pub fn verify(secrets: &[Secret], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let header = |name: &'static str| {
        headers.get(name).and_then(|value| value.to_str().ok()).ok_or(SignatureError::MissingHeader(name))
    };
    let id = header("svix-id")?;
    let timestamp = header("svix-timestamp")?;
    let signatures = header("svix-signature")?;

    let signed_at: i64 = timestamp.parse().map_err(|_| SignatureError::Timestamp)?;
    let now = now.as_second();
    if now.abs_diff(signed_at) > TOLERANCE_SECONDS {
        return Err(if signed_at < now { SignatureError::TooOld } else { SignatureError::TooNew });
    }

    // Other versions of the scheme may stand beside `v1`; they are passed over.
    let claimed: Vec<Vec<u8>> = signatures
        .split_whitespace()
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|signature| BASE64_STANDARD.decode(signature).ok())
        .collect();
    let fits = |secret: &Secret| {
        let encoded = secret.expose().strip_prefix("whsec_").unwrap_or(secret.expose());
        // An empty key would let anyone sign.
        let Some(key) = BASE64_STANDARD.decode(encoded).ok().filter(|key| !key.is_empty()) else { return false };
        let tag = mac::hmac_sha256(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        claimed.iter().any(|signature| mac::matches(&tag, signature))
    };
    if secrets.iter().any(fits) { Ok(()) } else { Err(SignatureError::NoMatch) }
}

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

/// A body that does not have the form of its `type`. Of its content it repeats only the name of an event we know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("of {}, {why}", .event.unwrap_or("an event"))]
pub struct ParseError {
    /// The event's `type`, where that could be read.
    pub event: Option<&'static str>,
    /// Which member is missing or wrong.
    pub why: Unreadable,
}

/// The events that we read.
const EVENTS: [&str; 3] = ["user.created", "user.updated", "user.deleted"];

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
}

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
    let Envelope { kind } = reading::read(body).map_err(|why| ParseError { event: None, why })?;
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
    use ::http::{HeaderName, HeaderValue};
    use serde_json::Value;

    fn vectors() -> Value {
        let file: Value = serde_json::from_str(include_str!("../../vectors/clerk.json")).unwrap();
        file["webhook"].clone()
    }

    fn headers(case: &Value) -> HeaderMap {
        let present = case["headers"].as_object().unwrap().iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_str(value.as_str()?).unwrap();
            Some((name.parse::<HeaderName>().unwrap(), value))
        });
        present.collect()
    }

    fn body<'a>(all: &'a Value, case: &'a Value) -> &'a str {
        let named =
            |name: &Value| all["vectors"].as_array().unwrap().iter().find(|other| other["name"] == *name).unwrap();
        case["raw_body"].as_str().unwrap_or_else(|| named(&case["raw_body_ref"])["raw_body"].as_str().unwrap())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_167_000).unwrap()
    }

    #[test]
    fn every_known_delivery_is_judged_as_expected() {
        let all = vectors();
        let secrets = [Secret::new(all["signing_secret"].as_str().unwrap())];
        let cases = all["vectors"].as_array().unwrap();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let expected = match case["expect"].as_str().unwrap() {
                "valid" => Ok(()),
                "invalid: no matching signature" => Err(SignatureError::NoMatch),
                "invalid: missing header" => Err(SignatureError::MissingHeader("svix-id")),
                "invalid: timestamp too old" => Err(SignatureError::TooOld),
                "invalid: timestamp too new" => Err(SignatureError::TooNew),
                other => panic!("{other}"),
            };
            let verdict = verify(&secrets, &headers(case), body(&all, case).as_bytes(), now());
            assert_eq!(verdict, expected, "{}", case["name"]);
        }
    }

    #[test]
    fn during_rotation_any_secret_verifies() {
        let all = vectors();
        let case = &all["vectors"][0];
        let judge = |secrets: &[Secret]| verify(secrets, &headers(case), body(&all, case).as_bytes(), now());
        let good = Secret::new(all["signing_secret"].as_str().unwrap());
        let other = Secret::new("whsec_b3RoZXI=");
        assert_eq!(judge(&[other.clone(), good.clone()]), Ok(()));
        assert_eq!(judge(&[good, other.clone()]), Ok(()));
        for useless in
            [vec![], vec![other], vec![Secret::new("")], vec![Secret::new("whsec_")], vec![Secret::new("whsec_%")]]
        {
            assert_eq!(judge(&useless), Err(SignatureError::NoMatch), "{}", useless.len());
        }
    }

    #[test]
    fn an_empty_secret_verifies_nothing_that_was_signed_with_an_empty_key() {
        let tag = mac::hmac_sha256(b"", &[b"msg_1.1795167000.{}"]);
        let mut headers = HeaderMap::new();
        headers.insert("svix-id", HeaderValue::from_static("msg_1"));
        headers.insert("svix-timestamp", HeaderValue::from_static("1795167000"));
        let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
        headers.insert("svix-signature", HeaderValue::from_str(&signature).unwrap());
        assert_eq!(verify(&[Secret::new("whsec_")], &headers, b"{}", now()), Err(SignatureError::NoMatch));
    }

    #[test]
    fn odd_headers_are_refused() {
        let all = vectors();
        let case = &all["vectors"][0];
        let secrets = [Secret::new(all["signing_secret"].as_str().unwrap())];
        let judge = |name: &'static str, value: &str| {
            let mut headers = headers(case);
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            verify(&secrets, &headers, body(&all, case).as_bytes(), now())
        };
        for timestamp in ["", "soon", "1795167000.5", "99999999999999999999"] {
            assert_eq!(judge("svix-timestamp", timestamp), Err(SignatureError::Timestamp), "{timestamp}");
        }
        assert_eq!(judge("svix-timestamp", "-9223372036854775808"), Err(SignatureError::TooOld));
        let good = case["headers"]["svix-signature"].as_str().unwrap();
        for signature in ["", "v1,", "v1", "v1,%", &good.replace("v1,", "v2,"), &good[..good.len() - 4]] {
            assert_eq!(judge("svix-signature", signature), Err(SignatureError::NoMatch), "{signature}");
        }
    }

    #[test]
    fn account_events_are_read_and_others_named() {
        let all = vectors();
        let event = |index: usize| parse(body(&all, &all["vectors"][index]).as_bytes()).unwrap();
        for index in [0, 1] {
            let ClerkEvent::UserUpserted { user } = event(index) else { panic!() };
            let sent: Value = serde_json::from_str(body(&all, &all["vectors"][index])).unwrap();
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
