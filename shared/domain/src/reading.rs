//! Reading JSON that somebody else wrote. An error names the member that is missing or wrong and what was expected there, never
//! the value found: that may be a secret, a link or somebody's words.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// No member name of ours or of a provider's is longer.
const LONGEST_NAME: usize = 60;

/// Why a document cannot be read. It repeats nothing from the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON, or not all of it.
    #[error("it is not JSON, line {line}, column {column}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A member that must be there is not.
    #[error("the member {member} is missing")]
    Missing {
        /// The path to it, such as `call.session.id`.
        member: String,
    },
    /// A member has a value of another kind, or out of its range.
    #[error("{member} is not {expected}")]
    Wrong {
        /// The path to it; `the document` for the whole.
        member: String,
        /// What should stand there, in words of ours.
        expected: &'static str,
    },
}

impl Unreadable {
    /// A member whose value is of the right kind and makes no sense all the same.
    pub fn wrong(member: &str, expected: &'static str) -> Self {
        Self::Wrong { member: member.to_owned(), expected }
    }
}

/// Reads a whole document.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| told(error.path(), error.inner()))?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// Why a document could not be read, from what Serde says of it.
fn told(path: &Path, error: &serde_json::Error) -> Unreadable {
    if !error.is_data() {
        return not_json(error);
    }
    phrased(spelled(path), &error.to_string())
}

/// Why something that is no JSON, such as an item of the table, could not be read, from what Serde says of it.
pub fn of_serde(error: &impl std::fmt::Display) -> Unreadable {
    phrased(String::new(), &error.to_string())
}

/// Serde's message quotes the value. Only two things are taken from it: a name that our own code gave, and which of the kinds
/// that we know was expected.
fn phrased(within: String, message: &str) -> Unreadable {
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let member = if within.is_empty() { shown(name) } else { format!("{within}.{}", shown(name)) };
        return Unreadable::Missing { member };
    }
    let member = Some(within).filter(|path| !path.is_empty());
    Unreadable::Wrong { member: member.unwrap_or_else(|| "the document".to_owned()), expected: kind(message) }
}

fn not_json(error: &serde_json::Error) -> Unreadable {
    Unreadable::NotJson { line: error.line(), column: error.column() }
}

/// A path by names and places. Whatever is no name of a member is not shown.
fn spelled(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shown(key));
            }
            Segment::Unknown => text.push('…'),
        }
    }
    text
}

fn shown(name: &str) -> String {
    let is_name = name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
    if is_name { name.to_owned() } else { "…".to_owned() }
}

