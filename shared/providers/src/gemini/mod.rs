//! Gemini: one prompt in, one JSON document out (`generateContent`).

mod client;
mod error;
mod schema;

#[cfg(test)]
mod client_tests;

pub use client::{GeminiClient, GenerateRequest, Generated, ThinkingLevel, TokenUsage};
pub use error::{CutReason, GeminiError};
pub use schema::response_schema;
