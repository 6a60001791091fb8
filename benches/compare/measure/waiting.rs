//! What a call takes up while it waits for its turn.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use runner::scheduler::{Demand, Scheduler};
use runner::tool::{Groups, RunnerLimits, ToolLimits, ToolName};
use tokio_util::sync::CancellationToken;

use super::subject;

const CALLS: u32 = 100_000;

/// Resident memory of each of 100,000 calls that wait in the scheduler, in bytes.
pub(crate) async fn bytes_of_a_call() -> f64 {
    let name = ToolName::parse("tool").expect("a name");
    let limits = tool();
    let scheduler = Scheduler::new(&whole(), [(&name, &limits)]);
    let never = CancellationToken::new();
    let held = scheduler.admit(Demand::named(&name, &limits), &never).await;
    let before = subject::resident(std::process::id());
    let mut waiting: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::new();
    for _ in 0..CALLS {
        let mut call = Box::pin(scheduler.admit(Demand::named(&name, &limits), &never));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "it has to wait");
        waiting.push(call);
    }
    let after = subject::resident(std::process::id());
    drop(waiting);
    drop(held);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let taken = after.saturating_sub(before) as f64;
    taken / f64::from(CALLS)
}

fn whole() -> RunnerLimits {
    RunnerLimits {
        max_parallel: NonZeroU32::MIN,
        thread_pool_size: NonZeroUsize::MIN,
        queue_size: 2 * CALLS,
        groups: Groups::default(),
    }
}

fn tool() -> ToolLimits {
    ToolLimits {
        max_parallel: NonZeroU32::MIN,
        buckets: Vec::new(),
        group: None,
        queue_size: 2 * CALLS,
        queue_timeout: Duration::from_hours(1),
        per_key: None,
        timeout: Duration::from_secs(30),
        max_timeout: None,
        progress_extends_timeout: None,
        connect: None,
        total: None,
        kill_grace: Duration::from_secs(5),
    }
}
