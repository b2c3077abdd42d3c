//! An issuer of session tokens, as Clerk's are.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The `iss` of the tokens.
pub const ISSUER: &str = "https://clerk.test.example";
/// The origin that asked for them.
pub const ORIGIN: &str = "https://app.test.example";
const KEY_ID: &str = "ins_test";

/// One key for all tests of a process: making one takes a while.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

/// The issuer's public keys, as a JWKS document.
pub fn jwks() -> String {
    let parts = PublicKeyComponents::<Vec<u8>>::from(key().public_key());
    let (n, e) = (URL_SAFE_NO_PAD.encode(&parts.n), URL_SAFE_NO_PAD.encode(&parts.e));
    json!({ "keys": [{ "use": "sig", "kty": "RSA", "kid": KEY_ID, "alg": "RS256", "n": n, "e": e }] }).to_string()
}

/// What a token says.
#[derive(Debug, Clone)]
pub struct TokenClaims(pub Value);

impl TokenClaims {
    /// An ordinary token of `user`, valid for a minute from `now`.
    pub fn of(user: &str, now: Timestamp) -> Self {
        let now = now.as_second();
        Self(json!({
            "sub": user, "iss": ISSUER, "azp": ORIGIN, "sid": "sess_test", "sts": "active", "v": 2,
            "iat": now, "nbf": now - 10, "exp": now + 60,
        }))
    }

    /// The same with another claim.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }
}

/// Signs a token.
pub fn token(claims: &TokenClaims) -> String {
    signed("RS256", claims, |message| rsa_signature(key(), message))
}

/// Tokens that somebody made who has not the issuer's key, each with what it is.
pub fn forged_tokens(claims: &TokenClaims) -> Vec<(&'static str, String)> {
    static FOREIGN: OnceLock<KeyPair> = OnceLock::new();
    let foreign = FOREIGN.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"));
    let published: PublicKeyX509Der<'_> = key().public_key().as_der().expect("a public key");
    let symmetric = |message: &str| {
        let lines: Vec<String> = STANDARD.encode(published.as_ref()).as_bytes().chunks(64).map(text).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes()), message.as_bytes()).as_ref().to_vec()
    };
    vec![
        ("without an algorithm", signed("none", claims, |_| Vec::new())),
        ("signed with the public key as a secret", signed("HS256", claims, symmetric)),
        ("signed by another key", signed("RS256", claims, |message| rsa_signature(foreign, message))),
    ]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn rsa_signature(key: &KeyPair, message: &str) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("a signature");
    signature
}

fn signed(algorithm: &str, claims: &TokenClaims, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": KEY_ID });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(&claims.0));
    let signature = sign(&message);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature))
}
