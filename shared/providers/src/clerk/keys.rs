//! The issuer's public keys, and keeping them current.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::http::Method;
use domain::reading::{self, Unreadable};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use super::client::ClerkError;
use super::session::{self, Refusal, Session, TokenError};
use crate::BoxFuture;
use crate::http::{BaseUrl, Http, Request, UrlError};
use crate::unexpected::{Operation, Why};

const FETCH_KEYS: Operation = Operation { provider: "Clerk", name: "fetch keys" };
/// A caller waits for this, so it is short; the key set is a few hundred bytes.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// For how long an unknown key id is not asked for again.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// Unknown key ids cost nothing to invent, so an instance of a function asks for this many of them within
/// [`REFRESH_INTERVAL`]. An issuer that rotates its keys has two or three.
const ASKED_AT_MOST: usize = 5;

/// A set of public keys, by key id.
#[derive(Clone, Default)]
pub struct Jwks {
    keys: BTreeMap<String, DecodingKey>,
}

/// A text that is not a JWKS document.
#[derive(Debug, thiserror::Error)]
#[error("not a JWKS document: {0}")]
pub struct JwksError(Unreadable);

#[derive(Deserialize)]
struct JwksWire {
    keys: Vec<JwkWire>,
}

#[derive(Deserialize)]
struct JwkWire {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwks {
    /// Reads a JWKS document (RFC 7517). Keys that are not RSA signing keys for RS256 are left out.
    pub fn parse(document: &str) -> Result<Self, JwksError> {
        reading::read(document.as_bytes()).map(Self::usable).map_err(JwksError)
    }

    fn usable(wire: JwksWire) -> Self {
        let usable = |jwk: JwkWire| {
            let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
            let rs256 = jwk.alg.as_deref().is_none_or(|alg| alg == "RS256");
            if jwk.kty != "RSA" || !signs || !rs256 {
                return None;
            }
            let key = DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?;
            Some((jwk.kid?, key))
        };
        Self { keys: wire.keys.into_iter().filter_map(usable).collect() }
    }

    pub(super) fn get(&self, key_id: &str) -> Option<&DecodingKey> {
        self.keys.get(key_id)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

/// Fetches the issuer's current keys, from `{issuer}/.well-known/jwks.json`.
pub fn fetch_jwks<'a>(http: &'a Http, issuer: &'a BaseUrl) -> BoxFuture<'a, Result<Jwks, ClerkError>> {
    Box::pin(async move {
        let url =
            issuer.join(&[".well-known", "jwks.json"]).map_err(|error| FETCH_KEYS.unexpected(Why::Address(error)))?;
        let request = Request::new(Method::GET, url).timeout(FETCH_TIMEOUT);
        let outcome = http.exchange_repeatable(&request).await;
        let answer = outcome.map_err(|reason| ClerkError::from_no_answer(FETCH_KEYS, reason))?;
        if !answer.status.is_success() {
            return Err(ClerkError::from_answer(FETCH_KEYS, &answer));
        }
        Ok(Jwks::usable(FETCH_KEYS.read(&answer)?))
    })
}

/// Why the keys could not be fetched.
fn why(error: &ClerkError) -> String {
    match error {
        ClerkError::Unavailable(reason) => format!("{error}: {reason}"),
        error => error.to_string(),
    }
}

/// Why a caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The token is invalid: 401.
    #[error("the session token is refused: {0}")]
    Refused(Refusal),
    /// The token's key is unknown and the issuer cannot be asked for newer keys: 503, since the token may be valid.
    #[error("the issuer's keys cannot be fetched: {0}")]
    KeysUnavailable(String),
}

/// Verifies session tokens of one issuer, with keys in memory.
///
/// The keys come with the configuration; only a token with an unknown key makes it ask the issuer: at once for each key id,
/// then for a minute not again, whether that worked or not. Callers that wait for the same key share one request.
pub struct SessionVerifier {
    http: Http,
    issuer: String,
    issuer_url: BaseUrl,
    allowed_origins: Vec<String>,
    keys: RwLock<Arc<Jwks>>,
    asked_for: tokio::sync::Mutex<BTreeMap<String, Refresh>>,
}

#[derive(Clone)]
struct Refresh {
    at: Timestamp,
    /// Why the keys were not fetched.
    failure: Option<String>,
}

impl SessionVerifier {
    /// A verifier for `issuer` (the exact `iss` of tokens) that starts with `keys`. Fails if the issuer is not an
    /// address that `http` may reach.
    pub fn new(http: Http, issuer: &str, allowed_origins: Vec<String>, keys: Jwks) -> Result<Self, UrlError> {
        Ok(Self {
            issuer_url: BaseUrl::parse(issuer, http.reach())?,
            http,
            issuer: issuer.to_owned(),
            allowed_origins,
            keys: RwLock::new(Arc::new(keys)),
            asked_for: tokio::sync::Mutex::default(),
        })
    }

