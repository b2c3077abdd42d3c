//! Bookings, and the rows that each of them has in the lists and with the sweep.

use domain::booking::Booking;
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use serde::Serialize;

use crate::error::StoreError;
use crate::item::Item;
use crate::{BoxFuture, Table, Tx, due, keys};

/// A booking, if there is one.
pub fn get(table: &Table, id: BookingId) -> BoxFuture<'_, Result<Option<Booking>, StoreError>> {
    Box::pin(async move { table.get(&keys::booking(id)).await })
}

fn item(booking: &Booking) -> Result<Item, StoreError> {
    let by_start = keys::by_start(booking.start_time, booking.booking_id);
    let item = Item::new(keys::booking(booking.booking_id), "Booking", booking)?;
    let [candidate, interviewer] = [Party::Interviewee, Party::Interviewer].map(|side| side_of(side, booking));
    Ok(item.index1(candidate, by_start.clone()).index2(interviewer, by_start))
}

/// The index partition of one side in which a booking is found.
fn side_of(side: Party, booking: &Booking) -> String {
    match (side, booking.is_over_early()) {
        (Party::Interviewee, false) => keys::candidate_bookings(&booking.interviewee_id),
        (Party::Interviewee, true) => keys::candidate_over(&booking.interviewee_id),
        (Party::Interviewer, false) => keys::interviewer_bookings(&booking.interviewer_id),
        (Party::Interviewer, true) => keys::interviewer_over(&booking.interviewer_id),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    interviewer_id: UserId,
}

/// Writes a new booking, that its parties know each other, and the row by which the sweep finds it.
pub fn create(tx: &mut Tx, booking: &Booking) -> Result<(), StoreError> {
    tx.create(item(&Booking { version: 1, ..booking.clone() })?);
    let pair = Pair { interviewer_id: booking.interviewer_id.clone() };
    tx.put(Item::new(keys::booked(&booking.interviewee_id, &booking.interviewer_id), "Booked", &pair)?);
    if let Some(at) = booking.due_at {
        tx.create(due::row(at, booking.booking_id)?);
    }
    Ok(())
}

/// Writes a changed booking over the version it was read at. The row by which the sweep finds it follows: it moves when
/// the sweep is to look at another time, and goes when it need not look any more.
pub fn replace(tx: &mut Tx, before: &Booking, after: &Booking) -> Result<(), StoreError> {
    tx.replace(item(&Booking { version: before.version + 1, ..after.clone() })?, before.version);
    if before.due_at != after.due_at {
        let key = |b: &Booking| b.due_at.map(|at| keys::due(at, b.booking_id));
        if let Some(old) = key(before).filter(|old| Some(old) != key(after).as_ref()) {
            tx.delete(old);
        }
        if let Some(at) = after.due_at {
            tx.put(due::row(at, after.booking_id)?);
        }
    }
    Ok(())
}
