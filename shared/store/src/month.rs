//! The transfers of a UTC month, page by page: the second index has a row for each, spread over shards by a digest of its id. So
//! the sums of a month need no scan, and an account that nothing else is written for has no balance that all would wait for.

use domain::ledger::utc_month;
use domain::proof::Moved;
use domain::totals::Totals;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;
use crate::ledger::transfer_of;
use crate::{Key, Page, Query, Table, keys};

/// A place among the transfers of a month: which shard, and behind which transfer. The first one by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    shard: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// Some of a month's transfers, in no order of time.
#[derive(Debug, Default)]
pub struct MonthPage {
    /// Those that can be read.
    pub transfers: Vec<Moved>,
    /// What cannot be read, and why.
    pub unreadable: Vec<(Key, String)>,
    /// Where the rest begins.
    pub next: Option<Place>,
}

/// Up to `limit` transfers of a month, `yyyy-mm`. The index lags by moments.
pub async fn page(table: &Table, month: &str, from: &Place, limit: usize) -> Result<MonthPage, StoreError> {
    let mut place = from.clone();
    let mut page = MonthPage::default();
    while place.shard < keys::MONTH_SHARDS {
        let left = limit.saturating_sub(page.transfers.len() + page.unreadable.len());
        if left == 0 {
            page.next = Some(place);
            break;
        }
        let mut query = Query::index("gsi2", keys::month_partition(month, place.shard)).limit(left);
        if let Some(id) = &place.after {
            query = query.after(&keys::transfer_named(id), Some(id));
        }
        let found: Page<Value> = table.query(query).await?;
        for item in found.items {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let key = Key { pk: text("pk"), sk: text("sk") };
            match transfer_of(&key, &item) {
                Ok(moved) => page.transfers.push(moved),
                Err(why) => page.unreadable.push((key, why)),
            }
        }
        place.shard += u8::from(found.next.is_none());
        place.after = found.next.and_then(|position| position.index_sort);
    }
    Ok(page)
}

/// The sums of a month as far as they have come. It can be stored, and goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summing {
    /// Which month.
    pub month: String,
    /// The sums.
    pub totals: Totals,
    /// How many transfers cannot be read.
    pub unreadable: u64,
    /// Where it goes on; none at the end.
    at: Option<Place>,
}

impl Summing {
    /// Nothing yet.
    pub fn begin(month: String) -> Self {
        Self { month, totals: Totals::default(), unreadable: 0, at: Some(Place::default()) }
    }

    /// Whether all of the month is summed.
    pub fn is_complete(&self) -> bool {
        self.at.is_none()
    }

    /// Counts in up to `limit` further transfers.
    pub async fn advance(&mut self, table: &Table, limit: usize) -> Result<(), StoreError> {
        let Some(place) = &self.at else { return Ok(()) };
        let page = page(table, &self.month, place, limit).await?;
        page.transfers.iter().for_each(|moved| self.totals.add(moved));
        self.unreadable += page.unreadable.len() as u64;
        self.at = page.next;
        Ok(())
    }
}

/// The latest month that nothing is added to any more: a transfer says when its request began and is committed somewhat later, and
/// the index lags, so a month counts as finished a day after its end.
pub fn last_finished(now: Timestamp) -> String {
    let date = (now - SignedDuration::from_hours(24)).to_zoned(TimeZone::UTC).date();
    let start = date.first_of_month().to_zoned(TimeZone::UTC).map_or(now, |start| start.timestamp());
    utc_month(start - SignedDuration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::last_finished;

    #[test]
    fn a_month_is_finished_a_day_after_its_end() {
        for (now, month) in [
            ("2026-12-01T00:00:00Z", "2026-10"),
            ("2026-12-01T23:59:59Z", "2026-10"),
            ("2026-12-02T00:00:00Z", "2026-11"),
            ("2027-01-15T12:00:00Z", "2026-12"),
        ] {
            assert_eq!(last_finished(now.parse().unwrap()), month, "{now}");
        }
    }
}
