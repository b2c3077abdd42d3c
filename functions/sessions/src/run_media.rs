//! The worker of queue `media`: copies recordings and transcripts from Stream to our bucket, or deletes them at Stream if consent
//! is missing.

use domain::booking::Booking;
use domain::ids::BookingId;
use kit::error::Error;
use kit::needs::Table::{BatchGet, Check, Delete, Get, Put, QueryTable};
use kit::needs::{Needs, Object};
use kit::secrets::Provider;
use kit::worker::{ReceivedMessage, WrongQueue};
use kit::{App, BoxFuture, Failure, Worker};
use providers::download::DownloadError;
use providers::stream::StreamClient;
use store::media::{self, MediaKind, StoredFile, digest};
use store::outbox::{self, Effect, Queue, StreamFile};
use store::{StoreError, Tx, booking, keys};

use crate::at_stream::{Trouble, with_stream};
use crate::media::TRANSCRIPT_LIMIT_BYTES;
use crate::media::bucket;
use crate::media::copying::{self, Copied, Place, Progress};

#[cfg(test)]
mod tests;

/// No recording of ours is larger: four hours of video would be.
const RECORDING_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// How often a file is looked at again whose consents, or whose copy by somebody else, change meanwhile.
const ROUNDS_AT_MOST: u32 = 8;

/// Queue `media`: recordings and transcripts, from Stream to the bucket.
pub fn worker() -> Worker {
    Worker {
        name: "run_media",
        queue: Queue::Media,
        about: "copies recordings and transcripts from Stream to the bucket.",
        work: run_media,
        concurrency: 5,
        needs: Needs::table(&[Get, BatchGet, QueryTable, Put, Delete, Check])
            .calls(&[Provider::Stream])
            .media(&[
                (&[Object::Delete, Object::Put], &["recordings", "transcripts"]),
                (&[Object::AbortUpload, Object::ListParts], &["recordings"]),
            ])
            .memory_mb(512)
            .timeout_seconds(300),
    }
}

/// Copies one file, or deletes it.
pub fn run_media(app: App, received: ReceivedMessage) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let outcome = with_stream(&app, &received, carry_out).await;
        if outcome.is_err()
            && received.is_last()
            && let Ok(wanted) = Wanted::of(&received.message.effect)
            && let Err(error) = wanted.abandon(&app).await
        {
            tracing::warn!(booking.id = %wanted.booking_id, ?error, "what was copied of a file could not be given up");
        }
        outcome
    })
}

/// The file that a message is about.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    kind: MediaKind,
    booking_id: BookingId,
    file: &'a StreamFile,
}

impl<'a> Wanted<'a> {
    fn of(effect: &'a Effect) -> Result<Self, Error> {
        match effect {
            Effect::CopyRecording { booking_id, file } => {
                Ok(Self { kind: MediaKind::Recording, booking_id: *booking_id, file })
            }
            Effect::CopyTranscript { booking_id, file } => {
                Ok(Self { kind: MediaKind::Transcript, booking_id: *booking_id, file })
            }
            _ => Err(WrongQueue::of(effect).into()),
        }
    }

    /// Nobody goes on with a copy that has been begun.
    async fn abandon(&self, app: &App) -> Result<(), Error> {
        if self.kind == MediaKind::Transcript {
            return Ok(());
        }
        copying::abandon(app, self.place(&self.kind.object_key(self.booking_id, self.file))).await
    }

