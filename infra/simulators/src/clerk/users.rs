//! Clerk's user object.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::crypto::random_id;

/// A user to be created or changed. Absent members keep what the user had.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UserInput {
    /// `user_…`; made up when absent.
    pub id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// The primary address. An empty string leaves the user without one.
    pub email: Option<String>,
    /// Whether the address is verified; true when absent.
    pub email_verified: Option<bool>,
    pub image_url: Option<String>,
    /// `false` sends no webhook.
    pub webhook: Option<bool>,
    /// Milliseconds; now, or one more than before, when absent. Webhooks are compared by it.
    pub updated_at: Option<i64>,
    pub public_metadata: Option<Map<String, Value>>,
}

/// The user object after `input` was applied to `old`. `now` is in milliseconds.
pub fn user_object(id: &str, input: &UserInput, old: Option<&Value>, now: i64) -> Value {
    let mut user = old.cloned().unwrap_or_else(|| new_user(id, now));
    if let Some(first_name) = &input.first_name {
        user["first_name"] = json!(first_name);
    }
    if let Some(last_name) = &input.last_name {
        user["last_name"] = json!(last_name);
    }
    if let Some(image_url) = &input.image_url {
        user["image_url"] = json!(image_url);
        user["profile_image_url"] = json!(image_url);
        user["has_image"] = json!(true);
    }
    if let Some(metadata) = &input.public_metadata {
        user["public_metadata"] = json!(metadata);
    }
    match input.email.as_deref() {
        Some("") => {
            user["email_addresses"] = json!([]);
            user["primary_email_address_id"] = Value::Null;
        }
        Some(email) => {
            let address_id = random_id("idn_");
            user["email_addresses"] =
                json!([email_address(&address_id, email, input.email_verified != Some(false), now)]);
            user["primary_email_address_id"] = json!(address_id);
        }
        None => {}
    }
    let last = old.and_then(|old| old["updated_at"].as_i64()).unwrap_or(0);
    // Two changes within a millisecond must still be told apart by `updated_at`.
    user["updated_at"] = json!(input.updated_at.unwrap_or_else(|| now.max(last + 1)));
    user
}

/// What the backend API can do to whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// For good; their sessions are revoked, and tokens that are out live on for their minute.
    Ban,
    Unban,
    /// For an hour, as after too many wrong passwords. That it runs out is told by no webhook.
    Lock,
    Unlock,
}

/// How long a lock lasts unless the instance says otherwise, in seconds.
const LOCKOUT_SECONDS: i64 = 3_600;

/// The user object after that. `now` is in milliseconds.
pub fn barred(user: &Value, bar: Bar, now: i64) -> Value {
    let mut user = user.clone();
    match bar {
        Bar::Ban => user["banned"] = json!(true),
        Bar::Unban => user["banned"] = json!(false),
        Bar::Lock => {
            user["locked"] = json!(true);
            user["lockout_expires_in_seconds"] = json!(LOCKOUT_SECONDS);
            user["verification_attempts_remaining"] = json!(0);
        }
        Bar::Unlock => {
            user["locked"] = json!(false);
            user["lockout_expires_in_seconds"] = Value::Null;
            user["verification_attempts_remaining"] = json!(100);
        }
    }
    user["updated_at"] = json!(now.max(user["updated_at"].as_i64().unwrap_or(0) + 1));
    user
}

/// The `data` of `user.deleted`, and the answer of the backend API.
pub fn deleted_object(id: &str) -> Value {
    json!({ "id": id, "object": "user", "deleted": true })
}

fn email_address(id: &str, address: &str, verified: bool, now: i64) -> Value {
    let status = if verified { "verified" } else { "unverified" };
    json!({
        "id": id,
        "object": "email_address",
        "email_address": address,
        "reserved": false,
        "verification": {
            "object": "verification_otp", "status": status, "strategy": "email_code", "attempts": 1,
            "expire_at": now + 600_000,
        },
        "linked_to": [],
        "matches_sso_connection": false,
        "created_at": now,
        "updated_at": now,
    })
}

fn new_user(id: &str, now: i64) -> Value {
    json!({
        "id": id, "object": "user", "username": null, "first_name": null, "last_name": null, "locale": "en-US",
        "image_url": "https://img.clerk.example/default.png",
        "profile_image_url": "https://img.clerk.example/default.png",
        "has_image": false,
        "primary_email_address_id": null, "primary_phone_number_id": null, "primary_web3_wallet_id": null,
        "password_enabled": true, "two_factor_enabled": false, "totp_enabled": false, "backup_code_enabled": false,
        "email_addresses": [], "phone_numbers": [], "web3_wallets": [], "passkeys": [],
        "external_accounts": [], "saml_accounts": [], "enterprise_accounts": [],
        "public_metadata": {}, "private_metadata": {}, "unsafe_metadata": {},
        "external_id": null, "last_sign_in_at": null, "last_active_at": now, "legal_accepted_at": null,
        "banned": false, "locked": false, "lockout_expires_in_seconds": null, "verification_attempts_remaining": 100,
        "mfa_enabled_at": null, "mfa_disabled_at": null,
        "delete_self_enabled": true, "create_organization_enabled": true,
        "created_at": now, "updated_at": now,
    })
}
