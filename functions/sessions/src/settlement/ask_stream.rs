//! The pull path: asking Stream for what its webhooks may never have brought, since providers drop events.

use std::collections::BTreeMap;

use domain::attendance::{Attendance, CallSession, Told};
use domain::booking::{Booking, FeedbackState, WORD_AWAITED};
use jiff::{SignedDuration, Timestamp};
use kit::App;
use kit::error::Error;
use providers::stream::{MediaFile, Participant, SessionState, StreamClient, StreamError};
use store::attendance::Facts;
use store::media::{self, MediaKind, StoredFile};
use store::outbox::{self, Effect, StreamFile};
use store::{Tx, attendance, feedback, keys};

use crate::at_stream::Trouble;

/// How many sessions of one call are asked about: a new one begins whenever somebody comes to an empty call.
const SESSIONS_AT_MOST: usize = 30;

/// How many stays one transaction writes. Nobody has as many, but for who does it on purpose.
const STAYS_AT_ONCE: usize = 90;

/// How long what was stored or sent for counts as news: longer than an attempt that was cut off takes to come again, and well below what
/// news is waited for, so that the look after that wait does not find it new once more.
const NEWS_FOR: SignedDuration = SignedDuration::from_mins(30);

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

/// Trouble as an error of whoever settles.
fn trouble(trouble: Trouble) -> Error {
    kit::Failure::from(trouble).error
}

async fn ask(app: &App, client: &StreamClient, booking: &Booking) -> Result<Answered, Trouble> {
    let id = booking.booking_id;
    let state = client.call_state(id).await?;
    if !state.exists {
        return Ok(Answered::NothingNew);
    }
    let known = attendance::facts(&app.table, id).await?;
    let before = known.attendance();
    // All is read before anything is stored: what is cut off half way is asked for again as if it had never been.
    let recordings = client.list_recordings(id).await?;
    let transcripts = client.list_transcriptions(id).await?;
    let mut sessions: Vec<&str> = state.last_session.iter().map(|last| last.session_id.as_str()).collect();
    sessions.extend(recordings.iter().chain(&transcripts).map(|file| file.session_id.as_str()));
    sessions.extend(before.visits.iter().map(|visit| visit.session_id.as_str()));
    sessions.extend(before.sessions.iter().map(|session| session.session_id.as_str()));
    let mut stays: BTreeMap<&str, Vec<Participant>> = BTreeMap::new();
    for session in sessions {
        if !session.is_empty() && stays.len() < SESSIONS_AT_MOST && !stays.contains_key(session) {
            stays.insert(session, client.list_participants(id, session).await?);
        }
    }
    let mut facts = Facts::default();
    if let Some(last) = &state.last_session {
        facts.sessions.extend(ends(booking, last, &before));
        // Who is there now is told by the call; the list of stays may lag behind it.
        if let Some(told) = stays.get_mut(last.session_id.as_str()) {
            let same =
                |a: &Participant, b: &Participant| a.user_id == b.user_id && a.user_session_id == b.user_session_id;
            let unlisted = last.participants.iter().filter(|there| !told.iter().any(|stay| same(stay, there)));
            let unlisted: Vec<Participant> = unlisted.cloned().collect();
            told.extend(unlisted);
        }
    }
    for (session, listed) in stays {
        facts.told.extend(told(booking, session, listed));
    }
    let is_new = store_new(app, booking, &known, facts).await?;
    let is_sent_for = send_for(app, booking, recordings, transcripts).await?;
    Ok(if is_new || is_sent_for { Answered::SomethingNew } else { Answered::NothingNew })
}