    fn place(&self, key: &'a str) -> Place<'a> {
        Place { booking_id: self.booking_id, file: self.file, key, content_type: "video/mp4" }
    }

    fn is_same(&self, stored: &StoredFile) -> bool {
        stored.session_id == self.file.session_id && stored.filename == self.file.filename
    }

    /// What is written down of it.
    async fn known(&self, app: &App) -> Result<Option<StoredFile>, Error> {
        let known = media::list(&app.table, self.booking_id, self.kind).await?;
        Ok(known.into_iter().find(|stored| self.is_same(stored)))
    }

    /// What is to be written down of it: that it is in our bucket, or that nobody may have it.
    fn as_stored(&self, object_key: Option<&str>, bytes: u64) -> StoredFile {
        StoredFile {
            session_id: self.file.session_id.clone(),
            filename: self.file.filename.clone(),
            object_key: object_key.map(str::to_owned),
            start_time: self.file.start_time,
            end_time: self.file.end_time,
            bytes,
        }
    }
}

/// What is to become of a file.
enum Verdict {
    Copy,
    Kept,
    /// It goes at Stream, and in our bucket as well unless it came there while both had agreed. What still runs is stopped
    /// unless both agree now.
    Discard {
        also_here: bool,
        stop: bool,
    },
}

fn carry_out<'a>(app: &'a App, client: &'a StreamClient, effect: &'a Effect) -> BoxFuture<'a, Result<(), Trouble>> {
    Box::pin(async move {
        let wanted = Wanted::of(effect)?;
        let object_key = wanted.kind.object_key(wanted.booking_id, wanted.file);
        for _ in 0..ROUNDS_AT_MOST {
            match app.retry(|| judge(app, wanted)).await? {
                Verdict::Kept => return Ok(()),
                Verdict::Copy => {
                    match copy(app, client, wanted, &object_key).await? {
                        Progress::Whole(copied) => {
                            if app.retry(|| keep(app, wanted, &object_key, &copied)).await? {
                                return Ok(());
                            }
                            // Consent was withdrawn while the file was being copied.
                        }
                        Progress::Part { upload_id, parts } => {
                            // A message of its own goes on: this one has not failed.
                            let step = format!("{}:{parts}", digest(&upload_id, ""));
                            app.retry(|| ask_for_more(app, effect, &step)).await?;
                            return Ok(());
                        }
                        Progress::Overtaken => {}
                    }
                }
                Verdict::Discard { also_here, stop } => {
                    if also_here {
                        // A run before this one may have been cut off between its copy and the record of it.
                        wanted.abandon(app).await?;
                        bucket::delete(app, &object_key).await?;
                    }
                    return discard(client, wanted, stop).await;
                }
            }
        }
        Err(Error::from(StoreError::Contended).into())
    })
}

/// One attempt to ask for what is left to be copied.
async fn ask_for_more(app: &App, effect: &Effect, step: &str) -> Result<(), Error> {
    Ok(outbox::write_step(&app.table, effect, step, app.now()).await?)
}

/// One attempt to judge. That nobody may have a file is written down before anything is deleted, under the very consents
/// that were looked at: whoever comes later, with other consents, finds it decided and keeps nothing that is being deleted.
async fn judge(app: &App, wanted: Wanted<'_>) -> Result<Verdict, Error> {
    let booking = booking::get(&app.table, wanted.booking_id).await?;
    // Read after the booking: what was decided under earlier consents is seen.
    let known = wanted.known(app).await?;
    let is_discarded = known.as_ref().is_some_and(|file| file.object_key.is_none());
    let stop = !booking.as_ref().is_some_and(Booking::may_be_recorded);
    if is_discarded {
        return Ok(Verdict::Discard { also_here: true, stop });
    }
    if !stop {
        return Ok(if known.is_some() { Verdict::Kept } else { Verdict::Copy });
    }
    if let (Some(booking), None) = (&booking, &known) {
        let mut tx = Tx::new();
        media::write(&mut tx, wanted.booking_id, wanted.kind, &wanted.as_stored(None, 0))?;
        tx.check(keys::booking(wanted.booking_id), booking.version);
        tx.commit(&app.table).await?;
    }
    Ok(Verdict::Discard { also_here: known.is_none(), stop })
}

