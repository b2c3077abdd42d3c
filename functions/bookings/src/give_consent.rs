//! `POST /api/calls/{callId}/consent`.

use axum::extract::State;
use axum::response::Response;
use domain::booking::BookingError;
use domain::call::Call;
use domain::consent::CONSENT_VERSION;
use domain::ids::BookingId;
use domain::rate_limit::RateRule;
use http::StatusCode;
use kit::callers::Participant;
use kit::error::Error;
use kit::extract::RequestBody;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::{App, Path, Route, Who, Write};
use schemars::JsonSchema;
use serde::Deserialize;
use store::outbox::{self, Effect};
use store::{Tx, booking, keys};
use views::booking::ConsentView;

use crate::party::own;

/// The route.
pub fn route() -> Route {
    Route::post("give_consent", "/api/calls/{callId}/consent", Who::Parties, give_consent)
        .about(
            "Give or withdraw consent to recording and transcription. Recording starts only after both parties have \
             consented, and stops when either withdraws consent. The call itself needs no consent.",
        )
        .body::<GiveConsent>()
        .example(r#"{ "version": "2026-11", "record": true }"#)
        .answers::<ConsentView>(200)
        .idempotent()
        .refuses(&[(409, "booking_cancelled")])
        .needs(Needs::table(&[Get, BatchGet, Put]))
}

/// Consent to recording, or its withdrawal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GiveConsent {
    /// The version of the consent text shown to the user; only the current one is accepted.
    #[schemars(extend("enum" = [CONSENT_VERSION]))]
    version: String,
    /// Whether the session may be recorded and transcribed.
    record: bool,
}

impl RequestBody for GiveConsent {}

async fn give_consent(
    State(app): State<App>,
    Path(id): Path<BookingId>,
    write: Write<Participant, GiveConsent>,
) -> Result<Response, Error> {
    write.run(&app, || attempt(&app, &write, id)).await
}

async fn attempt(app: &App, write: &Write<Participant, GiveConsent>, id: BookingId) -> Result<Response, Error> {
    let begun = write.begin(app, RateRule::Writes, &[keys::booking(id), keys::call(id)]).await?;
    let (before, party) = own(&begun.items, id, write.user_id())?;
    if before.is_cancelled() {
        return Err(BookingError::Cancelled.into());
    }
    let call: Call = begun.items.get(&keys::call(id))?.unwrap_or_default();

    let mut after = before.clone();
    let changed = after.consents.say(party, &write.body.version, write.body.record, begun.now)?;
    let both = after.consents.both();
    let view = ConsentView { mine: Some(write.body.record), both, recording: call.recording };
    if !changed {
        return begun.unchanged(app, &view).await;
    }
    let mut tx = Tx::new();
    booking::replace(&mut tx, &before, &after)?;
    if both != before.consents.both() {
        let cause = format!("consent-{}", after.consents.sequence);
        outbox::write(&mut tx, &Effect::MatchRecording { booking_id: id, cause }, begun.now)?;
    }
    begun.commit(app, tx, StatusCode::OK, &view).await
}
