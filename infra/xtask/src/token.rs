//! `cargo xtask token`: a session token of a demo user.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::settings::Settings;
use crate::{http, places};

const LIFETIME_SECONDS: i64 = 3600;

pub async fn token(options: &[String]) -> Outcome<()> {
    let (user, lifetime) = parse(options)?;
    let file = places::stack_file(&Settings::read()?.data);
    let text = fs::read_to_string(&file)
        .map_err(|_| Failure::new("no local stack is running: start one with `cargo xtask up`"))?;
    let stack: Value =
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let Some(clerk) = stack["simulators"]["clerk"]["baseUrl"].as_str() else {
        return Err(Failure::new("the running stack has no Clerk simulator; its tokens come from its own issuer"));
    };
    let request = json!({ "userId": user, "lifetimeSeconds": lifetime });
    let session = http::post(&format!("{clerk}/simulator/sessions"), &request).await?.json("asking for a token")?;
    let token = session["token"].as_str().ok_or_else(|| Failure::new("the Clerk simulator gave no token"))?;
    // The reader may have gone away; there is nobody to tell then.
    drop(writeln!(std::io::stdout(), "{token}"));
    Ok(())
}

fn parse(options: &[String]) -> Outcome<(String, i64)> {
    let mut user = None;
    let mut lifetime = LIFETIME_SECONDS;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match option.as_str() {
            "--lifetime" => {
                let text = rest.next().ok_or_else(|| Failure::new("--lifetime needs a number of seconds"))?;
                lifetime =
                    text.parse().map_err(|_| Failure::new(format!("--lifetime {text}: not a number of seconds")))?;
            }
            flag if flag.starts_with('-') => return Err(Failure::new(format!("token does not know {flag}"))),
            name if user.is_none() => user = Some(full_id(name)),
            name => return Err(Failure::new(format!("one user at a time, not also {name}"))),
        }
    }
    let user = user.ok_or_else(|| Failure::new("whose token? For example: cargo xtask token cara"))?;
    Ok((user, lifetime))
}

fn full_id(name: &str) -> String {
    if name.starts_with("user_") { name.to_owned() } else { format!("user_demo_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Outcome<(String, i64)> {
        parse(&line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn short_names_are_demo_users() {
        assert_eq!(parsed("cara").unwrap(), ("user_demo_cara".into(), 3600));
        assert_eq!(parsed("user_2abc --lifetime 60").unwrap(), ("user_2abc".into(), 60));
    }

    #[test]
    fn anything_unclear_is_refused() {
        for line in ["", "cara dan", "cara --lifetime", "cara --lifetime soon", "--json cara"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
