//! Reading a `generateContent` request as strictly as the service does.

use serde_json::{Map, Value, json};

use super::models::Model;
use super::schema;

/// Most output tokens of one request.
const MOST_OUTPUT_TOKENS: u64 = 65_536;

const TOP_LEVEL: [&str; 10] = [
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "serviceTier",
    "continuationToken",
    "store",
];
const PART: [&str; 10] = [
    "text",
    "thought",
    "thoughtSignature",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "videoMetadata",
];
const GENERATION_CONFIG: [&str; 21] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
    "audioTimestamp",
];
const CATEGORIES: [&str; 6] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_JAILBREAK",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
];
const THRESHOLDS: [&str; 5] = ["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"];
const LEVELS: [&str; 5] = ["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"];

/// What of a request matters for the answer.
#[derive(Clone, Debug)]
pub struct Generate {
    /// Everything the model is told, instruction first.
    pub prompt: String,
    /// What the answer must look like; `None` for free text.
    pub schema: Option<Value>,
    pub wants_json: bool,
    pub max_output_tokens: u64,
    /// Tokens spent on thinking.
    pub thinking_tokens: u64,
    pub continuation_token: Option<String>,
}

/// A 400 answer.
#[derive(Debug)]
pub struct Invalid {
    pub message: String,
    pub details: Option<Value>,
}

impl Invalid {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: None }
    }

    /// What the service's JSON parser says to a field that it does not know.
    fn unknown(name: &str, path: &str) -> Self {
        let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
        let description = format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        Self {
            message: description.clone(),
            details: Some(json!([{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": path, "description": description }],
            }])),
        }
    }
}

/// A member by its camel-case name; the service's parser takes the snake-case one too.
fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    object.get(name).or_else(|| object.get(snake_case(name))).unwrap_or(&NULL)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn known(object: &Value, names: &[&str], path: &str) -> Result<(), Invalid> {
    if object.is_null() {
        return Ok(());
    }
    let Value::Object(members) = object else {
        return Err(Invalid::new(format!("Invalid value at '{path}': an object is expected.")));
    };
    let unknown = members.keys().find(|key| !names.iter().any(|name| *key == name || **key == snake_case(name)));
    unknown.map_or(Ok(()), |unknown| Err(Invalid::unknown(unknown, path)))
}

/// Checks a request to `generateContent`.
pub fn generate(model: &Model, body: &Value) -> Result<Generate, Invalid> {
    if !body.is_object() {
        return Err(Invalid::new("Invalid JSON payload received. An object is expected."));
    }
    known(body, &TOP_LEVEL, "")?;
    let mut prompt = content_text(member(body, "systemInstruction"), "system_instruction")?;
    prompt.push_str(&contents_text(model, member(body, "contents"))?);
    check_safety(member(body, "safetySettings"))?;
    let config = member(body, "generationConfig");
    known(config, &GENERATION_CONFIG, "generation_config")?;
    check_numbers(config)?;
    let max_output_tokens = member(config, "maxOutputTokens").as_u64().unwrap_or(MOST_OUTPUT_TOKENS);
    let (schema, wants_json) = read_schema(config)?;
    let thinking_tokens = thinking(model, member(config, "thinkingConfig"), max_output_tokens)?;
    let continuation_token = member(body, "continuationToken").as_str().map(str::to_owned);
    Ok(Generate { prompt, schema, wants_json, max_output_tokens, thinking_tokens, continuation_token })
}

/// The text of all contents, checked.
pub fn contents_text(model: &Model, contents: &Value) -> Result<String, Invalid> {
    let turns = match contents {
        Value::Array(turns) if !turns.is_empty() => turns,
        Value::Array(_) | Value::Null => {
            return Err(Invalid::new("* GenerateContentRequest.contents: contents is not specified"));
        }
        _ => return Err(Invalid::new("Invalid value at 'contents': an array is expected.")),
    };
    let mut text = String::new();
    for (index, turn) in turns.iter().enumerate() {
        let path = format!("contents[{index}]");
        match member(turn, "role").as_str() {
            None | Some("user" | "model" | "function") => {}
            Some(_) => return Err(Invalid::new("Please use a valid role: user, model.")),
        }
        text.push_str(&content_text(turn, &path)?);
        if member(turn, "parts").as_array().is_none_or(Vec::is_empty) {
            return Err(Invalid::new(format!(
                "* GenerateContentRequest.{path}.parts: contents.parts must not be empty."
            )));
        }
    }
    if model.refuses_model_turn_last && turns.last().is_some_and(|turn| member(turn, "role") == "model") {
        return Err(Invalid::new("Please ensure that the last turn of the conversation is not from the model."));
    }
    Ok(text)
}

fn content_text(content: &Value, path: &str) -> Result<String, Invalid> {
    known(content, &["role", "parts"], path)?;
    let mut text = String::new();
    for (index, part) in member(content, "parts").as_array().into_iter().flatten().enumerate() {
        known(part, &PART, &format!("{path}.parts[{index}]"))?;
        match member(part, "text") {
            Value::String(part) => {
                text.push_str(part);
                text.push('\n');
            }
            Value::Null => {}
            _ => return Err(Invalid::new(format!("Invalid value at '{path}.parts[{index}].text' (TYPE_STRING)"))),
        }
        if part.as_object().is_some_and(Map::is_empty) {
            return Err(Invalid::new(format!(
                "* GenerateContentRequest.{path}.parts[{index}].data: required oneof field 'data' must have one initialized field"
            )));
        }
    }
    Ok(text)
}

