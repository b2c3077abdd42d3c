//! The writes by which a booking is settled: its state, the one transfer, the wallets, and the freed time. Every path to a
//! settlement (a party, a feedback, a deleted account, a sweep) goes through these two.

use domain::booking::Booking;
use domain::calendar::quarter_hours;
use domain::ids::TransactionId;
use domain::ledger::Transfer;
use domain::money::Asset;
use jiff::Timestamp;

use crate::error::StoreError;
use crate::outbox::{self, Effect};
use crate::wallet::{MoveError, wallet, write_transfer};
use crate::{Items, Key, Tx, booking, calendar, keys};

/// What a booking holds is there until the booking is settled. A wallet that refuses to give it therefore shows a
/// settlement that came between the read of the booking and that of the wallet: read again.
fn stale(error: MoveError) -> StoreError {
    match error {
        MoveError::Wallet(refusal) => {
            tracing::info!(%refusal, "a booking was settled meanwhile");
            StoreError::Contended
        }
        MoveError::Store(error) => error,
    }
}

fn hours(booking: &Booking) -> Result<Vec<(domain::calendar::UtcDay, domain::calendar::QuarterHours)>, StoreError> {
    quarter_hours(booking.start_time, booking.end_time).map_err(|e| StoreError::Corrupt(e.to_string()))
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
pub fn write_cancellation(
    tx: &mut Tx,
    items: &Items,
    before: &Booking,
    after: &Booking,
    release: &Transfer,
    now: Timestamp,
    new_id: impl FnMut() -> TransactionId,
) -> Result<(), StoreError> {
    booking::replace(tx, before, after)?;
    let mut candidate = wallet(items, &before.interviewee_id, Asset::Credit)?;
    write_transfer(tx, release, &mut [&mut candidate], new_id).map_err(stale)?;
    let hours = hours(before)?;
    for person in [&before.interviewee_id, &before.interviewer_id] {
        let mut days = calendar::days(items, person, &hours)?;
        for (day, (_, taken)) in days.iter_mut().zip(&hours) {
            day.release(*taken);
        }
        calendar::write(tx, person, &days)?;
    }
    outbox::write(tx, &Effect::EndCall { booking_id: before.booking_id }, now)?;
    Ok(())
}

/// What must be read before a booking's price can be paid out.
pub fn capture_keys(booking: &Booking) -> Vec<Key> {
    [&booking.interviewee_id, &booking.interviewer_id].map(|u| keys::wallet(u, Asset::Credit)).to_vec()
}

/// Completes `before` into `after` and pays its price to the interviewer. `items` holds what [`capture_keys`] names.
pub fn write_capture(
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
    write_transfer(tx, capture, &mut [&mut candidate, &mut interviewer], new_id).map_err(stale)
}
