//! The pull path: asking Stream for what its webhooks may never have brought, since providers drop events.

use std::collections::BTreeMap;

use domain::booking::{Booking, FeedbackState, Party, WORD_AWAITED};
use domain::ids::BookingId;
use domain::settlement::{Attendance, CallSession, Visit};
use kit::App;
use kit::error::Error;
use providers::stream::{MediaFile, Participant, SessionState, StreamClient, StreamError};
use store::media::{self, MediaKind};
use store::outbox::{self, Effect, StreamFile};
use store::{Tx, booking, keys};

use crate::at_stream::Trouble;

/// How many sessions of one call are asked about: a new one begins whenever somebody comes to an empty call.
const SESSIONS_AT_MOST: usize = 30;

/// Whether Stream knew something that we did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Everything it knows has reached us.
    NothingNew,
    /// Facts were stored, or files are on their way.
    SomethingNew,
}

/// Asks for the sessions of a call and who was in them, its recordings and its transcripts, stores the facts, and sends for
/// the files that nobody has sent for. A transcript that lies here without a feedback is generated once more.
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
    let before = booking::attendance(&app.table, id).await?;
    let mut sessions: Vec<String> = state.last_session.iter().map(|last| last.session_id.clone()).collect();
    sessions.extend(before.visits.iter().map(|visit| visit.session_id.clone()));
    sessions.extend(before.sessions.iter().map(|session| session.session_id.clone()));
    let mut effects: Vec<Effect> = Vec::new();
    let as_effect = |file: MediaFile| StreamFile {
        session_id: file.session_id,
        filename: file.filename,
        url: file.url,
        start_time: file.start_time,
        end_time: file.end_time,
    };
    for file in client.list_recordings(id).await? {
        sessions.push(file.session_id.clone());
        effects.push(Effect::CopyRecording { booking_id: id, file: as_effect(file) });
    }
    for file in client.list_transcriptions(id).await? {
        sessions.push(file.session_id.clone());
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
    if let Some(last) = &state.last_session {
        store_ends(app, id, last, &before).await?;
    }
    sessions.sort_unstable();
    sessions.dedup();
    for session in sessions.into_iter().take(SESSIONS_AT_MOST) {
        let told = client.list_participants(id, &session).await?;
        store_stays(app, booking, &session, told, &before).await?;
    }
    if booking::attendance(&app.table, id).await? != before {
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

/// Stores when Stream says that a session began and ended, where that was not known.
async fn store_ends(app: &App, id: BookingId, told: &SessionState, known: &Attendance) -> Result<(), Error> {
    let stored = known.sessions.iter().find(|s| s.session_id == told.session_id);
    let ends = [(told.started_at, stored.and_then(|s| s.started_at)), (told.ended_at, stored.and_then(|s| s.ended_at))];
    if ends.iter().all(|(told, known)| told.is_none() || known.is_some()) {
        return Ok(());
    }
    let fact =
        CallSession { session_id: told.session_id.clone(), started_at: told.started_at, ended_at: told.ended_at };
    let mut tx = Tx::new();
    booking::write_session(&mut tx, id, &fact);
    tx.commit(&app.table).await?;
    Ok(())
}

/// Stores who Stream says was in a session, where that was not known in these words.
async fn store_stays(
    app: &App,
    booking: &Booking,
    session: &str,
    mut told: Vec<Participant>,
    known: &Attendance,
) -> Result<(), Error> {
    told.sort_by_key(|stay| stay.joined_at);
    let mut met: BTreeMap<(Party, String), usize> = BTreeMap::new();
    for stay in told {
        let Some(party) = booking.party(&stay.user_id) else { continue };
        // A browser may come back under the id it had before; its events then tell of the last time only.
        let times = met.entry((party, stay.user_session_id.clone())).or_default();
        let connection =
            if *times == 0 { stay.user_session_id } else { format!("{} again {times}", stay.user_session_id) };
        *times += 1;
        let visit = Visit { session_id: session.to_owned(), party, joined_at: stay.joined_at, left_at: stay.left_at };
        if !known.visits.contains(&visit) {
            let mut tx = Tx::new();
            booking::write_visit(&mut tx, booking.booking_id, &connection, &visit);
            tx.commit(&app.table).await?;
        }
    }
    Ok(())
}
