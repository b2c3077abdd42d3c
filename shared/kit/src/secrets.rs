//! Provider secrets: one per provider in Secrets Manager, cached in memory, read again when a key or signature is refused.
//! Never in environment variables, logs or errors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use providers::Secret;
use serde_json::Value;

use crate::BoxFuture;
use crate::aws::Aws;
use crate::error::{Error, Fault, Unavailable};

/// How long a secret is used without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How often a refused key or signature makes us ask again.
const REREAD_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Whose secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Sign-in.
    Clerk,
    /// Video calls.
    Stream,
    /// The model.
    Gemini,
}

impl Provider {
    /// The last part of the secret's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clerk => "clerk",
            Self::Stream => "stream",
            Self::Gemini => "gemini",
        }
    }
}

/// The keys of one provider.
#[derive(Clone)]
pub struct ProviderSecret {
    provider: Provider,
    values: Arc<Value>,
    read_at: Timestamp,
}

impl ProviderSecret {
    /// The values under `key`: one, or several during a rotation. The first signs, any verifies.
    pub fn all(&self, key: &'static str) -> Result<Vec<Secret>, Error> {
        let list = match &self.values[key] {
            Value::Array(items) => items.iter().collect(),
            single => vec![single],
        };
        let secrets: Vec<Secret> =
            list.into_iter().filter_map(Value::as_str).filter(|s| !s.is_empty()).map(Secret::new).collect();
        if secrets.is_empty() {
            let name = self.provider.name();
            return Err(Fault(format!("the secret of {name} has no value for {key}: fill it")).into());
        }
        Ok(secrets)
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
}

impl Secrets {
    /// Secrets named `{prefix}/{provider}` in Secrets Manager.
    pub fn in_manager(aws: Aws, prefix: &str) -> Self {
        let source = Source::Manager { aws, prefix: prefix.to_owned(), client: Arc::default() };
        Self { source, cache: Arc::default() }
    }

    /// Secrets given as `{ provider: { key: value } }`, for tests; [`Secrets::replace`] rotates them.
    pub fn fixed(values: Value) -> Self {
        Self { source: Source::Fixed(Arc::new(Mutex::new(values))), cache: Arc::default() }
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
            match self.cached(provider).filter(|s| now.duration_since(s.read_at) < FRESH) {
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

    fn cached(&self, provider: Provider) -> Option<ProviderSecret> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).cloned()
    }

    async fn read(&self, provider: Provider, now: Timestamp) -> Result<ProviderSecret, Error> {
        let values = match &self.source {
            Source::Fixed(fixed) => fixed.lock().unwrap_or_else(PoisonError::into_inner)[provider.name()].clone(),
            Source::Manager { aws, prefix, client } => {
                let client = client.get_or_init(|| aws.secrets_manager());
                let id = format!("{prefix}/{}", provider.name());
                let answer = client.get_secret_value().secret_id(id).send().await.map_err(|e| Unavailable {
                    what: "Secrets Manager",
                    why: aws_sdk_secretsmanager::error::DisplayErrorContext(&e).to_string(),
                    retry_after_seconds: 5,
                })?;
                let text = answer.secret_string.unwrap_or_default();
                serde_json::from_str(&text)
                    .map_err(|_| Fault(format!("the secret of {} is not JSON", provider.name())))?
            }
        };
        let secret = ProviderSecret { provider, values: Arc::new(values), read_at: now };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(provider, secret.clone());
        Ok(secret)
    }
}
