//! Whose booking it is. Other people's bookings do not exist for a caller: 404.

use domain::booking::{Booking, Party};
use domain::ids::{BookingId, UserId};
use kit::error::{Error, not_found};
use store::{Items, keys};

/// The booking that was read with `items`, and which of its parties `user` is.
pub fn own(items: &Items, id: BookingId, user: &UserId) -> Result<(Booking, Party), Error> {
    let booking: Booking = items.get(&keys::booking(id))?.ok_or_else(|| not_found("booking"))?;
    let party = booking.party(user).ok_or_else(|| not_found("booking"))?;
    Ok((booking, party))
}
