//! The way to one worker, and a place at it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::conversation::Command;
use super::job::{Job, Reply};
use super::pool::Pool;
use crate::executor::process::Why;
use crate::executor::process::warm::Stamp;

/// The way to one worker.
pub(in crate::executor) struct Handle {
    pub(super) commands: mpsc::UnboundedSender<Command>,
    /// Whether its calls can be told to end.
    pub(super) is_async: bool,
    pub(super) stamps: Vec<Stamp>,
}

/// Why a worker is not needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It has answered as many calls as it may.
    MaxCalls,
    /// It has grown past what it may have.
    MaxRss,
    /// A file it is made of is another.
    Changed,
    /// It had no call for too long.
    Idle,
    /// Its tool is gone, or others are called.
    Unused,
    /// The runner stops.
    Shutdown,
}

/// A place at a worker. Dropped unused, it is another's.
pub(in crate::executor) struct Seat {
    pool: Arc<Pool>,
    handle: Arc<Handle>,
    is_used: bool,
}

/// A call that a worker has.
pub(in crate::executor) struct Given {
    handle: Arc<Handle>,
    number: u64,
}

impl Reason {
    /// For the metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::MaxCalls => "max_calls",
            Self::MaxRss => "max_rss",
            Self::Changed => "changed",
            Self::Idle => "idle",
            Self::Unused => "unused",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Handle {
    pub(super) fn retire(&self, reason: Reason) {
        self.commands.send(Command::Retire(reason)).ok();
    }
}

impl Seat {
    /// A place that was taken at a worker of `pool`.
    pub(super) const fn new(pool: Arc<Pool>, handle: Arc<Handle>) -> Self {
        Self {
            pool,
            handle,
            is_used: false,
        }
    }

    /// Gives the worker a call; `reply` hears what becomes of it.
    pub(in crate::executor) fn give(self, job: Box<Job>, reply: oneshot::Sender<Reply>) -> Given {
        let number = job.number;
        let handle = self.forget();
        if let Err(mpsc::error::SendError(Command::Call(job, reply))) =
            handle.commands.send(Command::Call(job, reply))
        {
            // It ended a moment ago.
            reply.send(Reply::Unheard(job)).ok();
        }
        Given { handle, number }
    }

    /// The worker, whose seat is somebody else's to give back now.
    pub(super) fn forget(mut self) -> Arc<Handle> {
        self.is_used = true;
        Arc::clone(&self.handle)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.is_used {
            self.pool.vacate(&self.handle);
        }
    }
}

impl Given {
    /// Ends the call early.
    pub(in crate::executor) fn stop(&self, why: Why) {
        let stop = Command::Stop(self.number, why);
        self.handle.commands.send(stop).ok();
    }
}
