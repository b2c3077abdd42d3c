//! `cargo xtask token`: a session token of a demo user.

use std::io::Write;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::settings::Settings;
use crate::{http, places};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// A user's id, or the name of a demo user such as cara
    user: String,
    /// For how many seconds the token is valid
    #[arg(long, default_value_t = 3600)]
    lifetime: i64,
}

pub async fn token(options: &Options) -> Outcome<()> {
    let stack = places::running_stack(&Settings::read()?.data)?;
    let Some(clerk) = stack["simulators"]["clerk"]["baseUrl"].as_str() else {
        return Err(Failure::new("the running stack has no Clerk simulator; its tokens come from its own issuer"));
    };
    let user = full_id(&options.user);
    if user != options.user {
        let kept = http::get(&format!("{clerk}/simulator/users")).await?.json("asking for the users")?;
        check_demo_user(&options.user, &kept)?;
    }
    let request = json!({ "userId": user, "lifetimeSeconds": options.lifetime });
    let session = http::post(&format!("{clerk}/simulator/sessions"), &request).await?.json("asking for a token")?;
    let token = session["token"].as_str().ok_or_else(|| Failure::new("the Clerk simulator gave no token"))?;
    // The reader may have gone away; there is nobody to tell then.
    drop(writeln!(std::io::stdout(), "{token}"));
    Ok(())
}

/// Refuses the name of a demo user whom the simulator does not have, and says which there are.
fn check_demo_user(name: &str, kept: &Value) -> Outcome<()> {
    let ids = kept["users"].as_array().into_iter().flatten().filter_map(|user| user["id"].as_str());
    let known: Vec<&str> = ids.filter_map(|id| id.strip_prefix("user_demo_")).collect();
    if known.contains(&name) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there is no demo user {name}; there are {}, and any user's id will do",
        known.join(", ")
    )))
}

fn full_id(name: &str) -> String {
    if name.starts_with("user_") { name.to_owned() } else { format!("user_demo_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_is_refused_with_those_that_there_are() {
        let kept = json!({ "users": [{ "id": "user_demo_cara" }, { "id": "user_demo_ivy" }, { "id": "user_2abc" }] });
        check_demo_user("ivy", &kept).unwrap();
        let refused = check_demo_user("nobody", &kept).unwrap_err().to_string();
        assert_eq!(refused, "there is no demo user nobody; there are cara, ivy, and any user's id will do");
    }

    #[test]
    fn short_names_are_demo_users() {
        assert_eq!(["cara", "user_2abc"].map(full_id), ["user_demo_cara", "user_2abc"]);
    }
}
