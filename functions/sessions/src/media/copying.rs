//! Copying a file of any size in parts that a later run goes on with: the upload is remembered, S3 says which parts it has,
//! and the provider is asked for the rest alone.

use std::time::Duration;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Part};
use bytes::{Bytes, BytesMut};
use domain::ids::BookingId;
use kit::App;
use kit::error::{Error, Fault, Unavailable};
use providers::download::Download;
use providers::stream::StreamClient;
use store::StoreError;
use store::media::{self, Copying};
use store::outbox::StreamFile;
use tokio::time::{Instant, timeout, timeout_at};

use crate::at_stream::Trouble;
use crate::media::bucket::{put_small, unavailable};

/// The size of a part; S3 takes at most 10 000 parts of at least 5 MiB, and lists a thousand at once: 8 GiB.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// With less time than this left no further part is begun.
const ENOUGH: Duration = Duration::from_mins(1);
/// What is kept of a function's time, to note how far a copy has come.
const NOTING: Duration = Duration::from_secs(15);
const ABORT_LIMIT: Duration = Duration::from_secs(10);

/// Where a file is put.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Whose it is.
    pub booking_id: BookingId,
    /// Which one.
    pub file: &'a StreamFile,
    /// Its key in our bucket.
    pub key: &'a str,
    /// What it is.
    pub content_type: &'a str,
}

/// A file that lies in our bucket.
#[derive(Debug, Default)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// The upload that it came by, where that was remembered.
    pub upload: Option<Copying>,
}

/// How far a run has come.
#[derive(Debug)]
pub enum Progress {
    /// To the end.
    Whole(Copied),
    /// So many parts of this upload are there, and at least one of them is of this run.
    Part {
        /// The upload's id.
        upload_id: String,
        /// How many parts.
        parts: usize,
    },
    /// Somebody else has ended the upload meanwhile.
    Overtaken,
}

/// Copies the file behind a link of Stream's, of up to `limit_bytes`, as far as the time of this invocation goes, without
/// holding more than two parts of it.
pub async fn copy(
    app: &App,
    client: &StreamClient,
    link: &str,
    limit_bytes: u64,
    place: Place<'_>,
) -> Result<Progress, Trouble> {
    let download = client.download(link, limit_bytes).await?;
    let (etag, bytes) = (download.etag(), download.length());
    let is_small = bytes.is_some_and(|bytes| bytes < PART_BYTES as u64);
    let known = if is_small { None } else { media::copying(&app.table, place.booking_id, place.file).await? };
    let resumable = known.as_ref().filter(|known| etag.as_ref() == Some(&known.etag) && bytes == known.bytes);
    if let Some(known) = resumable
        && let Some(stored) = stored_parts(app, place, &known.upload_id).await?
    {
        let done: u64 = stored.iter().map(|part| part.bytes).sum();
        let rest = if done == 0 {
            Some(Some(download))
        } else if Some(done) == bytes {
            Some(None)
        } else {
            client.download_from(link, limit_bytes, done, &known.etag).await?.map(Some)
        };
        // Where the server gives the whole file or another one, all is begun anew.
        if let Some(rest) = rest {
            tracing::info!(booking.id = %place.booking_id, file.parts = stored.len(), "a copy goes on");
            let upload = Upload { app, place, id: known.upload_id.clone(), remembered: Some(known.clone()) };
            let mut parts = Parts { download: rest, kept: BytesMut::new(), total: done };
            let next = parts.next().await?;
            return upload.go_on(stored, parts, next).await;
        }
        return begin(app, client.download(link, limit_bytes).await?, place, Some(known)).await;
    }
    begin(app, download, place, known.as_ref()).await
}

