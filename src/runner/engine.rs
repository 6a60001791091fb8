//! From a call to its answer: breaker, queue, breaker again, run; and once more where the tool says so.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::{FutureExt, poll};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::account::{Attempt, Wait};
use super::answer::Answer;
use super::backoff;
use super::breaker::Health;
use super::breakers::Breakers;
use super::carrier::Carrier;
use super::journey::{Journey, named};
use crate::executor::Execution;
use crate::metrics::Metrics;
use crate::scheduler::{Demand, Limit, Permit, Refusal, Scheduler};
use crate::tool::{Call, Failure, FailureCode, ValueError};

/// Runs calls, attempt by attempt. Clones share everything.
#[derive(Clone)]
pub(super) struct Engine {
    /// Who may run when.
    pub(super) scheduler: Scheduler,
    /// What carries an attempt out.
    pub(super) carrier: Arc<dyn Carrier>,
    /// What keeps calls away from what keeps failing.
    pub(super) breakers: Breakers,
    /// Cancelled when no new calls are taken any more.
    pub(super) stopping: CancellationToken,
    /// A random number in `[0, 1)`.
    pub(super) random: fn() -> f64,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
}

impl Engine {
    /// Runs `call` to its end. Dropping the future calls it off: its process is ended and its place comes back.
    pub(super) async fn answer(&self, call: &Call) -> Answer {
        // A bug of ours must not leave a caller without an answer, nor take the server down.
        AssertUnwindSafe(self.run(call))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Answer::bug(call))
    }

    async fn run(&self, call: &Call) -> Answer {
        let mut journey = Journey::new(call);
        let key = match key(call) {
            Ok(key) => key,
            Err(failure) => return journey.refused(failure),
        };
        loop {
            if let Err(failure) = self.attempt(call, key.clone(), &mut journey).await {
                return journey.refused(failure);
            }
            match self.next(call, &journey) {
                Next::Again(delay) => {
                    tokio::select! {
                        biased;
                        () = call.cancel.cancelled() => return journey.refused(called_off(call)),
                        () = self.stopping.cancelled() => return journey.decided(Some("the runner is stopping".into())),
                        () = sleep(delay) => {}
                    }
                }
                Next::Done(why) => return journey.decided(why),
            }
        }
    }

    /// One attempt, with everything it needs to be let through. Between attempts a call holds nothing.
    async fn attempt(
        &self,
        call: &Call,
        key: Option<String>,
        journey: &mut Journey<'_>,
    ) -> Result<(), Failure> {
        let breaker = call.tool.circuit_breaker.as_ref();
        if let Some(rules) = breaker {
            self.breakers.look(rules, Instant::now())?;
        }
        let (wait_until, limit) = journey.patience().unzip();
        let demand = Demand::of(&call.tool).key(key).wait_until(wait_until);
        let demand = if journey.attempts() == 0 {
            demand
        } else {
            demand.retry()
        };
        let counters = self.metrics.operation(call.tool.name.as_str());
        if journey.attempts() > 0 {
            counters.retried();
        }
        let wait = Wait::begin(&counters);
        let admitted = self.admitted(demand, call, limit).await;
        wait.end(&admitted);
        let permit = admitted?;
        let pass = match breaker {
            Some(rules) => Some(self.breakers.enter(rules)?),
            None => None,
        };
        journey.starts(permit.queued());
        let shortened = journey.shortened();
        let given = shortened.as_ref().unwrap_or(call);
        let attempt = Attempt::begin(&counters, call, &self.stopping);
        let permit = Arc::new(permit);
        // The next call of a tool with a breaker does not start before that knows how this one ended.
        let held = pass.as_ref().map(|_| Arc::clone(&permit));
        let execution = self.carrier.run(given, permit).await;
        attempt.end(&execution);
        if let Some(pass) = pass {
            pass.end(health(call, &execution));
        }
        drop(held);
        journey.ended(execution, shortened.is_some());
        Ok(())
    }

    async fn admitted(
        &self,
        demand: Demand<'_>,
        call: &Call,
        limit: Option<Limit>,
    ) -> Result<Permit, Failure> {
        let admitting = self.scheduler.admit(demand, &call.cancel);
        tokio::pin!(admitting);
        // What is refused at once was never taken.
        let decided = match poll!(&mut admitting) {
            Poll::Ready(decided) => decided,
            Poll::Pending => {
                call.context.tell_taken();
                admitting.await
            }
        };
        let permit = decided.map_err(|refusal| named(refusal, limit))?;
        call.context.tell_taken();
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => return Err(named(Refusal::Cancelled, None)),
            () = call.context.may_start() => {}
        }
        call.context.tell_started();
        Ok(permit)
    }

    /// Whether the latest attempt is followed by another, and after how long.
    fn next(&self, call: &Call, journey: &Journey<'_>) -> Next {
        let (Some(policy), Some(failure)) = (&call.tool.retry, journey.failure()) else {
            return Next::Done(None);
        };
        if journey.attempts() >= policy.max_attempts.get() || !policy.is_worth_another(failure) {
            return Next::Done(None);
        }
        // What is left of a budget that ended an attempt is meant for its end, not for another one.
        if journey
            .last()
            .is_some_and(|last| is_cut_short(call.timeout(), last))
        {
            return Next::Done(None);
        }
        let delay = backoff::delay(policy, journey.attempts(), (self.random)());
        let start = Instant::now() + delay;
        if journey.deadline().is_some_and(|deadline| start >= deadline) {
            return Next::Done(Some(
                "the time for all attempts is over before the next".into(),
            ));
        }
        // Nobody should wait for what is known to be turned away then.
        match call
            .tool
            .circuit_breaker
            .as_ref()
            .map(|rules| self.breakers.look(rules, start))
        {
            Some(Err(held)) => Next::Done(Some(held.message)),
            _ => Next::Again(delay),
        }
    }
}

/// What follows an attempt.
enum Next {
    /// Another attempt, after this long.
    Again(std::time::Duration),
    /// The answer; with the reason, where another attempt was due and cannot be made.
    Done(Option<String>),
}

/// Whether an attempt was ended though it had less time than `whole`.
fn is_cut_short(whole: Duration, execution: &Execution) -> bool {
    let is_timeout = |failure: &Failure| failure.code == FailureCode::Timeout;
    execution.timeout < whole && execution.result.as_ref().is_err_and(is_timeout)
}

/// What a run says about the health of what the tool calls. A run that was given less than the tool's own
/// `timeout` proves nothing by not ending in time, or any impatient caller could open the breaker for all.
fn health(call: &Call, execution: &Execution) -> Health {
    let Err(failure) = &execution.result else {
        return Health::Good;
    };
    match failure.code.family() {
        _ if is_cut_short(call.tool.limits.timeout, execution) => Health::Unknown,
        "process" | "timeout" | "upstream" => Health::Bad,
        _ => Health::Unknown,
    }
}

/// The value of the call's key, for a tool that has limits by key.
fn key(call: &Call) -> Result<Option<String>, Failure> {
    let Some(limits) = &call.tool.limits.per_key else {
        return Ok(None);
    };
    let key = limits
        .key
        .render(&call.arguments)
        .map_err(|error| invalid_value(&error))?;
    Ok(Some(key))
}

fn invalid_value(error: &ValueError) -> Failure {
    Failure::new(FailureCode::InvalidArguments, error.to_string())
}

fn called_off(call: &Call) -> Failure {
    Failure::new(
        FailureCode::Cancelled,
        format!(
            "`{}` was called off while it waited to be tried again",
            call.tool.name
        ),
    )
}
