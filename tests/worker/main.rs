//! Warm Python against real interpreters: what a script shows, how it ends, and what it leaves behind.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../executor/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the executor")]
mod calls;
#[path = "../support/mod.rs"]
mod support;

mod alike;
mod forking;
mod kept;
mod kept_ends;
mod kept_forks;
mod kept_hostile;
mod kept_late;
mod kept_life;
mod kept_loading;
mod kept_multiplex;
mod kept_prints;
mod kept_replaced;
mod kept_server;
mod kept_threads;
mod scripts;
mod zygotes;
