//! The call of a booking at Stream, as far as events have told of it.

use domain::ids::BookingId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::{Tx, keys};

/// What is known of a booking's call at Stream, from events that may come in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Whether it was created.
    #[serde(default)]
    pub created: bool,
    /// Whether it is being recorded, as of `recording_changed_at`.
    #[serde(default)]
    pub recording: bool,
    /// When recording last started or stopped, as Stream says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_changed_at: Option<Timestamp>,
    /// When the call was ended for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The last failure of recording or transcription that Stream told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How often it was written; 0 where it is not stored yet.
    #[serde(default)]
    pub version: u64,
}

/// Writes what is known of a call over the version it was read at.
pub fn write(tx: &mut Tx, booking: BookingId, call: &Call) -> Result<(), StoreError> {
    let next = Call { version: call.version + 1, ..call.clone() };
    tx.replace(Item::new(keys::call(booking), "Call", &next)?, call.version);
    Ok(())
}
