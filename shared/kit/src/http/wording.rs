//! What serde says of a request, in the words of somebody who knows JSON and not Rust.
//!
//! The list is closed: a sentence that is not in it becomes [`OTHERWISE`], so that neither a value of the caller's, which may
//! be personal, nor a name of our types gets out. A test of the whole system shows that no request leads there.

use std::borrow::Cow;

use domain::availability::{LOCAL_TIME, TIME_ZONE};
use domain::instant::INSTANT;
use domain::problem::ValidationError;

/// What is said where nothing better is known.
const OTHERWISE: &str = "is not of the form that the API's document gives";
const A_NAME: &str = "one of the names that the API's document gives";
const A_NUMBER: &str = "a whole number, neither negative nor too large";

/// No member of ours has a longer name, or path.
const LONGEST_NAME: usize = 60;

/// How the sentences begin that serde and ours put after the name of a parameter.
const BEGINNINGS: [&str; 13] = [
    "missing field `",
    "unknown field `",
    "duplicate field `",
    "unknown variant `",
    "invalid type: ",
    "invalid value: ",
    "invalid digit found in string",
    "cannot parse integer from empty string",
    "number too large",
    "number too small",
    "provided string was not ",
    "not a valid ",
    "must be ",
];

/// The refusal of the member at `path`, or of one right below it that `said` names.
pub(crate) fn refusal(path: &str, said: &str) -> ValidationError {
    let named = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| {
        let rest = said.strip_prefix(start)?;
        rest.rsplit_once("`, expected ").or_else(|| rest.rsplit_once('`')).map(|(name, _)| name)
    });
    let names_itself = |name: &str| path == name || path.ends_with(&format!(".{name}"));
    let field = match named {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if said.starts_with("missing") || !names_itself(name) => format!("{path}.{name}"),
        _ => path.to_owned(),
    };
    ValidationError::field(short(&field), in_words(said))
}

/// The refusal of a query, whose reader puts `name: ` before what it says, or nothing. The name is the caller's, and can hold
/// anything.
pub(crate) fn of_query(text: &str) -> ValidationError {
    let begins = BEGINNINGS.iter().filter_map(|beginning| text.find(beginning)).min().unwrap_or_default();
    let (name, said) = text.split_at(begins);
    let ValidationError(mut fields) = refusal(name.strip_suffix(": ").unwrap_or_default(), said);
    for field in &mut fields {
        if field.field.is_empty() {
            "query".clone_into(&mut field.field);
        }
    }
    ValidationError(fields)
}

/// Why a body is no JSON, and where.
pub(crate) fn of_syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(&*text, |(said, _)| said);
    let why = match said {
        _ if error.is_eof() => "it ends too early",
        "expected value" | "expected ident" => "a value is expected",
        "expected `:`" => "`:` is expected",
        "expected `,` or `]`" => "`,` or `]` is expected",
        "expected `,` or `}`" => "`,` or `}` is expected",
        "key must be a string" => "a name in double quotes is expected",
        "trailing characters" => "something follows its end",
        "invalid number" => "a number is not written as JSON has it",
        "invalid escape" => "an escape is not one of JSON's",
        said if said.starts_with("control character") => "a control character is not escaped",
        _ => "it cannot be read",
    };
    format!("{why}, at line {}, column {}", error.line(), error.column())
}

/// What serde says of a value, or we do, without the value.
fn in_words(said: &str) -> Cow<'static, str> {
    let expected = said.rsplit_once(", expected ").map(|(_, expected)| expected);
    match said {
        // These are ours, and hold nothing of the caller's.
        said if said.starts_with("must be ") || said.starts_with("not a valid ") => said.to_owned().into(),
        said if said.starts_with("missing field `") => "is required".into(),
        said if said.starts_with("duplicate field `") => "must not be there twice".into(),
        said if said.starts_with("unknown field `") => match expected {
            Some(known) => format!("is not known here; known: {}", without_quotes(known)).into(),
            None => "is not known here, and nothing is".into(),
        },
        said if said.starts_with("unknown variant `") => must_be(expected.and_then(names)),
        said if said.starts_with("invalid type: ") || said.starts_with("invalid value: ") => {
            must_be(expected.and_then(form))
        }
        // serde reads a list as an object too, where it is long enough.
        said if said.starts_with("invalid length ") && said.contains(", expected struct ") => {
            must_be(Some("an object".into()))
        }
        // serde_json takes what cannot name one of a set, such as null or a number, for an error of syntax.
        "expected value" => must_be(Some(A_NAME.into())),
        "number out of range" => must_be(Some(A_NUMBER.into())),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" | "invalid unicode code point" => {
            "must be Unicode text: half a pair such as \\ud83d alone is none".into()
        }
        // What a query's text is read with speaks of digits and strings.
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => must_be(Some("a whole number such as 20".into())),
        "provided string was not `true` or `false`" => must_be(Some("true or false".into())),
        _ => OTHERWISE.into(),
    }
}

