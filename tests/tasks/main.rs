//! Tasks: the real program, real scripts, both transports, and what is left when the runner is killed.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod ledger;
mod model;
mod notices;
mod protocol;
#[cfg(target_os = "linux")]
mod restarts;
mod served;
mod stdio;
