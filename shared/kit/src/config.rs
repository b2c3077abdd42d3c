//! Configuration: read once at start, typed, and refused with the name of what is missing or wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use domain::catalog::PriceFloor;
use domain::ids::UserId;
use domain::money::{Currency, Money};
use providers::{Provider, Reach};

/// A value that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It must be set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// The function does not say that it needs it, so it is not given it.
    #[error("{0} is used by a function that does not declare it")]
    Undeclared(&'static str),
    /// It is set to something else than it can be.
    #[error("{name} {problem}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// What kind of deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The local stack: plain `http` and loopback addresses are allowed.
    Local,
    /// A development stack.
    Dev,
    /// The stack before production.
    Staging,
    /// Production.
    Prod,
}

/// A part of the configuration that only some functions are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Who may sign in, and from where: for functions with signed-in callers.
    Callers,
    /// Credits for new candidates.
    SignupCredits,
    /// How prices are made and what payouts come to.
    Sales,
    /// Where Stream is.
    Stream,
    /// Where Gemini is, and its models.
    Gemini,
    /// Where the relay sends to.
    Queues,
    /// The queue that a worker is fed from.
    QueueUrl,
    /// The media bucket.
    MediaBucket,
    /// After how many days the bucket forgets a file.
    MediaRetention,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Callers,
        Self::SignupCredits,
        Self::Sales,
        Self::Stream,
        Self::Gemini,
        Self::Queues,
        Self::QueueUrl,
        Self::MediaBucket,
        Self::MediaRetention,
    ];

    /// The variables it is read from.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Callers => &["CLERK_ISSUER", "CLERK_JWKS", "ALLOWED_ORIGINS", "ADMIN_USER_IDS"],
            Self::SignupCredits => &["SIGNUP_CREDITS"],
            Self::Sales => &[
                "CATALOG_CURRENCIES",
                "INR_PER_USD",
                "CREDIT_PAYOUT_MINOR",
                "PAYOUT_CURRENCY",
                "MIN_PAYOUT_CREDITS",
                "PLATFORM_FEE_PERCENT",
            ],
            Self::Stream => &["STREAM_BASE_URL"],
            Self::Gemini => &["GEMINI_BASE_URL", "GEMINI_MODEL", "GEMINI_FALLBACK_MODEL"],
            Self::Queues => &["QUEUES"],
            Self::QueueUrl => &["QUEUE_URL"],
            Self::MediaBucket => &["MEDIA_BUCKET"],
            Self::MediaRetention => &["MEDIA_RETENTION_DAYS"],
        }
    }
}

/// Who may sign in, and from where.
#[derive(Debug, Clone)]
pub struct Callers {
    /// The exact `iss` of session tokens.
    pub clerk_issuer: String,
    /// The issuer's keys as a JWKS document; empty where they are to be fetched.
    pub clerk_jwks: String,
    /// The origins that may call, as in `azp`.
    pub allowed_origins: Vec<String>,
}

/// Gemini's models.
#[derive(Debug, Clone)]
pub struct Gemini {
    /// The model that writes feedback and questions.
    pub model: String,
    /// The model that is asked when that one refuses.
    pub fallback_model: String,
}

/// How prices are made and what payouts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sales {
    /// The currencies in which prices are shown, the default one first.
    pub currencies: Vec<Currency>,
    /// What a credit is paid out for, so that none is sold for less.
    pub floor: PriceFloor,
    /// The fewest credits of one payout.
    pub min_payout_credits: u64,
    /// The fee of payouts where an interviewer's plan has no other, in percent.
    pub platform_fee_percent: u8,
}

