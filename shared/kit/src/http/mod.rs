//! Requests and answers.

pub mod answer;
pub mod callers;
pub mod extract;
pub mod gateway;
pub mod methods;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod read;
pub mod route;
pub mod router;
pub mod webhook;
pub mod who;
mod wording;
pub mod write;
