//! What providers tell us. A delivery is verified over its raw body before it is parsed, recorded together with its effect
//! in one transaction, and only then acknowledged.

use kit::Route;

pub mod clerk_webhook;
mod signature;
pub mod stream_webhook;

#[cfg(test)]
mod recorded;

/// All routes of this area.
pub fn routes() -> Vec<Route> {
    vec![stream_webhook::route(), clerk_webhook::route()]
}
