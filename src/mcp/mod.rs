//! The protocol adapter: Model Context Protocol in, calls out, outcomes back.
//!
//! Framing, version negotiation and sessions are the SDK's (`rmcp`); what a call is and how it runs is
//! `runner`'s. This room translates between the two, and mends what the SDK leaves to its user.
//! It never decides how a call runs.

mod array;
mod batch;
mod builtin;
mod caller;
mod client;
mod confirm;
mod content;
mod convert;
mod describe;
mod handler;
pub mod http;
mod in_flight;
mod list_changes;
mod malformed;
mod outputs;
mod panics;
mod progress;
mod read_output;
mod revision;
mod status;
pub mod stdio;
mod tasks;

pub use client::Client;
pub use handler::Handler;