impl Sales {
    fn read(required: impl Fn(&'static str) -> Result<String, ConfigError>) -> Result<Self, ConfigError> {
        let currency = |name, code: &str| Currency::of_code(code).ok_or_else(|| invalid(name, "must be INR or USD"));
        let currencies = required("CATALOG_CURRENCIES")?;
        let currencies: Result<Vec<Currency>, _> =
            list(&currencies).iter().map(|code| currency("CATALOG_CURRENCIES", code)).collect();
        let payout = Money {
            amount_minor: number("CREDIT_PAYOUT_MINOR", &required("CREDIT_PAYOUT_MINOR")?, "minor units")?,
            currency: currency("PAYOUT_CURRENCY", &required("PAYOUT_CURRENCY")?)?,
        };
        let inr_per_usd = number("INR_PER_USD", &required("INR_PER_USD")?, "rupees")?;
        let percent: u8 = number("PLATFORM_FEE_PERCENT", &required("PLATFORM_FEE_PERCENT")?, "percent")?;
        if percent > 100 {
            return Err(invalid("PLATFORM_FEE_PERCENT", "must be at most 100"));
        }
        Ok(Self {
            currencies: currencies?,
            floor: PriceFloor { credit_payout: payout, inr_per_usd },
            min_payout_credits: number("MIN_PAYOUT_CREDITS", &required("MIN_PAYOUT_CREDITS")?, "credits")?,
            platform_fee_percent: percent,
        })
    }
}

/// Everything a function is told at start. Secrets are not among it. What it does not declare is absent.
#[derive(Debug, Clone)]
pub struct Config {
    /// The kind of deployment.
    pub stage: Stage,
    /// The commit it was built from.
    pub version: String,
    /// The DynamoDB table.
    pub table_name: String,
    /// What the names of the secrets begin with: the stack's name.
    pub secrets_prefix: String,
    /// Who may be an admin: nobody where nobody signs in.
    pub admin_user_ids: BTreeSet<UserId>,
    /// Who may sign in, and from where.
    pub callers: Option<Callers>,
    /// Credits given once to a new candidate.
    pub signup_credits: Option<u64>,
    /// How prices are made and what payouts come to.
    pub sales: Option<Sales>,
    /// Where the API is of each provider that is called.
    pub base_urls: BTreeMap<Provider, String>,
    /// Gemini's models.
    pub gemini: Option<Gemini>,
    /// Where the relay sends to: the address of each queue by its name.
    pub queues: Option<BTreeMap<String, String>>,
    /// The queue that this worker is fed from.
    pub queue_url: Option<String>,
    /// The media bucket.
    pub media_bucket: Option<String>,
    /// After how many days the bucket forgets a file.
    pub media_retention_days: Option<u32>,
}

impl Config {
    /// Reads what a function declares from the environment of this process.
    pub fn from_env(declared: &[Setting]) -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        Self::from_lookup(declared, |name| std::env::var(name).ok())
    }

    /// Reads what is declared through `lookup`, and nothing else.
    pub fn from_lookup(
        declared: &[Setting],
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let optional = |name| lookup(name).filter(|v| !v.trim().is_empty());
        let required = |name| optional(name).ok_or(ConfigError::Missing(name));
        let stage = match required("STAGE")?.as_str() {
            "local" => Stage::Local,
            "dev" => Stage::Dev,
            "staging" => Stage::Staging,
            "prod" => Stage::Prod,
            _ => return Err(invalid("STAGE", "must be local, dev, staging or prod")),
        };
        let mut config = Self {
            stage,
            version: optional("GIT_SHA").unwrap_or_else(|| "unknown".to_owned()),
            table_name: required("TABLE_NAME")?,
            secrets_prefix: required("SECRETS_PREFIX")?,
            admin_user_ids: BTreeSet::new(),
            callers: None,
            signup_credits: None,
            sales: None,
            base_urls: BTreeMap::new(),
            gemini: None,
            queues: None,
            queue_url: None,
            media_bucket: None,
            media_retention_days: None,
        };
        for setting in declared {
            match setting {
                Setting::Callers => {
                    let allowed_origins = list(&required("ALLOWED_ORIGINS")?);
                    if allowed_origins.is_empty() {
                        return Err(ConfigError::Missing("ALLOWED_ORIGINS"));
                    }
                    config.callers = Some(Callers {
                        clerk_issuer: required("CLERK_ISSUER")?,
                        clerk_jwks: optional("CLERK_JWKS").unwrap_or_default(),
                        allowed_origins,
                    });
                    let admins = list(&optional("ADMIN_USER_IDS").unwrap_or_default());
                    let admins: Result<_, _> = admins.iter().map(|id| id.parse()).collect();
                    config.admin_user_ids = admins.map_err(|_| invalid("ADMIN_USER_IDS", "must be Clerk user ids"))?;
                }
                Setting::SignupCredits => {
                    config.signup_credits = Some(number("SIGNUP_CREDITS", &required("SIGNUP_CREDITS")?, "credits")?);
                }
                Setting::Sales => config.sales = Some(Sales::read(required)?),
                Setting::Stream => {
                    config.base_urls.insert(Provider::Stream, required("STREAM_BASE_URL")?);
                }
                Setting::Gemini => {
                    config.base_urls.insert(Provider::Gemini, required("GEMINI_BASE_URL")?);
                    config.gemini = Some(Gemini {
                        model: required("GEMINI_MODEL")?,
                        fallback_model: required("GEMINI_FALLBACK_MODEL")?,
                    });
                }
                Setting::Queues => {
                    let pairs = list(&required("QUEUES")?);
                    let addresses: Option<_> = pairs.iter().map(|pair| address(pair)).collect();
                    config.queues = Some(addresses.ok_or_else(|| invalid("QUEUES", "must be pairs name=address"))?);
                }
                Setting::QueueUrl => config.queue_url = Some(required("QUEUE_URL")?),
                Setting::MediaBucket => config.media_bucket = Some(required("MEDIA_BUCKET")?),
                Setting::MediaRetention => {
                    let days = required("MEDIA_RETENTION_DAYS")?;
                    config.media_retention_days = Some(number("MEDIA_RETENTION_DAYS", &days, "days")?);
                }
            }
        }
        Ok(config)
    }

