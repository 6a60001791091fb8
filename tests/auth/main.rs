//! Who may call over HTTP: tokens asked for, tools kept from view, sessions kept to their clients.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod endpoint;
mod program;
mod refusals;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
mod tools;
