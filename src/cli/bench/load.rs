//! Who calls, and when.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::measured::Measured;
use crate::runner::Runner;
use crate::tool::{CallContext, Failure, Outcome};

/// Calls of an open loop that may be under way at once; one that is due beyond them is counted as missed.
const MOST_UNDER_WAY: usize = 4096;

/// One call, made again and again.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) runner: Arc<Runner>,
    pub(super) tool: Arc<str>,
    pub(super) arguments: Map<String, Value>,
    /// Ends the load and every call of it.
    pub(super) cancel: CancellationToken,
}

impl Subject {
    /// One call from its preparation to its outcome.
    ///
    /// # Errors
    /// The refusal of a call that could not be made at all.
    pub(super) async fn call(&self) -> Result<Outcome, Failure> {
        let context = CallContext {
            client: "runner bench".to_owned(),
            // Who starts a benchmark of a tool that asks has said `--yes`.
            is_confirmed: true,
            ..CallContext::default()
        };
        let arguments = self.arguments.clone();
        let call = self
            .runner
            .prepare(&self.tool, arguments, context, self.cancel.child_token())
            .await?;
        Ok(self.runner.call(call).await)
    }

    /// Makes the call that was due at `due`; gives its outcome and how long after that it came.
    async fn timed(&self, due: Instant) -> Timed {
        let outcome = self.call().await;
        Timed {
            outcome,
            latency: due.elapsed(),
            was_called_off: self.cancel.is_cancelled(),
        }
    }
}

/// A call that has ended.
struct Timed {
    outcome: Result<Outcome, Failure>,
    latency: Duration,
    /// Whether it ended with the load, which says nothing about the tool.
    was_called_off: bool,
}

impl Measured {
    fn count(&mut self, timed: &Timed) {
        match &timed.outcome {
            _ if timed.was_called_off => {}
            Ok(outcome) => self.ended(outcome, timed.latency),
            Err(failure) => self.failed(failure),
        }
    }
}

/// A closed loop: each of `callers` calls again as soon as it has its answer, for `duration`.
pub(super) async fn closed(subject: &Subject, callers: NonZeroU32, duration: Duration) -> Measured {
    let begin = Instant::now();
    let mut loops = JoinSet::new();
    for _ in 0..callers.get() {
        let subject = subject.clone();
        loops.spawn(async move {
            let mut measured = Measured::new();
            while begin.elapsed() < duration && !subject.cancel.is_cancelled() {
                measured.count(&subject.timed(Instant::now()).await);
            }
            measured
        });
    }
    let mut measured = Measured::new();
    while let Some(one) = loops.join_next().await {
        if let Ok(one) = one {
            measured.add(one);
        }
    }
    measured.elapsed = begin.elapsed();
    measured
}

/// An open loop: a call is due `rate` times a second, whether or not those before it have their answers. Latency
/// counts from the moment a call was due, so that a stall is not hidden by the calls it held up.
pub(super) async fn open(subject: &Subject, rate: f64, duration: Duration) -> Measured {
    let begin = Instant::now();
    let mut measured = Measured::new();
    let mut under_way = JoinSet::new();
    for number in 0_u32.. {
        let offset = Duration::from_secs_f64(f64::from(number) / rate);
        if offset >= duration {
            break;
        }
        let due = begin + offset;
        tokio::select! {
            () = sleep_until(due) => {}
            () = subject.cancel.cancelled() => break,
        }
        while let Some(Ok(timed)) = under_way.try_join_next() {
            measured.count(&timed);
        }
        if under_way.len() >= MOST_UNDER_WAY {
            measured.missed += 1;
            continue;
        }
        let subject = subject.clone();
        under_way.spawn(async move { subject.timed(due).await });
    }
    while let Some(Ok(timed)) = under_way.join_next().await {
        measured.count(&timed);
    }
    measured.elapsed = begin.elapsed();
    measured
}
