//! What the model is asked to return, the schema it is asked with, and the check of its answer.

use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reading::{self, Unreadable};
use crate::text;
use crate::transcript::Speaker;

const MAX_POINTS: usize = 8;
const MAX_QUOTES: usize = 8;
const MAX_TEXT_CHARS: usize = 4000;
const MAX_POINT_CHARS: usize = 1000;
const MAX_QUOTE_CHARS: usize = 2000;

/// What the candidate's performance would have led to. Practice feedback for the candidate, not a hiring decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Recommendation {
    /// A clear yes.
    StrongHire,
    /// A yes.
    Hire,
    /// Not yet.
    NoHire,
}

/// The candidate's performance in this mock interview, judged from the transcript alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("propertyOrdering" = [
    "strengths", "improvements", "technical", "communication", "problemSolving", "summary", "recommendation",
    "overallRating", "sessionRating",
]))]
pub struct DraftFeedback {
    /// Two to four sentences that sum up the session for the candidate.
    pub summary: String,
    /// What the answers show of the candidate's technical knowledge.
    pub technical: String,
    /// How clearly the candidate explained and listened.
    pub communication: String,
    /// How the candidate approached problems.
    pub problem_solving: String,
    /// What the performance would have led to in a real interview.
    pub recommendation: Recommendation,
    /// What the candidate did well, one point each.
    #[schemars(length(min = 1, max = 8))]
    pub strengths: Vec<DraftPoint>,
    /// What the candidate can do better, one point each, with what to do.
    #[schemars(length(min = 1, max = 8))]
    pub improvements: Vec<DraftPoint>,
    /// The candidate's performance, 1 (poor) to 10 (outstanding).
    #[schemars(range(min = 1, max = 10))]
    pub overall_rating: u8,
    /// How useful the session was as practice, 1 to 10.
    #[schemars(range(min = 1, max = 10))]
    pub session_rating: u8,
}

/// One claim with the words that prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftPoint {
    /// The claim.
    pub text: String,
    /// Words from the transcript that prove the claim, copied exactly.
    #[schemars(length(min = 1, max = 8))]
    pub quotes: Vec<DraftQuote>,
}

/// Words that somebody is claimed to have said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftQuote {
    /// Who said it.
    pub speaker: Speaker,
    /// At least four words of a single line of the transcript, copied exactly.
    pub text: String,
}

/// Why a model's answer is not feedback. Says nothing of what was in it, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// It is not JSON of the form that was asked for.
    #[error("the answer does not have the form that was asked for: {0}")]
    Form(Unreadable),
    /// A member has a value we cannot take.
    #[error("`{field}` {reason}")]
    Value {
        /// The member's name in the JSON.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl DraftFeedback {
    /// Reads and checks a model's answer. Unknown members are ignored; texts are cleaned and trimmed. Quotes are not: what is
    /// stored of them is the transcript's.
    pub fn parse(json: &str) -> Result<Self, DraftError> {
        let mut draft: Self = reading::read(json.as_bytes()).map_err(DraftError::Form)?;
        for (field, text) in [
            ("summary", &mut draft.summary),
            ("technical", &mut draft.technical),
            ("communication", &mut draft.communication),
            ("problemSolving", &mut draft.problem_solving),
        ] {
            check_text(field, text, MAX_TEXT_CHARS)?;
        }
        for (field, rating) in [("overallRating", draft.overall_rating), ("sessionRating", draft.session_rating)] {
            require((1..=10).contains(&rating), field, || format!("must be 1 to 10, is {rating}"))?;
        }
        for (field, points) in [("strengths", &mut draft.strengths), ("improvements", &mut draft.improvements)] {
            let count = points.len();
            require((1..=MAX_POINTS).contains(&count), field, || {
                format!("must have 1 to {MAX_POINTS} points, has {count}")
            })?;
            for point in points {
                check_text(field, &mut point.text, MAX_POINT_CHARS)?;
                let count = point.quotes.len();
                // A point without quotes is a claim without evidence: it is read, counted and dropped.
                require(count <= MAX_QUOTES, field, || {
                    format!("must have at most {MAX_QUOTES} quotes a point, has {count}")
                })?;
                let long = point.quotes.iter().any(|quote| quote.text.chars().count() > MAX_QUOTE_CHARS);
                require(!long, field, || format!("has a quote of more than {MAX_QUOTE_CHARS} characters"))?;
            }
        }
        Ok(draft)
    }
}

