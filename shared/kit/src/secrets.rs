//! Provider secrets: one per provider in Secrets Manager, cached in memory, read again when a key or signature is refused.
//! Never in environment variables, logs or errors.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use domain::problem::{Kind, Problem};
use jiff::{SignedDuration, Timestamp};
pub use providers::Provider;
use providers::Secret;
use serde_json::Value;

use crate::BoxFuture;
use crate::aws::Aws;
use crate::error::{Error, Fault, Unavailable};
use crate::secret_age::{self, Since};

/// How long a secret is used without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How often a refused key or signature, or a secret that nobody has filled yet, makes us ask again.
const REREAD_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// The keys that a secret of `provider` with this text has no value for.
pub fn missing(provider: Provider, text: &str) -> Vec<&'static str> {
    // What is no JSON has no keys, like the placeholder.
    let values: Value = serde_json::from_str(text).unwrap_or_default();
    provider.keys().iter().map(|(key, _)| *key).filter(|key| filled(&values[*key]).is_empty()).collect()
}

/// The values that stand in a secret's member: one, or several during a rotation. The ellipsis stands where somebody copied the
/// example and forgot to replace it.
fn filled(member: &Value) -> Vec<&str> {
    let values = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
    values.iter().filter_map(Value::as_str).filter(|text| !text.trim().is_empty() && !text.contains('…')).collect()
}

/// A deployment's secret lacks a key: an operator has not filled it yet. Whoever asks is told to try again, as with any other
/// trouble that is not theirs.
#[derive(Debug, thiserror::Error)]
#[error("the secret {secret} has no value for {key}: fill it with {example} (infra/RUNBOOK.md, \"Keys\")")]
pub struct Unfilled {
    /// The secret's name in Secrets Manager.
    pub secret: String,
    /// Which key has no value, or only a placeholder.
    pub key: &'static str,
    /// What a filled one looks like.
    pub example: String,
}

impl Problem for Unfilled {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        Some(REREAD_INTERVAL.as_secs().unsigned_abs())
    }
}

/// The function may not read a secret: its role or the secret's key does not let it. Only an operator can mend that; whoever asks
/// is told to try again, and nobody is asked again before a minute has passed.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "this function may not read the secret {secret}: its role lacks {action} on it, or on the key that encrypts it"
)]
pub struct Denied {
    /// The secret's name in Secrets Manager.
    secret: String,
    action: &'static str,
}

impl Problem for Denied {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "upstream_unavailable"
    }
    fn retry_after_seconds(&self) -> Option<u64> {
        Some(REREAD_INTERVAL.as_secs().unsigned_abs())
    }
}

/// The keys of one provider.
#[derive(Clone)]
pub struct ProviderSecret {
    provider: Provider,
    /// The secret's name in Secrets Manager.
    name: Arc<str>,
    values: Arc<Value>,
    read_at: Timestamp,
    /// Whether it was seen, and told, that a key which is needed has no value.
    unfilled: Arc<AtomicBool>,
}

impl ProviderSecret {
    /// The values under `key`: one, or several during a rotation. The first signs, any verifies.
    pub fn all(&self, key: &'static str) -> Result<Vec<Secret>, Error> {
        let secrets: Vec<Secret> = filled(&self.values[key]).into_iter().map(Secret::new).collect();
        if secrets.is_empty() {
            let unfilled = Unfilled { secret: self.name.to_string(), key, example: self.provider.example() };
            if !self.unfilled.swap(true, Ordering::Relaxed) {
                tracing::error!(secret = unfilled.secret, error = %unfilled, "a secret is not filled");
            }
            return Err(unfilled.into());
        }
        Ok(secrets)
    }

    /// How long it is used without asking again. One that is not filled yet is looked at again soon: somebody is about to.
    fn fresh_for(&self) -> SignedDuration {
        if self.unfilled.load(Ordering::Relaxed) { REREAD_INTERVAL } else { FRESH }
    }

    /// The value under `key` that signs.
    pub fn first(&self, key: &'static str) -> Result<Secret, Error> {
        self.all(key).map(|mut all| all.swap_remove(0))
    }
}

