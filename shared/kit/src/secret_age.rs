//! Since when each key of a secret has its value. The id of a version says it where one key was changed and others were not, so that
//! no key looks younger than it is, and nobody has to read a value to know. A version that was put by hand has an id that says
//! nothing: all its keys came with it.

use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use jiff::Timestamp;
use ulid::Ulid;

use crate::secrets::Provider;

/// A key, and since when it has the value that signs.
pub type Since = (&'static str, Timestamp);

/// The id of a version whose keys have had their values since then; all of a provider's keys, in their order.
pub fn version_id(since: &[Since], unique: Ulid) -> String {
    let mut parts: Vec<String> = since.iter().map(|(_, since)| since.as_second().to_string()).collect();
    parts.push(unique.to_string());
    parts.join("-")
}

/// Since when each key of the version in force has its value.
pub fn in_force(provider: Provider, versions: &[SecretVersionsListEntry]) -> Option<Vec<Since>> {
    let version = versions.iter().find(|v| v.version_stages().iter().any(|stage| stage == "AWSCURRENT"))?;
    let created = Timestamp::from_second(version.created_date()?.secs()).ok()?;
    Some(since(provider, version.version_id().unwrap_or_default(), created))
}

fn since(provider: Provider, id: &str, created: Timestamp) -> Vec<Since> {
    let keys = provider.keys().iter().map(|(key, _)| *key);
    let told: Option<Vec<Timestamp>> = id
        .rsplit_once('-')
        .filter(|(_, unique)| Ulid::from_string(unique).is_ok())
        .and_then(|(told, _)| told.split('-').map(|s| Timestamp::from_second(s.parse().ok()?).ok()).collect());
    match told.filter(|told| told.len() == provider.keys().len()) {
        Some(told) => keys.zip(told.into_iter().map(|since| since.min(created))).collect(),
        None => keys.map(|key| (key, created)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_id_of_a_version_says_since_when_each_key_has_its_value() {
        let unique = Ulid::from_parts(1_795_167_000_000, 7);
        let told = [("apiKey", at(1_700_000_000)), ("apiSecret", at(1_795_167_000))];
        let id = version_id(&told, unique);
        assert_eq!(since(Provider::Stream, &id, at(1_795_167_001)), told);
        let came = [("apiKey", at(5)), ("apiSecret", at(5))];
        for other in [
            "",
            "01234567-0123-0123-0123-012345678901",
            &version_id(&told[..1], unique),
            &id[..id.len() - 1],
            &id.replace("17000", "x"),
        ] {
            assert_eq!(since(Provider::Stream, other, at(5)), came, "{other}");
        }
        assert_eq!(since(Provider::Stream, &id, at(5)), came, "no key is younger than what holds it");
    }

    #[test]
    fn every_providers_id_is_as_long_as_secrets_manager_takes_it() {
        for provider in Provider::ALL {
            let told: Vec<Since> = provider.keys().iter().map(|(key, _)| (*key, at(1_795_167_000))).collect();
            assert!((32..=64).contains(&version_id(&told, Ulid::nil()).len()), "{provider:?}");
        }
    }
}
