//! What the environment says, read in one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use provider_table::Provider;
use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};
use crate::places;

const PARAMETER_PREFIX: &str = "GREENROOM_PARAM_";

/// How a local stack is to be started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Kept data of this stack.
    pub data: PathBuf,
    /// Port of the emulator, when it was chosen.
    pub port: Option<u16>,
    /// Whether the provider simulators and the demo data are wanted.
    pub simulators: bool,
    /// Where providers are, where that was given.
    pub base_urls: BTreeMap<Provider, String>,
    /// `{ provider: { key: value } }` from the file that `GREENROOM_SECRETS` names.
    pub secrets: Map<String, Value>,
    /// Template parameters, which win over everything else.
    pub parameters: BTreeMap<String, String>,
}

impl Settings {
    pub fn read() -> Outcome<Self> {
        let data = variable("GREENROOM_DATA").map_or_else(places::default_data, PathBuf::from);
        let data = std::path::absolute(&data).map_err(|error| Failure::file(&data, &error))?;
        let settings = Self {
            data,
            port: variable("GREENROOM_PORT").map(|text| port(&text)).transpose()?,
            simulators: simulators(variable("GREENROOM_SIMULATORS").as_deref())?,
            base_urls: Provider::ALL
                .into_iter()
                .filter_map(|provider| Some((provider, variable(provider.base_url_variable())?)))
                .collect(),
            secrets: variable("GREENROOM_SECRETS").map(|path| secrets(&path)).transpose()?.unwrap_or_default(),
            parameters: all_variables()
                .filter_map(|(name, value)| Some((name.strip_prefix(PARAMETER_PREFIX)?.to_owned(), value)))
                .collect(),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Outcome<()> {
        let missing: Vec<&str> = Provider::ALL
            .into_iter()
            .filter(|provider| {
                !self.simulators
                    && !self.base_urls.contains_key(provider)
                    && !self.parameters.contains_key(&provider.base_url_parameter())
            })
            .map(Provider::base_url_variable)
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "without simulators the providers' addresses are needed: set {}",
                missing.join(", ")
            )))
        }
    }
}

fn port(text: &str) -> Outcome<u16> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Failure::new(format!("GREENROOM_PORT is {text:?}: a port is a number from 1 to 65535"))),
    }
}

fn simulators(text: Option<&str>) -> Outcome<bool> {
    match text {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(Failure::new(format!("GREENROOM_SIMULATORS is {other:?}: it is on or off"))),
    }
}

fn secrets(path: &str) -> Outcome<Map<String, Value>> {
    let refused = |why: String| Failure::new(format!("GREENROOM_SECRETS, {path}: {why}"));
    let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let secrets: Map<String, Value> = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    match secrets.iter().find(|(_, keys)| !keys.is_object()) {
        Some((provider, _)) => Err(refused(format!("{provider} is not an object of keys"))),
        None => Ok(secrets),
    }
}

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "the commands are configured by the environment, and only here")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn all_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Names of the set variables that change how a local stack starts. A private stack for tests is started without them.
pub fn stack_variables() -> Vec<String> {
    all_variables()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("GREENROOM_") || name.ends_with("_BASE_URL"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_from_one() {
        assert_eq!(port("4566").unwrap(), 4566);
        for text in ["0", "70000", "-1", "http"] {
            assert!(port(text).unwrap_err().to_string().contains("GREENROOM_PORT"), "{text}");
        }
    }

    #[test]
    fn without_simulators_every_missing_address_is_named() {
        let mut settings = Settings {
            data: PathBuf::new(),
            port: None,
            simulators: false,
            base_urls: BTreeMap::from([(Provider::Gemini, "http://127.0.0.1:1".to_owned())]),
            secrets: Map::new(),
            parameters: BTreeMap::from([("StreamBaseUrl".to_owned(), "http://127.0.0.1:2".to_owned())]),
        };
        let message = settings.check().unwrap_err().to_string();
        assert!(message.ends_with("set CLERK_API_BASE_URL"), "{message}");
        settings.simulators = true;
        settings.check().unwrap();
    }

    #[test]
    fn a_misspelt_switch_is_refused() {
        assert!(simulators(None).unwrap());
        assert!(!simulators(Some("off")).unwrap());
        assert!(simulators(Some("false")).is_err());
    }
}
