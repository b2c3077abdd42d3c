//! `POST /api/bookings/{bookingId}/complete`.

use axum::extract::State;
use axum::response::Response;
use domain::booking::{Applied, Completion};
use domain::ids::{BookingId, TransactionId};
use domain::party::Party;
use domain::rate_limit::RateRule;
use domain::user::UserError;
use http::StatusCode;
use kit::callers::Participant;
use kit::error::Error;
use kit::extract::NoBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, QueryTable};
use kit::{App, Path, Route, Who, Write, shown};
use store::{Tx, attendance, booking, keys, settlement};
use views::BookingView;

use crate::party::{own, show};

/// The route.
pub fn route() -> Route {
    Route::post("complete_booking", "/api/bookings/{bookingId}/complete", Who::Interviewer, complete_booking)
        .about(
            "Mark a session as completed after its end. If attendance confirms it, the price is paid at once. If \
             attendance is inconclusive or not fully known yet, the request is recorded: attendance decides an hour \
             after the end, or else the price is paid a day after the end unless the candidate objects. If \
             attendance shows that the session was not held, the request is refused.",
        )
        .optional_body::<NoBody>()
        .example("{}")
        .answers::<BookingView>(200)
        .idempotent()
        .refuses(&[(409, "booking_not_ended"), (409, "session_not_held"), (409, "booking_cancelled")])
        .needs(Needs::table(&[Get, BatchGet, QueryTable, Put, Delete]).gradual())
}

async fn complete_booking(
    State(app): State<App>,
    Path(id): Path<BookingId>,
    write: Write<Participant, NoBody>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write, id)).await
}

async fn attempt(app: &App, write: &Write<Participant, NoBody>, id: BookingId) -> Result<Response, Error> {
    let wanted = [keys::booking(id)];
    let (begun, attendance) =
        tokio::join!(write.begin(app, RateRule::Writes, &wanted), attendance::of_booking(&app.table, id));
    let (begun, attendance) = (begun?, attendance?);
    let (before, party) = own(&begun.items, id, write.user_id())?;
    if party != Party::Interviewer {
        return Err(UserError::Forbidden.into());
    }

    let (now, mut tx) = (begun.now, Tx::new());
    let view = match before.complete(&attendance, now)? {
        Applied::Already => {
            let view = show(app, &begun.items, &before, party, now).await?;
            return begun.unchanged(app, &view).await;
        }
        Applied::Now(Completion::Remembered(after)) => {
            booking::replace(&mut tx, &before, &after)?;
            show(app, &begun.items, &after, party, now).await?
        }
        Applied::Now(Completion::Captured(after, capture)) => {
            let after = after.attended(&attendance, now);
            let mut wanted = settlement::capture_keys(&before);
            wanted.extend(shown::keys(&before, Some(party), now));
            let items = app.table.batch_get(&wanted).await?;
            let new_id = || TransactionId::new(app.ids.unique(now));
            settlement::write_capture(&app.table, &mut tx, &items, &before, &after, &capture, new_id).await?;
            shown::booking(&after, Some(party), &[&begun.items, &items], now)?
        }
    };
    begun.commit(app, tx, StatusCode::OK, &view).await
}
