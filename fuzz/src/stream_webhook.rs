//! Stream's deliveries: unpacked within bounds, accepted exactly if signed, and read without harm.

use std::io::Write as _;

use aws_lc_rs::hmac;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue};
use providers::Secret;
use providers::delivery::SignatureError;
use providers::stream::webhook::{MAX_BODY_BYTES, StreamEvent, decode, parse, verify};

use crate::delivery;

const SECRETS: [&str; 2] =
    ["fakestreamapisecret0000000000000000000000000000000000000000000000", "the secret before it"];

fn signature(secret: &str, body: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body))
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Holds unpacking, the verifier and the parser to their properties over one delivery. Says whether it is signed and of a
/// call.
pub fn hold(input: &[u8]) -> bool {
    let (headers, raw) = delivery::read(input);
    let secrets = SECRETS.map(Secret::new);
    let Ok(body) = decode(raw) else {
        assert!(raw.starts_with(&[0x1f, 0x8b]) || raw.len() > MAX_BODY_BYTES);
        return false;
    };
    assert!(body.len() <= MAX_BODY_BYTES);
    let claimed = headers.get("x-signature").map(|value| value.as_bytes().to_ascii_lowercase());
    let is_signed = SECRETS.iter().any(|secret| claimed.as_deref() == Some(signature(secret, &body).as_bytes()));
    assert_eq!(verify(&secrets, &headers, &body).is_ok(), is_signed);
    assert!(verify(&[], &headers, &body).is_err() && verify(&[Secret::new("")], &headers, &body).is_err());

    let value = signature(SECRETS[input.len() % 2], &body);
    let genuine = HeaderMap::from_iter([("x-signature".parse().unwrap(), HeaderValue::from_str(&value).unwrap())]);
    assert_eq!(verify(&secrets, &genuine, &body), Ok(()));
    for changed in delivery::changed(&body) {
        assert_eq!(verify(&secrets, &genuine, &changed), Err(SignatureError::NoMatch));
    }

    // Packed as Stream packs it, it is the same body; damaged, it is nothing or another body, which is not signed.
    let gzip = packed(&body);
    if body.len() < 8192 {
        assert_eq!(decode(&gzip).as_deref(), Ok(&*body));
        for cut in [2, gzip.len() / 2, gzip.len() - 1] {
            assert!(decode(&gzip[..cut]).is_err(), "half a gzip body was taken");
        }
        for at in [2, 3, 10, gzip.len() / 2, gzip.len() - 8, gzip.len() - 1] {
            let mut damaged = gzip.clone();
            damaged[at] ^= 1 << (input.len() % 8);
            if let Ok(other) = decode(&damaged) {
                assert_eq!(verify(&secrets, &genuine, &other).is_ok(), other == body);
            }
        }
    }

    let event = parse(&body);
    match &event {
        Ok(StreamEvent::Call(event)) => {
            let call = &event.call;
            assert!(!call.call_type.is_empty() && !call.call_id.is_empty() && !call.call_type.contains(':'));
        }
        Ok(StreamEvent::Unknown { .. }) => {}
        Err(error) => {
            let text = error.to_string();
            // Names of events and members, and phrases of ours: nothing of what was sent.
            assert!(text.len() < 200 && text.chars().all(|c| c.is_ascii() || c == '…'), "{text}");
        }
    }
    is_signed && matches!(event, Ok(StreamEvent::Call(_)))
}
