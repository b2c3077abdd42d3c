//! `POST /api/webhooks/stream`: what happened in calls.
//!
//! Events come late, twice and in any order. Each becomes a fact with its own time, so that any order of any number of
//! them ends in the same state (ARCHITECTURE.md, I5).

use axum::extract::State;
use axum::response::Response;
use domain::attendance::{CallSession, Told};
use domain::booking::Booking;
use domain::call::Call;
use domain::ids::BookingId;
use kit::error::Error;
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::secrets::Provider;
use kit::webhook::{DeliveryError, RawDelivery, Received, received, unreadable};
use kit::write::sha256_hex;
use kit::{App, Route, Who};
use providers::stream::webhook::{BodyError, CallEvent, CallEventKind, StreamEvent, decode, parse, verify};
use providers::stream::{CALL_TYPE, MediaFile};
use store::attendance::{write_session, write_told};
use store::call;
use store::media::{MediaKind, StoredFile, digest};
use store::outbox::{Effect, StreamFile};
use store::webhook::WebhookEvent;
use store::{StoreError, Tx, keys, media, outbox};

use crate::signature::{check, refuse};

#[cfg(test)]
mod tests;

/// The route.
pub fn route() -> Route {
    Route::post("stream_webhook", "/api/webhooks/stream", Who::Signed, stream_webhook)
        .about(
            "Receive events from Stream. The signature covers the uncompressed body. Duplicate and irrelevant \
             events are acknowledged and ignored.",
        )
        .example(r#"{ "type": "custom", "created_at": "2026-11-20T12:00:00Z" }"#)
        .answers::<Received>(200)
        .needs(Needs::table(&[Get, BatchGet, Put]).secrets(&[Provider::Stream]))
}

async fn stream_webhook(State(app): State<App>, delivery: RawDelivery) -> Result<Response, Error> {
    let body = decode(&delivery.body).map_err(|error| match error {
        BodyError::TooLarge => DeliveryError::TooLarge.into(),
        // What cannot be unpacked cannot be verified.
        BodyError::NotGzip => refuse(&app, Provider::Stream, error.to_string()),
    })?;
    let judge = |secrets: &[providers::Secret]| verify(secrets, &delivery.headers, &body);
    check(&app, Provider::Stream, "apiSecret", &judge).await?;
    let event = match parse(&body).map_err(|error| unreadable(&app, Provider::Stream, error.to_string()))? {
        StreamEvent::Call(event) => event,
        StreamEvent::Unknown { kind } => {
            tracing::info!(event.kind = kind, "event of no concern");
            return Ok(received());
        }
    };
    let Some(booking_id) = booking_of(&event) else {
        tracing::info!(event.kind = name(&event.kind), "event of a call that is not ours");
        return Ok(received());
    };
    let sha256 = sha256_hex(&body);
    let delivery = WebhookEvent::new("stream", &sha256, name(&event.kind));
    app.retry(|| record(&app, &delivery, booking_id, &event, &sha256)).await?;
    tracing::info!(event.kind = name(&event.kind), event.sha256 = sha256, booking.id = %booking_id, "event recorded");
    Ok(received())
}

/// The booking whose call an event is about. Other calls may exist in the same Stream app.
fn booking_of(event: &CallEvent) -> Option<BookingId> {
    if event.call.call_type != CALL_TYPE {
        return None;
    }
    event.call.call_id.parse().ok()
}

fn name(kind: &CallEventKind) -> &'static str {
    match kind {
        CallEventKind::SessionStarted { .. } => "call.session_started",
        CallEventKind::SessionEnded { .. } => "call.session_ended",
        CallEventKind::ParticipantJoined { .. } => "call.session_participant_joined",
        CallEventKind::ParticipantLeft { .. } => "call.session_participant_left",
        CallEventKind::CallEnded => "call.ended",
        CallEventKind::RecordingStarted => "call.recording_started",
        CallEventKind::RecordingStopped => "call.recording_stopped",
        CallEventKind::RecordingFailed => "call.recording_failed",
        CallEventKind::RecordingReady { .. } => "call.recording_ready",
        CallEventKind::TranscriptionStarted => "call.transcription_started",
        CallEventKind::TranscriptionStopped => "call.transcription_stopped",
        CallEventKind::TranscriptionFailed { .. } => "call.transcription_failed",
        CallEventKind::TranscriptionReady { .. } => "call.transcription_ready",
    }
}

