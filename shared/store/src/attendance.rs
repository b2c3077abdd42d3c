//! Who was in a call and when: each fact that Stream told is an item of its own, and attendance is computed from all of them.

use domain::attendance::{Attendance, CallSession, Told};
use domain::ids::BookingId;
use serde::Deserialize;

use crate::error::StoreError;
use crate::item::Item;
use crate::media::digest;
use crate::{BoxFuture, Query, Table, Tx, keys};

/// Writes what was told of a session. Safe in any order and number: the key of a fact is made of what it says.
pub fn write_session(tx: &mut Tx, booking: BookingId, session: &CallSession) -> Result<(), StoreError> {
    let says = format!("{:?} {:?}", session.started_at, session.ended_at);
    tx.put(Item::new(keys::call_session(booking, &digest(&session.session_id, &says)), "CallSession", session)?);
    Ok(())
}

/// Writes what was told of a connection. Safe in any order and number, like [`write_session`].
pub fn write_told(tx: &mut Tx, booking: BookingId, told: &Told) -> Result<(), StoreError> {
    let Told { party, connection, joined_at, left_at, duration_seconds, .. } = told;
    let says = format!("{party:?} {joined_at:?} {left_at:?} {duration_seconds:?} {connection}");
    tx.put(Item::new(keys::visit(booking, &digest(&told.session_id, &says)), "Told", told)?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(tag = "entity")]
enum StoredFact {
    Told(Told),
    CallSession(CallSession),
}

/// How many facts of a call are read. A call has a handful; who makes this many by joining and leaving has done nothing else
/// for hours.
const FACTS_AT_MOST: usize = 40_000;

/// Who was there, as far as Stream has told.
pub fn of_booking(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Attendance, StoreError>> {
    Box::pin(async move {
        let query = Query::partition(keys::booking_partition(booking)).prefix(keys::ATTENDANCE_PREFIX);
        let (mut told, mut sessions) = (Vec::new(), Vec::new());
        for fact in table.query_all::<StoredFact>(query, FACTS_AT_MOST).await? {
            match fact {
                StoredFact::Told(fact) => told.push(fact),
                StoredFact::CallSession(fact) => sessions.push(fact),
            }
        }
        Ok(Attendance::of(&told, &sessions))
    })
}
