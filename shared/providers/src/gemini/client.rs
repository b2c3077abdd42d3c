//! The request, the answer and what it used.

use std::fmt;
use std::time::Duration;

use ::http::Method;
use domain::reading::Unreadable;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{CutReason, GENERATE, GeminiError};
use crate::BoxFuture;
use crate::http::{BaseUrl, Http, Request, UrlError};
use crate::secret::Secret;

/// How much a model thinks before it answers. Not every model has every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingLevel {
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Most; only Gemini 4.
    ExtraHigh,
}

impl ThinkingLevel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::ExtraHigh => "XHIGH",
        }
    }
}

/// What to generate. `Debug` shows neither prompt nor schema.
#[derive(Clone)]
pub struct GenerateRequest {
    /// The model's name, such as `gemini-3.8-flash`.
    pub model: String,
    /// Who the model is to be and which rules it follows.
    pub system_instruction: String,
    /// The material and the question.
    pub prompt: String,
    /// What the answer must look like; see [`super::response_schema`].
    pub schema: Value,
    /// The limit for thoughts and text together.
    pub max_output_tokens: u32,
    /// How much to think; the model's own choice if not given.
    pub thinking_level: Option<ThinkingLevel>,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
}

impl fmt::Debug for GenerateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerateRequest")
            .field("model", &self.model)
            .field("max_output_tokens", &self.max_output_tokens)
            .field("thinking_level", &self.thinking_level)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What is billed. Thoughts are billed as output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens read.
    pub prompt: u64,
    /// Tokens of text written.
    pub output: u64,
    /// Tokens of thought.
    pub thinking: u64,
    /// All of them, by Gemini's count.
    pub total: u64,
}

/// A whole answer. `Debug` does not show the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Generated {
    /// JSON that should match the schema; the caller checks it.
    pub text: String,
    /// The model that answered, which may be more exact than the one that was asked.
    pub model_version: String,
    /// Gemini's id of the answer, for support cases.
    pub response_id: String,
    /// What is billed.
    pub usage: TokenUsage,
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generated")
            .field("model_version", &self.model_version)
            .field("response_id", &self.response_id)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// Calls Gemini's API.
#[derive(Clone)]
pub struct GeminiClient {
    http: Http,
    base: BaseUrl,
    api_key: Secret,
}

impl GeminiClient {
    /// A client that pays with `api_key`. `base` may be given with or without `/v1beta`.
    pub fn new(http: Http, base: BaseUrl, api_key: Secret) -> Result<Self, UrlError> {
        Ok(Self { http, base: base.versioned("v1beta")?, api_key })
    }

    /// Generates one answer. It is never tried again here, because each try is billed: the queue decides.
    pub fn generate<'a>(&'a self, request: &'a GenerateRequest) -> BoxFuture<'a, Result<Generated, GeminiError>> {
        Box::pin(async move {
            let operation = format!("{}:generateContent", request.model);
            let url = self.base.join(&["models", &operation]).map_err(|_| GeminiError::ModelGone)?;
            let call = Request::new(Method::POST, url)
                .secret_header("x-goog-api-key", self.api_key.expose())
                .json(&body(request))
                .timeout(request.timeout);
            let answer = self.http.exchange(&call).await.map_err(GeminiError::from_no_answer)?;
            if !answer.status.is_success() {
                return Err(GeminiError::from_answer(&answer));
            }
            let wire: AnswerWire = GENERATE.read(&answer)?;
            wire.into_generated(&|member, expected| GENERATE.wrong(&answer, Unreadable::wrong(member, expected)).into())
        })
    }
}

fn body(request: &GenerateRequest) -> Value {
    let mut generation = json!({
        "responseMimeType": "application/json",
        "responseJsonSchema": request.schema,
        "maxOutputTokens": request.max_output_tokens,
    });
    if let Some(level) = request.thinking_level {
        generation["thinkingConfig"] = json!({ "thinkingLevel": level.as_str() });
    }
    json!({
        "systemInstruction": { "parts": [{ "text": request.system_instruction }] },
        "contents": [{ "role": "user", "parts": [{ "text": request.prompt }] }],
        "generationConfig": generation,
        // An honest answer about a conflict at work must not be taken for harassment.
        "safetySettings": [{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH" }],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    candidates: Vec<CandidateWire>,
    prompt_feedback: Option<FeedbackWire>,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    usage_metadata: UsageWire,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    model_version: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    response_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidateWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    content: ContentWire,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    finish_reason: String,
}

#[derive(Deserialize, Default)]
struct ContentWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    parts: Vec<PartWire>,
}

#[derive(Deserialize)]
struct PartWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    text: String,
    #[serde(default, deserialize_with = "crate::null::or_default")]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedbackWire {
    #[serde(default, deserialize_with = "crate::null::or_default")]
    block_reason: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "these are Gemini's names")]
struct UsageWire {
    prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    total_token_count: u64,
}

impl AnswerWire {
    fn into_generated(self, wrong: &dyn Fn(&str, &'static str) -> GeminiError) -> Result<Generated, GeminiError> {
        let usage = TokenUsage {
            prompt: self.usage_metadata.prompt_token_count,
            output: self.usage_metadata.candidates_token_count,
            thinking: self.usage_metadata.thoughts_token_count,
            total: self.usage_metadata.total_token_count,
        };
        let Some(candidate) = self.candidates.into_iter().next() else {
            let feedback =
                self.prompt_feedback.ok_or_else(|| wrong("candidates", "a list of one, with no block reason"))?;
            let reason = block_reason(&feedback.block_reason).unwrap_or("UNKNOWN");
            return Err(GeminiError::Blocked { reason, usage });
        };
        let cut = |reason| Err(GeminiError::Cut { reason, usage });
        match candidate.finish_reason.as_str() {
            "STOP" => {}
            "MAX_TOKENS" => return cut(CutReason::MaxTokens),
            "CONTINUATION" => return cut(CutReason::Continuation),
            other => {
                let reason = block_reason(other)
                    .ok_or_else(|| wrong("candidates[0].finishReason", "one of the names we know"))?;
                return Err(GeminiError::Blocked { reason, usage });
            }
        }
        let parts = candidate.content.parts.into_iter().filter(|part| !part.thought);
        let text: String = parts.map(|part| part.text).collect();
        if text.is_empty() {
            return cut(CutReason::Empty);
        }
        Ok(Generated { text, model_version: self.model_version, response_id: self.response_id, usage })
    }
}

/// The reasons of Gemini's filters, for prompts and answers. `None` for everything else, also for reasons that are new.
fn block_reason(text: &str) -> Option<&'static str> {
    const REASONS: [&str; 11] = [
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "OTHER",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_OTHER",
    ];
    REASONS.into_iter().find(|reason| *reason == text)
}
