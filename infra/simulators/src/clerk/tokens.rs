//! Session tokens, version 2, good and bad.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Inner;
use crate::crypto::{RsaKey, base64url, hmac_sha256, jwt, random_id};

/// Lifetime of a session token unless asked otherwise, in seconds.
const LIFETIME_SECONDS: i64 = 60;
/// `nbf` lies this far before `iat`, in seconds.
const NOT_BEFORE_ALLOWANCE_SECONDS: i64 = 10;

/// Which token to make.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// The `sub`. It need not be a user of the instance.
    pub user_id: String,
    /// 60 when absent.
    #[serde(default)]
    pub lifetime_seconds: Option<i64>,
    /// Claims that replace or add to the usual ones; `null` leaves a claim out.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// What is wrong with the token.
    #[serde(default)]
    pub flaw: Option<Flaw>,
}

/// A reason for which a token must be refused (`Impersonated` excepted, which is signed and valid but may only read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Ran out a minute ago.
    Expired,
    /// `nbf` is a minute ahead.
    NotYetValid,
    /// `iat` is a minute ahead.
    IssuedInFuture,
    /// Another instance's issuer, though signed with this one's key.
    WrongIssuer,
    /// No `azp`.
    NoAuthorizedParty,
    /// The `azp` of another site.
    WrongAuthorizedParty,
    /// `alg` is `none` and the signature is empty.
    AlgorithmNone,
    /// HS256 with the public key's PEM as the secret.
    SymmetricWithPublicKey,
    /// `sts` is `pending`.
    Pending,
    /// Has an `act` claim.
    Impersonated,
    /// Signed well, under a `kid` nobody publishes.
    UnknownKey,
    /// Signed by another key under this key's `kid`.
    ForeignKey,
    /// No `sub`.
    NoSubject,
    /// A signed token with one byte of the claims changed.
    Tampered,
    /// Not a token at all.
    Garbage,
}

/// Makes the token that was asked for. `now` is in seconds.
pub fn token(key: &RsaKey, issuer: &str, authorized_party: &str, request: &TokenRequest, now: i64) -> String {
    let lifetime = request.lifetime_seconds.unwrap_or(LIFETIME_SECONDS);
    let mut claims = json!({
        "azp": authorized_party,
        "exp": now + lifetime,
        "fva": [0, -1],
        "iat": now,
        "iss": issuer,
        "jti": random_id(""),
        "nbf": now - NOT_BEFORE_ALLOWANCE_SECONDS,
        "pla": "u:free",
        "sid": Inner::new_session_id(),
        "sts": "active",
        "sub": request.user_id,
        "v": 2,
    });
    if let Some(flaw) = request.flaw {
        spoil_claims(&mut claims, flaw, now);
    }
    if let Some(members) = claims.as_object_mut() {
        for (name, value) in &request.claims {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
    }
    let header = json!({ "alg": "RS256", "cat": "cl_simulated", "kid": key.kid, "oiat": now, "typ": "JWT" });
    sign(key, header, &claims, request.flaw)
}

fn spoil_claims(claims: &mut Value, flaw: Flaw, now: i64) {
    match flaw {
        Flaw::Expired => {
            claims["iat"] = json!(now - 120);
            claims["nbf"] = json!(now - 130);
            claims["exp"] = json!(now - 60);
        }
        Flaw::NotYetValid => claims["nbf"] = json!(now + 60),
        Flaw::IssuedInFuture => claims["iat"] = json!(now + 60),
        Flaw::WrongIssuer => claims["iss"] = json!("https://other-instance.clerk.accounts.example"),
        Flaw::WrongAuthorizedParty => claims["azp"] = json!("https://evil.example"),
        Flaw::Pending => claims["sts"] = json!("pending"),
        Flaw::Impersonated => {
            claims["act"] =
                json!({ "iss": "https://dashboard.clerk.example", "sid": "sess_actor", "sub": "user_actor" });
        }
        Flaw::NoAuthorizedParty | Flaw::NoSubject => {
            if let Some(members) = claims.as_object_mut() {
                members.remove(if flaw == Flaw::NoSubject { "sub" } else { "azp" });
            }
        }
        Flaw::AlgorithmNone
        | Flaw::SymmetricWithPublicKey
        | Flaw::UnknownKey
        | Flaw::ForeignKey
        | Flaw::Tampered
        | Flaw::Garbage => {}
    }
}

fn sign(key: &RsaKey, mut header: Value, claims: &Value, flaw: Option<Flaw>) -> String {
    match flaw {
        Some(Flaw::AlgorithmNone) => {
            header["alg"] = json!("none");
            jwt(&header, claims, |_| Vec::new())
        }
        Some(Flaw::SymmetricWithPublicKey) => {
            header["alg"] = json!("HS256");
            jwt(&header, claims, |message| hmac_sha256(key.to_public_pem().as_bytes(), message))
        }
        Some(Flaw::UnknownKey) => {
            header["kid"] = json!(random_id("ins_unknown"));
            jwt(&header, claims, |message| key.sign(message))
        }
        Some(Flaw::ForeignKey) => match RsaKey::generate(key.kid.clone()) {
            Some(foreign) => jwt(&header, claims, |message| foreign.sign(message)),
            None => String::new(),
        },
        Some(Flaw::Tampered) => {
            let good = jwt(&header, claims, |message| key.sign(message));
            let mut changed = claims.clone();
            changed["sub"] = json!("user_somebody_else");
            let mut parts: Vec<&str> = good.split('.').collect();
            let claims = base64url(changed.to_string().as_bytes());
            if let Some(part) = parts.get_mut(1) {
                *part = &claims;
            }
            parts.join(".")
        }
        Some(Flaw::Garbage) => "not.a-token".into(),
        _ => jwt(&header, claims, |message| key.sign(message)),
    }
}
