//! What the deployed stack was seen to do while it was tested: AWS calls against the policies of `template.yaml`, logs and
//! error bodies against what must be in none.
//!
//! The tests that look back are not part of `cargo test`, because they mean something only after all others: the last steps of
//! `cargo xtask test` run them, first [`drive`], then every schedule once, then the rest.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be done fails the test")]

mod canaries;
mod drive;
mod follow;
mod leaks;
mod policies;
mod privilege;
mod seen;
#[path = "../stack.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "shared with the system tests, which use the rest")]
mod stack;
#[path = "../template.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "shared with the system tests, which use the rest")]
mod template;
