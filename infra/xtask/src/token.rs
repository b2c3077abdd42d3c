//! `cargo xtask token`: a session token of a demo user.

use std::io::Write;

use serde_json::json;

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
    let request = json!({ "userId": full_id(&options.user), "lifetimeSeconds": options.lifetime });
    let session = http::post(&format!("{clerk}/simulator/sessions"), &request).await?.json("asking for a token")?;
    let token = session["token"].as_str().ok_or_else(|| Failure::new("the Clerk simulator gave no token"))?;
    // The reader may have gone away; there is nobody to tell then.
    drop(writeln!(std::io::stdout(), "{token}"));
    Ok(())
}

fn full_id(name: &str) -> String {
    if name.starts_with("user_") { name.to_owned() } else { format!("user_demo_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_demo_users() {
        assert_eq!(["cara", "user_2abc"].map(full_id), ["user_demo_cara", "user_2abc"]);
    }
}
