#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, reason = "a target fails by panicking")]

pub mod availability;
pub mod cursor;
mod delivery;
pub mod evidence;
pub mod stream_webhook;
pub mod svix_webhook;
pub mod transcript;