/// Begins with the first byte. `known` is an upload that is of no use any more.
async fn begin(app: &App, download: Download, place: Place<'_>, known: Option<&Copying>) -> Result<Progress, Trouble> {
    let (etag, bytes) = (download.etag(), download.length());
    let mut parts = Parts { download: Some(download), kept: BytesMut::new(), total: 0 };
    let first = parts.next().await?;
    if first.len() < PART_BYTES {
        put_small(app, place.key, place.content_type, first).await?;
        return Ok(Progress::Whole(Copied { bytes: parts.total, upload: None }));
    }
    if let Some(known) = known {
        abort(app, place.key, &known.upload_id).await;
    }
    let bucket = app.config.media_bucket().map_err(Error::from)?;
    let begun = app.s3().create_multipart_upload().bucket(bucket).key(place.key).content_type(place.content_type);
    // The SDK sends this checksum with every part, and S3 takes only what the upload was begun with.
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.map_err(unavailable)?;
    let id = begun.upload_id.ok_or_else(|| Error::from(Fault("S3 named no upload".to_owned())))?;
    let mut upload = Upload { app, place, id, remembered: None };
    // What cannot be recognised later need not be remembered.
    if let Some(etag) = etag {
        let version = known.map_or(0, |known| known.version);
        let copying = Copying { upload_id: upload.id.clone(), etag, bytes, version: version + 1 };
        let (booking_id, file, now) = (place.booking_id, place.file, app.now());
        match media::begin_copying(&app.table, booking_id, file, &copying, now).await {
            Ok(()) => upload.remembered = Some(copying),
            Err(StoreError::Contended) => {
                abort(app, place.key, &upload.id).await;
                return Ok(Progress::Overtaken);
            }
            Err(error) => {
                abort(app, place.key, &upload.id).await;
                return Err(error.into());
            }
        }
    }
    upload.go_on(Vec::new(), parts, first).await
}

/// Gives an upload up that may have been begun.
pub async fn abandon(app: &App, place: Place<'_>) -> Result<(), Error> {
    let Some(known) = media::copying(&app.table, place.booking_id, place.file).await? else { return Ok(()) };
    abort(app, place.key, &known.upload_id).await;
    match media::forget_copying(&app.table, place.booking_id, place.file, &known).await {
        // A rival has begun anew, and deals with that.
        Ok(()) | Err(StoreError::Contended) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The bucket's lifecycle removes what is left of an upload that could not be aborted.
async fn abort(app: &App, key: &str, upload_id: &str) {
    let Ok(bucket) = app.config.media_bucket() else { return };
    let abort = app.s3().abort_multipart_upload().bucket(bucket).key(key).upload_id(upload_id);
    let error = match timeout(ABORT_LIMIT, abort.send()).await {
        Ok(Err(error)) if error.code() == Some(NO_SUCH_UPLOAD) => None,
        Ok(aborted) => aborted.err().map(|error| DisplayErrorContext(&error).to_string()),
        Err(_) => Some("it took too long".to_owned()),
    };
    if let Some(error) = error {
        tracing::warn!(error, "an upload could not be aborted");
    }
}

const NO_SUCH_UPLOAD: &str = "NoSuchUpload";

/// A part that S3 has.
struct Stored {
    bytes: u64,
    completed: CompletedPart,
}

/// The parts of an upload from the first on, without gaps. None where there is no such upload any more.
async fn stored_parts(app: &App, place: Place<'_>, upload_id: &str) -> Result<Option<Vec<Stored>>, Trouble> {
    let bucket = app.config.media_bucket().map_err(Error::from)?;
    let listed = match app.s3().list_parts().bucket(bucket).key(place.key).upload_id(upload_id).send().await {
        Ok(listed) => listed,
        Err(error) if error.code() == Some(NO_SUCH_UPLOAD) => return Ok(None),
        Err(error) => return Err(unavailable(error).into()),
    };
    let in_order = listed.parts.unwrap_or_default().into_iter().zip(1..);
    let in_order = in_order.take_while(|(part, number)| part.part_number == Some(*number));
    Ok(Some(in_order.map(|(part, number)| stored(part, number)).collect()))
}

fn stored(part: Part, number: i32) -> Stored {
    let completed = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag);
    let bytes = part.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
    Stored { bytes, completed: completed.set_checksum_crc32(part.checksum_crc32).build() }
}

/// An upload that is under way.
struct Upload<'a> {
    app: &'a App,
    place: Place<'a>,
    id: String,
    /// As others find it. None where nobody can go on with it.
    remembered: Option<Copying>,
}

