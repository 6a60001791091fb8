//! Many calls as one: plans, runs on a paused clock, and the program itself.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod command;
mod fake;
mod laws;
mod mapping;
mod plans;
mod protocol;
mod runs;
