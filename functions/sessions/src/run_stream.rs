//! The worker of queue `stream`: short calls to Stream, each safe to repeat.

use domain::booking::Booking;
use domain::call::Call;
use domain::ids::BookingId;
use kit::calls::BookedCall;
use kit::error::{Error, Fault};
use kit::needs::Needs;
use kit::needs::Table::{BatchGet, Get, Put};
use kit::secrets::Provider;
use kit::worker::{ReceivedMessage, WrongQueue};
use kit::{App, BoxFuture, Failure, Worker};
use providers::stream::{CallState, CaptureMode, StreamClient, StreamError};
use store::call;
use store::outbox::{Effect, Queue};
use store::{Tx, booking, keys};

use crate::at_stream::{Trouble, with_stream};

#[cfg(test)]
mod tests;

/// How often the consents may change while a call is being matched to them, before the message is put off.
const CHANGES_AT_MOST: u32 = 4;

/// Queue `stream`: short calls to Stream, each of them idempotent there.
pub fn worker() -> Worker {
    Worker {
        name: "run_stream",
        queue: Queue::Stream,
        about: "short calls to Stream, each of them idempotent there.",
        work: run_stream,
        concurrency: 10,
        needs: Needs::table(&[Get, BatchGet, Put]).calls(&[Provider::Stream]).timeout_seconds(60),
    }
}

/// Does one thing at Stream.
pub fn run_stream(app: App, received: ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let effect = &received.message.effect;
        match effect {
            Effect::CreateCall { .. } => with_stream(&app, &received, create_call).await,
            Effect::MatchRecording { .. } => with_stream(&app, &received, match_recording).await,
            Effect::MoveCall { .. } => with_stream(&app, &received, move_call).await,
            Effect::EndCall { .. } => with_stream(&app, &received, end_call).await,
            _ => Err(WrongQueue::of(effect).into()),
        }
    })
}

fn create_call<'a>(app: &'a App, client: &'a StreamClient, effect: &'a Effect) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        let Effect::CreateCall { booking_id } = effect else { return Err(Error::from(WrongQueue::of(effect)).into()) };
        let Some(booking) = booking::get(&app.table, *booking_id).await? else { return Ok(()) };
        if !booking.is_scheduled() {
            return Ok(());
        }
        open_call(app, client, &booking).await?;
        // A booking that was cancelled meanwhile may have had its call ended before there was one.
        match booking::get(&app.table, *booking_id).await? {
            Some(now) if now.is_cancelled() => end(client, *booking_id).await,
            _ => Ok(()),
        }
    })
}

/// Creates the call with both parties, or finds it, and notes that it is there.
async fn open_call(app: &App, client: &StreamClient, booking: &Booking) -> Result<CallState, Trouble> {
    let state = BookedCall::of(app, booking).await?.open(client).await?;
    app.retry(|| note_created(app, booking.booking_id)).await?;
    Ok(state)
}

async fn note_created(app: &App, booking_id: BookingId) -> Result<(), Error> {
    let call: Call = app.table.get(&keys::call(booking_id)).await?.unwrap_or_default();
    if call.created {
        return Ok(());
    }
    let mut tx = Tx::new();
    call::write(&mut tx, booking_id, &Call { created: true, ..call })?;
    Ok(tx.commit(&app.table).await?)
}

/// Makes recording and transcription follow the consents as they are now, whatever gave cause. Consents that change
/// meanwhile have a message of their own, but that may have been worked off before this one has acted: so this looks again.
fn match_recording<'a>(
    app: &'a App,
    client: &'a StreamClient,
    effect: &'a Effect,
) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        let Effect::MatchRecording { booking_id, .. } = effect else {
            return Err(Error::from(WrongQueue::of(effect)).into());
        };
        let mut matched = None;
        for _ in 0..CHANGES_AT_MOST {
            let Some(booking) = booking::get(&app.table, *booking_id).await? else { return Ok(()) };
            let wanted = booking.may_be_recorded();
            if matched == Some(wanted) {
                return Ok(());
            }
            match_once(app, client, &booking, wanted).await?;
            matched = Some(wanted);
        }
        Err(Error::from(Fault("the consents kept changing while the call was matched to them".to_owned())).into())
    })
}

async fn match_once(app: &App, client: &StreamClient, booking: &Booking, wanted: bool) -> Result<(), Trouble> {
    let call_id = booking.booking_id;
    let mut state = client.call_state(call_id).await?;
    if !state.exists {
        // Calls are created with nothing running, so there is something to do only where that is not what is wanted.
        if !wanted || !booking.is_scheduled() {
            return Ok(());
        }
        state = open_call(app, client, booking).await?;
    }
    if state.ended {
        return Ok(());
    }
    if !wanted {
        stop_capture(client, call_id, &state).await?;
        // A call that was created while its booking was cancelled may have been missed by what ended the others.
        return if booking.is_cancelled() { end(client, call_id).await } else { Ok(()) };
    }
    if state.live_session.is_none() {
        let modes = [state.recording_mode, state.transcription_mode];
        if modes != [CaptureMode::AutoOn; 2] {
            client.set_capture_mode(call_id, CaptureMode::AutoOn).await?;
        }
        return Ok(());
    }
    if !state.recording {
        client.start_recording(call_id).await?;
    }
    if !state.transcribing {
        client.start_transcription(call_id).await?;
    }
    Ok(())
}

/// Stops what runs in a call. The mode comes first, so that nothing starts again behind the stop.
async fn stop_capture(client: &StreamClient, call_id: BookingId, state: &CallState) -> Result<(), Trouble> {
    let modes = [state.recording_mode, state.transcription_mode];
    if modes != [CaptureMode::Available; 2] {
        client.set_capture_mode(call_id, CaptureMode::Available).await?;
    }
    if state.recording {
        client.stop_recording(call_id).await?;
    }
    if state.transcribing {
        client.stop_transcription(call_id).await?;
    }
    Ok(())
}

/// Tells Stream when the session is to begin now. A call that does not exist yet will be created with it.
fn move_call<'a>(app: &'a App, client: &'a StreamClient, effect: &'a Effect) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        let Effect::MoveCall { booking_id, .. } = effect else {
            return Err(Error::from(WrongQueue::of(effect)).into());
        };
        let Some(booking) = booking::get(&app.table, *booking_id).await? else { return Ok(()) };
        match client.set_start(*booking_id, booking.start_time).await {
            Ok(()) | Err(StreamError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
}

fn end_call<'a>(_: &'a App, client: &'a StreamClient, effect: &'a Effect) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        let Effect::EndCall { booking_id } = effect else { return Err(Error::from(WrongQueue::of(effect)).into()) };
        end(client, *booking_id).await
    })
}

/// A call that was never created is as good as ended.
async fn end(client: &StreamClient, call_id: BookingId) -> Result<(), Trouble> {
    match client.end_call(call_id).await {
        Ok(()) | Err(StreamError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
