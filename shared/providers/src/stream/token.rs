//! Stream's tokens: JWTs signed with the API secret (HS256). Making one needs no network.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::ids::{BookingId, UserId};
use jiff::Timestamp;
use serde::Serialize;

use super::{CallRole, call_cid};
use crate::mac;
use crate::secret::Secret;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

#[derive(Serialize)]
struct ServerClaims {
    server: bool,
}

/// The members stand in the order of Stream's own libraries, so that tokens can be compared with theirs.
#[derive(Serialize)]
struct CallClaims<'a> {
    user_id: &'a UserId,
    call_cids: Vec<String>,
    role: &'static str,
    iat: i64,
    exp: i64,
}

/// The token of our own requests. It does not expire, exactly as that of Stream's libraries, so it stays with us.
pub fn server_token(secret: &Secret) -> Secret {
    Secret::new(sign(secret, &ServerClaims { server: true }))
}

/// A token that lets `user_id` into these calls, in this role, and nowhere else. The caller gives an `issued_at` a few
/// seconds in the past, because Stream refuses tokens from the future and clocks differ.
pub fn call_token(
    secret: &Secret,
    user_id: &UserId,
    calls: &[BookingId],
    role: CallRole,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Secret {
    let call_cids = calls.iter().copied().map(call_cid).collect();
    let (iat, exp) = (issued_at.as_second(), expires_at.as_second());
    Secret::new(sign(secret, &CallClaims { user_id, call_cids, role: role.as_str(), iat, exp }))
}

/// `jsonwebtoken` writes the header's members in another order than Stream's libraries; three lines avoid that.
fn sign(secret: &Secret, claims: &impl Serialize) -> String {
    let claims = serde_json::to_string(claims).unwrap_or_default();
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(HEADER), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let tag = mac::hmac_sha256(secret.expose().as_bytes(), &[message.as_bytes()]);
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors() -> (Secret, Vec<Value>) {
        let file: Value = serde_json::from_str(include_str!("../../vectors/stream.json")).unwrap();
        let secret = Secret::new(file["api_secret"].as_str().unwrap());
        (secret, file["tokens"]["vectors"].as_array().unwrap().clone())
    }

    #[test]
    fn tokens_equal_those_of_streams_own_library() {
        let (secret, vectors) = vectors();
        assert_eq!(vectors.len(), 3);
        assert_eq!(server_token(&secret).expose(), vectors[0]["token"]);

        // A user token has these claims without calls and role; we make none, but it shows the signature once more.
        let parts: Vec<&str> = vectors[1]["token"].as_str().unwrap().split('.').collect();
        let tag = mac::hmac_sha256(secret.expose().as_bytes(), &[parts[0].as_bytes(), b".", parts[1].as_bytes()]);
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(tag), parts[2]);

        // The call ids of the file are not booking ids, so the claims are given directly.
        let claims = CallClaims {
            user_id: &"user_FAKEinterviewer".parse().unwrap(),
            call_cids: vec!["default:iv_01JFAKE0000000000000000003".into()],
            role: CallRole::Host.as_str(),
            iat: 1_795_166_995,
            exp: 1_795_170_595,
        };
        assert_eq!(sign(&secret, &claims), vectors[2]["token"]);
    }

    #[test]
    fn a_call_token_names_user_calls_role_and_life() {
        let call_id = "bkg_01JFAKE0000000000000000003".parse().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let user_id = "user_1".parse().unwrap();
        let token = call_token(&Secret::new("s"), &user_id, &[call_id], CallRole::User, at(95), at(700));
        let claims = BASE64_URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(claims).unwrap(),
            r#"{"user_id":"user_1","call_cids":["default:bkg_01JFAKE0000000000000000003"],"role":"user","iat":95,"exp":700}"#
        );
        assert_ne!(
            call_token(&Secret::new("t"), &user_id, &[call_id], CallRole::User, at(95), at(700)).expose(),
            token.expose()
        );
    }
}
