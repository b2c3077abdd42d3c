//! The list of all bookings, for admins: newest first, a partition for each month in which bookings were made.

use domain::booking::Booking;
use domain::ids::BookingId;
use domain::ledger::utc_month;
use domain::problem::ValidationError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Key, Page, Query, Table, Tx, cursor, keys};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    booking_id: BookingId,
}

/// Writes the row of a new booking.
pub(crate) fn write_row(tx: &mut Tx, booking: &Booking) -> Result<(), StoreError> {
    let pointer = Pointer { booking_id: booking.booking_id };
    let month = utc_month(booking.created_at);
    tx.create(Item::new(keys::booking_row(&month, booking.booking_id), "BookingRow", &pointer)?);
    Ok(())
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

/// One page of all bookings, newest first, and the cursor of the next.
pub async fn page(table: &Table, from: MonthPlace, limit: usize) -> Result<(Vec<Booking>, Option<String>), StoreError> {
    let mut place = from;
    let mut ids: Vec<BookingId> = Vec::new();
    let mut is_end = false;
    for _ in 0..MONTHS_AT_MOST {
        let mut query = Query::partition(keys::bookings_of_month(&place.month)).newest_first();
        query = query.limit(limit - ids.len());
        if let Some(last) = place.last {
            query = query.after(&keys::booking_row(&place.month, last), None);
        }
        let found: Page<Pointer> = table.query(query).await?;
        ids.extend(found.items.iter().map(|p| p.booking_id));
        if found.next.is_some() {
            place.last = ids.last().copied();
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