/// Sends for the files that nobody has sent for, and for the feedback that is missing or may be renewed. Says whether there are any on
/// their way: what an attempt has sent for that was then cut off, or a webhook a moment ago, is news still.
async fn send_for(
    app: &App,
    booking: &Booking,
    recordings: Vec<MediaFile>,
    transcripts: Vec<MediaFile>,
) -> Result<bool, Error> {
    let id = booking.booking_id;
    let stream_file = |file: MediaFile| StreamFile {
        session_id: file.session_id,
        filename: file.filename,
        url: file.url,
        start_time: file.start_time,
        end_time: file.end_time,
    };
    let recordings =
        recordings.into_iter().map(|file| Effect::CopyRecording { booking_id: id, file: stream_file(file) });
    let transcripts =
        transcripts.into_iter().map(|file| Effect::CopyTranscript { booking_id: id, file: stream_file(file) });
    let mut effects: Vec<Effect> = recordings.chain(transcripts).collect();
    let stored = media::list(&app.table, id, MediaKind::Transcript).await?;
    let transcripts = stored.iter().filter(|file| file.object_key.is_some()).count();
    if booking.feedback == Some(FeedbackState::Complete) && may_be_renewed(app, booking, transcripts).await? {
        effects.push(Effect::Feedback { booking_id: id, cause: "renewal".to_owned() });
    }
    if transcripts > 0 && matches!(booking.feedback, None | Some(FeedbackState::Failed)) {
        // Once at the first looks and once more at the last; a message that fails is tried again by its queue.
        let cause = if app.now() < booking.end_time + WORD_AWAITED { "sweep" } else { "last_sweep" };
        effects.push(Effect::Feedback { booking_id: id, cause: cause.to_owned() });
    }
    let known: Vec<keys::Key> = effects.iter().map(|effect| keys::outbox(&effect.outbox_id())).collect();
    let items = app.table.batch_get(&known).await?;
    let mut is_new = false;
    for (effect, key) in effects.into_iter().zip(&known) {
        let row: Option<outbox::Row> = items.get(key)?;
        let is_news = row.as_ref().is_none_or(|row| booking.is_scheduled() && app.now() < row.created_at + NEWS_FOR);
        if !is_news || is_stored(app, booking, &effect).await? {
            continue;
        }
        is_new = true;
        if row.is_none() {
            let mut tx = Tx::new();
            outbox::write(&mut tx, &effect, app.now())?;
            tx.commit(&app.table).await?;
        }
    }
    Ok(is_new)
}

/// Whether there are transcripts that a complete feedback was not written from, now that no more can follow. The worker
/// judges whether they say enough.
async fn may_be_renewed(app: &App, booking: &Booking, transcripts: usize) -> Result<bool, Error> {
    let (_, closed_at) = booking.door();
    let stored = feedback::get(&app.table, booking.booking_id).await?;
    Ok(stored.is_some_and(|record| {
        !record.is_final(closed_at, app.now()) && record.heard.is_some_and(|heard| heard.transcripts < transcripts)
    }))
}

/// An outbox row is forgotten a week after it was relayed; the file it was about is not.
async fn is_stored(app: &App, booking: &Booking, effect: &Effect) -> Result<bool, Error> {
    let (kind, file) = match effect {
        Effect::CopyRecording { file, .. } => (MediaKind::Recording, file),
        Effect::CopyTranscript { file, .. } => (MediaKind::Transcript, file),
        _ => return Ok(false),
    };
    let stored = media::list(&app.table, booking.booking_id, kind).await?;
    // An announcement may have come without the session.
    let same_session = |s: &StoredFile| s.session_id.is_empty() || s.session_id == file.session_id;
    Ok(stored.iter().any(|s| same_session(s) && s.filename == file.filename))
}

/// When Stream says that a session began and ended, where that was not known.
fn ends(booking: &Booking, told: &SessionState, known: &Attendance) -> Option<CallSession> {
    let stored = known.sessions.iter().find(|s| s.session_id == told.session_id);
    let possible = |at: &Timestamp| booking.is_possible(*at);
    let (started_at, ended_at) = (told.started_at.filter(possible), told.ended_at.filter(possible));
    let ends = [(started_at, stored.and_then(|s| s.started_at)), (ended_at, stored.and_then(|s| s.ended_at))];
    let is_known = ends.iter().all(|(told, known)| told.is_none() || known.is_some());
    (!is_known).then(|| CallSession { session_id: told.session_id.clone(), started_at, ended_at })
}

/// Who Stream says was in a session, and when.
fn told(booking: &Booking, session: &str, listed: Vec<Participant>) -> Vec<Told> {
    let possible = |at: &Timestamp| booking.is_possible(*at);
    let mut told: Vec<Told> = Vec::new();
    for stay in listed {
        let Some(party) = booking.party(&stay.user_id) else { continue };
        // Of a stay whose end cannot be, nothing is believed.
        if stay.left_at.is_some_and(|at| !booking.is_possible(at)) {
            continue;
        }
        let fact = Told {
            session_id: session.to_owned(),
            party,
            connection: stay.user_session_id,
            joined_at: stay.joined_at.filter(possible),
            left_at: stay.left_at,
            duration_seconds: None,
        };
        if (fact.joined_at.is_some() || fact.left_at.is_some()) && !told.contains(&fact) {
            told.push(fact);
        }
    }
    told
}

