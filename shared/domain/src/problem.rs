//! How a refusal is described, independently of HTTP.
//!
//! Each aggregate has its own small error enum; this trait says of which kind a refusal is and gives the stable code
//! that clients act on. `kit::Error` turns any [`Problem`] into `application/problem+json`.

use serde::{Deserialize, Serialize};

use crate::text;

/// What sort of refusal a problem is. The kit maps each kind to one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not well-formed (400).
    Malformed,
    /// The caller is not known (401).
    Unauthenticated,
    /// The caller does not have enough credits or the plan it takes (402).
    PaymentRequired,
    /// The caller is known and may not do this (403).
    Forbidden,
    /// The thing does not exist, or the caller may not know that it does (404).
    NotFound,
    /// The thing is there, and this cannot be done with it (405).
    MethodNotAllowed,
    /// The state of the thing, or a rival, does not allow it (409).
    Conflict,
    /// The body is larger than we read (413).
    TooLarge,
    /// The request is well-formed and its values are not acceptable (422).
    Invalid,
    /// The caller does this too often (429).
    RateLimited,
    /// A fault of ours (500).
    Internal,
    /// A provider or a rival keeps us from answering now; trying again helps (503).
    Unavailable,
}

/// A field that failed validation, named as in the request's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The field's path in the request, with dots for nested fields.
    pub field: String,
    /// What is wrong with it, in plain words.
    pub message: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A refusal that can be told to a client.
pub trait Problem: std::error::Error {
    /// Which sort of refusal this is.
    fn kind(&self) -> Kind;
    /// The stable, machine-readable code that clients rely on.
    fn code(&self) -> &'static str;
    /// The fields that were refused, where there are such.
    fn fields(&self) -> &[FieldError] {
        &[]
    }
    /// After how many seconds trying again makes sense, where that is known.
    fn retry_after_seconds(&self) -> Option<u64> {
        None
    }
    /// Whether a rival was faster, so that reading again and deciding again makes sense.
    fn is_contended(&self) -> bool {
        false
    }
}

/// The values of a request were refused: 422 `validation_failed` with one entry per field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.0))]
pub struct ValidationError(pub Vec<FieldError>);

fn summary(fields: &[FieldError]) -> String {
    let list: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
    list.join("; ")
}

impl ValidationError {
    /// A refusal of a single field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![FieldError::new(field, message)])
    }
}

impl Problem for ValidationError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "validation_failed"
    }
    fn fields(&self) -> &[FieldError] {
        &self.0
    }
}

/// Collects the refusals of a request's fields, so that a client learns of all of them at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Starts with nothing refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses `field` with `message` unless `ok`.
    pub fn require(&mut self, ok: bool, field: &str, message: impl Into<String>) {
        let refusal = FieldError::new(field, message);
        if !ok && !self.0.contains(&refusal) {
            self.0.push(refusal);
        }
    }

    /// Checks a text that is already trimmed: its length in characters, that some of it is seen, and that it has no control
    /// characters but those that make lines, and none that show it in another order than it is in.
    pub fn text(&mut self, field: &str, text: &str, min: usize, max: usize) {
        self.length(field, text, min, max);
        let fits = text.chars().all(text::fits_a_text);
        self.require(fits, field, "must not contain control characters or characters that change the text direction");
    }

    /// The same for what is shown as a single line, such as a name: characters that are not seen are refused, but for those
    /// that shape letters and pictures.
    pub fn line(&mut self, field: &str, text: &str, min: usize, max: usize) {
        self.length(field, text, min, max);
        self.require(text.chars().all(text::fits_a_line), field, "must not contain control or invisible characters");
    }

    fn length(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let n = text.chars().count();
        if min > 0 && !text.chars().any(text::is_seen) {
            self.require(false, field, "must not be empty");
        } else if n < min || n > max {
            self.require(false, field, format!("must have {min} to {max} characters, has {n}"));
        }
    }

    /// Ok where nothing was refused.
    pub fn finish(self) -> Result<(), ValidationError> {
        if self.0.is_empty() { Ok(()) } else { Err(ValidationError(self.0)) }
    }
}
