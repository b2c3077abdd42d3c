//! Running an effect at Stream: what its errors mean for the message, and a key that was rotated.

use std::time::Duration;

use kit::error::Error;
use kit::worker::Delivery;
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
                Self { error: error.into(), retry_after }
            }
            Trouble::Download(error) => error.into(),
            Trouble::Other(error) => Self { error, retry_after: None },
        }
    }
}

/// Something that is done at Stream. It may be done again from the start.
pub type Work = for<'a> fn(&'a App, &'a StreamClient, &'a Effect) -> BoxFuture<'a, Result<(), Trouble>>;

/// Carries out what a message asks for. Where that fails, the message waits for longer each time: a recording that consent
/// was taken back for must be stopped, and media be copied, also after an outage.
pub async fn with_stream(app: &App, delivery: &Delivery, work: Work) -> Result<(), Failure> {
    let outcome = try_twice(app, &delivery.message.effect, work).await;
    outcome.map_err(|trouble| {
        let failure = Failure::from(trouble);
        let wait = wait(failure.retry_after, delivery);
        Failure { retry_after: Some(wait), ..failure }
    })
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

/// How long a message waits at least, by how often it was received: an outage of minutes passes before it is set aside.
const WAITS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_mins(2), Duration::from_mins(15)];

/// How long a message waits: as long as the provider has named, and never less than [`WAITS`] says. A peak may well outlast
/// the second that a provider names, and a message comes back only so often.
pub fn wait(named: Option<Duration>, delivery: &Delivery) -> Duration {
    let place = usize::try_from(delivery.receive_count.saturating_sub(1)).unwrap_or(usize::MAX);
    WAITS[place.min(WAITS.len() - 1)].max(named.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_names_lengthens_a_wait_and_never_shortens_it() {
        let effect = Effect::EndCall { booking_id: crate::stage::booking_id() };
        let wait_at = |receive_count, named| {
            let delivery = Delivery { receive_count, ..crate::stage::delivery(effect.clone()) };
            wait(named, &delivery).as_secs()
        };
        assert_eq!([1, 2, 3, 4, 5].map(|n| wait_at(n, None)), [2, 10, 120, 900, 900]);
        assert_eq!([1, 2, 3].map(|n| wait_at(n, Some(Duration::from_millis(400)))), [2, 10, 120]);
        assert_eq!([1, 3].map(|n| wait_at(n, Some(Duration::from_secs(30)))), [30, 120]);
    }
}
