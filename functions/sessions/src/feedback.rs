//! From a transcript to a draft of the feedback.

pub mod drafting;
pub mod prompt;