fn must_be(form: Option<Cow<'static, str>>) -> Cow<'static, str> {
    form.map_or(OTHERWISE.into(), |form| format!("must be {form}").into())
}

/// What serde expects of a value.
fn form(expected: &str) -> Option<Cow<'static, str>> {
    let plain = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => A_NUMBER,
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number that is not too large",
        "a nonzero i64" => "a whole number other than 0",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string" => "a string",
        "a sequence" => "an array",
        "a map" => "an object",
        "unit" | "unit variant" => A_NAME,
        INSTANT => INSTANT,
        TIME_ZONE => TIME_ZONE,
        LOCAL_TIME => LOCAL_TIME,
        _ if expected.starts_with("struct ") => "an object",
        _ => return names(expected),
    };
    Some(plain.into())
}

/// Names that serde lists, such as "`A` or `B`" or "one of `A`, `B`, `C`".
fn names(expected: &str) -> Option<Cow<'static, str>> {
    let listed = expected.strip_prefix("one of ").unwrap_or(expected);
    listed.starts_with('`').then(|| without_quotes(expected).into())
}

fn without_quotes(list: &str) -> String {
    list.replace('`', "")
}

/// A path to a member of ours, or the beginning of something longer.
fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::http::extract::parse_json;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Asked {
        when: Option<domain::instant::Instant>,
        zone: Option<domain::availability::ZoneName>,
        local: Option<domain::availability::LocalTime>,
        price_credits: Option<u64>,
        amount: Option<std::num::NonZeroI64>,
        steps: Option<i32>,
        ratio: Option<f64>,
        booking_id: Option<domain::ids::BookingId>,
        user_id: Option<domain::ids::UserId>,
        asset: Option<domain::money::Asset>,
        category: Option<domain::user::Category>,
        names: Option<Vec<String>>,
        yes: Option<bool>,
        inner: Option<Box<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Inner {
        role: domain::user::Role,
        inner: Option<Box<Inner>>,
    }

    /// Everything that can be said of a body. Whoever changes a phrase changes it here, and for clients.
    #[test]
    fn a_refusal_names_the_member_and_speaks_of_json() {
        let instant = "must be an instant in RFC 3339 such as 2026-12-08T09:00:00Z";
        for (body, field, message) in [
            (r#"{"when":"Tue, 08 Dec 2026 09:00:00 GMT"}"#, "when", instant),
            (r#"{"when":1}"#, "when", instant),
            (r#"{"when":{"a":1}}"#, "when", instant),
            (r#"{"zone":"Mars"}"#, "zone", "must be an IANA time zone such as Europe/Berlin"),
            (r#"{"zone":[]}"#, "zone", "must be an IANA time zone such as Europe/Berlin"),
            (r#"{"local":"6pm"}"#, "local", "must be a local time such as 18:00"),
            (r#"{"local":18}"#, "local", "must be a local time such as 18:00"),
            (r#"{"priceCredits":"x"}"#, "priceCredits", "must be a whole number, neither negative nor too large"),
            (r#"{"priceCredits":-1}"#, "priceCredits", "must be a whole number, neither negative nor too large"),
            (r#"{"priceCredits":1.5}"#, "priceCredits", "must be a whole number, neither negative nor too large"),
            (r#"{"priceCredits":1e999}"#, "priceCredits", "must be a whole number, neither negative nor too large"),
            (r#"{"steps":3000000000}"#, "steps", "must be a whole number that is not too large"),
            (r#"{"amount":0}"#, "amount", "must be a whole number other than 0"),
            (r#"{"amount":"1"}"#, "amount", "must be a whole number other than 0"),
            (r#"{"ratio":"1"}"#, "ratio", "must be a number"),
            (r#"{"bookingId":"x"}"#, "bookingId", "not a valid bkg_… id"),
            (r#"{"bookingId":1}"#, "bookingId", "must be a string"),
            (r#"{"userId":"a b"}"#, "userId", "not a valid user id"),
            (r#"{"asset":"GOLD"}"#, "asset", "must be CREDIT or COPILOT_MINUTE"),
            (r#"{"asset":1}"#, "asset", "must be one of the names that the API's document gives"),
            (r#"{"asset":{"CREDIT":1}}"#, "asset.CREDIT", "must be one of the names that the API's document gives"),
            (r#"{"inner":{"role":null}}"#, "inner.role", "must be one of the names that the API's document gives"),
            (
                r#"{"inner":{"role":"KING"}}"#,
                "inner.role",
                "must be one of UNASSIGNED, INTERVIEWEE, INTERVIEWER, ADMIN",
            ),
            (r#"{"inner":{}}"#, "inner.role", "is required"),
            (r#"{"inner":{"role":"ADMIN","inner":{}}}"#, "inner.inner.role", "is required"),
            (r#"{"inner":1}"#, "inner", "must be an object"),
            (r#"{"inner":[]}"#, "inner", "must be an object"),
            (r#"{"asset":null,"names":"x"}"#, "names", "must be an array"),
            (r#"{"names":[1]}"#, "names[0]", "must be a string"),
            (r#"{"names":["\ud83d"]}"#, "names[0]", "must be Unicode text: half a pair such as \\ud83d alone is none"),
            (r#"{"yes":"true"}"#, "yes", "must be true or false"),
            (r#"{"amount":1,"amount":1}"#, "amount", "must not be there twice"),
            (r#"{"inner":{"role":"ADMIN","role":"ADMIN"}}"#, "inner.role", "must not be there twice"),
            ("[]", "body", "must be a JSON object"),
        ] {
            let refused = parse_json::<Asked>(body.as_bytes()).unwrap_err();
            assert_eq!(format!("{refused:?}"), format!("validation_failed: {field}: {message}"), "{body}");
        }
        let unknown = parse_json::<Asked>(br#"{"x`, expected `y":1}"#).unwrap_err();
        let unknown = format!("{unknown:?}");
        assert!(
            unknown.starts_with("validation_failed: x`, expected `y: is not known here; known: one of when, zone, ")
        );
        let nothing = parse_json::<crate::http::extract::NoBody>(br#"{"a":1}"#).unwrap_err();
        assert_eq!(format!("{nothing:?}"), "validation_failed: a: is not known here, and nothing is");
        let refused = parse_json::<Asked>(format!(r#"{{"{}":1}}"#, "é".repeat(9_000)).as_bytes()).unwrap_err();
        assert!(format!("{refused:?}").len() < 600, "{refused:?}");
    }

    #[test]
    fn what_is_no_json_is_told_why_and_where() {
        for (body, why) in [
            ("", "it ends too early, at line 1, column 0"),
            ("{\"a\":", "it ends too early, at line 1, column 5"),
            ("{\"a\":[1", "it ends too early, at line 1, column 7"),
            ("{\"a\":\"b", "it ends too early, at line 1, column 7"),
            ("{\n  'a': 1}", "a name in double quotes is expected, at line 2, column 3"),
            ("{\"a\" 1}", "`:` is expected, at line 1, column 6"),
            ("{\"a\":[1 2]}", "`,` or `]` is expected, at line 1, column 9"),
            ("{\"a\":1 \"b\":2}", "`,` or `}` is expected, at line 1, column 8"),
            ("{\"a\":[1,]}", "a value is expected, at line 1, column 9"),
            ("{\"a\":1,}", "a name in double quotes is expected, at line 1, column 8"),
            ("{\"a\":x}", "a value is expected, at line 1, column 6"),
            ("{\"a\":nul}", "a value is expected, at line 1, column 9"),
            ("{} {}", "something follows its end, at line 1, column 4"),
            ("{\"a\":01}", "a number is not written as JSON has it, at line 1, column 7"),
            ("{\"a\":\"\\x\"}", "an escape is not one of JSON's, at line 1, column 8"),
            ("{\"a\":\"\t\"}", "a control character is not escaped, at line 1, column 6"),
        ] {
            let refused = parse_json::<Asked>(body.as_bytes()).unwrap_err();
            let expected = format!("malformed_request: the body is not valid JSON: {why}");
            assert_eq!(format!("{refused:?}"), expected, "{body}");
        }
        let refused = parse_json::<Asked>(b"{\"a\":\"\xff\"}").unwrap_err();
        assert_eq!(format!("{refused:?}"), "malformed_request: the body is not valid JSON: it is not UTF-8");
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Filter {
        limit: u32,
        since: Option<domain::instant::Instant>,
        category: Option<domain::user::Category>,
        only_mine: Option<bool>,
    }

    fn of(query: &str) -> String {
        let uri: http::Uri = format!("http://a/?{query}").parse().unwrap();
        let refused = axum::extract::Query::<Filter>::try_from_uri(&uri).unwrap_err().body_text();
        of_query(refused.strip_prefix("Failed to deserialize query string: ").unwrap()).to_string()
    }

    #[test]
    fn a_refusal_of_a_query_names_the_parameter_and_says_what_it_should_be() {
        for (query, refusal) in [
            ("limit=", "limit: must be a whole number such as 20"),
            ("limit=x", "limit: must be a whole number such as 20"),
            ("limit=-1", "limit: must be a whole number such as 20"),
            ("limit=1.5", "limit: must be a whole number such as 20"),
            ("limit=99999999999", "limit: must be a whole number such as 20"),
            ("", "limit: is required"),
            ("limit=1&limit=2", "limit: must not be there twice"),
            ("limit=1&since=now", "since: must be an instant in RFC 3339 such as 2026-12-08T09:00:00Z"),
            ("limit=1&onlyMine=1", "onlyMine: must be true or false"),
            ("page=1", "page: is not known here; known: one of limit, since, category, onlyMine"),
            ("a%3A%20b=1", "a: b: is not known here; known: one of limit, since, category, onlyMine"),
            ("=1", "query: is not known here; known: one of limit, since, category, onlyMine"),
        ] {
            assert_eq!(of(query), refusal, "{query}");
        }
        let category = of("limit=1&category=cooking");
        assert!(category.starts_with("category: must be one of frontend, backend, "), "{category}");
    }
}
