//! Whose booking it is. Other people's bookings do not exist for a caller: 404.

use domain::booking::Booking;
use domain::ids::{BookingId, UserId};
use domain::party::Party;
use jiff::Timestamp;
use kit::error::{Error, not_found};
use kit::{App, shown};
use store::{Items, keys};
use views::BookingView;

/// The booking that was read with `items`, and which of its parties `user` is.
pub fn own(items: &Items, id: BookingId, user: &UserId) -> Result<(Booking, Party), Error> {
    let booking: Booking = items.get(&keys::booking(id))?.ok_or_else(|| not_found("booking"))?;
    let party = booking.party(user).ok_or_else(|| not_found("booking"))?;
    Ok((booking, party))
}

/// How a booking is shown to one of its parties, who was read with `items`; what else is needed is read for that.
pub async fn show(
    app: &App,
    items: &Items,
    booking: &Booking,
    party: Party,
    now: Timestamp,
) -> Result<BookingView, Error> {
    let mut wanted = shown::keys(booking, Some(party), now);
    wanted.retain(|key| !items.contains(key));
    let more = app.table.batch_get(&wanted).await?;
    Ok(shown::booking(booking, Some(party), &[items, &more], now)?)
}
