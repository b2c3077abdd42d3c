//! The writes by which a booking is settled: its state, the one transfer, the wallets, and the freed time. Every path to a
//! settlement (a party, a feedback, a deleted account, a sweep) goes through these two.

use domain::booking::Booking;
use domain::calendar::quarter_hours;
use domain::ids::TransactionId;
use domain::ledger::Transfer;
use domain::money::Asset;

use crate::error::StoreError;
use crate::outbox::{self, Effect};
use crate::wallet::{MoveError, wallet, write_transfer};
use crate::{Items, Key, Table, Tx, booking, calendar, keys};

/// What a booking holds is there until the booking is settled. A wallet that refuses to give it therefore shows a
/// settlement that came between the read of the booking and that of the wallet: read again. Where the booking is as it was read
/// before, there was none, and no repeat helps.
async fn refused(table: &Table, before: &Booking, error: MoveError) -> StoreError {
    let refusal = match error {
        MoveError::Wallet(refusal) => refusal,
        MoveError::Store(error) => return error,
    };
    let key = keys::booking(before.booking_id);
    match table.batch_get(std::slice::from_ref(&key)).await.and_then(|items| items.get::<Booking>(&key)) {
        Ok(Some(now)) if now.version == before.version => {
            StoreError::Unsettleable(format!("{}: {refusal}", before.booking_id))
        }
        Ok(_) => {
            tracing::info!(booking.id = %before.booking_id, %refusal, "a booking was settled meanwhile");
            StoreError::Contended
        }
        Err(error) => error,
    }
}

fn hours(booking: &Booking) -> Result<Vec<(domain::calendar::UtcDay, domain::calendar::QuarterHours)>, StoreError> {
    quarter_hours(booking.start_time, booking.end_time)
        .map_err(|e| StoreError::Unreadable(format!("the times of {}: {e}", booking.booking_id)))
}

/// Between these seconds all times of bookings lie, with room for what is counted from them.
const POSSIBLE_SECONDS: std::ops::Range<i64> = 0..200_000_000_000;

/// Refuses a stored booking whose times none of ours has: nothing can follow from them.
pub fn check_times(booking: &Booking) -> Result<(), StoreError> {
    let times = [booking.created_at, booking.start_time, booking.end_time];
    if let Some(at) = times.iter().find(|at| !POSSIBLE_SECONDS.contains(&at.as_second())) {
        return Err(StoreError::Unreadable(format!("the times of {}: {at}", booking.booking_id)));
    }
    hours(booking).map(drop)
}

/// What must be read before a booking can be cancelled.
pub fn cancellation_keys(booking: &Booking) -> Result<Vec<Key>, StoreError> {
    let hours = hours(booking)?;
    let mut wanted = vec![keys::wallet(&booking.interviewee_id, Asset::Credit)];
    for person in [&booking.interviewee_id, &booking.interviewer_id] {
        wanted.extend(calendar::keys_of(person, &hours));
    }
    Ok(wanted)
}

/// Cancels `before` into `after`: releases the price, frees both calendars, and asks for the call to be ended. `items`
/// holds what [`cancellation_keys`] names.
pub async fn write_cancellation(
    table: &Table,
    tx: &mut Tx,
    items: &Items,
    before: &Booking,
    after: &Booking,
    release: &Transfer,
    new_id: impl FnMut() -> TransactionId,
) -> Result<(), StoreError> {
    booking::replace(tx, before, after)?;
    let mut candidate = wallet(items, &before.interviewee_id, Asset::Credit)?;
    if let Err(error) = write_transfer(tx, release, &mut [&mut candidate], new_id) {
        return Err(refused(table, before, error).await);
    }
    let hours = hours(before)?;
    for person in [&before.interviewee_id, &before.interviewer_id] {
        let mut days = calendar::days(items, person, &hours)?;
        for (day, (_, taken)) in days.iter_mut().zip(&hours) {
            day.release(*taken);
        }
        calendar::write(tx, person, &days)?;
    }
    outbox::write(tx, &Effect::EndCall { booking_id: before.booking_id }, release.created_at)?;
    Ok(())
}

/// What must be read before a booking's price can be paid out.
pub fn capture_keys(booking: &Booking) -> Vec<Key> {
    [&booking.interviewee_id, &booking.interviewer_id].map(|u| keys::wallet(u, Asset::Credit)).to_vec()
}

/// Completes `before` into `after` and pays its price to the interviewer. `items` holds what [`capture_keys`] names.
pub async fn write_capture(
    table: &Table,
    tx: &mut Tx,
    items: &Items,
    before: &Booking,
    after: &Booking,
    capture: &Transfer,
    new_id: impl FnMut() -> TransactionId,
) -> Result<(), StoreError> {
    booking::replace(tx, before, after)?;
    let mut candidate = wallet(items, &before.interviewee_id, Asset::Credit)?;
    let mut interviewer = wallet(items, &before.interviewer_id, Asset::Credit)?;
    match write_transfer(tx, capture, &mut [&mut candidate, &mut interviewer], new_id) {
        Ok(()) => Ok(()),
        Err(error) => Err(refused(table, before, error).await),
    }
}
