//! Resend: e-mail, and what became of it.

mod client;
mod error;
mod webhook;

pub use client::{Attachment, Email, ResendClient};
pub use error::ResendError;
pub use webhook::{Bounce, ResendEvent, ResendEventKind, parse};