/// What was expected, as one of a few phrases of ours.
fn kind(message: &str) -> &'static str {
    if message.starts_with("unknown variant") {
        return "one of the names we know";
    }
    if message.starts_with("unknown field") || message.starts_with("duplicate field") {
        return "an object with the members we know, each once";
    }
    if message.starts_with("not a valid ") {
        return "a valid id";
    }
    let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let expected = expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected);
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a timestamp string" => "a date-time",
        "an RFC 3339 date-time or Unix nanoseconds" => "an RFC 3339 date-time or Unix nanoseconds",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("a tuple of size ") => "a list of the right length",
        _ => "what was expected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BookingId, UserId};
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether they can be read is looked at")]
    struct Call {
        id: BookingId,
        owner: Option<UserId>,
        size: u32,
        #[serde(default)]
        stays: Vec<Stay>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether they can be read is looked at")]
    struct Stay {
        name: String,
        at: jiff::Timestamp,
        here: bool,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Guest,
    }

    fn call() -> Value {
        let stay = json!({ "name": "n", "at": "2026-11-20T10:00:00Z", "here": true, "kind": "guest" });
        json!({ "id": "bkg_01KAFMC0800000000000000000", "owner": "user_1", "size": 2, "stays": [stay.clone(), stay] })
    }

    #[test]
    fn what_serde_says_of_anything_is_told_without_the_value() {
        for (says, told) in [
            ("missing field `outboxId`", "the member outboxId is missing"),
            ("unknown variant `a secret`, expected `A` or `B`", "the document is not one of the names we know"),
            ("invalid type: string \"a secret\", expected u64", "the document is not a whole number from 0"),
            ("a secret", "the document is not what was expected"),
        ] {
            assert_eq!(of_serde(&says).to_string(), told);
        }
    }

    /// What is said of the call with this in place of what the pointer leads to; without it where that is `None`.
    fn said(pointer: &str, instead: Option<Value>) -> String {
        let mut whole = call();
        if let Some(value) = instead {
            *whole.pointer_mut(pointer).unwrap() = value;
        } else {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            whole.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        }
        read::<Call>(whole.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_member_that_is_missing_or_wrong_is_named_and_what_was_expected() {
        let check = |pointer: &str, instead: Option<Value>, expected: &str| {
            assert_eq!(said(pointer, instead), expected);
        };
        assert!(read::<Call>(call().to_string().as_bytes()).is_ok());
        check("/size", None, "the member size is missing");
        check("/stays/1/name", None, "the member stays[1].name is missing");
        check("/stays/0", Some(json!(7)), "stays[0] is not an object");
        check("/stays", Some(json!({})), "stays is not a list");
        check("/stays/1/here", Some(json!("yes")), "stays[1].here is not true or false");
        check("/stays/1/name", Some(Value::Null), "stays[1].name is not a text");
        check("/stays/1/kind", Some(json!("host")), "stays[1].kind is not one of the names we know");
        check("/size", Some(json!(-1)), "size is not a whole number from 0");
        check("/size", Some(json!(1.5)), "size is not a whole number from 0");
        check("/id", Some(json!("bkg_1")), "id is not a valid id");
        check("/owner", Some(json!("a b")), "owner is not a valid id");
        check("", Some(json!("text")), "the document is not an object");
        for (text, expected) in [
            ("", "it is not JSON, line 1, column 0"),
            ("{\n\"id\":", "it is not JSON, line 2, column 5"),
            ("<html>", "it is not JSON, line 1, column 1"),
        ] {
            assert_eq!(read::<Call>(text.as_bytes()).unwrap_err().to_string(), expected);
        }
        let twice = format!("{} {}", call(), call());
        assert!(matches!(read::<Call>(twice.as_bytes()), Err(Unreadable::NotJson { .. })));
    }

    /// Texts that are made to get through: they look like the beginnings and ends of what Serde says. The space makes them
    /// no id of a user.
    fn hostile() -> impl Strategy<Value = String> {
        let dress = prop::sample::select(vec![
            ("", ""),
            ("missing field `", "`"),
            ("unknown variant `", "`, expected `x`"),
            ("not a valid ", ""),
            ("x, expected ", ""),
            ("x, expected struct ", " at line 1 column 1"),
            (" at line ", ""),
            ("`", "`"),
        ]);
        (dress, "s3cr3t [ a-z.]{0,80}").prop_map(|((before, after), text)| format!("{before}{text}{after}"))
    }

    proptest! {
        #[test]
        fn nothing_of_the_content_is_told(text in hostile(), place in 0_usize..9, as_key: bool) {
            let pointers =
                ["", "/id", "/owner", "/size", "/stays", "/stays/1", "/stays/1/at", "/stays/1/here", "/stays/0/kind"];
            let value = if as_key { json!({ text.clone(): text.clone() }) } else { json!(text) };
            let told = said(pointers[place], Some(value.clone()));
            prop_assert!(!told.contains("s3cr3t"), "{told}");
            // Beside members that are read, and cut off.
            let mut whole = call();
            whole[text.as_str()] = json!({ text.clone(): [text.clone()] });
            let cut = whole.to_string();
            for end in (0..cut.len()).filter(|end| cut.is_char_boundary(*end)) {
                if let Err(error) = read::<Call>(&cut.as_bytes()[..end]) {
                    prop_assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
                }
            }
        }
    }
}
