//! The script executor against real processes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod ending;
mod progress;
mod results;
mod storing;
mod stuck;
mod support;
mod trees;