#[derive(Clone)]
enum Source {
    Manager { aws: Aws, prefix: String, client: Arc<OnceLock<aws_sdk_secretsmanager::Client>> },
    Fixed(Arc<Mutex<Value>>),
}

/// The providers' secrets.
#[derive(Clone)]
pub struct Secrets {
    source: Source,
    cache: Arc<Mutex<HashMap<Provider, ProviderSecret>>>,
    denied: Arc<Mutex<HashMap<Provider, (Timestamp, Denied)>>>,
    /// Whose alone may be read.
    readable: Option<Arc<[Provider]>>,
}

impl Secrets {
    /// Secrets named `{prefix}/{provider}` in Secrets Manager.
    pub fn in_manager(aws: Aws, prefix: &str) -> Self {
        let source = Source::Manager { aws, prefix: prefix.to_owned(), client: Arc::default() };
        Self { source, cache: Arc::default(), denied: Arc::default(), readable: None }
    }

    /// Secrets given as `{ provider: { key: value } }`, for tests; [`Secrets::replace`] rotates them.
    pub fn fixed(values: Value) -> Self {
        Self {
            source: Source::Fixed(Arc::new(Mutex::new(values))),
            cache: Arc::default(),
            denied: Arc::default(),
            readable: None,
        }
    }

    /// The same secrets, of which only those of these providers can be read.
    #[must_use]
    pub fn only(&self, readable: &[Provider]) -> Self {
        Self { readable: Some(readable.into()), ..self.clone() }
    }

    /// Rotates fixed secrets; what is cached stays as it is, as in a real rotation.
    pub fn replace(&self, values: Value) {
        if let Source::Fixed(fixed) = &self.source {
            *fixed.lock().unwrap_or_else(PoisonError::into_inner) = values;
        }
    }

    /// The secret of `provider`, from memory where it is fresh.
    pub fn get(&self, provider: Provider, now: Timestamp) -> BoxFuture<'_, Result<ProviderSecret, Error>> {
        Box::pin(async move {
            match self.cached(provider).filter(|s| now.duration_since(s.read_at) < s.fresh_for()) {
                Some(secret) => Ok(secret),
                None => self.read(provider, now).await,
            }
        })
    }

    /// The secret of `provider` after a key or signature was refused: read again, at most once a minute. None where it
    /// was read too recently to be another one.
    pub fn reread(&self, provider: Provider, now: Timestamp) -> BoxFuture<'_, Result<Option<ProviderSecret>, Error>> {
        Box::pin(async move {
            match self.cached(provider) {
                Some(secret) if now.duration_since(secret.read_at) < REREAD_INTERVAL => Ok(None),
                _ => self.read(provider, now).await.map(Some),
            }
        })
    }

    /// Since when each key of `provider` has the value that is in force. None where nobody knows: of fixed ones. No value is read.
    pub fn since(&self, provider: Provider) -> BoxFuture<'_, Result<Option<Vec<Since>>, Error>> {
        Box::pin(async move {
            let Source::Manager { aws, prefix, client } = &self.source else { return Ok(None) };
            let client = client.get_or_init(|| aws.secrets_manager());
            let asked = client.list_secret_version_ids().secret_id(format!("{prefix}/{}", provider.name()));
            let answer =
                asked.send().await.map_err(|e| refused(&e, prefix, provider, "secretsmanager:ListSecretVersionIds"))?;
            Ok(secret_age::in_force(provider, answer.versions()))
        })
    }

    fn cached(&self, provider: Provider) -> Option<ProviderSecret> {
        let is_readable = self.readable.as_ref().is_none_or(|readable| readable.contains(&provider));
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).filter(|_| is_readable).cloned()
    }

    async fn read(&self, provider: Provider, now: Timestamp) -> Result<ProviderSecret, Error> {
        if self.readable.as_ref().is_some_and(|readable| !readable.contains(&provider)) {
            return Err(Fault(format!(
                "the secret of {} is read by a function that does not declare it",
                provider.name()
            ))
            .into());
        }
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).cloned();
        if let Some((_, denied)) = denied.filter(|(at, _)| now.duration_since(*at) < REREAD_INTERVAL) {
            return Err(denied.into());
        }
        let (name, values) = match &self.source {
            Source::Fixed(fixed) => {
                let values = fixed.lock().unwrap_or_else(PoisonError::into_inner)[provider.name()].clone();
                (provider.name().to_owned(), values)
            }
            Source::Manager { aws, prefix, client } => {
                let client = client.get_or_init(|| aws.secrets_manager());
                let id = format!("{prefix}/{}", provider.name());
                let answer = client.get_secret_value().secret_id(&id).send().await;
                let answer =
                    answer.map_err(|e| match refused(&e, prefix, provider, "secretsmanager:GetSecretValue") {
                        Refusal::Denied(denied) => {
                            let noted = (now, denied.clone());
                            self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(provider, noted);
                            Refusal::Denied(denied)
                        }
                        refusal @ Refusal::Unavailable(_) => refusal,
                    })?;
                let text = answer.secret_string.unwrap_or_default();
                // What is no JSON has no keys, like the placeholder.
                (id, serde_json::from_str(&text).unwrap_or_default())
            }
        };
        let secret = ProviderSecret {
            provider,
            name: name.into(),
            values: Arc::new(values),
            read_at: now,
            unfilled: Arc::default(),
        };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(provider, secret.clone());
        Ok(secret)
    }
}