/// One attempt to record a delivery together with what follows from it.
async fn record(
    app: &App,
    delivery: &WebhookEvent,
    booking_id: BookingId,
    event: &CallEvent,
    sha256: &str,
) -> Result<(), Error> {
    let effect = effect(booking_id, event, sha256);
    let (booking_key, call_key) = (keys::booking(booking_id), keys::call(booking_id));
    let mut wanted = vec![delivery.key().clone(), booking_key.clone(), call_key.clone()];
    let outbox_key = effect.as_ref().map(|effect| keys::outbox(&effect.outbox_id()));
    wanted.extend(outbox_key.clone());
    let items = app.table.batch_get(&wanted).await?;
    if delivery.was_seen(&items)? {
        return Ok(());
    }
    let Some(booking) = items.get::<Booking>(&booking_key)? else {
        tracing::warn!(booking.id = %booking_id, "event of a booking that does not exist");
        return Ok(());
    };
    let now = app.now();
    let mut tx = Tx::new();
    delivery.record(&mut tx, now)?;
    write_facts(&mut tx, &booking, event)?;
    let call: Call = items.get(&call_key)?.unwrap_or_default();
    if let Some(changed) = changed_call(&call, event) {
        call::write(&mut tx, booking_id, &changed)?;
    }
    if let (Some(effect), Some(key)) = (&effect, &outbox_key)
        && is_due(&booking, event)
        // Another delivery may have told of the same file or session in other words.
        && items.get::<outbox::Row>(key)?.is_none()
    {
        outbox::write(&mut tx, effect, now)?;
    }
    Ok(tx.commit(&app.table).await?)
}

/// Facts that stand on their own: who was there, and that there will be no transcript.
fn write_facts(tx: &mut Tx, booking: &Booking, event: &CallEvent) -> Result<(), StoreError> {
    let (booking_id, at) = (booking.booking_id, event.created_at);
    let possible = |at| booking.is_possible(at).then_some(at);
    match &event.kind {
        CallEventKind::SessionStarted { session_id } => {
            let session = CallSession { session_id: session_id.clone(), started_at: possible(at), ended_at: None };
            write_possible_session(tx, booking_id, &session)
        }
        CallEventKind::SessionEnded { session_id } => {
            let session = CallSession { session_id: session_id.clone(), started_at: None, ended_at: possible(at) };
            write_possible_session(tx, booking_id, &session)
        }
        CallEventKind::ParticipantJoined { session_id, user_id, user_session_id, joined_at } => {
            // Others may be let into a call by Stream's dashboard; they decide nothing.
            let Some(party) = booking.party(user_id) else { return Ok(()) };
            let told = Told {
                session_id: session_id.clone(),
                party,
                connection: user_session_id.clone(),
                joined_at: possible(*joined_at),
                left_at: None,
                duration_seconds: None,
            };
            write_possible(tx, booking_id, &told)
        }
        CallEventKind::ParticipantLeft {
            session_id,
            user_id,
            user_session_id,
            joined_at,
            left_at,
            duration_seconds,
        } => {
            let Some(party) = booking.party(user_id) else { return Ok(()) };
            let told = Told {
                session_id: session_id.clone(),
                party,
                connection: user_session_id.clone(),
                // Of a leave that cannot be, nothing is believed.
                joined_at: joined_at.and_then(possible).filter(|_| booking.is_possible(*left_at)),
                left_at: possible(*left_at),
                duration_seconds: *duration_seconds,
            };
            write_possible(tx, booking_id, &told)
        }
        CallEventKind::TranscriptionFailed { .. } => {
            media::write(tx, booking_id, MediaKind::Transcript, &missing_transcript(event))
        }
        _ => Ok(()),
    }
}

