//! What of a call is counted: its wait, its attempts, what it comes to. Each account is closed by what it is told,
//! or as called off when it is dropped without a word.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::executor::Execution;
use crate::metrics::{Metrics, Observed, Operation};
use crate::scheduler::Permit;
use crate::tool::{Call, Catalog, Failure, FailureCode, Outcome};

/// Counts for the tools of `after` from now on. What was observed of a tool that is another one now is forgotten.
pub(super) fn know(metrics: &Metrics, before: &Catalog, after: &Catalog) {
    metrics.know(after.tools().map(|tool| tool.name.as_str()));
    let same_limits = before.limits.max_parallel == after.limits.max_parallel
        && before.limits.queue_size == after.limits.queue_size
        && before.limits.groups == after.limits.groups;
    for tool in after.tools() {
        let earlier = before.get(tool.name.as_str());
        let is_same = earlier.is_some_and(|earlier| Arc::ptr_eq(earlier, tool));
        if !is_same || !same_limits {
            metrics.operation(tool.name.as_str()).forget();
        }
    }
}

/// Counts a call of `tool` that was turned away before it became one.
pub(super) fn refused(metrics: &Metrics, tool: &str, failure: &Failure) {
    came_to(&metrics.operation(tool), Some(failure.code));
}

/// Counts what a call came to; `None` is a result.
fn came_to(counters: &Operation, code: Option<FailureCode>) {
    counters.outcomes.add(code.map_or("OK", FailureCode::code));
    let is_rejected =
        |code: &FailureCode| matches!(code.family(), "overload" | "validation" | "confirmation");
    if let Some(code) = code.filter(is_rejected) {
        counters.rejections.add(code.code());
    }
}

/// A call from its receipt to its answer.
pub(super) struct Account {
    counters: Arc<Operation>,
    is_closed: bool,
}

impl Account {
    /// The account of a call that is about to run.
    pub(super) fn open(metrics: &Metrics, call: &Call) -> Self {
        Self {
            counters: metrics.operation(call.tool.name.as_str()),
            is_closed: false,
        }
    }

    /// Says what the call came to.
    pub(super) fn close(mut self, outcome: &Outcome) {
        self.is_closed = true;
        let failure = outcome.result.as_ref().err();
        came_to(&self.counters, failure.map(|failure| failure.code));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !self.is_closed {
            came_to(&self.counters, Some(FailureCode::Cancelled));
        }
    }
}

/// An attempt that waits for its turn.
pub(super) struct Wait<'a> {
    counters: &'a Operation,
    since: Instant,
    is_over: bool,
}

impl<'a> Wait<'a> {
    /// The wait begins.
    pub(super) fn begin(counters: &'a Operation) -> Self {
        Self {
            counters,
            since: Instant::now(),
            is_over: false,
        }
    }

    /// Says what admission decided.
    pub(super) fn end(mut self, admitted: &Result<Permit, Failure>) {
        match admitted {
            Ok(permit) if permit.queued().is_zero() => {
                self.decided("admitted", Duration::ZERO, |_| {});
            }
            Ok(permit) => self.decided("admitted_after_waiting", permit.queued(), |observed| {
                observed.waited += 1;
            }),
            Err(failure) => self.refused(failure.code),
        }
    }

    fn refused(&mut self, code: FailureCode) {
        let waited = self.since.elapsed();
        match code {
            FailureCode::QueueFull => {
                self.decided("queue_full", waited, |observed| observed.queue_full += 1);
            }
            FailureCode::QueueTimeout => self.decided("queue_timeout", waited, |observed| {
                observed.queue_timeout += 1;
            }),
            FailureCode::RateLimited => self.decided("rate_limited", waited, |observed| {
                observed.rate_limited += 1;
            }),
            FailureCode::ShuttingDown => self.decided("shutting_down", waited, |_| {}),
            _ => self.decided("cancelled", waited, |_| {}),
        }
    }

    fn decided(
        &mut self,
        decision: &'static str,
        waited: Duration,
        count: impl FnOnce(&mut Observed),
    ) {
        self.is_over = true;
        self.counters.decided(decision, waited, count);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.refused(FailureCode::Cancelled);
        }
    }
}

/// An attempt that runs.
pub(super) struct Attempt<'a> {
    counters: &'a Operation,
    stopping: &'a CancellationToken,
    timeout: Duration,
    since: Instant,
    is_over: bool,
}

impl<'a> Attempt<'a> {
    /// An attempt of `call` begins.
    pub(super) fn begin(
        counters: &'a Operation,
        call: &Call,
        stopping: &'a CancellationToken,
    ) -> Self {
        counters.run_begins();
        Self {
            counters,
            stopping,
            timeout: call.timeout(),
            since: Instant::now(),
            is_over: false,
        }
    }

    /// Says what came of it.
    pub(super) fn end(mut self, execution: &Execution) {
        self.is_over = true;
        let stored = match &execution.result {
            Ok(output) => output.stored.as_ref(),
            Err(failure) => failure.stored.as_ref(),
        };
        if let Some(stored) = stored {
            self.counters.spilled(stored.bytes);
        }
        let code = execution.result.as_ref().err().map(|failure| failure.code);
        if code.is_some_and(|code| code != FailureCode::Cancelled) {
            self.counters.failed();
        }
        // What was not started did not run.
        if execution.ran.is_zero() && code.is_some() {
            return;
        }
        let is_timeout = code == Some(FailureCode::Timeout);
        // A caller who grants less than the tool's own time says nothing of that.
        let is_tools = is_timeout && execution.timeout >= self.timeout;
        self.counters.ran(execution.ran, self.timeout, is_tools);
        match code {
            Some(FailureCode::Timeout) => self.counters.kills.add("timeout"),
            Some(FailureCode::Cancelled) => self.called_off(),
            _ => {}
        }
    }

    fn called_off(&self) {
        let reason = if self.stopping.is_cancelled() {
            "shutdown"
        } else {
            "cancelled"
        };
        self.counters.kills.add(reason);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.counters.run_ends();
        if !self.is_over {
            self.counters.ran(self.since.elapsed(), self.timeout, false);
            self.called_off();
        }
    }
}
