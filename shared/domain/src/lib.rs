#![doc = include_str!("../README.md")]

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
