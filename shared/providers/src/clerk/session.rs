//! Verifying session tokens, as a pure function of token, keys and time.
//!
//! The rules are those of Clerk's SDKs (RS256 only, 5 seconds of clock skew, `azp` on the list of allowed origins and
//! present), and two of our own: the issuer must match exactly, which the SDKs do not check although instances may
//! share key ids, and a session with an unfinished task (`sts` = `pending`) counts as signed out.

use std::fmt;

use domain::ids::UserId;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use super::keys::Jwks;

/// How far Clerk's clock and ours may differ, in seconds: the default of Clerk's SDKs.
const SKEW_SECONDS: i64 = 5;

/// Who is calling. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The caller.
    pub user_id: UserId,
    /// Clerk's id of the sign-in.
    pub session_id: String,
    /// The person who acts in the caller's name (`act.sub`). Such a session may only read.
    pub impersonator: Option<String>,
    /// The custom claim `email`, where the instance adds it; it may be as old as the token.
    pub email: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("user_id", &self.user_id)
            .field("session_id", &self.session_id)
            .field("impersonator", &self.impersonator)
            .finish_non_exhaustive()
    }
}

/// Why a token is not accepted, judged by the keys at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token names a key that is not among these: newer keys might have it.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// No other keys would help.
    #[error("the session token is refused: {0}")]
    Refused(Refusal),
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a JWT, or a claim is missing or has the wrong type.
    #[error("it is malformed")]
    Malformed,
    /// Any algorithm but RS256, whatever the token says.
    #[error("its algorithm is not RS256")]
    Algorithm,
    /// The issuer has no key of this name.
    #[error("its key is unknown")]
    Key,
    /// The signature does not fit.
    #[error("its signature does not match")]
    Signature,
    /// `iss` is not our instance.
    #[error("it is from another issuer")]
    Issuer,
    /// `azp` is missing or not an allowed origin.
    #[error("its origin is not allowed")]
    Origin,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `nbf` or `iat` lie ahead.
    #[error("it is not valid yet")]
    NotYetValid,
    /// `sts` is not `active`: the user still has to do something at Clerk.
    #[error("the session is not active")]
    Inactive,
    /// `sub` is not a user id.
    #[error("its subject is not a user")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    sid: String,
    azp: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    sts: Option<String>,
    act: Option<Actor>,
    /// A custom claim may be anything; only a text is of use.
    #[serde(default)]
    email: serde_json::Value,
}

#[derive(Deserialize)]
struct Actor {
    sub: String,
}

/// Verifies a session token at the instant `now`. `issuer` and `allowed_origins` are compared exactly.
pub fn verify(
    token: &str,
    keys: &Jwks,
    issuer: &str,
    allowed_origins: &[String],
    now: Timestamp,
) -> Result<Session, TokenError> {
    let header = jsonwebtoken::decode_header(token).map_err(|error| refused(error.kind()))?;
    if header.alg != Algorithm::RS256 {
        return Err(TokenError::Refused(Refusal::Algorithm));
    }
    // A `crit` header lists rules that must be understood (RFC 7515, 4.1.11); we know none.
    let typed = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if !typed || header.crit.is_some() {
        return Err(TokenError::Refused(Refusal::Malformed));
    }
    let key = header.kid.as_deref().and_then(|kid| keys.get(kid)).ok_or(TokenError::UnknownKey)?;

    // Times are checked below against `now`; the library would use the wall clock.
    let mut only_signature = Validation::new(Algorithm::RS256);
    only_signature.required_spec_claims.clear();
    only_signature.validate_exp = false;
    only_signature.validate_nbf = false;
    only_signature.validate_aud = false;
    let claims =
        jsonwebtoken::decode::<Claims>(token, key, &only_signature).map_err(|error| refused(error.kind()))?.claims;
    check(claims, issuer, allowed_origins, now.as_second()).map_err(TokenError::Refused)
}

