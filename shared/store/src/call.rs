//! The call of a booking at Stream, as far as events have told of it.

use domain::call::Call;
use domain::ids::BookingId;

use crate::error::StoreError;
use crate::item::Item;
use crate::{Tx, keys};

/// Writes what is known of a call over the version it was read at.
pub fn write(tx: &mut Tx, booking: BookingId, call: &Call) -> Result<(), StoreError> {
    let next = Call { version: call.version + 1, ..call.clone() };
    tx.replace(Item::new(keys::call(booking), "Call", &next)?, call.version);
    Ok(())
}