impl Upload<'_> {
    /// Uploads `part` and what comes after it, while there is time.
    async fn go_on(self, mut stored: Vec<Stored>, mut parts: Parts, mut part: Bytes) -> Result<Progress, Trouble> {
        let had = stored.len();
        // Without a deadline there is all the time of the world.
        let until = self.app.time_left().map(|left| Instant::now() + left.saturating_sub(NOTING));
        while !part.is_empty() {
            if stored.len() > had && self.app.time_left().is_some_and(|left| left < ENOUGH) {
                return self.stop(&stored, had, too_long()).await;
            }
            let number = i32::try_from(stored.len() + 1).unwrap_or(i32::MAX);
            let step = async { tokio::join!(self.put(number, part), parts.next()) };
            let done = match until {
                Some(until) => timeout_at(until, step).await.ok(),
                None => Some(step.await),
            };
            let Some((put, next)) = done else { return self.stop(&stored, had, too_long()).await };
            match put {
                Ok(Some(new)) => stored.push(new),
                Ok(None) => return Ok(Progress::Overtaken),
                Err(error) => return self.fail(error).await,
            }
            part = match next {
                Ok(next) => next,
                Err(error) => return self.stop(&stored, had, error).await,
            };
        }
        self.complete(stored, parts.total).await
    }

    /// None where the upload has been ended by somebody else.
    async fn put(&self, number: i32, part: Bytes) -> Result<Option<Stored>, Trouble> {
        let bytes = part.len() as u64;
        let bucket = self.app.config.media_bucket().map_err(Error::from)?;
        let put = self.app.s3().upload_part().bucket(bucket).key(self.place.key).upload_id(&self.id);
        let put = put.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from(part));
        match put.send().await {
            Ok(answer) => {
                let completed = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
                let completed = completed.set_checksum_crc32(answer.checksum_crc32).build();
                Ok(Some(Stored { bytes, completed }))
            }
            Err(error) if error.code() == Some(NO_SUCH_UPLOAD) => Ok(None),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn complete(self, stored: Vec<Stored>, bytes: u64) -> Result<Progress, Trouble> {
        let parts = stored.into_iter().map(|part| part.completed).collect();
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let bucket = self.app.config.media_bucket().map_err(Error::from)?;
        let complete = self.app.s3().complete_multipart_upload().bucket(bucket).key(self.place.key).upload_id(&self.id);
        match complete.multipart_upload(whole).send().await {
            Ok(_) => Ok(Progress::Whole(Copied { bytes, upload: self.remembered })),
            Err(error) if error.code() == Some(NO_SUCH_UPLOAD) => Ok(Progress::Overtaken),
            Err(error) => self.fail(unavailable(error).into()).await,
        }
    }

    /// The run ends here. What it has added is gone on with at once; a run that has added nothing has failed.
    async fn stop(self, stored: &[Stored], had: usize, why: Trouble) -> Result<Progress, Trouble> {
        if stored.len() > had && self.remembered.is_some() {
            tracing::info!(booking.id = %self.place.booking_id, file.parts = stored.len(), ?why, "a copy is put off");
            return Ok(Progress::Part { upload_id: self.id, parts: stored.len() });
        }
        self.fail(why).await
    }

    /// What is remembered stays for the next run; of the rest nothing is left behind.
    async fn fail(self, why: Trouble) -> Result<Progress, Trouble> {
        if self.remembered.is_none() {
            abort(self.app, self.place.key, &self.id).await;
        }
        Err(why)
    }
}

fn too_long() -> Trouble {
    let why = "no more of a file could be copied within the time of one run".to_owned();
    Error::from(Unavailable { what: "S3", why, retry_after_seconds: 60 }).into()
}

/// A download, cut into parts.
struct Parts {
    /// None where nothing is left to be fetched.
    download: Option<Download>,
    kept: BytesMut,
    /// How many bytes of the file have been passed on, those of earlier runs included.
    total: u64,
}

impl Parts {
    /// The next part: full but for the last one, and empty at the end.
    async fn next(&mut self) -> Result<Bytes, Trouble> {
        let Some(download) = &mut self.download else { return Ok(Bytes::new()) };
        while self.kept.len() < PART_BYTES {
            let Some(chunk) = download.next_chunk().await? else { break };
            self.kept.extend_from_slice(&chunk);
        }
        let part = self.kept.split_to(self.kept.len().min(PART_BYTES)).freeze();
        self.total += part.len() as u64;
        Ok(part)
    }
}