fn check(claims: Claims, issuer: &str, allowed_origins: &[String], now: i64) -> Result<Session, Refusal> {
    if claims.iss != issuer {
        return Err(Refusal::Issuer);
    }
    let user_id = claims.sub.parse().map_err(|_| Refusal::Subject)?;
    if !claims.azp.is_some_and(|origin| allowed_origins.contains(&origin)) {
        return Err(Refusal::Origin);
    }
    if claims.exp.saturating_add(SKEW_SECONDS) <= now {
        return Err(Refusal::Expired);
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from.saturating_sub(SKEW_SECONDS) > now) {
        return Err(Refusal::NotYetValid);
    }
    // Version 1 tokens have no `sts`; they exist for active sessions only.
    if claims.sts.is_some_and(|status| status != "active") {
        return Err(Refusal::Inactive);
    }
    let impersonator = claims.act.map(|actor| actor.sub);
    Ok(Session { user_id, session_id: claims.sid, impersonator, email: claims.email.as_str().map(str::to_owned) })
}

fn refused(kind: &ErrorKind) -> TokenError {
    TokenError::Refused(match kind {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::MissingAlgorithm => Refusal::Algorithm,
        _ => Refusal::Malformed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clerk::keys::test_key::TestKey;
    use serde_json::{Value, json};

    fn vectors() -> Value {
        let file: Value = serde_json::from_str(include_str!("../../vectors/clerk.json")).unwrap();
        file["session_token"].clone()
    }

    #[test]
    fn every_known_token_is_judged_as_expected() {
        let vectors = vectors();
        let keys = Jwks::parse(&vectors["jwks"].to_string()).unwrap();
        let issuer = vectors["issuer"].as_str().unwrap();
        let origins: Vec<String> = serde_json::from_value(vectors["authorized_parties"].clone()).unwrap();
        let now = Timestamp::from_second(1_795_167_000).unwrap();
        let outcome = |name: &str| match name {
            "expired 6 s ago" => Some(TokenError::Refused(Refusal::Expired)),
            "nbf 6 s ahead" | "iat 6 s ahead" => Some(TokenError::Refused(Refusal::NotYetValid)),
            "azp of another site" | "azp missing" => Some(TokenError::Refused(Refusal::Origin)),
            "issuer of another instance, same key id" => Some(TokenError::Refused(Refusal::Issuer)),
            "pending session" => Some(TokenError::Refused(Refusal::Inactive)),
            // A claim that must be there and is not; an algorithm that the library does not even know.
            "sub missing" | "alg none" => Some(TokenError::Refused(Refusal::Malformed)),
            "signed by another RSA key, same kid" => Some(TokenError::Refused(Refusal::Signature)),
            "unknown kid" => Some(TokenError::UnknownKey),
            "HS256 using the public PEM as HMAC key (confusion attack)" => {
                Some(TokenError::Refused(Refusal::Algorithm))
            }
            valid => {
                assert!(valid.starts_with("valid v2") || valid.starts_with("expired 4 s ago"), "{valid}");
                None
            }
        };

        let cases = vectors["vectors"].as_array().unwrap();
        assert_eq!(cases.len(), 16);
        for case in cases {
            let name = case["name"].as_str().unwrap();
            let verdict = verify(case["token"].as_str().unwrap(), &keys, issuer, &origins, now);
            assert_eq!(verdict.as_ref().err().copied(), outcome(name), "{name}");
            assert_eq!(verdict.is_ok(), case["expect"].as_str().unwrap().starts_with("valid"), "{name}");
            if let Ok(session) = verdict {
                assert_eq!(session.user_id.as_str(), case["claims"]["sub"]);
                assert_eq!(session.session_id, case["claims"]["sid"].as_str().unwrap());
                assert_eq!(session.email.as_deref(), case["claims"]["email"].as_str());
                assert_eq!(session.impersonator, None);
            }
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://clerk.example", "sub": "user_1", "sid": "sess_1", "azp": "https://app.example",
            "iat": 1_000, "nbf": 990, "exp": 1_060, "sts": "active", "v": 2,
        })
    }

    fn judge(header: Value, claims: &Value, now: i64) -> Result<Session, TokenError> {
        let key = TestKey::new("ins_1");
        verify(
            &TestKey::sign(&header, claims),
            &Jwks::parse(&key.jwks()).unwrap(),
            "https://clerk.example",
            &["https://other.example".into(), "https://app.example".into()],
            Timestamp::from_second(now).unwrap(),
        )
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn header() -> Value {
        json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1", "cat": "cl_x", "oiat": 1000 })
    }

    #[test]
    fn a_session_without_status_is_active_and_an_actor_is_reported() {
        let mut version_1 = claims();
        version_1.as_object_mut().unwrap().remove("sts");
        assert!(judge(header(), &version_1, 1_000).is_ok());

        let session = judge(header(), &with("act", json!({ "sub": "user_admin", "iss": "x" })), 1_000).unwrap();
        assert_eq!(session.impersonator.as_deref(), Some("user_admin"));
        for no_text in [json!(7), json!(null), json!({ "address": "zoe@example.com" })] {
            assert_eq!(judge(header(), &with("email", no_text), 1_000).unwrap().email, None);
        }
        let session = judge(header(), &with("email", json!("zoe@example.com")), 1_000).unwrap();
        assert!(!format!("{session:?}").contains("zoe@"));
    }

    #[test]
    fn times_are_checked_with_five_seconds_of_skew() {
        assert!(judge(header(), &claims(), 1_064).is_ok());
        assert_eq!(judge(header(), &claims(), 1_065), Err(TokenError::Refused(Refusal::Expired)));
        assert!(judge(header(), &claims(), 995).is_ok());
        assert_eq!(judge(header(), &claims(), 994), Err(TokenError::Refused(Refusal::NotYetValid)));
        assert!(judge(header(), &with("exp", json!(i64::MAX)), 1_000).is_ok());
        assert_eq!(judge(header(), &with("exp", json!(i64::MIN)), 1_000), Err(TokenError::Refused(Refusal::Expired)));
    }

    #[test]
    fn a_missing_or_odd_claim_refuses_the_token() {
        for required in ["iss", "sub", "sid", "exp"] {
            let mut incomplete = claims();
            incomplete.as_object_mut().unwrap().remove(required);
            assert_eq!(judge(header(), &incomplete, 1_000), Err(TokenError::Refused(Refusal::Malformed)), "{required}");
        }
        for (name, value, refusal) in [
            ("exp", json!("1060"), Refusal::Malformed),
            ("act", json!({}), Refusal::Malformed),
            ("azp", json!(["https://app.example"]), Refusal::Malformed),
            ("azp", json!("https://app.example/"), Refusal::Origin),
            ("azp", json!(""), Refusal::Origin),
            ("azp", json!(null), Refusal::Origin),
            ("iss", json!("https://clerk.example/"), Refusal::Issuer),
            ("sub", json!("user 1"), Refusal::Subject),
            ("sub", json!(""), Refusal::Subject),
            ("sts", json!("expired"), Refusal::Inactive),
        ] {
            assert_eq!(
                judge(header(), &with(name, value.clone()), 1_000),
                Err(TokenError::Refused(refusal)),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn headers_that_change_the_rules_are_refused() {
        let mut critical = header();
        critical["crit"] = json!(["exp"]);
        assert!(matches!(judge(critical, &claims(), 1_000), Err(TokenError::Refused(_))));
        let mut other_type = header();
        other_type["typ"] = json!("at+jwt");
        assert_eq!(judge(other_type, &claims(), 1_000), Err(TokenError::Refused(Refusal::Malformed)));
        let mut algorithm = header();
        algorithm["alg"] = json!("RS512");
        assert_eq!(judge(algorithm, &claims(), 1_000), Err(TokenError::Refused(Refusal::Algorithm)));
        let mut nameless = header();
        nameless.as_object_mut().unwrap().remove("kid");
        assert_eq!(judge(nameless, &claims(), 1_000), Err(TokenError::UnknownKey));
    }

    #[test]
    fn nonsense_is_malformed() {
        let keys = Jwks::parse(r#"{"keys":[]}"#).unwrap();
        for token in ["", ".", "..", "a.b.c", "ä", "eyJhbGciOiJSUzI1NiJ9", &"x".repeat(10_000)] {
            assert_eq!(
                verify(token, &keys, "https://clerk.example", &[], Timestamp::UNIX_EPOCH),
                Err(TokenError::Refused(Refusal::Malformed)),
                "{token}"
            );
        }
        let whole = TestKey::sign(&header(), &claims());
        let keys = Jwks::parse(&TestKey::new("ins_1").jwks()).unwrap();
        for token in [whole[..whole.rfind('.').unwrap()].to_owned(), format!("{whole}.x"), format!("{whole}\n")] {
            assert!(verify(&token, &keys, "https://clerk.example", &[], Timestamp::UNIX_EPOCH).is_err(), "{token}");
        }
    }
}
