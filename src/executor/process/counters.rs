//! What is counted of warm interpreters, by the tool they were started for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::Tally;
use crate::tool::ToolName;

/// The warm interpreters of one tool, as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmLoad {
    /// The tool.
    pub tool: ToolName,
    /// Interpreters that live.
    pub living: u64,
    /// Interpreters that became ready.
    pub starts: u64,
    /// Calls that found one ready.
    pub calls: u64,
    /// Interpreters that ended, by why.
    pub ends: Vec<(&'static str, u64)>,
}

/// The counters of one tool.
#[derive(Debug, Default)]
pub(in crate::executor) struct Counters {
    living: AtomicU64,
    starts: AtomicU64,
    calls: AtomicU64,
    ends: Tally,
}

/// The counters of all tools with warm interpreters: as many as tools were called.
#[derive(Debug, Default)]
pub(in crate::executor) struct Ledger(Mutex<BTreeMap<ToolName, Arc<Counters>>>);

impl Counters {
    /// Counts an interpreter that is ready, for as long as what is returned lives.
    pub(in crate::executor::process) fn started(self: &Arc<Self>) -> Living {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.living.fetch_add(1, Ordering::Relaxed);
        Living(Arc::clone(self))
    }

    /// Counts a call that found one ready.
    pub(in crate::executor::process) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// An interpreter that lives.
#[derive(Debug)]
pub(in crate::executor::process) struct Living(Arc<Counters>);

impl Living {
    /// Says why it ends.
    pub(in crate::executor::process) fn ends(&self, why: &'static str) {
        self.0.ends.add(why);
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.living.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ledger {
    /// The counters of a tool.
    pub(in crate::executor) fn of(&self, tool: &ToolName) -> Arc<Counters> {
        let mut tools = self.tools();
        match tools.get(tool) {
            Some(counters) => Arc::clone(counters),
            None => Arc::clone(tools.entry(tool.clone()).or_default()),
        }
    }

    /// Forgets the tools that are not to be kept and have no interpreter any more.
    pub(in crate::executor) fn keep(&self, is_kept: impl Fn(&ToolName) -> bool) {
        self.tools()
            .retain(|tool, counters| is_kept(tool) || counters.living.load(Ordering::Relaxed) > 0);
    }

    /// What is counted, by tool.
    pub(in crate::executor) fn read(&self) -> Vec<WarmLoad> {
        let load = |(tool, counters): (&ToolName, &Arc<Counters>)| WarmLoad {
            tool: tool.clone(),
            living: counters.living.load(Ordering::Relaxed),
            starts: counters.starts.load(Ordering::Relaxed),
            calls: counters.calls.load(Ordering::Relaxed),
            ends: counters.ends.read(),
        };
        self.tools().iter().map(load).collect()
    }

    /// Every statement leaves the map whole, so a panic elsewhere does not spoil it.
    fn tools(&self) -> MutexGuard<'_, BTreeMap<ToolName, Arc<Counters>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