/// Nobody may have this file: what may still be running is stopped, where it must not run, and Stream deletes it.
async fn discard(client: &StreamClient, wanted: Wanted<'_>, stop: bool) -> Result<(), Trouble> {
    let (call_id, file) = (wanted.booking_id, wanted.file);
    if stop {
        let state = client.call_state(call_id).await?;
        if state.recording {
            client.stop_recording(call_id).await?;
        }
        if state.transcribing {
            client.stop_transcription(call_id).await?;
        }
    }
    match wanted.kind {
        MediaKind::Recording => client.delete_recording(call_id, &file.session_id, &file.filename).await?,
        MediaKind::Transcript => client.delete_transcription(call_id, &file.session_id, &file.filename).await?,
    }
    tracing::warn!(booking.id = %call_id, "media without consent deleted at Stream");
    Ok(())
}

/// Copies the file as far as there is time. A link that has expired is replaced once.
async fn copy(app: &App, client: &StreamClient, wanted: Wanted<'_>, object_key: &str) -> Result<Progress, Trouble> {
    match copy_from(app, client, wanted, object_key, &wanted.file.url).await {
        Err(Trouble::Download(DownloadError::Expired)) => {}
        outcome => return outcome,
    }
    let files = match wanted.kind {
        MediaKind::Recording => client.list_recordings(wanted.booking_id).await?,
        MediaKind::Transcript => client.list_transcriptions(wanted.booking_id).await?,
    };
    let same =
        |f: &providers::stream::MediaFile| f.filename == wanted.file.filename && f.session_id == wanted.file.session_id;
    let fresh = files.into_iter().find(same).ok_or(DownloadError::Expired)?;
    copy_from(app, client, wanted, object_key, &fresh.url).await
}

async fn copy_from(
    app: &App,
    client: &StreamClient,
    wanted: Wanted<'_>,
    object_key: &str,
    link: &str,
) -> Result<Progress, Trouble> {
    match wanted.kind {
        MediaKind::Recording => copying::copy(app, client, link, RECORDING_LIMIT_BYTES, wanted.place(object_key)).await,
        MediaKind::Transcript => {
            let whole = client.download_bounded(link, TRANSCRIPT_LIMIT_BYTES).await?;
            let bytes = whole.len() as u64;
            bucket::put_small(app, object_key, "application/x-ndjson", whole).await?;
            Ok(Progress::Whole(Copied { bytes, upload: None }))
        }
    }
}

/// One attempt to record a copied file with what follows from it. False where it may not be kept any more.
async fn keep(app: &App, wanted: Wanted<'_>, object_key: &str, copied: &Copied) -> Result<bool, Error> {
    let Wanted { kind, booking_id, file } = wanted;
    let cause = digest(&file.session_id, &file.filename);
    let effect = Effect::Feedback { booking_id, cause };
    let wanted_keys = [keys::booking(booking_id), keys::outbox(&effect.outbox_id())];
    let items = app.table.batch_get(&wanted_keys).await?;
    let Some(booking) = items.get::<Booking>(&wanted_keys[0])?.filter(Booking::may_be_recorded) else {
        return Ok(false);
    };
    if let Some(known) = wanted.known(app).await? {
        return Ok(known.object_key.is_some());
    }
    let mut tx = Tx::new();
    media::write(&mut tx, booking_id, kind, &wanted.as_stored(Some(object_key), copied.bytes))?;
    if copied.upload.is_some() {
        media::end_copying(&mut tx, booking_id, file);
    }
    if kind == MediaKind::Recording && !booking.has_recording {
        booking::replace(&mut tx, &booking, &Booking { has_recording: true, ..booking.clone() })?;
    } else {
        // The consents are part of the booking: they must not have changed since they were looked at.
        tx.check(wanted_keys[0].clone(), booking.version);
    }
    if kind == MediaKind::Transcript && items.get::<outbox::Row>(&wanted_keys[1])?.is_none() {
        outbox::write(&mut tx, &effect, app.now())?;
    }
    tx.commit(&app.table).await?;
    tracing::info!(booking.id = %booking_id, file.kind = ?kind, file.bytes = copied.bytes, "media copied");
    Ok(true)
}
