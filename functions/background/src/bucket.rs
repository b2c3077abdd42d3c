//! The media bucket. Encryption is the bucket's default.

use std::time::Duration;

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use kit::App;
use kit::error::{Error, Fault, Unavailable};
use providers::stream::StreamClient;
use tokio::time::Instant;

use crate::at_stream::Trouble;

/// The size of a part of a large file; S3 takes at most 10 000 parts of at least 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// A copy that takes longer is given up, so that it can be tidied up before the function is stopped.
const COPY_LIMIT: Duration = Duration::from_secs(220);
const ABORT_LIMIT: Duration = Duration::from_secs(20);

fn unavailable(what: impl std::error::Error) -> Error {
    let why = DisplayErrorContext(&what).to_string();
    Unavailable { what: "S3", why, retry_after_seconds: 5 }.into()
}

/// Stores a file that is at hand.
pub async fn put_small(app: &App, key: &str, content_type: &str, body: Bytes) -> Result<(), Error> {
    let put = app.s3().put_object().bucket(app.media_bucket()?).key(key).content_type(content_type);
    put.body(ByteStream::from(body)).send().await.map_err(unavailable)?;
    Ok(())
}

/// Stores the file behind a link of Stream's, of up to `limit_bytes`, without holding more than a part of it. Says how
/// large it is.
pub async fn put_stream(
    app: &App,
    client: &StreamClient,
    link: &str,
    limit_bytes: u64,
    key: &str,
    content_type: &str,
) -> Result<u64, Trouble> {
    let give_up_at = Instant::now() + COPY_LIMIT;
    let mut parts = Parts { download: client.download(link, limit_bytes).await?, kept: BytesMut::new(), total: 0 };
    let first = parts.next().await?;
    if first.len() < PART_BYTES {
        put_small(app, key, content_type, first).await?;
        return Ok(parts.total);
    }
    let bucket = app.media_bucket().map_err(Error::from)?;
    let begun = app.s3().create_multipart_upload().bucket(bucket).key(key).content_type(content_type);
    // The SDK sends this checksum with every part, and S3 takes only what the upload was begun with.
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let upload = begun.send().await.map_err(unavailable)?.upload_id;
    let upload = upload.ok_or_else(|| Error::from(Fault("S3 named no upload".to_owned())))?;
    let copy = put_parts(app, bucket, key, &upload, first, &mut parts);
    let outcome = match tokio::time::timeout_at(give_up_at, copy).await {
        Ok(outcome) => outcome,
        Err(_) => Err(too_long(parts.total)),
    };
    if outcome.is_err() {
        let abort = app.s3().abort_multipart_upload().bucket(bucket).key(key).upload_id(&upload);
        // The bucket's lifecycle removes what is left of an upload that could not be aborted.
        let error = match tokio::time::timeout(ABORT_LIMIT, abort.send()).await {
            Ok(aborted) => aborted.err().map(|error| DisplayErrorContext(&error).to_string()),
            Err(_) => Some("it took too long".to_owned()),
        };
        if let Some(error) = error {
            tracing::warn!(error, "an upload could not be aborted");
        }
    }
    outcome.map(|()| parts.total)
}

fn too_long(bytes: u64) -> Trouble {
    let why = format!("{bytes} bytes took too long to copy");
    Error::from(Unavailable { what: "S3", why, retry_after_seconds: 60 }).into()
}

async fn put_parts(
    app: &App,
    bucket: &str,
    key: &str,
    upload: &str,
    first: Bytes,
    parts: &mut Parts,
) -> Result<(), Trouble> {
    let mut done = Vec::new();
    let mut part = first;
    let mut number = 1;
    while !part.is_empty() {
        let put = app.s3().upload_part().bucket(bucket).key(key).upload_id(upload).part_number(number);
        let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from(part));
        let answer = put.send().await.map_err(unavailable)?;
        let stored = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
        done.push(stored.set_checksum_crc32(answer.checksum_crc32).build());
        number += 1;
        part = parts.next().await?;
    }
    let whole = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
    let complete = app.s3().complete_multipart_upload().bucket(bucket).key(key).upload_id(upload);
    complete.multipart_upload(whole).send().await.map_err(unavailable)?;
    Ok(())
}

/// A download, cut into parts.
struct Parts {
    download: providers::download::Download,
    kept: BytesMut,
    total: u64,
}

impl Parts {
    /// The next part: full but for the last one, and empty at the end.
    async fn next(&mut self) -> Result<Bytes, Trouble> {
        while self.kept.len() < PART_BYTES {
            let Some(chunk) = self.download.next_chunk().await? else { break };
            self.kept.extend_from_slice(&chunk);
        }
        let part = self.kept.split_to(self.kept.len().min(PART_BYTES)).freeze();
        self.total += part.len() as u64;
        Ok(part)
    }
}

/// Reads a file of up to `limit_bytes` whole.
pub async fn read_small(app: &App, key: &str, limit_bytes: u64) -> Result<Bytes, Error> {
    let get = app.s3().get_object().bucket(app.media_bucket()?).key(key);
    let answer = get.send().await.map_err(unavailable)?;
    let length = answer.content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    if length > limit_bytes {
        return Err(Fault(format!("a stored file of {length} bytes is larger than {limit_bytes}")).into());
    }
    Ok(answer.body.collect().await.map_err(unavailable)?.into_bytes())
}

/// Deletes a file; one that is not there is as asked for.
pub async fn delete(app: &App, key: &str) -> Result<(), Error> {
    app.s3().delete_object().bucket(app.media_bucket()?).key(key).send().await.map_err(unavailable)?;
    Ok(())
}