    /// The same, of which only what is declared is left.
    #[must_use]
    pub fn only(&self, declared: &[Setting]) -> Self {
        let has = |setting| declared.contains(&setting);
        let called = |provider| match provider {
            Provider::Clerk => false,
            Provider::Stream => has(Setting::Stream),
            Provider::Gemini => has(Setting::Gemini),
        };
        Self {
            admin_user_ids: if has(Setting::Callers) { self.admin_user_ids.clone() } else { BTreeSet::new() },
            callers: self.callers.clone().filter(|_| has(Setting::Callers)),
            signup_credits: self.signup_credits.filter(|_| has(Setting::SignupCredits)),
            sales: self.sales.clone().filter(|_| has(Setting::Sales)),
            base_urls: self.base_urls.clone().into_iter().filter(|(provider, _)| called(*provider)).collect(),
            gemini: self.gemini.clone().filter(|_| has(Setting::Gemini)),
            queues: self.queues.clone().filter(|_| has(Setting::Queues)),
            queue_url: self.queue_url.clone().filter(|_| has(Setting::QueueUrl)),
            media_bucket: self.media_bucket.clone().filter(|_| has(Setting::MediaBucket)),
            media_retention_days: self.media_retention_days.filter(|_| has(Setting::MediaRetention)),
            ..self.clone()
        }
    }

    /// Credits given once to a new candidate.
    pub fn signup_credits(&self) -> Result<u64, ConfigError> {
        self.signup_credits.ok_or(ConfigError::Undeclared("SIGNUP_CREDITS"))
    }
    /// How prices are made and what payouts come to.
    pub fn sales(&self) -> Result<&Sales, ConfigError> {
        self.sales.as_ref().ok_or(ConfigError::Undeclared("CATALOG_CURRENCIES"))
    }
    /// Gemini's models.
    pub fn gemini(&self) -> Result<&Gemini, ConfigError> {
        self.gemini.as_ref().ok_or(ConfigError::Undeclared("GEMINI_MODEL"))
    }
    /// Where the relay sends to.
    pub fn queues(&self) -> Result<&BTreeMap<String, String>, ConfigError> {
        self.queues.as_ref().ok_or(ConfigError::Undeclared("QUEUES"))
    }
    /// The media bucket.
    pub fn media_bucket(&self) -> Result<&str, ConfigError> {
        self.media_bucket.as_deref().ok_or(ConfigError::Undeclared("MEDIA_BUCKET"))
    }
    /// After how many days the bucket forgets a file.
    pub fn media_retention_days(&self) -> Result<u32, ConfigError> {
        self.media_retention_days.ok_or(ConfigError::Undeclared("MEDIA_RETENTION_DAYS"))
    }

    /// Which addresses provider requests may go to.
    pub fn reach(&self) -> Reach {
        if self.stage == Stage::Local { Reach::InternetAndLoopback } else { Reach::Internet }
    }
}

