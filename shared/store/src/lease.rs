//! The right to generate a booking's feedback, which one worker has at a time: a model is asked once, however many messages come.

use domain::ids::BookingId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Items, Table, Tx, keys};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lease {
    holder: String,
    #[serde(default)]
    version: u64,
    #[serde(rename = "expiresAt")]
    expires_at: i64,
}

/// Takes the right to generate a booking's feedback until `until`. [`StoreError::Contended`] where somebody has it. `number`
/// is any number but 0 that nobody else has: by it the right is told from one that a rival took when this one had ended.
pub async fn take(
    table: &Table,
    booking: BookingId,
    holder: &str,
    number: u64,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), StoreError> {
    let lease = Lease { holder: holder.to_owned(), version: number, expires_at: until.as_second() };
    let mut tx = Tx::new();
    tx.create_unless_live(Item::new(keys::lease(booking), "Lease", &lease)?, now.as_second());
    tx.commit(table).await
}

/// Gives the right back together with other writes, if `items`, which were read for that, show that it is still held.
pub fn end(tx: &mut Tx, items: &Items, booking: BookingId, number: u64) -> Result<(), StoreError> {
    let key = keys::lease(booking);
    if items.get::<Lease>(&key)?.is_some_and(|lease| lease.version == number) {
        tx.delete_at(key, number);
    }
    Ok(())
}

/// Gives the right back, so that a retry need not wait for its end. What a rival has taken since stays theirs.
pub async fn release(table: &Table, booking: BookingId, number: u64) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.delete_at(keys::lease(booking), number);
    match tx.commit(table).await {
        Err(StoreError::Contended) => Ok(()),
        outcome => outcome,
    }
}
