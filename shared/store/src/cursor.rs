//! Opaque cursors. Here a cursor holds the place in a list and nothing else: which list it is follows from the caller and the
//! request, so a cursor that was made up can lead nowhere the caller may not go. What users get is marked with its list besides
//! (`kit::page`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::problem::ValidationError;

/// A cursor that is not one of ours.
pub fn invalid() -> ValidationError {
    ValidationError::field("cursor", "is not a cursor of this list")
}

/// The cursor for this place.
pub fn encode(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place a cursor stands for.
pub fn decode(cursor: &str) -> Result<String, ValidationError> {
    if cursor.len() > 512 {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
