//! The list of all bookings, for admins: newest first. Each was made with the hold of its price, and is found by it among the
//! transfers of its month.

use domain::booking::Booking;
use domain::ids::BookingId;
use domain::ledger::{TransferId, utc_month};
use domain::problem::ValidationError;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::StoreError;
use crate::{Key, Page, Query, Table, cursor, keys};

/// What the list reads of a hold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hold {
    booking_id: BookingId,
}

/// How many months one request looks through at most.
const MONTHS_AT_MOST: usize = 24;
/// There are no bookings of before this year.
const FIRST_YEAR: u16 = 2026;

/// A place in the list of all bookings: a month, and the last booking that was seen in it.
#[derive(Debug, Clone)]
pub struct MonthPlace {
    month: String,
    last: Option<BookingId>,
}

impl MonthPlace {
    /// The newest booking.
    pub fn newest(now: Timestamp) -> Self {
        Self { month: utc_month(now), last: None }
    }

    /// The place that a cursor of [`page`] stands for.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let place = cursor::decode(text)?;
        let (month, last) = place.split_once('#').ok_or_else(cursor::invalid)?;
        let valid = read_month(month).is_some();
        let last = if last.is_empty() { None } else { Some(last.parse().map_err(|_| cursor::invalid())?) };
        if valid { Ok(Self { month: month.to_owned(), last }) } else { Err(cursor::invalid()) }
    }

    fn cursor(&self) -> String {
        cursor::encode(&format!("{}#{}", self.month, self.last.map_or_else(String::new, |id| id.to_string())))
    }
}

/// Year and month of `yyyy-mm`, where there may be bookings of it.
fn read_month(text: &str) -> Option<(u16, u8)> {
    let (year, month) = text.split_once('-')?;
    let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
    let may_have_bookings = (FIRST_YEAR..=9999).contains(&year) && (1..=12).contains(&month);
    (may_have_bookings && text == format!("{year:04}-{month:02}")).then_some((year, month))
}

fn month_before(text: &str) -> Option<String> {
    let before = match read_month(text)? {
        (year, 1) => format!("{:04}-12", year - 1),
        (year, month) => format!("{year:04}-{:02}", month - 1),
    };
    read_month(&before).map(|_| before)
}

/// Before and after the ids of all holds of bookings.
const HOLDS: [&str; 2] = ["hold:bkg_", "hold:bkg_~"];

/// The newest bookings behind this place in its month, and whether there may be more. All shards are read at once: the next one may
/// lie in any of them.
async fn newest_of_month(
    table: &Table,
    place: &MonthPlace,
    limit: usize,
) -> Result<(Vec<BookingId>, bool), StoreError> {
    let last = place.last.map_or_else(|| HOLDS[1].to_owned(), |last| TransferId::hold(last).to_string());
    let pages = (0..keys::MONTH_SHARDS).map(|shard| {
        let query = Query::index("gsi2", keys::month_partition(&place.month, shard)).between(HOLDS[0], last.clone());
        // The last one itself is found again in its shard.
        table.query::<Hold>(query.newest_first().limit(limit + 1))
    });
    let pages: Vec<Page<Hold>> = try_join_all(pages).await?;
    let mut more = pages.iter().any(|page| page.next.is_some());
    let mut ids: Vec<BookingId> = pages.into_iter().flat_map(|page| page.items).map(|hold| hold.booking_id).collect();
    ids.retain(|id| Some(*id) != place.last);
    ids.sort_unstable_by(|a, b| b.cmp(a));
    more |= ids.len() > limit;
    ids.truncate(limit);
    Ok((ids, more))
}

/// One page of all bookings, newest first, and the cursor of the next.
pub async fn page(table: &Table, from: MonthPlace, limit: usize) -> Result<(Vec<Booking>, Option<String>), StoreError> {
    let mut place = from;
    let mut ids: Vec<BookingId> = Vec::new();
    let mut is_end = false;
    for _ in 0..MONTHS_AT_MOST {
        let (found, more) = newest_of_month(table, &place, limit - ids.len()).await?;
        ids.extend(found);
        if more {
            place.last = ids.last().copied().or(place.last);
        } else {
            let Some(before) = month_before(&place.month) else {
                is_end = true;
                break;
            };
            place = MonthPlace { month: before, last: None };
        }
        if ids.len() >= limit {
            break;
        }
    }
    let wanted: Vec<Key> = ids.iter().map(|id| keys::booking(*id)).collect();
    let items = table.batch_get(&wanted).await?;
    let mut bookings = Vec::with_capacity(wanted.len());
    for key in &wanted {
        bookings.extend(items.get::<Booking>(key)?);
    }
    let next = (!is_end).then(|| place.cursor());
    Ok((bookings, next))
}
