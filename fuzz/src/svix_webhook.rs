//! Clerk's deliveries, signed by the Svix scheme: accepted exactly if signed, and read without harm.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use providers::Secret;
use providers::clerk::webhook::{ClerkEvent, parse};
use providers::delivery::SignatureError;
use providers::svix::verify;

use crate::delivery;

/// The keys of the two secrets: the one that signs, and the one before it.
const KEYS: [&[u8]; 2] = [b"FAKE-clerk-signing-key-not-real!", b"the key before"];
const NOW: i64 = 1_795_167_000;

fn secrets() -> [Secret; 2] {
    KEYS.map(|key| Secret::new(format!("whsec_{}", BASE64_STANDARD.encode(key))))
}

fn mac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed).as_ref().to_vec()
}

/// Whether the scheme accepts a delivery, by its description.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (text("svix-id"), text("svix-timestamp"), text("svix-signature"))
    else {
        return false;
    };
    let fresh = timestamp.parse::<i64>().is_ok_and(|time| (NOW - 300..=NOW + 300).contains(&time));
    let valid = KEYS.map(|key| format!("v1,{}", BASE64_STANDARD.encode(mac(key, id, timestamp, body))));
    fresh && signatures.split_whitespace().any(|signature| valid.iter().any(|valid| valid == signature))
}

/// Holds the verifier and the parser to their properties over one delivery. Says whether it is signed and of a person.
pub fn hold(input: &[u8]) -> bool {
    let (headers, body) = delivery::read(input);
    let now = Timestamp::from_second(NOW).unwrap();
    let secrets = secrets();
    let verdict = verify(&secrets, &headers, body, now);
    assert_eq!(verdict.is_ok(), is_signed(&headers, body), "{verdict:?}");
    assert!(verify(&[], &headers, body, now).is_err());
    assert!(verify(&[Secret::new(""), Secret::new("whsec_")], &headers, body, now).is_err());

    // The same body as its sender signs it, under either secret and beside signatures that are none.
    let key = KEYS[input.len() % 2];
    let (id, timestamp) = ("msg_1", (NOW - 299).to_string());
    let signature = BASE64_STANDARD.encode(mac(key, id, &timestamp, body));
    let signed = |id: &str, timestamp: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("svix-id", HeaderValue::from_str(id).unwrap());
        headers.insert("svix-timestamp", HeaderValue::from_str(timestamp).unwrap());
        headers.insert("svix-signature", HeaderValue::from_str(&format!("v1a,xyz v1,AAAA v1,{signature}")).unwrap());
        headers
    };
    let genuine = signed(id, &timestamp);
    assert_eq!(verify(&secrets, &genuine, body, now), Ok(()));
    for changed in delivery::changed(body) {
        assert_eq!(verify(&secrets, &genuine, &changed, now), Err(SignatureError::NoMatch));
    }
    assert_eq!(verify(&secrets, &signed("msg_2", &timestamp), body, now), Err(SignatureError::NoMatch));
    assert_eq!(verify(&secrets, &signed(id, &NOW.to_string()), body, now), Err(SignatureError::NoMatch));
    let late = Timestamp::from_second(NOW + 2).unwrap();
    assert_eq!(verify(&secrets, &genuine, body, late), Err(SignatureError::TooOld));

    // Errors go to the log, and nothing that was sent may go with them.
    let event = parse(body);
    if let Err(error) = &event {
        let text = error.to_string();
        assert!(text.len() < 100 && text.is_ascii(), "{text}");
    }
    let is_of_a_person = matches!(event, Ok(ClerkEvent::UserUpserted { .. } | ClerkEvent::UserDeleted { .. }));
    verdict.is_ok() && is_of_a_person
}
