//! Answers with a JSON body.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::error::{Error, Fault};

/// An answer of 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        answer(StatusCode::OK, &self.0).unwrap_or_else(IntoResponse::into_response)
    }
}

/// An answer that needs no write.
pub(crate) fn answer(status: StatusCode, view: &impl Serialize) -> Result<Response, Error> {
    Ok(json(status, encode(view)?))
}

pub(crate) fn encode(view: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(view).map_err(|e| Fault(format!("an answer cannot be encoded: {e}")).into())
}

pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [("content-type", "application/json")], body).into_response()
}
