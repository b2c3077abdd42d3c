//! The shape that an answer must have, in the part of JSON Schema that Gemini understands.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The keywords that `responseJsonSchema` knows. Others, such as `pattern` and `minLength`, are refused or ignored, so
/// an answer is checked again when it is read.
const KEYWORDS: [&str; 18] = [
    "$ref",
    "$defs",
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
];

/// The schema of `T` for [`super::GenerateRequest::schema`]. Doc comments of `T` become descriptions that the model
/// reads. Required members are written in the order of their fields, so that a field may build on those above it.
pub fn response_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    understood(settings.into_generator().into_root_schema_for::<T>().into())
}

/// Drops what Gemini does not know from a schema, and from those inside it.
fn understood(schema: Value) -> Value {
    let Value::Object(members) = schema else { return schema };
    let mut kept = Map::new();
    for (keyword, value) in members {
        let value = match keyword.as_str() {
            // Its members' names are not keywords.
            "properties" | "$defs" => each_member(value),
            "items" | "additionalProperties" => understood(value),
            "prefixItems" | "anyOf" | "oneOf" => each_item(value),
            "const" => {
                kept.insert("enum".to_owned(), json!([value]));
                continue;
            }
            // These say how wide our integers are, which the model need not know.
            "format"
                if value.as_str().is_some_and(|format| format.starts_with("uint") || format.starts_with("int")) =>
            {
                continue;
            }
            known if KEYWORDS.contains(&known) => value,
            _ => continue,
        };
        kept.insert(keyword, value);
    }
    if let Some(required) = kept.get("required").cloned() {
        kept.insert("propertyOrdering".to_owned(), with_optional_members(required, kept.get("properties")));
    }
    Value::Object(kept)
}

fn each_member(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    Value::Object(members.into_iter().map(|(name, schema)| (name, understood(schema))).collect())
}

fn each_item(value: Value) -> Value {
    let Value::Array(items) = value else { return value };
    Value::Array(items.into_iter().map(understood).collect())
}

fn with_optional_members(required: Value, properties: Option<&Value>) -> Value {
    let Value::Array(mut order) = required else { return required };
    for name in properties.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        if !order.iter().any(|known| known == name.as_str()) {
            order.push(json!(name));
        }
    }
    Value::Array(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grade.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Grade {
        /// Why.
        summary: String,
        strengths: Vec<Strength>,
        #[schemars(range(min = 0, max = 100))]
        overall_score: u8,
        advice: Option<String>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Strength {
        #[schemars(length(min = 3), regex(pattern = "^a"))]
        quote: String,
        kind: Kind,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Kind {
        /// What they know.
        Knowledge,
        /// How they say it.
        Manner,
    }

    #[test]
    fn a_schema_keeps_what_gemini_knows_and_the_order_of_fields() {
        let expected = json!({
            "title": "Grade",
            "description": "A grade.",
            "type": "object",
            "properties": {
                "summary": { "type": "string", "description": "Why." },
                "strengths": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "quote": { "type": "string" },
                        "kind": { "oneOf": [
                            { "type": "string", "enum": ["Knowledge"], "description": "What they know." },
                            { "type": "string", "enum": ["Manner"], "description": "How they say it." },
                        ]},
                    },
                    "required": ["quote", "kind"],
                    "propertyOrdering": ["quote", "kind"],
                }},
                "overall_score": { "type": "integer", "minimum": 0, "maximum": 100 },
                "advice": { "type": ["string", "null"] },
            },
            "required": ["summary", "strengths", "overall_score"],
            "propertyOrdering": ["summary", "strengths", "overall_score", "advice"],
        });
        assert_eq!(response_schema::<Grade>(), expected);
    }
}
