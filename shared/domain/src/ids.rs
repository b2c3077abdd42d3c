//! Typed identifiers: a prefix that says of what, and a time-ordered unique part (a ULID).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct IdError {
    /// The kind of id that was expected, such as `bkg_… id`.
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What every id of this kind begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this unique part; ids come from `App`'s id source.
            pub fn new(unique: Ulid) -> Self {
                Self(unique)
            }

            /// The unique part.
            pub fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = IdError { kind: concat!($prefix, "_… id") };
                let unique = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| refused.clone())?;
                let ulid = Ulid::from_string(unique).map_err(|_| refused.clone())?;
                // One id has one spelling: keys are compared as text.
                if ulid.to_string() == unique { Ok(Self(ulid)) } else { Err(refused) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
                })
            }
        }
    };
}

id!(
    /// One availability rule of an interviewer.
    AvailabilityId,
    "avl"
);
id!(
    /// One human session; also the id of its call at Stream.
    BookingId,
    "bkg"
);
id!(
    /// One line of a person's view of the ledger.
    TransactionId,
    "txn"
);

id!(
    /// One intent to pay, whatever became of it.
    PaymentId,
    "pay"
);
id!(
    /// One plan of the catalog.
    PlanId,
    "pln"
);
id!(
    /// One pack of credits or minutes of the catalog.
    PackId,
    "pck"
);
id!(
    /// One request to be paid out.
    PayoutId,
    "pyo"
);

/// A person's id: the `sub` of the Clerk session token. Letters, digits, `_`, `-` and `@`, at most 64 characters, which
/// is also what Stream accepts as a user id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UserId(String);

impl UserId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@');
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err(IdError { kind: "user id" });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for UserId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for UserId {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_@-]{1,64}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_refuses_every_other_spelling() {
        let id = BookingId::new(Ulid::from_parts(1_795_167_000_000, 7));
        assert_eq!(id.to_string().parse::<BookingId>(), Ok(id));
        let text = id.to_string();
        for wrong in [
            "",
            "bkg_",
            &text[4..],
            &text.to_lowercase(),
            &text.replace("bkg", "avl"),
            &format!("{text}0"),
            &text[..text.len() - 1],
        ] {
            assert!(wrong.parse::<BookingId>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn user_ids_fit_what_stream_accepts() {
        assert!("user_2abc-DEF@x".parse::<UserId>().is_ok());
        for wrong in ["", "a b", "user#1", "ü", &"x".repeat(65)] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong} was taken");
        }
    }
}
