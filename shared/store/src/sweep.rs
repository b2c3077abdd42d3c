//! How far the sweep of due bookings has come. What it reads is in `due`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Table, Tx, keys};

/// How far the sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The oldest hour that may still hold due rows.
    pub hour: Timestamp,
    /// The hour before which a run stopped for want of time: the next goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
}

/// How far the sweep has come.
pub async fn position(table: &Table) -> Result<Option<Position>, StoreError> {
    table.get(&keys::sweep_position()).await
}

/// Remembers how far the sweep has come. A lost update costs the next sweep a few empty reads.
pub async fn write_position(table: &Table, position: Position) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.put(Item::new(keys::sweep_position(), "SweepPosition", &position)?);
    tx.commit(table).await
}