    /// Verifies a token at the instant `now`, refreshing the keys if the token asks for one that is not known.
    pub fn verify<'a>(&'a self, token: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Session, SessionError>> {
        Box::pin(async move {
            match self.judge(token, now) {
                Ok(session) => Ok(session),
                Err(TokenError::Refused(refusal)) => Err(SessionError::Refused(refusal)),
                Err(TokenError::UnknownKey) => self.verify_with_newer_keys(token, now).await,
            }
        })
    }

    async fn verify_with_newer_keys(&self, token: &str, now: Timestamp) -> Result<Session, SessionError> {
        let key_id = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid).unwrap_or_default();
        // Held while fetching: callers that wait here then see the keys, or the failure, of the fetch before them.
        let mut asked_for = self.asked_for.lock().await;
        asked_for.retain(|_, refresh| now.duration_since(refresh.at).abs() < REFRESH_INTERVAL);
        let refresh = match asked_for.get(&key_id) {
            Some(refresh) => refresh.clone(),
            // The key may be genuine: it is fetched as soon as the limit on requests allows.
            None if asked_for.len() >= ASKED_AT_MOST => {
                Refresh { at: now, failure: Some("too many unknown keys within a minute".to_owned()) }
            }
            None => {
                let fetched = fetch_jwks(&self.http, &self.issuer_url).await;
                let refresh = Refresh { at: now, failure: fetched.as_ref().err().map(why) };
                if let Ok(keys) = fetched {
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                }
                asked_for.insert(key_id, refresh.clone());
                refresh
            }
        };
        drop(asked_for);
        match self.judge(token, now) {
            Ok(session) => Ok(session),
            Err(TokenError::Refused(refusal)) => Err(SessionError::Refused(refusal)),
            Err(TokenError::UnknownKey) => Err(match refresh.failure {
                None => SessionError::Refused(Refusal::Key),
                Some(why) => SessionError::KeysUnavailable(why),
            }),
        }
    }

    fn judge(&self, token: &str, now: Timestamp) -> Result<Session, TokenError> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        session::verify(token, &keys, &self.issuer, &self.allowed_origins, now)
    }
}

#[cfg(test)]
pub(super) mod test_key {
    //! An issuer's private key, for tests that need tokens of their own.

    use std::sync::OnceLock;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
    use aws_lc_rs::signature::RSA_PKCS1_SHA256;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use serde_json::{Value, json};

    /// All tests share one key pair, because making one takes a while; the key ids differ.
    pub struct TestKey {
        id: &'static str,
    }

