//! One call of one tool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Arguments, Confirmation, Gate, ItemSink, Owner, PageRequest, ProgressSink, Tape, Tool,
    ToolAccess, TraceContext,
};

/// Names one call in logs, in answers and to the script.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId(Arc<str>);

impl CallId {
    /// A fresh id: 64 random bits in hexadecimal.
    pub fn random() -> Self {
        let bits = getrandom::u64().unwrap_or_else(|_| Self::fallback());
        Self(format!("{bits:016x}").into())
    }

    /// A counter for the rare machine whose random source fails: an id has to be unique, not secret.
    fn fallback() -> u64 {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asks, and what they said beside the arguments.
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    /// The client: the name of its token, or where no token is asked for as it named itself; empty when it did
    /// not.
    pub client: String,
    /// Whose the output is that an answer cannot hold.
    pub owner: Owner,
    /// Where the script's progress is told.
    pub progress: ProgressSink,
    /// Where the items of a tool that streams go as they come.
    pub items: ItemSink,
    /// The tools it may use.
    pub tools: ToolAccess,
    /// What the caller grants for everything, from receipt, grace included.
    pub budget: Option<Duration>,
    /// When the call was received, which the budget counts from; `None` counts it from the start of the run.
    pub received: Option<Instant>,
    /// The trace the call belongs to, handed on to the script or the service.
    pub trace: TraceContext,
    /// Whether a person has said yes to this call, or whoever starts it answers for that. A tool with a question
    /// runs for no other.
    pub is_confirmed: bool,
    /// Told once when the call has its place and is about to run, for a source of calls that keeps its own
    /// queue. A call that never runs never tells.
    pub started: Option<Arc<Notify>>,
    /// What has to be written down before the call runs, if anything.
    pub gate: Option<Gate>,
    /// Keeps what is printed, for whoever has to know it before the call ends.
    pub tape: Tape,
    /// Whether a list that cannot be stored is given as far as memory has it, however long a page may be.
    pub takes_all: bool,
}

impl CallContext {
    /// Tells whoever wants to know that the call has its place.
    pub fn tell_started(&self) {
        if let Some(started) = &self.started {
            started.notify_one();
        }
    }

    /// Says that the call was taken: it waits for its turn, or has it.
    pub fn tell_taken(&self) {
        if let Some(gate) = &self.gate {
            gate.take();
        }
    }

    /// Waits until whatever has to be written down before the call runs is.
    pub async fn may_start(&self) {
        if let Some(gate) = &self.gate {
            gate.opened().await;
        }
    }

    /// What is left of the budget at `now`; `None` without a budget.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        let spent = now.saturating_duration_since(self.received.unwrap_or(now));
        self.budget.map(|budget| budget.saturating_sub(spent))
    }
}

/// One call: a tool, checked arguments, and the way to call it off.
#[derive(Clone, Debug)]
pub struct Call {
    /// Names the call.
    pub id: CallId,
    /// The tool as it was when the call arrived; a reload does not change it.
    pub tool: Arc<Tool>,
    /// The arguments, checked against the tool's parameters.
    pub arguments: Arguments,
    /// What page of the result is wanted, of a tool that pages.
    pub page: Option<PageRequest>,
    /// Who asks.
    pub context: CallContext,
    /// Cancelled when nobody waits for the answer any more.
    pub cancel: CancellationToken,
}

impl Call {
    /// Whether it only reads a further page of a result that is stored, so that nothing runs.
    pub fn reads_on(&self) -> bool {
        let page = self.page.as_ref().filter(|_| self.tool.paging.is_some());
        page.is_some_and(|page| page.result_id.is_some())
    }

    /// What a person is asked before this call, if anything. Nobody is asked where nothing runs.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        let confirmation = self.tool.confirmation.as_ref();
        confirmation.filter(|_| !self.reads_on())
    }

    /// Whose the stored output of this call is. Clients that share a tool's answers share the way to the whole of one,
    /// too.
    pub fn output_owner(&self) -> Owner {
        let is_shared = self.tool.cache.as_ref().is_some_and(|rules| rules.shared);
        if is_shared {
            Owner::Bearer
        } else {
            self.context.owner.clone()
        }
    }

    /// How long one attempt may run: what the caller asked for where the tool lets it choose, else the tool's `timeout`.
    /// The caller's budget may end it sooner.
    pub fn timeout(&self) -> Duration {
        self.arguments.timeout().unwrap_or(self.tool.limits.timeout)
    }

    /// How long all attempts may take together. One attempt always gets what was asked for.
    pub fn total(&self) -> Option<Duration> {
        let asked = self.arguments.timeout().unwrap_or_default();
        self.tool.limits.total.map(|total| total.max(asked))
    }
}
