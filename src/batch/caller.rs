//! What a batch runs its calls on, and how it waits where others would be turned away.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::runner::Runner;
use crate::tool::{CallContext, Failure, FailureCode, Output, Timing};

/// The shortest wait before a refused call asks again, whatever the refusal says.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The longest: what was estimated may be free much earlier.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Runs single calls. [`RunnerCaller`] is the real one; tests bring their own.
pub trait Caller: Send + Sync + 'static {
    /// Runs one call to its end. `started` is notified when the call has its place; `cancel` calls it off, and
    /// so does dropping the future.
    fn call(
        &self,
        tool: &str,
        params: Map<String, Value>,
        started: Arc<Notify>,
        cancel: CancellationToken,
    ) -> impl Future<Output = Ended> + Send;

    /// Running calls there can be at all.
    fn max_parallel(&self) -> u32;
}

/// How one call ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What it gave.
    pub result: Result<Output, Failure>,
    /// How long it took.
    pub timing: Timing,
    /// What deserves a look though the call is answered.
    pub warnings: Vec<String>,
}

impl From<Failure> for Ended {
    /// A call that never ran.
    fn from(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            timing: Timing::default(),
            warnings: Vec::new(),
        }
    }
}

/// Calls the tools of a [`Runner`].
pub struct RunnerCaller {
    runner: Arc<Runner>,
    context: CallContext,
}

impl RunnerCaller {
    /// Calls in the name of whoever `context` tells; its budget holds for each call.
    pub const fn new(runner: Arc<Runner>, context: CallContext) -> Self {
        Self { runner, context }
    }
}

impl Caller for RunnerCaller {
    async fn call(
        &self,
        tool: &str,
        params: Map<String, Value>,
        started: Arc<Notify>,
        cancel: CancellationToken,
    ) -> Ended {
        let context = CallContext {
            started: Some(started),
            ..self.context.clone()
        };
        match self.runner.prepare(tool, params, context, cancel).await {
            Ok(call) => {
                let outcome = self.runner.call(call).await;
                Ended {
                    result: outcome.result,
                    timing: outcome.timing,
                    warnings: outcome.warnings,
                }
            }
            Err(failure) => failure.into(),
        }
    }

    fn max_parallel(&self) -> u32 {
        self.runner.catalog().limits.max_parallel.get()
    }
}

/// Runs one call and waits out every refusal for want of room, until it has run or is called off.
/// `on_start` is awaited once the call has its place.
pub(super) async fn patiently<C: Caller>(
    caller: &C,
    tool: &str,
    params: Map<String, Value>,
    cancel: &CancellationToken,
    on_start: impl AsyncFnOnce(),
) -> Ended {
    let mut on_start = Some(on_start);
    loop {
        let started = Arc::new(Notify::new());
        let call = caller.call(tool, params.clone(), Arc::clone(&started), cancel.clone());
        // A bug in a call must not leave the batch waiting for it.
        let call = AssertUnwindSafe(call).catch_unwind();
        tokio::pin!(call);
        let first = tokio::select! {
            biased;
            () = started.notified() => None,
            ended = &mut call => Some(ended),
        };
        let ended = if let Some(ended) = first {
            ended
        } else {
            if let Some(tell) = on_start.take() {
                tell().await;
            }
            call.await
        };
        let ended = ended.unwrap_or_else(|_| bug().into());
        let may_have_run = on_start.is_none()
            || !ended.timing.ran.is_zero()
            || started.notified().now_or_never().is_some();
        let Some(wait) = ended.result.as_ref().err().and_then(want_of_room) else {
            return ended;
        };
        if may_have_run || cancel.run_until_cancelled(sleep(wait)).await.is_none() {
            return ended;
        }
    }
}

/// How long to wait before asking again, where a call was turned away for want of room.
fn want_of_room(failure: &Failure) -> Option<Duration> {
    let is_refusal = matches!(
        failure.code,
        FailureCode::QueueFull | FailureCode::QueueTimeout | FailureCode::RateLimited
    );
    let after = failure.retry_after.filter(|_| is_refusal)?;
    Some(after.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

fn bug() -> Failure {
    Failure::new(
        FailureCode::Internal,
        "a bug of the runner ended this call; the batch goes on",
    )
}
