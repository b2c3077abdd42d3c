//! The Svix scheme, by which Clerk and Resend sign their webhooks.

use ::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use crate::delivery::{SignatureError, check_age};
use crate::mac;
use crate::secret::Secret;

/// Verifies a delivery over the bytes as received. Any of the signatures may fit any of the secrets (`whsec_…`).
pub fn verify(secrets: &[Secret], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let header = |name: &'static str| {
        headers.get(name).and_then(|value| value.to_str().ok()).ok_or(SignatureError::MissingHeader(name))
    };
    let id = header("svix-id")?;
    let timestamp = header("svix-timestamp")?;
    let signatures = header("svix-signature")?;
    check_age(timestamp, now)?;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_answers::{body, cases, headers};
    use ::http::HeaderValue;
    use serde_json::Value;

    fn clerk() -> Value {
        serde_json::from_str(include_str!("../vectors/clerk.json")).unwrap()
    }

    fn resend() -> Value {
        serde_json::from_str(include_str!("../vectors/resend.json")).unwrap()
    }

    fn secret(file: &Value) -> Secret {
        Secret::new(file["webhook"]["signing_secret"].as_str().unwrap())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_167_000).unwrap()
    }

    #[test]
    fn every_known_delivery_is_judged_as_expected() {
        let file = clerk();
        assert_eq!(cases(&file).len(), 11);
        for case in cases(&file) {
            let expected = match case["expect"].as_str().unwrap() {
                "valid" => Ok(()),
                "invalid: no matching signature" => Err(SignatureError::NoMatch),
                "invalid: missing header" => Err(SignatureError::MissingHeader("svix-id")),
                "invalid: timestamp too old" => Err(SignatureError::TooOld),
                "invalid: timestamp too new" => Err(SignatureError::TooNew),
                other => panic!("{other}"),
            };
            let verdict = verify(&[secret(&file)], &headers(case), body(&file, case), now());
            assert_eq!(verdict, expected, "{}", case["name"]);
        }
        let file = resend();
        assert_eq!(cases(&file).len(), 14);
        let at = Timestamp::from_second(file["verify_at"].as_i64().unwrap()).unwrap();
        for case in cases(&file) {
            let expected = match case["name"].as_str().unwrap() {
                "another secret" | "body changed" | "id replaced" => Err(SignatureError::NoMatch),
                "missing signature header" => Err(SignatureError::MissingHeader("svix-signature")),
                "too old (301 s before verify_at + 2)" => Err(SignatureError::TooOld),
                "too new" => Err(SignatureError::TooNew),
                _ => Ok(()),
            };
            assert_eq!(expected.is_ok(), case["expect"] == "valid", "{}", case["name"]);
            let verdict = verify(&[secret(&file)], &headers(case), body(&file, case), at);
            assert_eq!(verdict, expected, "{}", case["name"]);
        }
    }

    #[test]
    fn during_rotation_any_secret_verifies() {
        let file = clerk();
        let case = &cases(&file)[0];
        let judge = |secrets: &[Secret]| verify(secrets, &headers(case), body(&file, case), now());
        let good = secret(&file);
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
        let file = clerk();
        let case = &cases(&file)[0];
        let secrets = [secret(&file)];
        let judge = |name: &'static str, value: &str| {
            let mut headers = headers(case);
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            verify(&secrets, &headers, body(&file, case), now())
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
}
