//! The call of a booking at Stream, as whoever comes first opens it: the worker, mostly, or the first party at its door.

use domain::booking::Booking;
use domain::user::User;
use providers::stream::{CallRequest, CallState, StreamClient, StreamError, StreamUser};
use store::{StoreError, keys};

use crate::{App, BoxFuture};

/// What Stream is told of a booking's call and of its parties.
#[derive(Debug, Clone)]
pub struct BookedCall {
    parties: Vec<StreamUser>,
    request: CallRequest,
}

impl BookedCall {
    /// The call of a booking, with the parties as they are stored. Who has no name is called by their part.
    pub fn of<'a>(app: &'a App, booking: &'a Booking) -> BoxFuture<'a, Result<Self, StoreError>> {
        Box::pin(async move {
            let people = [(&booking.interviewee_id, "Candidate"), (&booking.interviewer_id, "Interviewer")];
            let items = app.table.batch_get(&people.map(|(id, _)| keys::profile(id))).await?;
            let mut parties = Vec::with_capacity(people.len());
            for (id, part) in people {
                let user: Option<User> = items.get(&keys::profile(id))?;
                let (name, image) = user.map_or((None, None), |user| (user.name, user.image_url));
                parties.push(StreamUser { id: id.clone(), name: name.unwrap_or_else(|| part.to_owned()), image });
            }
            // It may last as long as its door is open.
            let (opens, closes) = booking.door();
            let request = CallRequest {
                call_id: booking.booking_id,
                starts_at: booking.start_time,
                max_duration_seconds: u32::try_from(closes.duration_since(opens).as_secs()).unwrap_or(u32::MAX),
                interviewee: booking.interviewee_id.clone(),
                interviewer: booking.interviewer_id.clone(),
            };
            Ok(Self { parties, request })
        })
    }

    /// Makes the parties known to Stream, and creates the call or finds it. Repeating it changes nothing there. That the call
    /// is there is noted by the worker alone: whoever stands at the door only reads.
    pub fn open<'a>(&'a self, client: &'a StreamClient) -> BoxFuture<'a, Result<CallState, StreamError>> {
        Box::pin(async move {
            client.upsert_users(&self.parties).await?;
            client.get_or_create_call(&self.request).await
        })
    }
}
