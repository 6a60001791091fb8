//! Processes that are kept warm between calls.

use std::num::NonZeroU32;
use std::time::Duration;

/// How a Python script is kept warm. Its arguments up to the script hold no placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worker {
    /// A warm interpreter forks for each call.
    Fork(ForkWorker),
    /// Processes that have loaded the script answer call after call.
    Persistent(PersistentWorker),
}

/// An interpreter that has loaded its modules, and forks for each call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkWorker {
    /// How many of the arguments are options of the interpreter; they come first.
    pub options: usize,
    /// How many of the arguments are the same for every call: the options and what names the script.
    pub fixed: usize,
    /// The modules it imports.
    pub preload: Vec<String>,
}

/// Processes that have loaded a script and answer calls with its `main(arguments)`. No argument of theirs holds a
/// placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersistentWorker {
    /// How many of the arguments are options of the interpreter; they come first.
    pub options: usize,
    /// How many there may be, those that are being replaced not counted.
    pub size: NonZeroU32,
    /// Calls that one answers at once; more than one only where `main` is `async`.
    pub multiplex: NonZeroU32,
    /// Calls after which one is replaced; up to a tenth less, so that not all are replaced at once. It gets no more than
    /// twice as many.
    pub max_calls: Option<NonZeroU32>,
    /// Resident memory, in bytes, past which one is replaced.
    pub max_rss: Option<u64>,
    /// How long one without calls is kept.
    pub idle_timeout: Duration,
    /// How long one may take to load the script.
    pub start_timeout: Duration,
    /// The modules to import before the script.
    pub preload: Vec<String>,
}

impl PersistentWorker {
    /// Calls that all of them answer at once.
    pub const fn places(&self) -> u32 {
        self.size.get().saturating_mul(self.multiplex.get())
    }
}