fn require(ok: bool, field: &'static str, reason: impl FnOnce() -> String) -> Result<(), DraftError> {
    if ok { Ok(()) } else { Err(DraftError::Value { field, reason: reason() }) }
}

fn check_text(field: &'static str, text: &mut String, max: usize) -> Result<(), DraftError> {
    let cleaned = text::cleaned(text);
    let trimmed = cleaned.trim();
    let count = trimmed.chars().count();
    require(count > 0, field, || "has an empty text".to_owned())?;
    require(count <= max, field, || format!("has a text of {count} characters; {max} at most"))?;
    trimmed.clone_into(text);
    Ok(())
}

/// The JSON Schema of [`DraftFeedback`] in the keywords that Gemini's `responseJsonSchema` knows. Everything is inlined: a
/// `$ref` must stand alone there, without a description.
pub fn draft_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<DraftFeedback>().to_value();
    keep_to_supported(&mut schema);
    schema
}

/// Formats such as `uint8` are dropped, and alternatives of constants, which come from variants with a description,
/// become an enumeration.
fn keep_to_supported(schema: &mut Value) {
    if let Value::Object(members) = schema {
        if members.get("format").is_some_and(|format| format.as_str().is_some_and(|name| name.starts_with("uint"))) {
            members.remove("format");
        }
        let constants: Option<Vec<Value>> = members
            .get("oneOf")
            .and_then(Value::as_array)
            .and_then(|variants| variants.iter().map(|variant| variant.get("const").cloned()).collect());
        if let Some(constants) = constants {
            members.remove("oneOf");
            members.insert("type".to_owned(), "string".into());
            members.insert("enum".to_owned(), constants.into());
        }
        members.values_mut().for_each(keep_to_supported);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(keep_to_supported);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in crate::feedback) fn point(text: &str, quotes: &[(Speaker, &str)]) -> DraftPoint {
        let quotes =
            quotes.iter().map(|(speaker, text)| DraftQuote { speaker: *speaker, text: (*text).to_owned() }).collect();
        DraftPoint { text: text.to_owned(), quotes }
    }

    pub(in crate::feedback) fn draft(strengths: Vec<DraftPoint>, improvements: Vec<DraftPoint>) -> DraftFeedback {
        DraftFeedback {
            summary: "A short session.".to_owned(),
            technical: "Knows the outbox pattern.".to_owned(),
            communication: "Brief.".to_owned(),
            problem_solving: "Direct.".to_owned(),
            recommendation: Recommendation::Hire,
            strengths,
            improvements,
            overall_rating: 7,
            session_rating: 6,
        }
    }

    pub(in crate::feedback) const SAID: (Speaker, &str) = (Speaker::Interviewee, "write it to the outbox first");
    #[test]
    fn an_answer_is_read_and_checked() {
        let good = serde_json::to_value(draft(vec![point("a", &[SAID])], vec![point(" b ", &[SAID])])).unwrap();
        let with = |key: &str, value: Value| {
            let mut answer = good.clone();
            answer[key] = value;
            DraftFeedback::parse(&answer.to_string())
        };
        assert_eq!(with("extra", json!(1)).unwrap().improvements[0].text, "b");
        let dirty = with("summary", json!("\u{202e}One\r\ntwo\u{200f}.\u{1b} ")).unwrap();
        assert_eq!(dirty.summary, "One\ntwo.");
        let points = json!([{ "text": "\u{2066}clear\u{2069}\0", "quotes": [] }]);
        assert_eq!(with("strengths", points).unwrap().strengths[0].text, "clear");
        let nine = vec![good["strengths"][0].clone(); 9];
        let quotes = vec![good["strengths"][0]["quotes"][0].clone(); 9];
        for (key, value, message) in [
            ("overallRating", json!(0), "`overallRating` must be 1 to 10, is 0"),
            ("sessionRating", json!(11), "`sessionRating` must be 1 to 10, is 11"),
            ("summary", json!("  \n"), "`summary` has an empty text"),
            ("summary", json!("\u{200e}\u{202e}"), "`summary` has an empty text"),
            ("technical", json!("x".repeat(4001)), "`technical` has a text of 4001 characters; 4000 at most"),
            ("strengths", json!([]), "`strengths` must have 1 to 8 points, has 0"),
            ("improvements", json!(nine), "`improvements` must have 1 to 8 points, has 9"),
            ("strengths", json!([{ "text": "", "quotes": [] }]), "`strengths` has an empty text"),
            (
                "strengths",
                json!([{ "text": "x", "quotes": quotes }]),
                "`strengths` must have at most 8 quotes a point, has 9",
            ),
        ] {
            assert_eq!(with(key, value).unwrap_err().to_string(), message);
        }
        let long = json!([{ "text": "x", "quotes": [{ "speaker": "INTERVIEWEE", "text": "y".repeat(2001) }] }]);
        assert_eq!(
            with("strengths", long).unwrap_err().to_string(),
            "`strengths` has a quote of more than 2000 characters"
        );
    }

    #[test]
    fn an_answer_of_another_form_is_refused_without_repeating_it() {
        let good = serde_json::to_value(draft(vec![point("a", &[SAID])], vec![point("b", &[SAID])])).unwrap();
        for (key, value) in [
            ("recommendation", json!("SECRET_MAYBE")),
            ("overallRating", json!("SECRET")),
            ("overallRating", json!(7.5)),
            ("overallRating", json!(-1)),
            ("strengths", json!("SECRET")),
            ("summary", Value::Null),
        ] {
            let mut answer = good.clone();
            answer[key] = value;
            let refused = DraftFeedback::parse(&answer.to_string()).unwrap_err().to_string();
            assert!(refused.contains(&format!(": {key} is not ")) && !refused.contains("SECRET"), "{refused}");
        }
        let mut answer = good.clone();
        answer.as_object_mut().unwrap().remove("technical");
        let refused = DraftFeedback::parse(&answer.to_string()).unwrap_err().to_string();
        assert!(refused.ends_with("the member technical is missing"), "{refused}");
        let cut = good.to_string();
        for text in ["", "I cannot do that.", "[]", "null", &cut[..cut.len() / 2]] {
            assert!(matches!(DraftFeedback::parse(text), Err(DraftError::Form(_))), "{text}");
        }
    }

    /// What Gemini documents as supported in a response's JSON Schema.
    const SUPPORTED: [&str; 21] = [
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    ];

    fn walk(schema: &Value, path: &str) {
        let members = schema.as_object().unwrap_or_else(|| panic!("{path} is not a schema"));
        assert!(members.contains_key("type"), "{path} has no type");
        for (key, value) in members {
            assert!(SUPPORTED.contains(&key.as_str()), "{path} uses {key}");
            match key.as_str() {
                "properties" => {
                    value.as_object().unwrap().iter().for_each(|(name, part)| walk(part, &format!("{path}.{name}")));
                }
                "items" => walk(value, &format!("{path}[]")),
                "format" => panic!("{path} has a format"),
                _ => {}
            }
        }
    }

    #[test]
    fn the_schema_keeps_to_what_gemini_supports() {
        let schema = draft_schema();
        walk(&schema, "draft");
        assert_eq!(schema["properties"]["recommendation"]["enum"], json!(["STRONG_HIRE", "HIRE", "NO_HIRE"]));
        let quote = &schema["properties"]["strengths"]["items"]["properties"]["quotes"]["items"];
        assert_eq!(quote["properties"]["speaker"]["enum"], json!(["INTERVIEWEE", "INTERVIEWER"]));
        assert_eq!(quote["required"], json!(["speaker", "text"]));
        let rating = &schema["properties"]["overallRating"];
        assert_eq!(
            (&rating["minimum"], &rating["maximum"], &rating["type"]),
            (&json!(1), &json!(10), &json!("integer"))
        );
        let sorted = |names: &Value| {
            let mut names: Vec<String> = serde_json::from_value(names.clone()).unwrap();
            names.sort();
            names
        };
        let properties: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sorted(&schema["propertyOrdering"]), sorted(&json!(properties)));
        assert_eq!(sorted(&schema["required"]), sorted(&json!(properties)));
    }
}
