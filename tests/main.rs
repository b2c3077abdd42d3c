//! Tests of the whole: the published contract, every role against every route, and the deployed local stack.
//!
//! `cargo xtask test` starts a stack of its own and names it in `GREENROOM_STACK`; what needs no stack runs without one.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be done fails the test")]

mod budgets;
mod contract;
mod deployment;
mod journey;
mod ops;
mod persisted;
mod providers;
mod refusals;
mod replay;
mod roles;
mod runbook;
mod stack;
mod template;
mod tidy;
mod webhooks_hold;