fn check_safety(settings: &Value) -> Result<(), Invalid> {
    for (index, setting) in settings.as_array().into_iter().flatten().enumerate() {
        let path = format!("safety_settings[{index}]");
        known(setting, &["category", "threshold", "method"], &path)?;
        for (name, allowed) in [("category", CATEGORIES.as_slice()), ("threshold", THRESHOLDS.as_slice())] {
            let value = member(setting, name).as_str().unwrap_or_default();
            if !allowed.contains(&value) {
                return Err(Invalid::new(format!("Invalid value at '{path}.{name}': \"{value}\"")));
            }
        }
    }
    Ok(())
}

fn check_numbers(config: &Value) -> Result<(), Invalid> {
    let between = |name: &str, low: f64, high: f64| {
        let value = member(config, name);
        match value.as_f64() {
            Some(number) if (low..=high).contains(&number) => Ok(()),
            Some(number) => Err(Invalid::new(format!(
                "* GenerateContentRequest.generation_config.{}: {number} is out of range [{low}, {high}]",
                snake_case(name)
            ))),
            None if value.is_null() => Ok(()),
            None => Err(Invalid::new(format!("Invalid value at 'generation_config.{}'", snake_case(name)))),
        }
    };
    between("temperature", 0.0, 2.0)?;
    between("topP", 0.0, 1.0)?;
    between("topK", 1.0, 1000.0)?;
    between("candidateCount", 1.0, 8.0)?;
    between("maxOutputTokens", 1.0, 65_536.0)?;
    between("seed", f64::from(i32::MIN), f64::from(i32::MAX))?;
    for name in ["maxOutputTokens", "candidateCount", "seed"] {
        let value = member(config, name);
        if !value.is_null() && !value.is_i64() {
            return Err(Invalid::new(format!(
                "Invalid value at 'generation_config.{}' (TYPE_INT32)",
                snake_case(name)
            )));
        }
    }
    Ok(())
}

fn read_schema(config: &Value) -> Result<(Option<Value>, bool), Invalid> {
    let mime = member(config, "responseMimeType");
    let wants_json = match mime.as_str() {
        None if mime.is_null() => false,
        Some("text/plain") => false,
        Some("application/json" | "text/x.enum") => true,
        _ => {
            return Err(Invalid::new(
                "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json` and `text/x.enum`.",
            ));
        }
    };
    let (own, json_schema) = (member(config, "responseSchema"), member(config, "responseJsonSchema"));
    if !own.is_null() && !json_schema.is_null() {
        return Err(Invalid::new("Only one of response_schema and response_json_schema may be set."));
    }
    if (!own.is_null() || !json_schema.is_null()) && !wants_json {
        return Err(Invalid::new(
            "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is `application/json`.",
        ));
    }
    if !json_schema.is_null() {
        schema::check(json_schema).map_err(Invalid::new)?;
        return Ok((Some(json_schema.clone()), wants_json));
    }
    if own.is_null() {
        return Ok((None, wants_json));
    }
    schema::from_openapi(own).map(|schema| (Some(schema), wants_json)).map_err(Invalid::new)
}

fn thinking(model: &Model, config: &Value, max_output_tokens: u64) -> Result<u64, Invalid> {
    known(config, &["includeThoughts", "thinkingBudget", "thinkingLevel"], "generation_config.thinking_config")?;
    let (level, budget) = (member(config, "thinkingLevel"), member(config, "thinkingBudget"));
    if !level.is_null() && !budget.is_null() {
        return Err(Invalid::new("You can only set one of thinking budget and thinking level."));
    }
    if !budget.is_null() {
        let Some(tokens) = budget.as_i64() else {
            return Err(Invalid::new(
                "Invalid value at 'generation_config.thinking_config.thinking_budget' (TYPE_INT32)",
            ));
        };
        if tokens == 0 && !model.may_switch_thinking_off {
            return Err(Invalid::new("Budget 0 is invalid. This model only works in thinking mode."));
        }
        let usual = i64::try_from(thinking_tokens(model.default_level)).unwrap_or(0);
        let spent = if tokens < 0 { usual } else { tokens.min(usual) };
        return Ok(u64::try_from(spent).unwrap_or(0));
    }
    let level = match level {
        Value::Null => model.default_level,
        Value::String(name) => {
            let upper = name.to_uppercase();
            let Some(level) = LEVELS.into_iter().find(|level| *level == upper) else {
                return Err(Invalid::new(format!(
                    "Invalid value at 'generation_config.thinking_config.thinking_level' (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel), \"{name}\""
                )));
            };
            if model.levels.is_empty() {
                return Err(Invalid::new("Thinking level is not supported for this model."));
            }
            if !model.levels.contains(&level) {
                return Err(Invalid::new(format!("Thinking level {level} is not supported for this model.")));
            }
            level
        }
        _ => return Err(Invalid::new("Invalid value at 'generation_config.thinking_config.thinking_level'")),
    };
    Ok(thinking_tokens(level).min(max_output_tokens))
}

/// How much a level spends here. The real service decides by the task.
fn thinking_tokens(level: &str) -> u64 {
    match level {
        "LOW" => 200,
        "MEDIUM" => 600,
        "HIGH" => 1500,
        "XHIGH" => 3000,
        _ => 0,
    }
}
