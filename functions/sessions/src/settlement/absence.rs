//! What follows where somebody is gone, for good or for a while: their coming bookings are cancelled, and a lock ends when its
//! time is over.

use std::time::Duration;

use domain::booking::{Applied, Booking};
use domain::calendar::unexplained;
use domain::ids::{BookingId, TransactionId, UserId};
use domain::user::{Absence, User};
use kit::error::{Error, Unavailable};
use kit::{App, Failure};
use store::settlement::{cancellation_keys, write_cancellation};
use store::{Tx, appointments, attendance, calendar, keys, user};

#[cfg(test)]
mod tests;

/// Cancels the coming bookings of somebody whom nobody can meet, each in a transaction of its own.
///
/// Bookings are found by indexes, which lag: one that was committed just before may be missing. But its time is taken in the
/// person's calendar, which was written with it and is read as it is. So what is taken there and belongs to no booking that
/// was found shows that the indexes are behind, and the message comes again. Nothing is added meanwhile, because a booking
/// checks both parties as it commits.
pub async fn cancel_bookings(app: &App, user_id: &UserId) -> Result<(), Failure> {
    let now = app.now();
    let is_gone = |user: User| user.absence(now).is_some();
    if !user::get(&app.table, user_id).await?.is_some_and(is_gone) {
        tracing::info!("somebody is back, so their bookings stay");
        return Ok(());
    }
    let mut standing = Vec::new();
    for found in appointments::unfinished(&app.table, user_id, now).await? {
        standing.extend(app.retry(|| cancel(app, user_id, found.booking_id)).await?);
    }
    let known: Vec<_> = standing.iter().map(|booking| (booking.start_time, booking.end_time)).collect();
    let hidden = unexplained(&calendar::ahead(&app.table, user_id, now).await?, &known, now);
    if hidden.is_empty() {
        return Ok(());
    }
    let why = format!("no booking is found for what is taken on {hidden:?}");
    let behind = Unavailable { what: "an index of bookings", why, retry_after_seconds: 2 };
    Err(behind.into())
}

/// Cancels one booking unless it has begun or been held early, or unless the person is back. Answers it where it stands.
async fn cancel(app: &App, user_id: &UserId, booking_id: BookingId) -> Result<Option<Booking>, Error> {
    let now = app.now();
    let wanted = [keys::booking(booking_id), keys::profile(user_id)];
    let items = app.table.batch_get(&wanted).await?;
    let (before, person): (Option<Booking>, Option<User>) = (items.get(&wanted[0])?, items.get(&wanted[1])?);
    let Some(before) = before.filter(|booking| !booking.is_cancelled()) else { return Ok(None) };
    let absence = person.as_ref().and_then(|person| Some((person.absence(now)?, person.version)));
    let Some((absence, version)) = absence else { return Ok(Some(before)) };
    // Also before the door opens: who has a token for another call may have been early in this one.
    let attendance = attendance::of_booking(&app.table, booking_id).await?;
    let Applied::Now((after, release)) = before.cancel_for_absence(absence, &attendance, now) else {
        return Ok(Some(before));
    };
    let items = app.table.batch_get(&cancellation_keys(&before)?).await?;
    let mut tx = Tx::new();
    let new_id = || TransactionId::new(app.ids.unique(now));
    write_cancellation(&app.table, &mut tx, &items, &before, &after, &release, new_id).await?;
    // Who is let in again in this instant keeps the booking.
    tx.check(keys::profile(user_id), version);
    tx.commit(&app.table).await?;
    let why = if absence == Absence::Deleted { "deleted" } else { "shut out" };
    tracing::info!(booking.id = %booking_id, why, "booking of somebody who is gone cancelled");
    Ok(None)
}

/// Ends a lock when its time is over, so that the person is listed again: Clerk tells when a lock begins and when somebody
/// ends it, but not when it has run out. Until then the message waits; for a lock of days it comes to lie with the operators,
/// who send it again.
pub async fn lift_lock(app: &App, user_id: &UserId) -> Result<(), Failure> {
    let until = app.retry(|| lift(app, user_id)).await?;
    let Some(left) = until.and_then(|until| u64::try_from(until.duration_since(app.now()).as_secs()).ok()) else {
        return Ok(());
    };
    let locked = Unavailable { what: "a person", why: "they are still locked".to_owned(), retry_after_seconds: left };
    Err(Failure::after(locked, Duration::from_secs(left + 1)))
}

/// Ends the lock if its time is over. Answers until when it stands.
async fn lift(app: &App, user_id: &UserId) -> Result<Option<jiff::Timestamp>, Error> {
    let Some(before) = user::get(&app.table, user_id).await? else { return Ok(None) };
    let Some(after) = before.lift_lock(app.now()) else { return Ok(before.locked_until) };
    let mut tx = Tx::new();
    user::write(&mut tx, Some(&before), &after)?;
    tx.commit(&app.table).await?;
    tracing::info!(user.id = %user_id, "a lock has run out");
    Ok(None)
}
