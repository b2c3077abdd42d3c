//! What the platform says about itself: that it runs, and what its API is.

pub mod docs_page;
pub mod health;
pub mod openapi_document;

/// Every route of this area.
pub fn routes() -> Vec<kit::Route> {
    vec![health::route(), openapi_document::route(), docs_page::route()]
}
