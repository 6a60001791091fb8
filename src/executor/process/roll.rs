//! Who is running, and who cannot be killed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::tool::{Call, CallId, ToolName};

/// A call that runs, or whose processes could not be killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The call.
    pub call: CallId,
    /// Its tool.
    pub tool: ToolName,
    /// The leader of its process group; `None` until it is started.
    pub pid: Option<u32>,
    /// Whether it was killed and lives on: in uninterruptible sleep, or under another user's id.
    /// It keeps its running place.
    pub stuck: bool,
    /// How long it is given when it is asked to end.
    pub kill_grace: Duration,
}

impl fmt::Display for Running {
    /// As a straggler is named: `fetch_users (call 0123456789abcdef, pid 4711)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (call {}", self.tool, self.call)?;
        if let Some(pid) = self.pid {
            write!(f, ", pid {pid}")?;
        }
        f.write_str(")")
    }
}

/// The roll of running calls. It is as long as calls hold places, so the limits on those bound it.
#[derive(Clone, Debug, Default)]
pub(in crate::executor) struct Roll(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    running: HashMap<u64, Running>,
}

impl Roll {
    /// Enters a call, which stays until the entry is dropped.
    pub(in crate::executor) fn enter(&self, call: &Call, kill_grace: Duration) -> Entry {
        let mut state = self.state();
        let key = state.next;
        state.next += 1;
        state.running.insert(
            key,
            Running {
                call: call.id.clone(),
                tool: call.tool.name.clone(),
                pid: None,
                stuck: false,
                kill_grace,
            },
        );
        Entry {
            roll: self.clone(),
            key,
        }
    }

    /// Everyone on the roll, in the order they were entered.
    pub(in crate::executor) fn all(&self) -> Vec<Running> {
        let state = self.state();
        let mut keys: Vec<_> = state.running.keys().copied().collect();
        keys.sort_unstable();
        keys.iter().map(|key| state.running[key].clone()).collect()
    }

    /// The state is a plain map, whole after every statement, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's line on the roll.
#[derive(Debug)]
pub(in crate::executor) struct Entry {
    roll: Roll,
    key: u64,
}

impl Entry {
    /// Notes the leader's process id.
    pub(super) fn started(&self, pid: u32) {
        self.change(|running| running.pid = Some(pid));
    }

    /// Notes that the call's processes were killed and live on.
    pub(super) fn stuck(&self) {
        self.change(|running| running.stuck = true);
    }

    /// What the line says now.
    pub(super) fn line(&self) -> Option<Running> {
        self.roll.state().running.get(&self.key).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut Running)) {
        if let Some(running) = self.roll.state().running.get_mut(&self.key) {
            change(running);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roll.state().running.remove(&self.key);
    }
}
