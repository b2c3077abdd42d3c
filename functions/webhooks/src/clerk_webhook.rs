//! `POST /api/webhooks/clerk`: people whose accounts were created, changed or deleted.
//!
//! Clerk's word wins over what a browser said, the newest over older ones, and a deletion over everything. Who is banned or locked
//! there is not available here, until Clerk lets them in again.

use axum::extract::State;
use axum::response::Response;
use domain::clerk_word::ClerkWord;
use domain::ids::UserId;
use domain::user::{Identity, User};
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Delete, Get, Put, Update};
use kit::secrets::Provider;
use kit::webhook::{RawDelivery, Received, received, unreadable};
use kit::write::sha256_hex;
use kit::{App, Route, Who};
use providers::clerk::ClerkUser;
use providers::clerk::webhook::{ClerkEvent, parse};
use providers::svix;
use serde_json::json;
use store::outbox::Effect;
use store::webhook::WebhookEvent;
use store::{Items, Tx, keys, outbox, user};

use crate::signature::check;

#[cfg(test)]
mod tests;

/// The route.
pub fn route() -> Route {
    Route::post("clerk_webhook", "/api/webhooks/clerk", Who::Signed, clerk_webhook)
        .about(
            "Receive events from Clerk, signed with the Svix scheme. Duplicate, outdated and irrelevant events are \
             acknowledged and ignored.",
        )
        .example(r#"{ "type": "session.created", "data": {}, "object": "event" }"#)
        .answers::<Received>(200)
        .needs(Needs::table(&[Get, BatchGet, Put, Update, Delete]).secrets(&[Provider::Clerk]))
}

async fn clerk_webhook(State(app): State<App>, delivery: RawDelivery) -> Result<Response, Error> {
    let now = app.now();
    let judge = |secrets: &[providers::Secret]| svix::verify(secrets, &delivery.headers, &delivery.body, now);
    check(&app, Provider::Clerk, "webhookSecret", &judge).await?;
    let event = parse(&delivery.body).map_err(|error| unreadable(&app, Provider::Clerk, error.to_string()))?;
    let kind = match &event {
        ClerkEvent::UserUpserted { .. } => "user upserted",
        ClerkEvent::UserDeleted { .. } => "user deleted",
        ClerkEvent::Unknown { kind } => {
            tracing::info!(event.kind = kind, "event of no concern");
            return Ok(received());
        }
    };
    let sha256 = sha256_hex(&delivery.body);
    let delivery = WebhookEvent::new("clerk", &sha256, kind);
    app.retry(|| record(&app, &delivery, &event)).await?;
    tracing::info!(event.kind = kind, event.sha256 = sha256, "event recorded");
    Ok(received())
}

/// One attempt to record a delivery together with what follows from it.
async fn record(app: &App, delivery: &WebhookEvent, event: &ClerkEvent) -> Result<(), Error> {
    let (ClerkEvent::UserUpserted { user: ClerkUser { user_id, .. } } | ClerkEvent::UserDeleted { user_id }) = event
    else {
        return Ok(());
    };
    let cancel = Effect::CancelBookings { user_id: user_id.clone(), cause: "deleted".to_owned() };
    let wanted = [delivery.key().clone(), keys::profile(user_id), keys::outbox(&cancel.outbox_id())];
    let items = app.table.batch_get(&wanted).await?;
    if delivery.was_seen(&items)? {
        return Ok(());
    }
    let before: Option<User> = items.get(&wanted[1])?;
    let mut tx = Tx::new();
    delivery.record(&mut tx, app.now())?;
    match event {
        ClerkEvent::UserUpserted { user } => write_word(&mut tx, app, before.as_ref(), user)?,
        _ => write_tombstone(&mut tx, app, before.as_ref(), user_id, &items, &cancel)?,
    }
    Ok(tx.commit(&app.table).await?)
}

/// What Clerk told, as the domain takes it.
fn word(told: &ClerkUser) -> ClerkWord {
    let says = json!([told.name, told.email, told.image_url, told.banned, told.locked, told.locked_until]).to_string();
    ClerkWord {
        identity: Identity { name: told.name.clone(), email: told.email.clone(), image_url: told.image_url.clone() },
        banned: told.banned,
        locked: told.locked,
        locked_until: told.locked_until,
        updated_at: told.updated_at,
        place: ClerkWord::place(told.told_at_millisecond, &sha256_hex(says.as_bytes())),
    }
}

/// Takes the word, and asks for what follows where it shuts somebody out. That has the word in its id, so it is done for each
/// word of the kind, though the one before it may still be under way.
fn write_word(tx: &mut Tx, app: &App, before: Option<&User>, told: &ClerkUser) -> Result<(), Error> {
    let now = app.now();
    let known = before.cloned().unwrap_or_else(|| User::new(told.user_id.clone(), now));
    let word = word(told);
    let Some(after) = known.take_clerk_word(&word) else { return Ok(()) };
    user::write(tx, before, &after)?;
    let (user_id, cause) = (&after.user_id, word.id());
    if after.is_shut_out(now) {
        outbox::write(tx, &Effect::CancelBookings { user_id: user_id.clone(), cause: cause.clone() }, now)?;
    }
    if after.locked_until.is_some() {
        outbox::write(tx, &Effect::LiftLock { user_id: user_id.clone(), cause }, now)?;
    }
    Ok(())
}

/// A person we never heard of gets a tombstone too, so that an older delivery that is still on its way cannot bring them
/// to life.
fn write_tombstone(
    tx: &mut Tx,
    app: &App,
    before: Option<&User>,
    user_id: &UserId,
    items: &Items,
    cancel: &Effect,
) -> Result<(), Error> {
    let now = app.now();
    let known = before.cloned().unwrap_or_else(|| User::new(user_id.clone(), now));
    if known.deleted_at.is_some() {
        return Ok(());
    }
    user::write(tx, before, &known.tombstone(now))?;
    // What an interviewer sent to be verified is personal data, and nothing is left to decide.
    tx.delete(keys::verification(user_id));
    if items.get::<outbox::Row>(&keys::outbox(&cancel.outbox_id()))?.is_none() {
        outbox::write(tx, cancel, now)?;
    }
    Ok(())
}
