#![doc = include_str!("../README.md")]

pub mod app;
pub mod aws;
pub mod calls;
pub mod clients;
pub mod config;
pub mod error;
pub mod function;
pub mod http;
pub mod invocation;
mod log_line;
pub mod needs;
pub mod secret_age;
pub mod secrets;
pub mod serve;
pub mod shown;
pub mod task;
pub mod telemetry;
pub mod worker;

pub use self::http::answer::Json;
pub use self::http::callers::SignedIn;
pub use self::http::extract::{Path, Query};
pub use self::http::read::Read;
pub use self::http::route::Route;
pub use self::http::who::Who;
pub use self::http::write::Write;
pub use self::http::{callers, extract, gateway, methods, openapi, page, problem, read, route, router, webhook, write};
pub use app::App;
pub use config::Config;
pub use error::Error;
pub use function::Function;
pub use needs::Needs;
pub use task::Task;
pub use worker::{Failure, Worker};

/// A future with its type erased, so that its code is compiled once, in this crate, and not into every Lambda.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
