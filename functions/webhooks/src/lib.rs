//! What providers tell us. A delivery is verified over its raw body before it is parsed, recorded together with its effect
//! in one transaction, and only then acknowledged.

pub mod clerk_webhook;
mod signature;
pub mod stream_webhook;

#[cfg(test)]
mod recorded;

/// The functions of this area.
pub fn functions() -> Vec<kit::Function> {
    kit::functions![stream_webhook::route(), clerk_webhook::route(),]
}
