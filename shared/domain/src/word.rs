//! Enumerated words that we only display. A newer version may have stored one that this version does not know, and a single
//! unknown word must not make everything around it unreadable (DECISIONS.md, "Versions side by side").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// What is shown in place of a word that this version does not know.
pub const UNKNOWN: &str = "UNKNOWN";

/// A word of the list `T`, or one that is not in it. It is written as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// One of the list.
    Known(T),
    /// One that a newer version may know.
    Unknown(String),
}

impl<T> Word<T> {
    /// As it is shown: a word that is not in the list as [`UNKNOWN`].
    #[must_use]
    pub fn shown(self) -> Self {
        match self {
            Self::Known(word) => Self::Known(word),
            Self::Unknown(_) => Self::Unknown(UNKNOWN.to_owned()),
        }
    }
}

impl<T: Copy> Word<T> {
    /// The word, if it is in the list.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(word) if word == other)
    }
}

impl<T: JsonSchema> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrUnknown", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let list = schema.ensure_object();
        if let Some(Value::Array(words)) = list.get_mut("oneOf") {
            let about = "A value that is newer than this document.";
            words.push(json!({ "description": about, "type": "string", "const": UNKNOWN }));
        } else if let Some(Value::Array(words)) = list.get_mut("enum") {
            words.push(json!(UNKNOWN));
        }
        schema
    }
}

/// Reads a list and leaves out the words that this version does not know.
pub fn known_only<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let words = Vec::<Word<T>>::deserialize(deserializer)?;
    Ok(words.into_iter().filter_map(|word| if let Word::Known(word) = word { Some(word) } else { None }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Asset;
    use crate::settlement::SettlementReason;

    #[test]
    fn a_word_is_written_as_it_was_read_and_shown_in_a_form_that_the_description_allows() {
        for (text, shown) in [("session_held", "session_held"), ("struck_by_lightning", UNKNOWN)] {
            let word: Word<SettlementReason> = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(json!(word), json!(text));
            assert_eq!(json!(word.shown()), json!(shown));
        }
        assert_eq!(Word::from(Asset::Credit), Asset::Credit);
        assert_ne!(Word::Unknown("CREDIT".to_owned()), Asset::Credit);
        let schema = SchemaGenerator::default().subschema_for::<Word<SettlementReason>>();
        assert_eq!(schema.get("$ref"), Some(&json!("#/$defs/SettlementReasonOrUnknown")));
        for list in [schemars::schema_for!(Word<SettlementReason>), schemars::schema_for!(Word<crate::user::Category>)]
        {
            assert_eq!(list.as_value().to_string().matches(UNKNOWN).count(), 1, "{list:?}");
        }
    }

    #[test]
    fn a_list_is_read_without_the_words_that_are_not_known() {
        #[derive(Deserialize)]
        struct Stored(#[serde(deserialize_with = "known_only")] Vec<Asset>);
        let Stored(assets) = serde_json::from_value(json!(["GOLD", "CREDIT", "SILVER"])).unwrap();
        assert_eq!(assets, [Asset::Credit]);
        assert!(serde_json::from_value::<Stored>(json!([7])).is_err());
    }
}
