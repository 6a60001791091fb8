//! What carries a call out, as the runner sees it: the real thing, and one for tests.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::executor::{DatabaseLoad, Execution, Executor, Running, WarmLoad};
use crate::scheduler::Permit;
use crate::tool::{Call, Catalog};

/// Carries calls out.
pub(super) trait Carrier: Send + Sync {
    /// Runs one attempt of a call. The permit is dropped when nothing of the attempt runs any more, which may
    /// be later than the answer. To drop the future is to end the attempt.
    fn run<'a>(&'a self, call: &'a Call, permit: Permit) -> BoxFuture<'a, Execution>;

    /// Takes no new calls, ends the running ones with their own grace but at most `grace`, and names those that
    /// cannot be ended.
    fn drain(&self, grace: Option<Duration>) -> BoxFuture<'_, Vec<Running>>;

    /// The calls whose processes were killed and live on.
    fn stuck(&self) -> Vec<Running>;

    /// Lets go of what no tool of `catalog` needs.
    fn keep(&self, _catalog: &Catalog) {}

    /// How many connections to databases there are.
    fn databases(&self) -> Vec<DatabaseLoad> {
        Vec::new()
    }

    /// The warm interpreters of each tool that had some.
    fn warm_loads(&self) -> Vec<WarmLoad> {
        Vec::new()
    }
}

impl Carrier for Executor {
    fn run<'a>(&'a self, call: &'a Call, permit: Permit) -> BoxFuture<'a, Execution> {
        self.run(call, permit).boxed()
    }

    fn drain(&self, grace: Option<Duration>) -> BoxFuture<'_, Vec<Running>> {
        self.drain(grace).boxed()
    }

    fn stuck(&self) -> Vec<Running> {
        self.stuck()
    }

    fn keep(&self, catalog: &Catalog) {
        self.keep(catalog);
    }

    fn databases(&self) -> Vec<DatabaseLoad> {
        self.databases()
    }

    fn warm_loads(&self) -> Vec<WarmLoad> {
        self.warm_loads()
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! A carrier that does what a test tells it.

    use std::sync::{Mutex, PoisonError};

    use tokio::time::{Instant, sleep_until};

    use super::{BoxFuture, Call, Carrier, Duration, Execution, FutureExt, Permit, Running};
    use crate::tool::{Failure, FailureCode, Output};

    /// What one run does: how long it takes, and what it gives.
    type Run = (Duration, Result<Output, Failure>);

    /// Runs nothing, but takes its time for it and obeys timeouts and cancels as the real one does.
    pub(in crate::runner) struct FakeCarrier {
        /// What the run of that number does, counted from one.
        plan: Box<dyn Fn(usize) -> Run + Send + Sync>,
        started: Mutex<Vec<Instant>>,
    }

    impl FakeCarrier {
        pub(in crate::runner) fn new(plan: impl Fn(usize) -> Run + Send + Sync + 'static) -> Self {
            Self {
                plan: Box::new(plan),
                started: Mutex::default(),
            }
        }

        /// When each run started.
        pub(in crate::runner) fn started(&self) -> Vec<Instant> {
            self.started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        }

        fn start(&self) -> usize {
            let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
            started.push(Instant::now());
            started.len()
        }
    }

    impl Carrier for FakeCarrier {
        fn run<'a>(&'a self, call: &'a Call, permit: Permit) -> BoxFuture<'a, Execution> {
            async move {
                let since = Instant::now();
                let (takes, result) = (self.plan)(self.start());
                let own = call.timeout();
                // As the real one does, it sets a part of a budget aside for the end of the run.
                let granted = call.context.remaining(since).map_or(own, |left| {
                    left.saturating_sub(call.tool.limits.kill_grace.min(left / 4))
                });
                let timeout = own.min(granted);
                let result = tokio::select! {
                    biased;
                    () = call.cancel.cancelled() => {
                        Err(Failure::new(FailureCode::Cancelled, "called off").with("stdout", "half"))
                    }
                    () = sleep_until(since + takes.min(timeout)) => {
                        if takes <= timeout {
                            result
                        } else {
                            Err(Failure::new(FailureCode::Timeout, "too long").with("stdout", "half"))
                        }
                    }
                };
                drop(permit);
                Execution {
                    result,
                    ran: since.elapsed(),
                    timeout,
                    warnings: Vec::new(),
                }
            }
            .boxed()
        }

        fn drain(&self, _: Option<Duration>) -> BoxFuture<'_, Vec<Running>> {
            async { Vec::new() }.boxed()
        }

        fn stuck(&self) -> Vec<Running> {
            Vec::new()
        }
    }
}
