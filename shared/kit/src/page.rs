//! Lists: `?limit=` and `?cursor=` in, `items` and `nextCursor` out.

use domain::problem::ValidationError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of a list without filters is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// How many at most: 1 to 100, 20 by default.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// Where to go on: the `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next_cursor: Option<String>,
}

/// The page size a caller asks for: 1 to 100, 20 where they say nothing.
pub fn limit(asked: Option<u32>) -> Result<usize, ValidationError> {
    match asked.unwrap_or(20) {
        limit @ 1..=100 => Ok(limit as usize),
        _ => Err(ValidationError::field("limit", "must be from 1 to 100")),
    }
}
