//! Recordings and transcripts of a booking in our bucket.

use aws_lc_rs::digest;
use domain::ids::BookingId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::Item;
use crate::outbox::StreamFile;
use crate::{BoxFuture, Query, Table, Tx, keys};

/// A short digest that stands for provider ids in keys: their form and length are not ours.
pub fn digest(first: &str, second: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(first.as_bytes());
    context.update(&[0]);
    context.update(second.as_bytes());
    hex::encode(&context.finish().as_ref()[..10])
}

/// A file in our bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFile {
    /// The call session it belongs to.
    pub session_id: String,
    /// Its name at Stream.
    pub filename: String,
    /// Where it lies in our bucket; none where there will be no file: the provider said so, or nobody may have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_key: Option<String>,
    /// When it begins.
    pub start_time: Timestamp,
    /// When it ends.
    pub end_time: Timestamp,
    /// Its size.
    pub bytes: u64,
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Video.
    Recording,
    /// JSON Lines.
    Transcript,
}

impl MediaKind {
    fn key(self, booking: BookingId, digest: &str) -> keys::Key {
        match self {
            Self::Recording => keys::recording(booking, digest),
            Self::Transcript => keys::transcript(booking, digest),
        }
    }

    /// Where a file of this kind is put in our bucket.
    pub fn object_key(self, booking: BookingId, file: &StreamFile) -> String {
        let digest = digest(&file.session_id, &file.filename);
        match self {
            Self::Recording => format!("recordings/{booking}/{digest}.mp4"),
            Self::Transcript => format!("transcripts/{booking}/{digest}.jsonl"),
        }
    }
}

/// Writes what is known of a file. The same file always writes the same item.
pub fn write(tx: &mut Tx, booking: BookingId, kind: MediaKind, file: &StoredFile) -> Result<(), StoreError> {
    let key = kind.key(booking, &digest(&file.session_id, &file.filename));
    let entity = if kind == MediaKind::Recording { "Recording" } else { "Transcript" };
    tx.put(Item::new(key, entity, file)?);
    Ok(())
}

/// The files of one kind that a booking has, by start. A call has a handful at most.
pub fn list(table: &Table, booking: BookingId, kind: MediaKind) -> BoxFuture<'_, Result<Vec<StoredFile>, StoreError>> {
    Box::pin(async move {
        let prefix = match kind {
            MediaKind::Recording => keys::RECORDING_PREFIX,
            MediaKind::Transcript => keys::TRANSCRIPT_PREFIX,
        };
        let query = Query::partition(keys::booking_partition(booking)).prefix(prefix);
        let mut files: Vec<StoredFile> = table.query_all(query, 200).await?;
        files.sort_by(|a, b| (a.start_time, &a.filename).cmp(&(b.start_time, &b.filename)));
        Ok(files)
    })
}

/// An upload of a large file that one run has begun and others go on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Copying {
    /// S3's id of it.
    pub upload_id: String,
    /// The provider's name for what the file holds: another one is another file.
    pub etag: String,
    /// Its size, where the provider said it beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Counts the uploads that were begun.
    pub version: u64,
}

/// How long an upload is remembered; the bucket's lifecycle removes it after a day.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

fn copying_key(booking: BookingId, file: &StreamFile) -> keys::Key {
    keys::copying(booking, &digest(&file.session_id, &file.filename))
}

/// The upload of a file that is under way.
pub async fn copying(table: &Table, booking: BookingId, file: &StreamFile) -> Result<Option<Copying>, StoreError> {
    table.get(&copying_key(booking, file)).await
}

/// Remembers an upload in place of the one before it. [`StoreError::Contended`] where a rival has begun another.
pub async fn begin_copying(
    table: &Table,
    booking: BookingId,
    file: &StreamFile,
    begun: &Copying,
    now: Timestamp,
) -> Result<(), StoreError> {
    let item = Item::new(copying_key(booking, file), "Copying", begun)?.expires((now + REMEMBERED).as_second());
    let mut tx = Tx::new();
    tx.replace(item, begun.version - 1);
    tx.commit(table).await
}

/// Forgets an upload that has ended.
pub fn end_copying(tx: &mut Tx, booking: BookingId, file: &StreamFile) {
    tx.delete(copying_key(booking, file));
}

/// Forgets an upload that was given up. [`StoreError::Contended`] where a rival has begun another.
pub async fn forget_copying(
    table: &Table,
    booking: BookingId,
    file: &StreamFile,
    known: &Copying,
) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    tx.delete_at(copying_key(booking, file), known.version);
    tx.commit(table).await
}
