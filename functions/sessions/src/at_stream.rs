//! Running an effect at Stream: what its errors mean for the message, and a key that was rotated.

use kit::error::Error;
use kit::worker::ReceivedMessage;
use kit::{App, BoxFuture, Failure};
use providers::download::DownloadError;
use providers::stream::{StreamClient, StreamError};
use store::StoreError;
use store::outbox::Effect;

/// Why an effect was not carried out.
#[derive(Debug)]
pub enum Trouble {
    /// Stream did not do it.
    Stream(StreamError),
    /// A file of Stream's did not come.
    Download(DownloadError),
    /// Anything else.
    Other(Error),
}

impl From<StreamError> for Trouble {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::Download(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Stream(error) => {
                let retry_after = match &error {
                    StreamError::RateLimited { retry_after } => *retry_after,
                    _ => None,
                };
                Self::patiently(error, retry_after)
            }
            Trouble::Download(error) => error.into(),
            Trouble::Other(error) => error.into(),
        }
    }
}

/// Something that is done at Stream. It may be done again from the start.
pub type Work = for<'a> fn(&'a App, &'a StreamClient, &'a Effect) -> BoxFuture<'a, Result<(), Trouble>>;

/// Carries out what a message asks for.
pub async fn with_stream(app: &App, received: &ReceivedMessage, work: Work) -> Result<(), Failure> {
    Ok(try_twice(app, &received.message.effect, work).await?)
}

/// Carries `effect` out, and once more with the secret read again where Stream does not accept the one in memory.
async fn try_twice(app: &App, effect: &Effect, work: Work) -> Result<(), Trouble> {
    let stream = app.stream().await?;
    let outcome = work(app, &stream.client, effect).await;
    if !matches!(outcome, Err(Trouble::Stream(StreamError::Unauthorized))) {
        return outcome;
    }
    match app.stream_reread().await? {
        Some(stream) => work(app, &stream.client, effect).await,
        None => outcome,
    }
}
