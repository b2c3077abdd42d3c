//! The two sides of a booking.

use serde::{Deserialize, Serialize};

/// The two sides of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Party {
    /// The candidate.
    Interviewee,
    /// The interviewer.
    Interviewer,
}
