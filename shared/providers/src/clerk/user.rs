//! The user object, which webhooks and the Backend API share.

use std::fmt;

use domain::ids::UserId;
use jiff::Timestamp;
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
    /// When the user last changed, to the millisecond: deliveries come in any order, the latest change wins.
    pub updated_at: Timestamp,
}

impl fmt::Debug for ClerkUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkUser")
            .field("user_id", &self.user_id)
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
    updated_at: i64,
}

#[derive(Deserialize)]
struct EmailWire {
    id: Option<String>,
    email_address: Option<String>,
}

impl UserWire {
    /// `None` when `updated_at` is not a time.
    pub fn into_user(self) -> Option<ClerkUser> {
        let names = [self.first_name, self.last_name].into_iter().flatten();
        let name =
            names.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let primary = self.primary_email_address_id;
        let email = self.email_addresses.into_iter().find(|address| primary.is_some() && address.id == primary);
        Some(ClerkUser {
            user_id: self.id,
            name: Some(name).filter(|name| !name.is_empty()),
            email: email.and_then(|address| address.email_address),
            image_url: self.image_url.filter(|url| !url.is_empty()),
            updated_at: Timestamp::from_millisecond(self.updated_at).ok()?,
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
        serde_json::from_value::<UserWire>(whole).unwrap().into_user().unwrap()
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
    fn names_are_joined_and_only_the_primary_address_counts() {
        let zoe = user(json!({}));
        assert_eq!(zoe.name.as_deref(), Some("Zoë Candidate"));
        assert_eq!(zoe.email.as_deref(), Some("zoe@example.com"));
        assert_eq!(zoe.image_url, None);
        assert_eq!(zoe.updated_at.as_millisecond(), 1_795_166_997_835);
        assert_eq!(format!("{zoe:?}"), "ClerkUser { user_id: user_1, updated_at: 2026-11-20T09:29:57.835Z, .. }");

        assert_eq!(user(json!({ "first_name": null })).name.as_deref(), Some("Candidate"));
        assert_eq!(user(json!({ "first_name": " ", "last_name": null })).name, None);
        assert_eq!(user(json!({ "primary_email_address_id": null })).email, None);
        assert_eq!(user(json!({ "primary_email_address_id": "idn_9" })).email, None);
    }
}
