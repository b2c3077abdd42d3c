//! What is sold, and how it is paid for.

pub mod get_catalog;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![get_catalog::route(),]
}
