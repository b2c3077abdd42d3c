//! Which part of a list is asked for: `?limit=` and `?cursor=`.

use domain::ids::UserId;
use domain::problem::ValidationError;
use http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;
use store::cursor;

use crate::error::Error;
use crate::http::write::sha256_hex;

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

/// A list as one caller asked for it. Its cursors end in a digest of caller, address and filters, so that one of another list is
/// noticed; it is a mark and no signature: a cursor that was made up leads nowhere the caller may not go.
#[derive(Debug)]
pub(crate) struct Listing {
    mark: String,
}

impl Listing {
    /// The list at `uri`, in whatever order its filters stand there.
    pub(crate) fn of(caller: &UserId, uri: &Uri) -> Self {
        let is_filter = |pair: &&str| !matches!(pair.split('=').next(), Some("" | "limit" | "cursor"));
        let mut filters: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(is_filter).collect();
        filters.sort_unstable();
        let mut mark = sha256_hex(format!("{caller} {} {}", uri.path(), filters.join("&")).as_bytes());
        mark.truncate(12);
        Self { mark }
    }

    /// The page size a caller asks for, and the place that their cursor stands for.
    pub(crate) fn place<P>(
        &self,
        size: Option<u32>,
        cursor: Option<&str>,
        read: impl FnOnce(&str) -> Result<P, ValidationError>,
    ) -> Result<(usize, Option<P>), Error> {
        let own = |cursor: &str| {
            let (place, mark) = cursor.rsplit_once('.').ok_or_else(cursor::invalid)?;
            if mark == self.mark { read(place) } else { Err(cursor::invalid()) }
        };
        Ok((limit(size)?, cursor.map(own).transpose()?))
    }

    /// The cursor for this place.
    pub(crate) fn cursor(&self, place: &str) -> String {
        format!("{place}.{}", self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(caller: &str, uri: &str) -> Listing {
        Listing::of(&caller.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn a_cursor_is_taken_by_the_list_that_it_came_from_and_by_no_other() {
        let cursor = listing("cara", "/api/things?kind=A&limit=1&size=2").cursor("cGxhY2U");
        let taken = |caller, uri| {
            let place = listing(caller, uri).place(None, Some(&cursor), |place| Ok(place.to_owned()));
            place.map(|(_, place)| place.unwrap()).map_err(|error| error.code())
        };
        for same in
            ["/api/things?kind=A&size=2", "/api/things?limit=7&size=2&cursor=x&kind=A", "/api/things?size=2&&kind=A"]
        {
            assert_eq!(taken("cara", same).as_deref(), Ok("cGxhY2U"), "{same}");
        }
        for (caller, other) in [
            ("ivy", "/api/things?kind=A&size=2"),
            ("cara", "/api/others?kind=A&size=2"),
            ("cara", "/api/things?kind=B&size=2"),
            ("cara", "/api/things?kind=A"),
            ("cara", "/api/things"),
        ] {
            assert_eq!(taken(caller, other), Err(Some("validation_failed")), "{caller}: {other}");
        }
    }
}
