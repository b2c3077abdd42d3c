//! Verifying a delivery while a provider's secret may be in rotation.

use kit::error::Error;
use kit::secrets::Provider;
use kit::telemetry::{Metric, count};
use kit::webhook::DeliveryError;
use kit::{App, BoxFuture};
use providers::Secret;
use providers::delivery::SignatureError;

/// Verifies with every value of the cached secret. A signature that fits none of them is tried once more with the secret
/// read again; what is still refused is 401 `invalid_signature`, and counted.
pub fn check<'a>(
    app: &'a App,
    provider: Provider,
    key: &'static str,
    verify: &'a (dyn Fn(&[Secret]) -> Result<(), SignatureError> + Sync),
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        let cached = app.secrets.get(provider, app.now()).await?;
        let mut outcome = verify(&cached.all(key)?);
        if matches!(outcome, Err(SignatureError::NoMatch))
            && let Some(reread) = app.secrets.reread(provider, app.now()).await?
        {
            outcome = verify(&reread.all(key)?);
        }
        outcome.map_err(|error| refuse(app, provider, error.to_string()))
    })
}

/// 401 `invalid_signature`, counted. Nothing of the delivery is logged: nobody vouches for it.
pub fn refuse(app: &App, provider: Provider, why: String) -> Error {
    tracing::warn!(provider = provider.name(), why, "delivery refused");
    count(Metric::WebhookRefused, 1, app.now());
    DeliveryError::InvalidSignature(why).into()
}
