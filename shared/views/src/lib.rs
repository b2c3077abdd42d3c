#![doc = include_str!("../README.md")]

pub mod booking;
pub mod catalog;
pub mod list;
pub mod user;
pub mod wallet;

pub use booking::BookingView;
pub use catalog::{PackView, PlanView};
pub use list::List;
pub use user::{PersonView, UserView};
pub use wallet::{AssetsView, BalancesView};
