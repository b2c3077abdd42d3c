//! A candidate's review of a session: once, after it was completed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::{Checks, ValidationError};
use crate::user::User;

/// The longest comment, in characters.
pub const LONGEST_COMMENT: usize = 2000;

/// A candidate's review of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// 1 to 5.
    pub rating: u8,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl Review {
    /// A review from what was sent: a rating from 1 to 5, and a comment that may be missing or blank.
    pub fn new(rating: i64, comment: Option<&str>, now: Timestamp) -> Result<Self, ValidationError> {
        let comment = comment.map(str::trim).filter(|c| !c.is_empty());
        let mut checks = Checks::new();
        let stars = u8::try_from(rating).ok().filter(|r| (1..=5).contains(r));
        checks.require(stars.is_some(), "rating", "must be from 1 to 5");
        checks.text("comment", comment.unwrap_or_default(), 0, LONGEST_COMMENT);
        checks.finish()?;
        Ok(Self { rating: stars.unwrap_or(1), comment: comment.map(str::to_owned), created_at: now })
    }

    /// The interviewer once this review counts among theirs.
    pub fn counted(&self, interviewer: &User) -> User {
        let mut rated = interviewer.clone();
        if let Some(profile) = &mut rated.interviewer {
            profile.rating_sum += u64::from(self.rating);
            profile.review_count += 1;
        }
        rated
    }
}
