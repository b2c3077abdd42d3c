//! The user object, which webhooks and the Backend API share.

use std::fmt;

use domain::ids::UserId;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// What we use of a Clerk user. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct ClerkUser {
    /// The `sub` of this user's session tokens.
    pub user_id: UserId,
    /// First and last name, where the user gave any.
    pub name: Option<String>,
    /// The primary address, and no other one.
    pub email: Option<String>,
    /// A picture; Clerk makes one up for users without.
    pub image_url: Option<String>,
    /// Whether an operator has shut the user out.
    pub banned: bool,
    /// Whether the user cannot sign in for a while, mostly after too many wrong passwords.
    pub locked: bool,
    /// When the lock ends by itself; Clerk gives it in seconds from its answer. `None` if it does not end by itself.
    pub locked_until: Option<Timestamp>,
    /// When the user last changed, to the millisecond: deliveries come in any order, the latest change wins.
    pub updated_at: Timestamp,
    /// When the event with this state was made, in milliseconds since 1970; 0 if it does not say.
    pub told_at_millisecond: i64,
}

impl fmt::Debug for ClerkUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkUser")
            .field("user_id", &self.user_id)
            .field("banned", &self.banned)
            .field("locked", &self.locked)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
pub(super) struct UserWire {
    id: UserId,
    first_name: Option<String>,
    last_name: Option<String>,
    image_url: Option<String>,
    primary_email_address_id: Option<String>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    email_addresses: Vec<EmailWire>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    banned: bool,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    locked: bool,
    #[serde(default)]
    lockout_expires_in_seconds: serde_json::Value,
    updated_at: i64,
}

#[derive(Deserialize)]
struct EmailWire {
    id: Option<String>,
    email_address: Option<String>,
}

impl UserWire {
    /// `None` when `updated_at` is not a time. `told_at_millisecond` says when this was told, where that is known.
    pub fn into_user(self, told_at_millisecond: Option<i64>) -> Option<ClerkUser> {
        let names = [self.first_name, self.last_name].into_iter().flatten();
        let name =
            names.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let primary = self.primary_email_address_id;
        let email = self.email_addresses.into_iter().find(|address| primary.is_some() && address.id == primary);
        let updated_at = Timestamp::from_millisecond(self.updated_at).ok()?;
        let told_at = told_at_millisecond.and_then(|told| Timestamp::from_millisecond(told).ok()).unwrap_or(updated_at);
        let seconds = self.lockout_expires_in_seconds.as_i64().filter(|_| self.locked);
        let ends = |seconds: i64| told_at.checked_add(SignedDuration::from_secs(seconds.max(0))).ok();
        Some(ClerkUser {
            user_id: self.id,
            name: Some(name).filter(|name| !name.is_empty()),
            email: email.and_then(|address| address.email_address),
            image_url: self.image_url.filter(|url| !url.is_empty()),
            banned: self.banned,
            locked: self.locked,
            locked_until: seconds.and_then(ends),
            updated_at,
            told_at_millisecond: told_at_millisecond.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(changes: serde_json::Value) -> ClerkUser {
        let mut whole = json!({
            "id": "user_1", "object": "user", "first_name": " Zoë ", "last_name": "Candidate", "image_url": "",
            "primary_email_address_id": "idn_2", "updated_at": 1_795_166_997_835_i64,
            "email_addresses": [
                { "id": "idn_1", "email_address": "old@example.com" },
                { "id": "idn_2", "email_address": "zoe@example.com", "verification": null },
            ],
        });
        whole.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<UserWire>(whole).unwrap().into_user(Some(1_795_167_000_000)).unwrap()
    }

    #[test]
    fn null_says_as_much_as_nothing() {
        let nobody = json!({ "email_addresses": null, "first_name": null, "last_name": null, "image_url": null });
        let told = user(nobody);
        assert_eq!((told.name, told.email, told.image_url), (None, None, None));
        let no_address = user(json!({ "email_addresses": [{ "id": "idn_2", "email_address": null }] }));
        assert_eq!(no_address.email, None);
    }

    #[test]
    fn who_is_shut_out_is_told_with_the_end_of_a_lock() {
        let bars = |changes| {
            let user = user(changes);
            (user.banned, user.locked, user.locked_until.map(|until| until.to_string()))
        };
        assert_eq!(bars(json!({})), (false, false, None));
        assert_eq!(bars(json!({ "banned": null, "locked": null })), (false, false, None));
        assert_eq!(bars(json!({ "banned": true, "locked": false })), (true, false, None));
        let locked = json!({ "locked": true, "lockout_expires_in_seconds": 3600 });
        assert_eq!(bars(locked), (false, true, Some("2026-11-20T10:30:00Z".to_owned())));
        assert_eq!(bars(json!({ "locked": true, "lockout_expires_in_seconds": null })), (false, true, None));
        assert_eq!(bars(json!({ "locked": true, "lockout_expires_in_seconds": i64::MAX })), (false, true, None));
        assert_eq!(bars(json!({ "locked": false, "lockout_expires_in_seconds": 60 })), (false, false, None));
    }

    #[test]
    fn names_are_joined_and_only_the_primary_address_counts() {
        let zoe = user(json!({}));
        assert_eq!(zoe.name.as_deref(), Some("Zoë Candidate"));
        assert_eq!(zoe.email.as_deref(), Some("zoe@example.com"));
        assert_eq!(zoe.image_url, None);
        assert_eq!(zoe.updated_at.as_millisecond(), 1_795_166_997_835);
        assert_eq!(
            format!("{zoe:?}"),
            "ClerkUser { user_id: user_1, banned: false, locked: false, updated_at: 2026-11-20T09:29:57.835Z, .. }"
        );

        assert_eq!(user(json!({ "first_name": null })).name.as_deref(), Some("Candidate"));
        assert_eq!(user(json!({ "first_name": " ", "last_name": null })).name, None);
        assert_eq!(user(json!({ "primary_email_address_id": null })).email, None);
        assert_eq!(user(json!({ "primary_email_address_id": "idn_9" })).email, None);
    }
}
