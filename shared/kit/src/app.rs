//! What a handler works with: the table, the clock, ids, configuration and clients. Made once at start.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use providers::Http;
use providers::clerk::{Jwks, SessionVerifier};
use store::Table;
use ulid::Ulid;

use crate::aws::Aws;
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::needs::Given;
use crate::secrets::Secrets;

/// Where "now" comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands still until it is moved: Unix milliseconds.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.as_millisecond())))
    }

    /// The present instant, to the millisecond: what is stored and shown is what was decided on.
    pub fn now(&self) -> Timestamp {
        let ms = match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock")]
            Self::System => Timestamp::now().as_millisecond(),
            Self::Manual(ms) => ms.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a manual clock; the system's clock is not ours to move.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Manual(ms) = self {
            ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
        }
    }

    /// Sets a manual clock.
    pub fn set(&self, at: Timestamp) {
        if let Self::Manual(ms) = self {
            ms.store(at.as_millisecond(), Ordering::SeqCst);
        }
    }
}

/// Where random numbers and new ids come from.
#[derive(Debug, Clone)]
pub enum Ids {
    /// The operating system's randomness.
    Random,
    /// A counter, so that tests can repeat what they did.
    Counting(Arc<AtomicU64>),
}

impl Ids {
    /// Ids that repeat from `seed`.
    pub fn counting(seed: u64) -> Self {
        Self::Counting(Arc::new(AtomicU64::new(seed)))
    }

    /// A random number.
    pub fn random(&self) -> u64 {
        match self {
            Self::Random => {
                let mut bytes = [0; 8];
                // The operating system's generator does not fail once the process runs; where it did, the time-ordered
                // part and the condition on every new key still keep ids apart.
                let _ = aws_lc_rs::rand::fill(&mut bytes);
                u64::from_le_bytes(bytes)
            }
            Self::Counting(next) => next.fetch_add(1, Ordering::SeqCst),
        }
    }

    /// The unique part of a new id.
    pub fn unique(&self, now: Timestamp) -> Ulid {
        let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let (high, low) = match self {
            Self::Random => (self.random(), self.random()),
            Self::Counting(_) => (0, self.random()),
        };
        Ulid::from_parts(ms, u128::from(high) << 64 | u128::from(low))
    }
}

/// The application as a handler sees it. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The table.
    pub table: Table,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where new ids come from.
    pub ids: Ids,
    /// What this deployment was told.
    pub config: Arc<Config>,
    /// The providers' keys.
    pub secrets: Secrets,
    /// The HTTP client of all providers.
    pub http: Http,
    sessions: Option<Arc<SessionVerifier>>,
    aws: Arc<Aws>,
    s3: Arc<OnceLock<aws_sdk_s3::Client>>,
    sqs: Arc<OnceLock<aws_sdk_sqs::Client>>,
}

impl App {
    /// The application of this Lambda, with what it is given.
    pub fn from_env(given: &Given) -> Result<Self, ConfigError> {
        let aws = Aws::from_env()?;
        let config = Config::from_env(&given.settings)?;
        let secrets = Secrets::in_manager(aws.clone(), &config.secrets_prefix).only(&given.secrets);
        Self::assemble(config, aws, secrets, Clock::System, Ids::Random)
    }

    /// An application made of these parts.
    pub fn assemble(config: Config, aws: Aws, secrets: Secrets, clock: Clock, ids: Ids) -> Result<Self, ConfigError> {
        let invalid = |name, problem: String| ConfigError::Invalid { name, problem };
        let http = Http::new(config.reach());
        let sessions = config.callers.as_ref().map(|callers| {
            let keys = if callers.clerk_jwks.is_empty() { r#"{"keys":[]}"# } else { callers.clerk_jwks.as_str() };
            let keys = Jwks::parse(keys).map_err(|e| invalid("CLERK_JWKS", e.to_string()))?;
            SessionVerifier::new(http.clone(), &callers.clerk_issuer, callers.allowed_origins.clone(), keys)
                .map_err(|e| invalid("CLERK_ISSUER", e.to_string()))
        });
        Ok(Self {
            table: Table::new(aws.dynamodb(), config.table_name.clone()),
            clock,
            ids,
            secrets,
            http,
            sessions: sessions.transpose()?.map(Arc::new),
            aws: Arc::new(aws),
            s3: Arc::default(),
            sqs: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How much time is left until Lambda stops this invocation. None outside of one, as in tests of handlers.
    pub fn time_left(&self) -> Option<Duration> {
        providers::deadline::time_left()
    }

    /// The same application as a function sees it that is given only this.
    #[must_use]
    pub fn only(&self, given: &Given) -> Self {
        let config = self.config.only(&given.settings);
        let sessions = self.sessions.clone().filter(|_| config.callers.is_some());
        Self { sessions, config: config.into(), secrets: self.secrets.only(&given.secrets), ..self.clone() }
    }

    /// Verifies session tokens.
    pub fn sessions(&self) -> Result<&SessionVerifier, ConfigError> {
        self.sessions.as_deref().ok_or(ConfigError::Undeclared("CLERK_ISSUER"))
    }

    /// S3, made on first use.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| self.aws.s3())
    }

    /// SQS, made on first use.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| self.aws.sqs())
    }

    /// Runs one attempt of an operation, and again where a rival was faster (DECISIONS.md, "The booking transaction").
    pub async fn retry<T, F: Future<Output = Result<T, Error>>>(&self, attempt: impl FnMut() -> F) -> Result<T, Error> {
        store::contention::retry(|| self.ids.random(), Error::is_contended, attempt).await
    }
}

impl domain::problem::Problem for ConfigError {
    fn kind(&self) -> domain::problem::Kind {
        domain::problem::Kind::Internal
    }
    fn code(&self) -> &'static str {
        "internal"
    }
}
