//! A file that changes while it is served: the real program, real files, real clients.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod calls;
mod difference;
mod files;
mod notices;
mod signals;
mod tokens;
mod world;
