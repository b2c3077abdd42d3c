//! Who was in a call and when: each fact that Stream told is an item of its own, and attendance is computed from all of them.

use domain::attendance::{Attendance, CallSession, Told};
use domain::ids::BookingId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// When asking Stream last brought what no webhook had told.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct News {
    told_at: Timestamp,
}

/// Writes, together with what asking Stream has brought, that it was news at `now`: whoever asks again after this attempt was cut off
/// finds nothing new in the facts themselves.
pub fn write_news(tx: &mut Tx, booking: BookingId, now: Timestamp) -> Result<(), StoreError> {
    tx.put(Item::new(keys::attendance_news(booking), "News", &News { told_at: now })?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(tag = "entity")]
enum StoredFact {
    Told(Told),
    CallSession(CallSession),
    News(News),
}

/// What is stored of who was in a call.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Of connections.
    pub told: Vec<Told>,
    /// Of sessions.
    pub sessions: Vec<CallSession>,
    /// When asking Stream last brought something new.
    pub news_at: Option<Timestamp>,
}

impl Facts {
    /// What follows from them.
    pub fn attendance(&self) -> Attendance {
        Attendance::of(&self.told, &self.sessions)
    }
}

/// How many facts of a call are read. A call has a handful; who makes this many by joining and leaving has done nothing else
/// for hours.
const FACTS_AT_MOST: usize = 40_000;

/// Everything that is stored of who was in a call.
pub fn facts(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Facts, StoreError>> {
    Box::pin(async move {
        let query = Query::partition(keys::booking_partition(booking)).prefix(keys::ATTENDANCE_PREFIX);
        let mut facts = Facts::default();
        for fact in table.query_all::<StoredFact>(query, FACTS_AT_MOST).await? {
            match fact {
                StoredFact::Told(fact) => facts.told.push(fact),
                StoredFact::CallSession(fact) => facts.sessions.push(fact),
                StoredFact::News(news) => facts.news_at = Some(news.told_at),
            }
        }
        Ok(facts)
    })
}

/// Who was there, as far as Stream has told.
pub fn of_booking(table: &Table, booking: BookingId) -> BoxFuture<'_, Result<Attendance, StoreError>> {
    Box::pin(async move { Ok(facts(table, booking).await?.attendance()) })
}
