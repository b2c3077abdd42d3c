//! Values that must never be printed.

use std::fmt;

use serde::Deserialize;

/// An API key, a signing secret or a token. `Debug` hides it, and it has neither `Display` nor `Serialize`.
///
/// While a secret is being rotated there are several: the first signs, any verifies. Functions that sign therefore
/// take one secret, functions that verify take a slice.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for signing or sending.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A link with which anybody can do something: pay, see a receipt, change a card. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Link(String);

impl Link {
    /// Wraps `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The link itself, for the one it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[link]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret: Secret = serde_json::from_str("\"sk_live_1\"").unwrap();
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "[secret] Some(\n    [secret],\n)");
        assert_eq!(secret.expose(), "sk_live_1");
        let link: Link = serde_json::from_str("\"https://pay.example/1\"").unwrap();
        assert_eq!((format!("{link:?}").as_str(), link.expose()), ("[link]", "https://pay.example/1"));
    }
}
