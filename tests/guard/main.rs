//! No orphans: the real program, real scripts that hide what they start, and real signals.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod containers;
mod deaths;
mod served;
mod signals;
mod stuck;