    fn pair() -> &'static KeyPair {
        static PAIR: OnceLock<KeyPair> = OnceLock::new();
        PAIR.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    impl TestKey {
        pub fn new(id: &'static str) -> Self {
            Self { id }
        }

        pub fn jwks(&self) -> String {
            use aws_lc_rs::signature::KeyPair as _;
            let parts = PublicKeyComponents::<Vec<u8>>::from(pair().public_key());
            let (n, e) = (BASE64.encode(parts.n), BASE64.encode(parts.e));
            json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": n, "e": e }] })
                .to_string()
        }

        pub fn sign(header: &Value, claims: &Value) -> String {
            let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
            let mut signature = vec![0; pair().public_modulus_len()];
            pair().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
            format!("{message}.{}", BASE64.encode(signature))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::test_key::TestKey;
    use super::*;
    use crate::http::Reach;
    use crate::test_server::{Reply, TestServer};
    use serde_json::json;

    fn verifier(issuer: &str, keys: Jwks) -> SessionVerifier {
        let http = Http::new(Reach::InternetAndLoopback);
        SessionVerifier::new(http, issuer, vec!["https://app.example".into()], keys).unwrap()
    }

    fn token(issuer: &str, key_id: &'static str) -> String {
        let claims = json!({
            "iss": issuer, "sub": "user_1", "sid": "sess_1", "azp": "https://app.example", "iat": 1_000, "exp": 9_000,
        });
        TestKey::sign(&json!({ "alg": "RS256", "typ": "JWT", "kid": key_id }), &claims)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_rsa_signing_keys_are_taken_from_a_key_set() {
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "good" });
        let with = |name: &str, value: &str| {
            let mut key = rsa.clone();
            key["kid"] = json!("bad");
            key[name] = json!(value);
            key
        };
        let document = json!({ "keys": [
            rsa, with("kty", "EC"), with("use", "enc"), with("alg", "RS512"), with("n", "!"),
            { "kty": "RSA", "n": "AQAB", "e": "AQAB" }, { "kty": "RSA", "kid": "bad" },
        ]});
        assert_eq!(format!("{:?}", Jwks::parse(&document.to_string()).unwrap()), r#"{"good"}"#);
        for wrong in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(Jwks::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_known_key_asks_nobody() {
        let server = TestServer::start([]);
        let verifier = verifier(&server.base(), Jwks::parse(&TestKey::new("ins_1").jwks()).unwrap());
        assert!(verifier.verify(&token(&server.base(), "ins_1"), at(1_000)).await.is_ok());
        let refused = verifier.verify("nonsense", at(1_000)).await;
        assert!(matches!(refused, Err(SessionError::Refused(Refusal::Malformed))));
        assert_eq!(server.request_count(), 0);
    }

    #[tokio::test]
    async fn an_unknown_key_fetches_the_current_keys_once_for_all_who_wait() {
        let current = TestKey::new("ins_2").jwks();
        let server = TestServer::start([Reply::new(200, current.clone()), Reply::new(200, current)]);
        let verifier = verifier(&server.base(), Jwks::parse(&TestKey::new("ins_1").jwks()).unwrap());
        let (rotated, old) = (token(&server.base(), "ins_2"), token(&server.base(), "ins_1"));
        let now = at(1_000);
        let all = tokio::join!(
            verifier.verify(&rotated, now),
            verifier.verify(&rotated, now),
            verifier.verify(&rotated, now),
            verifier.verify(&rotated, now),
        );
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok());
        assert_eq!(server.request_count(), 1);
        assert_eq!(server.request(0).target, "/.well-known/jwks.json");

        let withdrawn = verifier.verify(&old, now).await;
        assert!(matches!(withdrawn, Err(SessionError::Refused(Refusal::Key))), "a key that was withdrawn is refused");
    }

    #[tokio::test]
    async fn the_issuer_is_asked_at_most_once_a_minute() {
        let keys = TestKey::new("ins_1").jwks();
        let server = TestServer::start([Reply::new(200, keys.clone()), Reply::new(200, keys)]);
        let verifier = verifier(&server.base(), Jwks::default());
        let invented = token(&server.base(), "ins_9");
        for (second, asked) in [(1_000, 1), (1_001, 1), (1_059, 1), (1_060, 2), (1_061, 2)] {
            let outcome = verifier.verify(&invented, at(second)).await;
            assert!(matches!(outcome, Err(SessionError::Refused(Refusal::Key))));
            assert_eq!(server.request_count(), asked, "at {second}");
        }
        assert!(verifier.verify(&token(&server.base(), "ins_1"), at(1_062)).await.is_ok());
    }

    #[tokio::test]
    async fn each_new_key_is_asked_for_at_once_and_no_more_of_them_than_a_handful() {
        let ids = ["ins_1", "ins_2", "ins_3", "ins_4", "ins_5", "ins_6"];
        let server = TestServer::start(ids.map(|id| Reply::new(200, TestKey::new(id).jwks())));
        let verifier = verifier(&server.base(), Jwks::default());
        let judge = async |id, second| verifier.verify(&token(&server.base(), id), at(second)).await;
        assert!(matches!(judge("ins_9", 1_000).await, Err(SessionError::Refused(Refusal::Key))));
        for (second, id) in [(1_001, "ins_2"), (1_002, "ins_3"), (1_003, "ins_4"), (1_004, "ins_5")] {
            assert!(judge(id, second).await.is_ok(), "{id}");
        }
        assert!(
            matches!(judge("ins_6", 1_005).await, Err(SessionError::KeysUnavailable(_))),
            "a handful was asked for"
        );
        assert_eq!(server.request_count(), 5);
        assert!(judge("ins_6", 1_060).await.is_ok(), "the first is a minute ago");
    }

    #[tokio::test]
    async fn an_unknown_key_with_an_unreachable_issuer_is_not_the_callers_fault() {
        let replies = [Reply::new(503, ""), Reply::new(200, "<html>"), Reply::new(200, TestKey::new("ins_1").jwks())];
        let server = TestServer::start(replies);
        let verifier = verifier(&server.base(), Jwks::default());
        let good = token(&server.base(), "ins_1");
        for (second, asked) in [(1_000, 1), (1_059, 1), (1_060, 2)] {
            let outcome = verifier.verify(&good, at(second)).await;
            assert!(matches!(outcome, Err(SessionError::KeysUnavailable(_))), "at {second}");
            assert_eq!(server.request_count(), asked, "at {second}");
        }
        assert!(verifier.verify(&good, at(1_120)).await.is_ok());
    }

    #[test]
    fn an_issuer_on_this_machine_is_for_the_local_stage_only() {
        let new = |reach| SessionVerifier::new(Http::new(reach), "http://127.0.0.1:9", vec![], Jwks::default()).err();
        assert_eq!(new(Reach::Internet), Some(UrlError::NotHttps));
        assert_eq!(new(Reach::InternetAndLoopback), None);
    }
}
