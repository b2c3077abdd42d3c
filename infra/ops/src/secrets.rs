//! Providers' secrets: whether they are filled, and changing a key without refusing anybody meanwhile.

use std::collections::BTreeMap;
use std::io::Read;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use kit::secret_age;
use kit::secrets::Provider;
use serde_json::{Map, Value, json};

use crate::refused::{Outcome, Refused, refuse};
use crate::shown::show;
use crate::stack::Stack;

/// Of these, functions accept several values at a time: the first signs, any verifies.
const OVERLAPPING: [&str; 2] = ["apiSecret", "webhookSecret"];

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Tell whether each provider's secret has its keys or still a placeholder, and for how many days; shows no value
    Check,
    /// Change a key in two steps: with --from the new value comes before the old one, without it the old one is dropped
    Rotate {
        #[arg(value_parser = provider())]
        provider: Provider,
        /// For example apiSecret or webhookSecret
        #[arg(long)]
        key: String,
        /// A file with the new value, or - for standard input
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
    },
}

fn provider() -> impl TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(Provider::ALL.map(Provider::name))
        .try_map(|name| Provider::ALL.into_iter().find(|provider| provider.name() == name).ok_or("no provider"))
}

pub async fn run(stack: &Stack, command: Keys) -> Outcome {
    match command {
        Keys::Check => check(stack).await,
        Keys::Rotate { provider, key, from } => rotate(stack, provider, &key, from.as_deref()).await,
    }
}

async fn check(stack: &Stack) -> Outcome {
    let (mut report, mut ways) = (BTreeMap::new(), Vec::new());
    for provider in Provider::ALL {
        let (name, secret) = (provider.name(), stack.secret_name(provider));
        let missing = kit::secrets::missing(provider, &stack.secret_text(provider).await?);
        let mut told = json!({ "secret": secret, "filled": missing.is_empty() });
        if missing.is_empty() {
            let days = |since: Timestamp| crate::now().duration_since(since).as_hours() / 24;
            let ages = stack.since(provider).await?.into_iter().map(|(key, since)| (key, days(since)));
            told["daysInForce"] = json!(ages.collect::<BTreeMap<_, _>>());
        } else {
            told["missing"] = json!(missing);
            ways.push(format!(
                "{secret} lacks {}: write {} with the real values to {name}.json, then\n  \
                 aws secretsmanager put-secret-value --secret-id {secret} --secret-string file://{name}.json && rm {name}.json",
                missing.join(", "),
                provider.example()
            ));
        }
        report.insert(name, told);
    }
    show(&json!(report));
    if ways.is_empty() { Ok(()) } else { refuse(format!("secrets are not filled\n{}", ways.join("\n"))) }
}

/// The value in a file, or on standard input.
fn given(source: &str) -> Outcome<String> {
    let mut text = String::new();
    let read = if source == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(source).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Refused::new(format!("{source}: {error}")))?;
    let value = text.trim();
    if value.is_empty() || value.contains(char::is_whitespace) {
        return refuse("the new value is empty or has white space in it: give the bare value, not JSON");
    }
    Ok(value.to_owned())
}

/// Puts `new` before the present value of `key`, or drops the old one where there is no new one. Says what was done.
fn rotated(keys: &mut Map<String, Value>, key: &str, new: Option<String>) -> Outcome<&'static str> {
    let values = match &keys[key] {
        Value::Array(values) => values.clone(),
        single => vec![single.clone()],
    };
    let under_way = values.len() > 1;
    let (next, done) = match new.map(Value::String) {
        None if !under_way => {
            return refuse(format!(
                "no rotation of {key} is under way: begin one with --from FILE (or - for standard input)"
            ));
        }
        None => (values[0].clone(), "finished: the old value is gone"),
        Some(new) if values.contains(&new) => return refuse("this value is in the secret already"),
        Some(new) if !OVERLAPPING.contains(&key) => {
            (new, "replaced at once: the provider knows only one valid value of this key")
        }
        Some(_) if under_way => {
            return refuse(format!(
                "a rotation of {key} is under way: finish it first, by the same command without --from"
            ));
        }
        Some(new) => (
            [vec![new], values].concat().into(),
            "begun: the new value signs, both verify; finish by the same command without --from",
        ),
    };
    keys.insert(key.to_owned(), next);
    Ok(done)
}

async fn rotate(stack: &Stack, provider: Provider, key: &str, from: Option<&str>) -> Outcome {
    let name = stack.secret_name(provider);
    let mut keys = stack.secret(provider).await?;
    if !keys.contains_key(key) {
        let known = keys.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return refuse(format!("the secret {name} has no key {key}; it has {known}"));
    }
    let new = from.map(given).transpose()?;
    let (now, is_new) = (crate::now(), new.is_some());
    let done = rotated(&mut keys, key, new)?;
    let mut since = stack.since(provider).await?;
    for (_, since) in since.iter_mut().filter(|(of, _)| is_new && *of == key) {
        *since = now;
    }
    let put = stack.secrets_manager().put_secret_value().secret_id(&name);
    let id = secret_age::version_id(&since, kit::app::Ids::Random.unique(now));
    put.client_request_token(id).secret_string(json!(keys).to_string()).send().await?;
    show(&json!({ "secret": name, "key": key, "rotation": done, "inForce": "within five minutes" }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(keys: &Value, key: &str, new: Option<&str>) -> (bool, Value) {
        let mut keys = keys.as_object().unwrap().clone();
        let outcome = rotated(&mut keys, key, new.map(str::to_owned));
        (outcome.is_ok(), keys.into())
    }

    #[test]
    fn a_key_that_verifies_is_rotated_in_two_steps_and_any_other_at_once() {
        let old = json!({ "apiKey": "k", "apiSecret": "old" });
        assert_eq!(turn(&old, "apiSecret", None), (false, old.clone()));
        assert_eq!(turn(&old, "apiSecret", Some("old")), (false, old.clone()));
        let (begun, both) = turn(&old, "apiSecret", Some("new"));
        assert_eq!((begun, &both["apiSecret"]), (true, &json!(["new", "old"])));
        assert_eq!(turn(&both, "apiSecret", Some("newer")), (false, both.clone()));
        assert_eq!(turn(&both, "apiSecret", None), (true, json!({ "apiKey": "k", "apiSecret": "new" })));
        assert_eq!(turn(&old, "apiKey", Some("k2")).1["apiKey"], "k2");
    }
}
