//! What the platform says about itself: that it runs, and what its API is.

pub mod docs_page;
pub mod health;
pub mod openapi_document;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![health::route(), openapi_document::route(), docs_page::route(), kit::Function::UnknownAddress,]
}
