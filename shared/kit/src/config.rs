//! Configuration: read once at start, typed, and refused with the name of what is missing or wrong.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::UserId;
use providers::{Provider, Reach};

/// A value that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It must be set.
    #[error("{0} is not set")]
    Missing(&'static str),
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

/// Everything a function is told at start. Secrets are not among it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The kind of deployment.
    pub stage: Stage,
    /// The commit it was built from.
    pub version: String,
    /// The DynamoDB table.
    pub table_name: String,
    /// The exact `iss` of session tokens.
    pub clerk_issuer: String,
    /// The issuer's keys as a JWKS document; empty where they are to be fetched.
    pub clerk_jwks: String,
    /// The origins that may call, as in `azp`.
    pub allowed_origins: Vec<String>,
    /// Who may be an admin.
    pub admin_user_ids: BTreeSet<UserId>,
    /// Credits given once to a new candidate.
    pub signup_credits: u64,
    /// The model that writes feedback and questions.
    pub gemini_model: String,
    /// The model that is asked when that one refuses.
    pub gemini_fallback_model: String,
    /// Where each provider's API is.
    pub base_urls: BTreeMap<Provider, String>,
    /// What the names of the secrets begin with: the stack's name.
    pub secrets_prefix: String,
    /// The media bucket, for functions that use it.
    pub media_bucket: Option<String>,
    /// After how many days the bucket forgets a file, for functions that hand files out.
    pub media_retention_days: Option<u32>,
    /// The queue that this worker is fed from.
    pub queue_url: Option<String>,
    /// Where the relay sends to: the address of each queue by its name. Empty for functions that relay nothing.
    pub queues: BTreeMap<String, String>,
}

impl Config {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads configuration through `lookup`.
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let optional = |name| lookup(name).filter(|v| !v.trim().is_empty());
        let required = |name| optional(name).ok_or(ConfigError::Missing(name));
        let invalid = |name, problem: &str| ConfigError::Invalid { name, problem: problem.to_owned() };
        let list = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let stage = match required("STAGE")?.as_str() {
            "local" => Stage::Local,
            "dev" => Stage::Dev,
            "staging" => Stage::Staging,
            "prod" => Stage::Prod,
            _ => return Err(invalid("STAGE", "must be local, dev, staging or prod")),
        };
        let admins = list(optional("ADMIN_USER_IDS")).into_iter().map(|id| id.parse::<UserId>());
        let admins: Result<BTreeSet<UserId>, _> = admins.collect();
        let signup_credits = optional("SIGNUP_CREDITS").unwrap_or_else(|| "0".to_owned());
        let queues = list(optional("QUEUES")).into_iter().map(|pair| {
            let (name, url) = pair.split_once('=').filter(|(name, url)| !name.is_empty() && !url.is_empty())?;
            Some((name.to_owned(), url.to_owned()))
        });
        let queues: Option<BTreeMap<String, String>> = queues.collect();
        let base_urls = Provider::ALL
            .into_iter()
            .map(|provider| required(provider.base_url_variable()).map(|address| (provider, address)));
        let base_urls: Result<BTreeMap<Provider, String>, ConfigError> = base_urls.collect();
        let allowed_origins = list(Some(required("ALLOWED_ORIGINS")?));
        if allowed_origins.is_empty() {
            return Err(ConfigError::Missing("ALLOWED_ORIGINS"));
        }
        Ok(Self {
            stage,
            version: optional("GIT_SHA").unwrap_or_else(|| "unknown".to_owned()),
            table_name: required("TABLE_NAME")?,
            clerk_issuer: required("CLERK_ISSUER")?,
            clerk_jwks: optional("CLERK_JWKS").unwrap_or_default(),
            allowed_origins,
            admin_user_ids: admins.map_err(|_| invalid("ADMIN_USER_IDS", "must be Clerk user ids"))?,
            signup_credits: signup_credits
                .parse()
                .map_err(|_| invalid("SIGNUP_CREDITS", "must be a whole number of credits"))?,
            gemini_model: required("GEMINI_MODEL")?,
            gemini_fallback_model: required("GEMINI_FALLBACK_MODEL")?,
            base_urls: base_urls?,
            secrets_prefix: required("SECRETS_PREFIX")?,
            media_bucket: optional("MEDIA_BUCKET"),
            media_retention_days: optional("MEDIA_RETENTION_DAYS")
                .map(|days| days.parse())
                .transpose()
                .map_err(|_| invalid("MEDIA_RETENTION_DAYS", "must be a whole number of days"))?,
            queue_url: optional("QUEUE_URL"),
            queues: queues.ok_or_else(|| invalid("QUEUES", "must be pairs name=address"))?,
        })
    }

    /// Which addresses provider requests may go to.
    pub fn reach(&self) -> Reach {
        if self.stage == Stage::Local { Reach::InternetAndLoopback } else { Reach::Internet }
    }
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
                _ => return None,
            };
            (name != without).then(|| value.to_owned())
        }
    }

    #[test]
    fn a_missing_value_is_named() {
        assert_eq!(Config::from_lookup(lookup("")).unwrap().allowed_origins.len(), 2);
        let addresses = Provider::ALL.map(Provider::base_url_variable);
        let others = ["STAGE", "TABLE_NAME", "CLERK_ISSUER", "ALLOWED_ORIGINS", "GEMINI_MODEL", "SECRETS_PREFIX"];
        for name in addresses.into_iter().chain(others) {
            assert_eq!(Config::from_lookup(lookup(name)).unwrap_err(), ConfigError::Missing(name));
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        let wrong = |name: &'static str, value: &'static str| {
            let base = lookup("");
            Config::from_lookup(move |n| if n == name { Some(value.to_owned()) } else { base(n) }).unwrap_err()
        };
        assert!(wrong("STAGE", "production").to_string().starts_with("STAGE must be"));
        assert!(wrong("SIGNUP_CREDITS", "-1").to_string().starts_with("SIGNUP_CREDITS must be"));
        assert!(wrong("ADMIN_USER_IDS", "a b").to_string().starts_with("ADMIN_USER_IDS must be"));
        assert!(wrong("QUEUES", "media=http://q,http://r").to_string().starts_with("QUEUES must be"));
    }

    #[test]
    fn queues_have_addresses_by_name() {
        let base = lookup("");
        let given = "generation=https://q/1, media=https://q/2?a=b";
        let config = Config::from_lookup(move |n| if n == "QUEUES" { Some(given.to_owned()) } else { base(n) });
        let queues = config.unwrap().queues;
        assert_eq!(queues["generation"], "https://q/1");
        assert_eq!(queues["media"], "https://q/2?a=b");
        assert!(Config::from_lookup(lookup("")).unwrap().queues.is_empty());
    }
}
