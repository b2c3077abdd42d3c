#![doc = include_str!("../README.md")]

pub mod app;
pub mod aws;
pub mod callers;
pub mod calls;
pub mod clients;
pub mod config;
pub mod error;
pub mod extract;
pub mod gateway;
pub mod invocation;
mod log_line;
pub mod methods;
pub mod openapi;
pub mod page;
pub mod route;
pub mod secrets;
pub mod serve;
pub mod shown;
pub mod telemetry;
pub mod webhook;
mod wording;
pub mod worker;
pub mod write;

pub use app::App;
pub use callers::{As, SignedIn};
pub use config::Config;
pub use error::Error;
pub use extract::{Json, Path, Query};
pub use route::{Route, Who};
pub use worker::{Failure, Worker};
pub use write::Write;

/// A future with its type erased, so that its code is compiled once, in this crate, and not into every Lambda.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
