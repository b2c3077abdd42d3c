//! What every webhook needs: the body as it was received, before anything parses it.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::problem::{Kind, Problem};
use http::{HeaderMap, StatusCode};

use crate::App;
use crate::error::Error;
use crate::http::extract::read_body;
use crate::secrets::Provider;
use crate::telemetry::{Metric, count};

/// The largest delivery we read, before and after it is inflated (a provider's largest is a few kilobytes).
pub const MAX_DELIVERY_BYTES: usize = 1024 * 1024;

/// A delivery as it was received.
#[derive(Debug)]
pub struct RawDelivery {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
}

impl FromRequest<App> for RawDelivery {
    type Rejection = Error;
    async fn from_request(request: Request, _: &App) -> Result<Self, Error> {
        let headers = request.headers().clone();
        Ok(Self { headers, body: read_body(request, MAX_DELIVERY_BYTES).await? })
    }
}

/// Why a delivery is refused.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// It is not signed as the provider signs.
    #[error("the signature is not valid: {0}")]
    InvalidSignature(String),
    /// It is signed, and cannot be read.
    #[error("the body cannot be read: {0}")]
    Malformed(String),
    /// It is larger than we read.
    #[error("the body is larger than {MAX_DELIVERY_BYTES} bytes")]
    TooLarge,
}

impl Problem for DeliveryError {
    fn kind(&self) -> Kind {
        match self {
            Self::InvalidSignature(_) => Kind::Unauthenticated,
            Self::Malformed(_) => Kind::Malformed,
            Self::TooLarge => Kind::TooLarge,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidSignature(_) => "invalid_signature",
            Self::Malformed(_) => "malformed_request",
            Self::TooLarge => "payload_too_large",
        }
    }
}

/// 400 for a signed delivery that cannot be read, counted like a refused one: what it told is lost, and operators learn which
/// member was missing or wrong. `why` holds nothing of the content.
pub fn unreadable(app: &App, provider: Provider, why: String) -> Error {
    tracing::warn!(provider = provider.name(), why, "delivery cannot be read");
    count(Metric::WebhookRefused, 1, app.now());
    DeliveryError::Malformed(why).into()
}

/// Acknowledges that the event, or the intent to act on it, is stored.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Received {
    /// Always true.
    pub received: bool,
}

/// 200 `{ "received": true }`.
pub fn received() -> Response {
    let headers = [("content-type", "application/json")];
    (StatusCode::OK, headers, r#"{"received":true}"#).into_response()
}