/// Stores what is not known yet. Says whether that changes who was there: what an attempt has stored that was then cut off before it
/// decided anything is news still.
async fn store_new(app: &App, booking: &Booking, known: &Facts, mut new: Facts) -> Result<bool, Error> {
    let id = booking.booking_id;
    new.told.retain(|fact| !known.told.contains(fact));
    let all = [&known.told[..], &new.told].concat();
    let sessions = [&known.sessions[..], &new.sessions].concat();
    let is_new = Attendance::of(&all, &sessions) != known.attendance();
    let mut tx = Tx::new();
    if is_new {
        attendance::write_news(&mut tx, id, app.now())?;
    }
    for fact in &new.sessions {
        attendance::write_session(&mut tx, id, fact)?;
    }
    for some in new.told.chunks(STAYS_AT_ONCE) {
        for fact in some {
            attendance::write_told(&mut tx, id, fact)?;
        }
        std::mem::take(&mut tx).commit(&app.table).await?;
    }
    tx.commit(&app.table).await?;
    let is_recent = |at: Timestamp| booking.is_scheduled() && app.now() < at + NEWS_FOR;
    Ok(is_new || known.news_at.is_some_and(is_recent))
}

#[cfg(test)]
mod tests {
    use domain::party::Party;
    use testing::noon;

    use super::*;
    use crate::stage::{Stage, booking_id};

    /// What the worker of feedback needs to know lies in the table; Stream has nothing new.
    #[tokio::test]
    async fn a_complete_feedback_that_lacks_a_session_is_sent_for_once_when_the_door_has_closed() {
        let stage = Stage::new().await;
        stage.booked(true).await;
        let said = crate::stage::transcript_of("cara", "ivy");
        stage.add_transcript("s1", noon(), &said).await;
        let effect = Effect::Feedback { booking_id: booking_id(), cause: "c1".into() };
        crate::run_generation::run_generation(stage.app.clone(), crate::stage::received(effect)).await.unwrap();
        let look = async || {
            let sent = send_for(&stage.app, &stage.booking().await, Vec::new(), Vec::new()).await.unwrap();
            (sent, stage.waiting().await)
        };
        let closed_at = stage.booking().await.door().1;
        stage.app.clock.set(closed_at);
        assert_eq!(look().await, (false, Vec::new()), "it was written from all there is");
        stage.add_transcript("s2", noon() + SignedDuration::from_mins(20), &said).await;
        stage.app.clock.set(closed_at - SignedDuration::from_secs(1));
        assert_eq!(look().await, (false, Vec::new()), "another session may follow");
        stage.app.clock.set(closed_at);
        let renewal = format!("feedback:{}:renewal", booking_id());
        assert_eq!(look().await, (true, vec![renewal.clone()]));
        assert_eq!(look().await, (false, vec![renewal]));
    }

    /// A browser leaves and comes back under the id it had.
    #[tokio::test]
    async fn stays_under_one_id_are_all_kept_however_often_they_are_told() {
        let stage = Stage::new().await;
        let booking = stage.booked(false).await;
        let at = |minute| Some(noon() + SignedDuration::from_mins(minute));
        let stay = |user: &str, from, to| Participant {
            user_id: user.parse().unwrap(),
            user_session_id: "device".into(),
            joined_at: at(from),
            left_at: at(to),
        };
        let last = Told {
            session_id: "s".into(),
            party: Party::Interviewer,
            connection: "device".into(),
            joined_at: at(3),
            left_at: at(60),
            duration_seconds: None,
        };
        let mut tx = Tx::new();
        attendance::write_told(&mut tx, booking_id(), &last).unwrap();
        tx.commit(&stage.app.table).await.unwrap();

        for _ in 0..2 {
            // The candidate's device has the same id, and somebody else was let in by Stream's dashboard.
            let listed = vec![stay("ivy", 3, 60), stay("cara", 1, 50), stay("ivy", 0, 2), stay("dan", 0, 9)];
            let new = Facts { told: told(&booking, "s", listed), ..Facts::default() };
            let known = attendance::facts(&stage.app.table, booking_id()).await.unwrap();
            assert!(store_new(&stage.app, &booking, &known, new).await.unwrap(), "new, and news still");
            let stored = attendance::of_booking(&stage.app.table, booking_id()).await.unwrap();
            let mut seen: Vec<_> = stored.visits.iter().map(|v| (v.party, v.joined_at, v.left_at)).collect();
            seen.sort_unstable();
            let (candidate, interviewer) = (Party::Interviewee, Party::Interviewer);
            let expected = [(candidate, at(1), at(50)), (interviewer, at(0), at(2)), (interviewer, at(3), at(60))];
            assert_eq!(seen, expected);
        }
    }
}
