//! Which part of a list is asked for: `?limit=` and `?cursor=`.

use domain::problem::ValidationError;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::Error;

/// Which part of a list without filters is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The page size: 1 to 100, 20 by default.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// The `nextCursor` of the previous page.
    pub cursor: Option<String>,
}

/// The page size a caller asks for: 1 to 100, 20 where they say nothing.
fn limit(asked: Option<u32>) -> Result<usize, ValidationError> {
    match asked.unwrap_or(20) {
        limit @ 1..=100 => Ok(limit as usize),
        _ => Err(ValidationError::field("limit", "must be from 1 to 100")),
    }
}

/// The page size a caller asks for, and the place that their cursor stands for.
pub fn place<P>(
    size: Option<u32>,
    cursor: Option<&str>,
    read: impl FnOnce(&str) -> Result<P, ValidationError>,
) -> Result<(usize, Option<P>), Error> {
    Ok((limit(size)?, cursor.map(read).transpose()?))
}
