#![doc = include_str!("../README.md")]

use std::pin::Pin;

pub mod clerk;
pub mod deadline;
pub mod delivery;
pub mod download;
pub mod gemini;
pub mod http;
mod mac;
mod null;
pub mod page;
pub mod razorpay;
pub mod resend;
pub mod secret;
pub mod stream;
pub mod stripe;
pub mod sum;
pub mod svix;
pub mod unexpected;

#[cfg(test)]
mod known_answers;
#[cfg(test)]
mod test_server;

pub use provider_table::Provider;

pub use http::{BaseUrl, Http, NoAnswer, Reach, UrlError};
pub use page::Page;
pub use secret::{Link, Secret};
pub use sum::Sum;
pub use unexpected::Unexpected;

/// A future behind a pointer, so that the code of a client is compiled once, here, and not into each Lambda.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
