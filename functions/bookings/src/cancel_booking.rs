//! `POST /api/bookings/{bookingId}/cancel`.

use axum::extract::State;
use axum::response::Response;
use domain::booking::{Applied, CancelCode, Cancelling};
use domain::ids::{BookingId, TransactionId};
use domain::problem::{Checks, ValidationError};
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Participant;
use kit::error::Error;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, QueryTable};
use kit::{App, Path, Route, Who, Write, shown};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Tx, attendance, booking, keys, settlement};
use views::BookingView;

use crate::party::{own, show};

/// The route.
pub fn route() -> Route {
    Route::post("cancel_booking", "/api/bookings/{bookingId}/cancel", Who::Parties, cancel_booking)
        .about(
            "Cancel a booking before its start and release the price. After the end and before settlement, the \
             candidate can object with code DID_NOT_TAKE_PLACE, unless attendance shows otherwise. The booking \
             stays SCHEDULED and shows the objection until everything that decides it is known, an hour after the \
             end. Cancelling again changes nothing.",
        )
        .body::<CancelBooking>()
        .example(r#"{ "reason": "plans changed" }"#)
        .answers::<BookingView>(200)
        .idempotent()
        .refuses(&[(409, "booking_not_cancellable")])
        .needs(Needs::table(&[Get, BatchGet, QueryTable, Put, Delete]).gradual())
}

/// The reason for a cancellation or an objection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CancelBooking {
    /// The reason, 3 to 500 characters; shown to the other party.
    #[schemars(length(min = 3, max = 500))]
    reason: String,
    /// The code of an objection after the end.
    code: Option<ObjectionCode>,
}

/// The code of an objection.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ObjectionCode {
    /// The session did not take place.
    DidNotTakePlace,
}

impl RequestBody for CancelBooking {}

impl CancelBooking {
    fn reason(&self) -> Result<String, ValidationError> {
        let reason = self.reason.trim();
        let mut checks = Checks::new();
        checks.text("reason", reason, 3, 500);
        checks.finish()?;
        Ok(reason.to_owned())
    }
}

async fn cancel_booking(
    State(app): State<App>,
    Path(id): Path<BookingId>,
    write: Write<Participant, CancelBooking>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write, id)).await
}

async fn attempt(app: &App, write: &Write<Participant, CancelBooking>, id: BookingId) -> Result<Response, Error> {
    let wanted = [keys::booking(id)];
    let (begun, attendance) =
        tokio::join!(write.begin(app, RateRule::Writes, &wanted), attendance::of_booking(&app.table, id));
    let (begun, attendance) = (begun?, attendance?);
    let (before, party) = own(&begun.items, id, write.user_id())?;
    let reason = write.body.reason()?;
    let code = write.body.code.map(|ObjectionCode::DidNotTakePlace| CancelCode::DidNotTakePlace);

    let (now, mut tx) = (begun.now, Tx::new());
    let view = match before.cancel(party, reason, code, &attendance, now)? {
        Applied::Already => {
            let view = show(app, &begun.items, &before, party, now).await?;
            return begun.unchanged(app, &view).await;
        }
        Applied::Now(Cancelling::Remembered(after)) => {
            booking::replace(&mut tx, &before, &after)?;
            show(app, &begun.items, &after, party, now).await?
        }
        Applied::Now(Cancelling::Released(after, release)) => {
            let mut wanted = settlement::cancellation_keys(&before)?;
            wanted.extend(shown::keys(&before, Some(party), now));
            let items = app.table.batch_get(&wanted).await?;
            let new_id = || TransactionId::new(app.ids.unique(now));
            settlement::write_cancellation(&app.table, &mut tx, &items, &before, &after, &release, new_id).await?;
            shown::booking(&after, Some(party), &[&begun.items, &items], now)?
        }
    };
    begun.commit(app, tx, StatusCode::OK, &view).await
}