fn invalid(name: &'static str, problem: &str) -> ConfigError {
    ConfigError::Invalid { name, problem: problem.to_owned() }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn number<T: FromStr>(name: &'static str, text: &str, of: &str) -> Result<T, ConfigError> {
    text.parse().map_err(|_| invalid(name, &format!("must be a whole number of {of}")))
}

/// A queue's name and address.
fn address(pair: &str) -> Option<(String, String)> {
    let (name, url) = pair.split_once('=').filter(|(name, url)| !name.is_empty() && !url.is_empty())?;
    Some((name.to_owned(), url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(without: &'static str) -> impl Fn(&'static str) -> Option<String> {
        move |name| {
            let value = match name {
                "STAGE" => "dev",
                "TABLE_NAME" => "greenroom-table",
                "CLERK_ISSUER" => "https://clerk.example",
                "ALLOWED_ORIGINS" => "https://a.example, https://b.example",
                "ADMIN_USER_IDS" => "user_1,user_2",
                "GEMINI_MODEL" => "m",
                "GEMINI_FALLBACK_MODEL" => "f",
                address if address.ends_with("_BASE_URL") => "https://provider.example",
                "SECRETS_PREFIX" => "greenroom",
                "SIGNUP_CREDITS" => "0",
                "CATALOG_CURRENCIES" => "INR,USD",
                "INR_PER_USD" => "83",
                "CREDIT_PAYOUT_MINOR" => "40",
                "PAYOUT_CURRENCY" => "USD",
                "MIN_PAYOUT_CREDITS" => "50",
                "PLATFORM_FEE_PERCENT" => "20",
                "QUEUES" => "media=https://q/1",
                "QUEUE_URL" => "https://q/1",
                "MEDIA_BUCKET" => "media",
                "MEDIA_RETENTION_DAYS" => "90",
                _ => return None,
            };
            (name != without).then(|| value.to_owned())
        }
    }

    #[test]
    fn a_missing_value_is_named_where_it_is_declared_and_not_asked_for_where_it_is_not() {
        for setting in Setting::ALL {
            for name in setting.variables() {
                let optional = ["CLERK_JWKS", "ADMIN_USER_IDS"].contains(name);
                let read = Config::from_lookup(&[setting], lookup(name));
                assert_eq!(read.err(), (!optional).then_some(ConfigError::Missing(name)));
                let others: Vec<Setting> = Setting::ALL.into_iter().filter(|other| *other != setting).collect();
                assert!(Config::from_lookup(&others, lookup(name)).is_ok(), "{name} is read without being declared");
            }
        }
        for name in ["STAGE", "TABLE_NAME", "SECRETS_PREFIX"] {
            assert_eq!(Config::from_lookup(&[], lookup(name)).unwrap_err(), ConfigError::Missing(name));
        }
    }

    #[test]
    fn what_is_not_declared_is_refused_by_name() {
        let all = Config::from_lookup(&Setting::ALL, lookup("")).unwrap();
        for config in [Config::from_lookup(&[], lookup("")).unwrap(), all.only(&[])] {
            assert_eq!(config.signup_credits().unwrap_err(), ConfigError::Undeclared("SIGNUP_CREDITS"));
            assert!(config.base_urls.is_empty());
            assert_eq!(config.gemini().unwrap_err(), ConfigError::Undeclared("GEMINI_MODEL"));
            assert_eq!(config.queues().unwrap_err(), ConfigError::Undeclared("QUEUES"));
            assert_eq!(config.media_bucket().unwrap_err(), ConfigError::Undeclared("MEDIA_BUCKET"));
            assert_eq!(config.media_retention_days().unwrap_err(), ConfigError::Undeclared("MEDIA_RETENTION_DAYS"));
            assert!(config.callers.is_none() && config.queue_url.is_none() && config.admin_user_ids.is_empty());
        }
        assert_eq!(format!("{:?}", all.only(&Setting::ALL)), format!("{all:?}"));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        let wrong = |name: &'static str, value: &'static str| {
            let base = lookup("");
            let lookup = move |n| if n == name { Some(value.to_owned()) } else { base(n) };
            Config::from_lookup(&Setting::ALL, lookup).unwrap_err()
        };
        assert!(wrong("STAGE", "production").to_string().starts_with("STAGE must be"));
        assert!(wrong("SIGNUP_CREDITS", "-1").to_string().starts_with("SIGNUP_CREDITS must be"));
        for (name, value) in
            [("CATALOG_CURRENCIES", "INR,EUR"), ("PAYOUT_CURRENCY", "EUR"), ("PLATFORM_FEE_PERCENT", "101")]
        {
            assert!(wrong(name, value).to_string().starts_with(&format!("{name} must be")));
        }
        assert!(wrong("ADMIN_USER_IDS", "a b").to_string().starts_with("ADMIN_USER_IDS must be"));
        assert!(wrong("QUEUES", "media=http://q,http://r").to_string().starts_with("QUEUES must be"));
    }

    #[test]
    fn queues_have_addresses_by_name() {
        let base = lookup("");
        let given = "generation=https://q/1, media=https://q/2?a=b";
        let lookup = move |n| if n == "QUEUES" { Some(given.to_owned()) } else { base(n) };
        let queues = Config::from_lookup(&[Setting::Queues], lookup).unwrap().queues.unwrap();
        assert_eq!(queues["generation"], "https://q/1");
        assert_eq!(queues["media"], "https://q/2?a=b");
    }
}