enum Refusal {
    Denied(Denied),
    Unavailable(Unavailable),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(denied) => denied.into(),
            Refusal::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

fn refused<E>(error: &SdkError<E>, prefix: &str, provider: Provider, action: &'static str) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if error.code() == Some("AccessDeniedException") {
        return Refusal::Denied(Denied { secret: format!("{prefix}/{}", provider.name()), action });
    }
    let why = DisplayErrorContext(error).to_string();
    Refusal::Unavailable(Unavailable { what: "Secrets Manager", why, retry_after_seconds: 5 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_secret_that_nobody_filled_is_named_with_the_way_to_fill_it() {
        for unfilled in [
            json!({ "placeholder": "true" }),
            json!({}),
            json!("s3cret"),
            json!({ "apiKey": "", "apiSecret": [] }),
            json!({ "apiKey": " ", "apiSecret": ["", 7] }),
            serde_json::from_str(&Provider::Stream.example()).unwrap(),
        ] {
            let secrets = Secrets::fixed(json!({ "stream": unfilled }));
            let secret = secrets.get(Provider::Stream, at(0)).await.unwrap();
            for key in ["apiKey", "apiSecret"] {
                let Err(Error::Refused(problem)) = secret.all(key) else { panic!("{unfilled}") };
                assert_eq!((problem.kind(), problem.code()), (Kind::Unavailable, "upstream_unavailable"));
                let told = problem.to_string();
                assert!(
                    told.starts_with(&format!("the secret stream has no value for {key}: fill it with {{")),
                    "{told}"
                );
                assert!(!told.contains("s3cret"), "{told}");
            }
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_filled_is_in_force_within_a_minute() {
        let secrets = Secrets::fixed(json!({ "gemini": { "placeholder": "true" } }));
        let key = async |second| secrets.get(Provider::Gemini, at(second)).await.unwrap().first("apiKey");
        assert!(key(0).await.is_err());
        secrets.replace(json!({ "gemini": { "apiKey": "k" } }));
        assert!(key(59).await.is_err());
        assert_eq!(key(60).await.unwrap().expose(), "k");
        secrets.replace(json!({ "gemini": { "apiKey": "k2" } }));
        assert_eq!(key(299).await.unwrap().expose(), "k", "a good one is kept for five minutes");
    }

    #[test]
    fn the_keys_that_have_no_value_are_told() {
        for provider in Provider::ALL {
            let keys: Vec<&str> = provider.keys().iter().map(|(key, _)| *key).collect();
            for unfilled in [provider.example(), r#"{"placeholder":"true"}"#.to_owned(), "s3cret".to_owned()] {
                assert_eq!(missing(provider, &unfilled), keys, "{}: {unfilled}", provider.name());
            }
            assert!(missing(provider, &provider.example().replace('…', "x")).is_empty(), "{}", provider.name());
        }
        assert_eq!(missing(Provider::Clerk, r#"{"secretKey":["","k"],"webhookSecret":[]}"#), ["webhookSecret"]);
    }
}
