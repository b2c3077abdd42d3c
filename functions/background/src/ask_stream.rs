//! The pull path: asking Stream for what its webhooks may never have brought, since providers drop events.

use domain::booking::{Booking, FeedbackState, WORD_AWAITED};
use domain::settlement::{CallSession, Visit};
use kit::App;
use kit::error::Error;
use providers::stream::{MediaFile, SessionState, StreamClient, StreamError};
use store::media::{self, MediaKind};
use store::outbox::{self, Effect, StreamFile};
use store::{Tx, booking, keys};

use crate::at_stream::Trouble;

/// Whether Stream knew something that we did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Everything it knows has reached us.
    NothingNew,
    /// Facts were stored, or files are on their way.
    SomethingNew,
}

/// Asks for the last session, the recordings and the transcripts of a call, stores the facts, and sends for the files that
/// nobody has sent for. A transcript that lies here without a feedback is generated once more.
pub async fn ask_stream(app: &App, booking: &Booking) -> Result<Answered, Error> {
    let stream = app.stream().await?;
    match ask(app, &stream.client, booking).await {
        Err(Trouble::Stream(StreamError::Unauthorized)) => match app.stream_reread().await? {
            Some(stream) => ask(app, &stream.client, booking).await.map_err(trouble),
            None => Err(StreamError::Unauthorized.into()),
        },
        outcome => outcome.map_err(trouble),
    }
}

/// Trouble as an error of the sweep.
fn trouble(trouble: Trouble) -> Error {
    kit::Failure::from(trouble).error
}

async fn ask(app: &App, client: &StreamClient, booking: &Booking) -> Result<Answered, Trouble> {
    let id = booking.booking_id;
    let state = client.call_state(id).await?;
    if !state.exists {
        return Ok(Answered::NothingNew);
    }
    let mut effects: Vec<Effect> = Vec::new();
    let as_effect = |file: MediaFile| StreamFile {
        session_id: file.session_id,
        filename: file.filename,
        url: file.url,
        start_time: file.start_time,
        end_time: file.end_time,
    };
    for file in client.list_recordings(id).await? {
        effects.push(Effect::CopyRecording { booking_id: id, file: as_effect(file) });
    }
    for file in client.list_transcriptions(id).await? {
        effects.push(Effect::CopyTranscript { booking_id: id, file: as_effect(file) });
    }
    let stored = media::list(&app.table, id, MediaKind::Transcript).await?;
    let unheard = stored.iter().any(|file| file.object_key.is_some())
        && matches!(booking.feedback, None | Some(FeedbackState::Failed));
    if unheard {
        // Once at the first looks and once more at the last; a message that fails is tried again by its queue.
        let cause = if app.now() < booking.end_time + WORD_AWAITED { "sweep" } else { "last_sweep" };
        effects.push(Effect::Feedback { booking_id: id, cause: cause.to_owned() });
    }
    let known: Vec<keys::Key> = effects.iter().map(|effect| keys::outbox(&effect.outbox_id())).collect();
    let items = app.table.batch_get(&known).await?;
    let mut new = Vec::new();
    for (effect, key) in effects.into_iter().zip(&known) {
        if items.get::<outbox::Row>(key)?.is_none() && !is_stored(app, booking, &effect).await? {
            new.push(effect);
        }
    }
    let mut answered = if new.is_empty() { Answered::NothingNew } else { Answered::SomethingNew };
    let now = app.now();
    for effect in new {
        let mut tx = Tx::new();
        outbox::write(&mut tx, &effect, now)?;
        tx.commit(&app.table).await?;
    }
    if let Some(session) = &state.last_session
        && store_session(app, booking, session).await?
    {
        answered = Answered::SomethingNew;
    }
    Ok(answered)
}

/// An outbox row is forgotten a week after it was relayed; the file it was about is not.
async fn is_stored(app: &App, booking: &Booking, effect: &Effect) -> Result<bool, Error> {
    let (kind, file) = match effect {
        Effect::CopyRecording { file, .. } => (MediaKind::Recording, file),
        Effect::CopyTranscript { file, .. } => (MediaKind::Transcript, file),
        _ => return Ok(false),
    };
    let stored = media::list(&app.table, booking.booking_id, kind).await?;
    Ok(stored.iter().any(|s| s.session_id == file.session_id && s.filename == file.filename))
}

/// Stores what Stream says of the last session. True where that was not known.
async fn store_session(app: &App, booking: &Booking, session: &SessionState) -> Result<bool, Error> {
    let known = booking::attendance(&app.table, booking.booking_id).await?;
    let stored = known.sessions.iter().find(|s| s.session_id == session.session_id);
    let ends =
        [(session.started_at, stored.and_then(|s| s.started_at)), (session.ended_at, stored.and_then(|s| s.ended_at))];
    let mut tx = Tx::new();
    if ends.iter().any(|(told, known)| told.is_some() && known.is_none()) {
        let fact = CallSession {
            session_id: session.session_id.clone(),
            started_at: session.started_at,
            ended_at: session.ended_at,
        };
        booking::write_session(&mut tx, booking.booking_id, &fact);
    }
    for person in &session.participants {
        let Some(party) = booking.party(&person.user_id) else { continue };
        let is_known = known.visits.iter().any(|v| v.session_id == session.session_id && v.party == party);
        if person.joined_at.is_some() && !is_known {
            let visit =
                Visit { session_id: session.session_id.clone(), party, joined_at: person.joined_at, left_at: None };
            booking::write_visit(&mut tx, booking.booking_id, &person.user_session_id, &visit);
        }
    }
    if tx.is_empty() {
        return Ok(false);
    }
    tx.commit(&app.table).await?;
    Ok(true)
}
