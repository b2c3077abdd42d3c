//! What is sold: one item, so that it is read at once and a change is one conditional write. Until an admin changes something nothing is
//! stored, and the defaults apply.

use domain::catalog::Catalog;

use crate::error::StoreError;
use crate::item::Item;
use crate::{BoxFuture, Items, Table, Tx, keys};

/// The catalog.
pub fn get(table: &Table) -> BoxFuture<'_, Result<Catalog, StoreError>> {
    Box::pin(async move { Ok(table.get(&keys::catalog()).await?.unwrap_or_default()) })
}

/// The catalog that was read with `items`.
pub fn of(items: &Items) -> Result<Catalog, StoreError> {
    Ok(items.get(&keys::catalog())?.unwrap_or_default())
}

/// Writes a catalog that was changed, over the version it was read at.
pub fn write(tx: &mut Tx, changed: &Catalog) -> Result<(), StoreError> {
    let next = Catalog { version: changed.version + 1, ..changed.clone() };
    tx.replace(Item::new(keys::catalog(), "Catalog", &next)?, changed.version);
    Ok(())
}
