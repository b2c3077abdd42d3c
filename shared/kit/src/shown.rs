//! Bookings as they are shown, together with what has to be read for that: their parties as they are now, and the call.

use domain::booking::Booking;
use domain::call::Call;
use domain::ids::UserId;
use domain::party::Party;
use domain::user::User;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use store::{Items, Key, StoreError, Table, keys};
use views::BookingView;
use views::booking::Beside;

/// What must be read before a booking can be shown to one of its parties, who is read already, or else to an admin.
pub fn keys(booking: &Booking, viewer: Option<Party>, now: Timestamp) -> Vec<Key> {
    let mut wanted = Vec::with_capacity(3);
    if viewer != Some(Party::Interviewee) {
        wanted.push(keys::profile(&booking.interviewee_id));
    }
    if viewer != Some(Party::Interviewer) {
        wanted.push(keys::profile(&booking.interviewer_id));
    }
    // Nobody is in a call whose door is shut, so nothing can be recorded there.
    if booking.check_door(now).is_ok() {
        wanted.push(keys::call(booking.booking_id));
    }
    wanted
}

/// How `booking` is shown at `now` to one of its parties, or else to an admin. What [`keys()`] names, and who looks at it, is in
/// one of these.
pub fn booking(
    booking: &Booking,
    viewer: Option<Party>,
    read: &[&Items],
    now: Timestamp,
) -> Result<BookingView, StoreError> {
    let call: Option<Call> = find(read, &keys::call(booking.booking_id))?;
    let beside = Beside {
        interviewee: find(read, &keys::profile(&booking.interviewee_id))?,
        interviewer: find(read, &keys::profile(&booking.interviewer_id))?,
        is_recording: call.is_some_and(|call| call.recording),
    };
    Ok(BookingView::of(booking, viewer, beside, now))
}

/// How bookings are shown at `now` to `viewer`, who is a party of each of them or of none: everything that is needed is read at
/// once.
pub async fn bookings(
    table: &Table,
    bookings: &[Booking],
    viewer: &User,
    now: Timestamp,
) -> Result<Vec<BookingView>, StoreError> {
    let party = |booking: &Booking| booking.party(&viewer.user_id);
    let wanted: Vec<Key> = bookings.iter().flat_map(|b| keys(b, party(b), now)).collect();
    let items = table.batch_get(&wanted).await?;
    let person = |id: &UserId| {
        if *id == viewer.user_id { Ok(Some(viewer.clone())) } else { items.get(&keys::profile(id)) }
    };
    let view = |booking: &Booking| {
        let call: Option<Call> = items.get(&keys::call(booking.booking_id))?;
        let (interviewee, interviewer) = (person(&booking.interviewee_id)?, person(&booking.interviewer_id)?);
        let beside = Beside { interviewee, interviewer, is_recording: call.is_some_and(|call| call.recording) };
        Ok(BookingView::of(booking, party(booking), beside, now))
    };
    bookings.iter().map(view).collect()
}

fn find<T: DeserializeOwned>(read: &[&Items], key: &Key) -> Result<Option<T>, StoreError> {
    read.iter().find_map(|items| items.get(key).transpose()).transpose()
}
