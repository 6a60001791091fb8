//! Processes: starting one, watching over everything it starts, and ending all of it.
//!
//! | file | owns |
//! |---|---|
//! | `launch` | what to start |
//! | `ask` | a program that is run for what it prints, at load |
//! | `supervisor` | a process from its start to the death of all it started |
//! | `start`, `run` | the way in; the one loop that feeds, drains and stops, where every way out is an arm |
//! | `stops` | who can end a process early |
//! | `stream` | the pipes of a running process |
//! | `counters` | what is counted of warm interpreters |
//! | `roll` | who is running, and who cannot be killed |
//! | `unix`, `windows` | the system calls, behind equal signatures |
//! | `turn` | one start at a time, on macOS |
//! | `warm` | warm interpreters, which fork for a call or answer it themselves |
//!
//! What a script prints is kept here as bytes; what it means is decided in `output`. Nothing here
//! knows tools, templates or limits other than time and memory.

#[cfg(unix)]
mod ask;
#[cfg_attr(not(unix), expect(dead_code, reason = "nothing is kept warm there"))]
mod counters;
mod launch;
mod roll;
mod run;
mod start;
mod stops;
mod stream;
mod supervisor;
#[cfg(any(test, target_vendor = "apple"))]
mod turn;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod warm;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

#[cfg(unix)]
pub use ask::ask;
pub(super) use counters::Ledger;
pub use counters::WarmLoad;
pub(super) use launch::Launch;
pub(super) use roll::Roll;
pub use roll::Running;
pub(super) use stops::{Stops, Why};
pub(super) use supervisor::{Bounds, Broken, End, Ended, Leftovers, supervise};
#[cfg(unix)]
pub(super) use warm::{
    Ask, BirthError, Closed, Crew, Fork, Given, Job, Kind, Pool, Reply, Seat, Zygotes,
};
#[cfg(windows)]
pub use windows::ask;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no process ends by one there"))]
    Signal(i32),
    /// The status was taken by somebody else, as when the runner was started with `SIGCHLD` ignored.
    Unknown,
    /// The warm interpreter it was forked from died, and the status with it.
    #[cfg_attr(not(unix), expect(dead_code, reason = "nothing is forked there"))]
    Orphaned,
}
