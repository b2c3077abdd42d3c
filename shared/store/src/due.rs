//! What the sweep reads: a row for each booking that is due, by the hour, and those that were set aside because nothing that is
//! stored of them can be settled before somebody has mended it.

use domain::ids::BookingId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::{Item, Key, Query, Table, Tx, keys};

/// A row by which the sweep finds a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The hour it lies in.
    pub hour: Timestamp,
    /// Its sort key: a booking's id, if it is one of ours.
    pub sort: String,
    /// When its booking is to be looked at. A row that does not say so is due when its hour is over.
    pub due_at: Timestamp,
}

impl DueRow {
    /// The booking it is about.
    pub fn booking(&self) -> Option<BookingId> {
        self.sort.parse().ok()
    }
}

/// A row as it is written. It says when its booking is due, so that what is not is left alone unread.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Due {
    booking_id: BookingId,
    due_at: Timestamp,
}

/// The row by which the sweep finds a booking.
pub(crate) fn row(at: Timestamp, booking_id: BookingId) -> Result<Item, StoreError> {
    Item::new(keys::due(at, booking_id), "Due", &Due { booking_id, due_at: at })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    sk: String,
    #[serde(default)]
    due_at: serde_json::Value,
}

impl Place {
    fn into_row(self, hour: Timestamp) -> DueRow {
        let told = self.due_at.as_str().and_then(|at| at.parse().ok());
        DueRow { hour, sort: self.sk, due_at: told.unwrap_or(hour + LAST_SECOND) }
    }
}

/// From the beginning of an hour to its last second.
const LAST_SECOND: SignedDuration = SignedDuration::from_secs(3599);

/// How many rows of a partition are read at once; the next run reads what these leave.
const ROWS_AT_MOST: usize = 10_000;

/// The rows of the UTC hour of `hour`. Nothing of them but their keys must be readable, so none can keep the others from
/// being found.
pub async fn in_hour(table: &Table, hour: Timestamp) -> Result<Vec<DueRow>, StoreError> {
    let mut rows = Vec::new();
    for partition in keys::due_partitions(hour) {
        let places: Vec<Place> = table.query_all(Query::partition(partition), ROWS_AT_MOST).await?;
        rows.extend(places.into_iter().map(|place| place.into_row(hour)));
    }
    Ok(rows)
}

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAside {
    /// The hour it lay in.
    pub hour: Timestamp,
    /// Its sort key.
    pub sort: String,
    /// What could not be settled.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether an operator has asked for another try.
    #[serde(default)]
    pub again: bool,
}

impl SetAside {
    /// The row it was.
    pub fn row(&self) -> DueRow {
        DueRow { hour: self.hour, sort: self.sort.clone(), due_at: self.hour }
    }
}

/// Sets a row aside.
pub async fn set_aside(table: &Table, row: &DueRow, why: String, at: Timestamp) -> Result<(), StoreError> {
    let aside = SetAside { hour: row.hour, sort: row.sort.clone(), why, at, again: false };
    let mut tx = Tx::new();
    tx.delete(keys::due_row(row.hour, &row.sort));
    tx.put(Item::new(keys::set_aside(row.hour, &row.sort), "SetAside", &aside)?);
    tx.commit(table).await
}

/// A row that was set aside is settled, or due at another time.
pub async fn take_back(table: &Table, row: &DueRow) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.delete(keys::set_aside(row.hour, &row.sort));
    tx.commit(table).await
}

/// A row that was set aside, as operators see it.
#[derive(Debug, Clone)]
pub struct LyingAside {
    /// Where it lies.
    pub key: Key,
    /// What is noted of it, if that can be read.
    pub row: Option<SetAside>,
}

impl LyingAside {
    /// The sort key it had while it was due: a booking's id, if it is one of ours.
    pub fn sort(&self) -> &str {
        self.key.sk.rsplit('#').next().unwrap_or_default()
    }
}

/// All rows that are set aside.
pub async fn all_aside(table: &Table) -> Result<Vec<LyingAside>, StoreError> {
    let rows: Vec<serde_json::Value> = table.query_all(Query::partition(keys::SET_ASIDE), ROWS_AT_MOST).await?;
    let lying = rows.into_iter().map(|row| {
        let sk = row["sk"].as_str().unwrap_or_default().to_owned();
        LyingAside { key: Key { pk: keys::SET_ASIDE.to_owned(), sk }, row: serde_json::from_value(row).ok() }
    });
    Ok(lying.collect())
}

/// How many rows are set aside, and those that are to be tried again.
pub async fn aside(table: &Table) -> Result<(usize, Vec<SetAside>), StoreError> {
    let all = all_aside(table).await?;
    let count = all.len();
    Ok((count, all.into_iter().filter_map(|lying| lying.row).filter(|row| row.again).collect()))
}

/// Asks the next sweep to try a row again.
pub async fn try_again(table: &Table, aside: &SetAside) -> Result<(), StoreError> {
    let again = SetAside { again: true, ..aside.clone() };
    let mut tx = Tx::new();
    tx.put(Item::new(keys::set_aside(aside.hour, &aside.sort), "SetAside", &again)?);
    tx.commit(table).await
}

/// Removes a row that was set aside, whatever it is of.
pub async fn discard_aside(table: &Table, key: Key) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.delete(key);
    tx.commit(table).await
}
