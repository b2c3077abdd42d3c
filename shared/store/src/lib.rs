#![doc = include_str!("../README.md")]

pub mod all_bookings;
pub mod appointments;
pub mod attendance;
pub mod availability;
pub mod booking;
pub mod calendar;
pub mod call;
pub mod catalog;
pub mod contention;
pub mod cursor;
pub mod directory;
pub mod due;
pub mod error;
pub mod feedback;
pub mod idempotency;
pub mod item;
pub mod keys;
pub mod lease;
pub mod ledger;
pub mod media;
pub mod month;
pub mod origin;
pub mod outbox;
pub mod rate_limit;
pub mod review;
pub mod settlement;
pub mod sweep;
pub mod table;
pub mod tx;
pub mod user;
pub mod wallet;
pub mod webhook;

pub use error::StoreError;
pub use item::Item;
pub use keys::Key;
pub use table::{Items, Page, Query, Table};
pub use tx::Tx;

/// A future with its type erased, so that its code is compiled once, in this crate, and not into every Lambda.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
