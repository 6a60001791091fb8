//! HTTP tools against a real server: what reaches it, what comes back, and what never happens.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod answers;
mod bodies;
mod endings;
mod hosts;
mod process;
mod redirects;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod values;
mod world;
