//! Signatures, tokens and random ids, written against the providers' documentation and checked with known answers.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256};
use aws_lc_rs::{constant_time, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// HMAC-SHA256 of `message`.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// Whether two byte strings are equal, in constant time.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// The value of Stream's `X-SIGNATURE`: lower-case hex HMAC-SHA256 of the uncompressed body under the API secret.
pub fn stream_signature(api_secret: &str, body: &[u8]) -> String {
    hex::encode(hmac_sha256(api_secret.as_bytes(), body))
}

/// One entry of the `svix-signature` header: `v1,` and base64 HMAC-SHA256 of `{id}.{timestamp}.{body}`.
///
/// The key is the base64-decoded part of the secret after `whsec_`. A secret that is not base64 is used as it is, which
/// no verifier will accept; that is the point of handing one in.
pub fn svix_signature(secret: &str, id: &str, timestamp_seconds: i64, body: &str) -> String {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD.decode(encoded).unwrap_or_else(|_| secret.as_bytes().to_vec());
    let signed = format!("{id}.{timestamp_seconds}.{body}");
    format!("v1,{}", STANDARD.encode(hmac_sha256(&key, signed.as_bytes())))
}

/// A JSON Web Token in compact form. `sign` gets the bytes to be signed.
pub fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    let signature = base64url(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims of an HS256 token whose signature fits, or `None`. Times are for the caller to judge.
pub fn read_hs256(secret: &[u8], token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header["alg"] != "HS256" {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !same(&hmac_sha256(secret, signed.as_bytes()), &signature) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The operating system's generator fails only where no process could go on anyway; zeros would show at once.
    let _ = rand::fill(&mut bytes);
    bytes
}

/// `prefix` and 24 random hexadecimal digits.
pub fn random_id(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(random::<12>()))
}

/// A random secret for Svix: `whsec_` and base64.
pub fn random_webhook_secret() -> String {
    format!("whsec_{}", STANDARD.encode(random::<24>()))
}

/// A random version 4 UUID.
pub fn random_uuid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A small deterministic generator (splitmix64) for shuffles that a seed must repeat.
pub struct Shuffler(pub u64);

impl Shuffler {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Puts `items` into an order that depends on the seed alone.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX) + 1;
            let other = usize::try_from(self.next() % bound).unwrap_or(0);
            items.swap(last, other);
        }
    }
}

/// An RSA-2048 signing key of a Clerk instance.
pub struct RsaKey {
    pub kid: String,
    pair: RsaKeyPair,
}

impl RsaKey {
    /// Makes a new key. `None` when the library refuses, which it does only without memory.
    pub fn generate(kid: String) -> Option<Self> {
        RsaKeyPair::generate(KeySize::Rsa2048).ok().map(|pair| Self { kid, pair })
    }

    /// Reads a key written by [`RsaKey::to_pkcs8`].
    pub fn from_pkcs8(kid: String, pkcs8_base64: &str) -> Option<Self> {
        let der = STANDARD.decode(pkcs8_base64).ok()?;
        RsaKeyPair::from_pkcs8(&der).ok().map(|pair| Self { kid, pair })
    }

    /// The private key as base64 of PKCS#8.
    pub fn to_pkcs8(&self) -> Option<String> {
        let der: Pkcs8V1Der<'static> = self.pair.as_der().ok()?;
        Some(STANDARD.encode(der.as_ref()))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, which JWT calls `RS256`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        match self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature) {
            Ok(()) => signature,
            Err(_) => Vec::new(),
        }
    }

    /// The public key as an entry of a JWKS.
    pub fn to_jwk(&self) -> Value {
        let (modulus, exponent) = rsa_public_numbers(self.pair.public_key().as_ref()).unwrap_or_default();
        json!({
            "use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256",
            "n": base64url(&modulus), "e": base64url(&exponent),
        })
    }

    /// The public key as PEM (SPKI), what Clerk's dashboard calls the "JWKS public key".
    pub fn to_public_pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'static>, _> = self.pair.public_key().as_der();
        let encoded = der.map(|der| STANDARD.encode(der.as_ref())).unwrap_or_default();
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap_or_default()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

/// Modulus and exponent out of a PKCS#1 `RSAPublicKey`, big-endian without leading zeros.
fn rsa_public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = der_element(der, 0x30)?;
    let (modulus, rest) = der_element(sequence, 0x02)?;
    let (exponent, _) = der_element(rest, 0x02)?;
    let strip = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    Some((strip(modulus), strip(exponent)))
}

/// The content of one DER element with the given tag, and what follows it.
fn der_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
        (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_equal_the_known_answers() {
        let body = r#"{"hello":"world"}"#;
        assert_eq!(
            svix_signature("whsec_RkFLRS1rZXktMDEyMzQ1Njc4OS1GQUtFLWtleS0wMTI=", "msg_FAKE1", 1_795_167_000, body),
            "v1,JXdvBNimwblab1xdORhMsdTel4jQQdgmj1HSbnzPmOk="
        );
        assert_eq!(
            stream_signature("fake-stream-secret", body.as_bytes()),
            "c175bbc6a6f9ec3f8ddceaa0379ae2dbd055707aace9b1829361754060d10e1b"
        );
    }

    #[test]
    fn an_hs256_token_is_read_only_with_its_secret() {
        let secret = "fakestreamapisecret0000000000000000000000000000000000000000000000";
        let token =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZXJ2ZXIiOnRydWV9.I5EMzSF_YPZmy8-1nNZJx0lkQC-s_n67s9R1DscuihI";
        assert_eq!(read_hs256(secret.as_bytes(), token), Some(json!({ "server": true })));
        assert_eq!(read_hs256(b"another", token), None);
    }

    #[test]
    fn a_key_survives_being_written_and_read() {
        let key = RsaKey::generate("ins_1".into()).unwrap();
        let read = RsaKey::from_pkcs8("ins_1".into(), &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.to_jwk(), read.to_jwk());
        assert_eq!(key.to_jwk()["e"], "AQAB");
        assert!(key.to_public_pem().contains("\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
    }

    #[test]
    fn a_seed_repeats_its_shuffle() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            Shuffler(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
    }
}
