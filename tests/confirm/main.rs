//! A person's word before a call: asked for in each revision of the protocol, held on every way a call can come.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod clients;
mod command_line;
mod held;
mod lines;
mod patience;
mod round_trip;
mod session;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod wire;
