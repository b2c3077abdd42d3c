//! The media bucket. Encryption is the bucket's default.

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use kit::App;
use kit::error::{Error, Fault, Unavailable};

/// S3 did not do it.
pub fn unavailable(what: impl std::error::Error) -> Error {
    let why = DisplayErrorContext(&what).to_string();
    Unavailable { what: "S3", why, retry_after_seconds: 5 }.into()
}

/// Stores a file that is at hand.
pub async fn put_small(app: &App, key: &str, content_type: &str, body: Bytes) -> Result<(), Error> {
    let put = app.s3().put_object().bucket(app.config.media_bucket()?).key(key).content_type(content_type);
    put.body(ByteStream::from(body)).send().await.map_err(unavailable)?;
    Ok(())
}

/// Reads a file of up to `limit_bytes` whole.
pub async fn read_small(app: &App, key: &str, limit_bytes: u64) -> Result<Bytes, Error> {
    let get = app.s3().get_object().bucket(app.config.media_bucket()?).key(key);
    let answer = get.send().await.map_err(unavailable)?;
    let length = answer.content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    if length > limit_bytes {
        return Err(Fault(format!("a stored file of {length} bytes is larger than {limit_bytes}")).into());
    }
    Ok(answer.body.collect().await.map_err(unavailable)?.into_bytes())
}

/// Deletes a file; one that is not there is as asked for.
pub async fn delete(app: &App, key: &str) -> Result<(), Error> {
    app.s3().delete_object().bucket(app.config.media_bucket()?).key(key).send().await.map_err(unavailable)?;
    Ok(())
}
