//! The rules of Greenroom as pure code: no AWS, no HTTP, no clock and no randomness.
//!
//! Time and new ids come in as arguments, so every rule can be tested exhaustively. See the crate's README for the
//! map, the invariants and what is deliberately absent.

pub mod availability;
pub mod booking;
pub mod calendar;
pub mod consent;
pub mod evidence;
pub mod feedback;
pub mod ids;
pub mod ledger;
pub mod money;
pub mod problem;
pub mod rate;
pub mod settlement;
pub mod speech;
pub mod text;
pub mod transcript;
pub mod user;