/// Writes what was told of a session, unless its time cannot be.
fn write_possible_session(tx: &mut Tx, booking_id: BookingId, session: &CallSession) -> Result<(), StoreError> {
    if session.started_at.is_none() && session.ended_at.is_none() {
        tracing::warn!(booking.id = %booking_id, "a session of the call began or ended at a time that cannot be");
        return Ok(());
    }
    write_session(tx, booking_id, session)
}

/// Writes what was told of a connection, unless its times cannot be.
fn write_possible(tx: &mut Tx, booking_id: BookingId, told: &Told) -> Result<(), StoreError> {
    if told.joined_at.is_none() && told.left_at.is_none() {
        tracing::warn!(booking.id = %booking_id, "somebody came or went at a time that cannot be");
        return Ok(());
    }
    write_told(tx, booking_id, told)
}

/// A failed transcription names neither its session nor a file, so its time stands for both.
fn missing_transcript(event: &CallEvent) -> StoredFile {
    StoredFile {
        session_id: String::new(),
        filename: format!("failed_{}", event.created_at),
        object_key: None,
        start_time: event.created_at,
        end_time: event.created_at,
        bytes: 0,
    }
}

/// What is known of a call after an event, where that changes it.
fn changed_call(known: &Call, event: &CallEvent) -> Option<Call> {
    let at = event.created_at;
    let mut call = known.clone();
    match &event.kind {
        CallEventKind::CallEnded => call.ended(at),
        CallEventKind::RecordingStarted => call.recording_changed(true, at),
        CallEventKind::RecordingStopped => call.recording_changed(false, at),
        CallEventKind::RecordingFailed => {
            call.recording_changed(false, at);
            call.failed("recording failed", at);
        }
        CallEventKind::TranscriptionFailed { reason } => {
            let reason = reason.as_deref().unwrap_or("no reason given");
            let reason: String = reason.chars().take(200).collect();
            call.failed(&format!("transcription failed: {reason}"), at);
        }
        _ => {}
    }
    (call != *known).then_some(call)
}

/// What may have to follow an event; see [`is_due`].
fn effect(booking_id: BookingId, event: &CallEvent, sha256: &str) -> Option<Effect> {
    Some(match &event.kind {
        CallEventKind::SessionStarted { session_id } => {
            Effect::MatchRecording { booking_id, cause: format!("session-{}", digest(session_id, "")) }
        }
        CallEventKind::RecordingStarted | CallEventKind::TranscriptionStarted => {
            Effect::MatchRecording { booking_id, cause: format!("event-{}", &sha256[..20]) }
        }
        CallEventKind::RecordingReady { file } => Effect::CopyRecording { booking_id, file: announced(file) },
        CallEventKind::TranscriptionReady { file } => Effect::CopyTranscript { booking_id, file: announced(file) },
        CallEventKind::TranscriptionFailed { .. } => {
            let missing = missing_transcript(event);
            Effect::Feedback { booking_id, cause: digest(&missing.session_id, &missing.filename) }
        }
        _ => return None,
    })
}

/// Whether the effect of an event must follow, given what the parties have agreed to. Whoever carries it out looks again.
fn is_due(booking: &Booking, event: &CallEvent) -> bool {
    let may_record = booking.may_be_recorded();
    match &event.kind {
        CallEventKind::SessionStarted { .. } => may_record,
        // What runs without consent has to be stopped.
        CallEventKind::RecordingStarted | CallEventKind::TranscriptionStarted => !may_record,
        // Media of a cancelled booking has to be deleted at Stream.
        _ => true,
    }
}

fn announced(file: &MediaFile) -> StreamFile {
    StreamFile {
        session_id: file.session_id.clone(),
        filename: file.filename.clone(),
        url: file.url.clone(),
        start_time: file.start_time,
        end_time: file.end_time,
    }
}
