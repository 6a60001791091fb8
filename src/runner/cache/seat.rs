//! A call that waits for a run which equal calls share.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Cache;
use super::flight::{Flight, News, Pending};
use super::key::Key;
use crate::runner::answer::Answer;
use crate::tool::{Call, Failure, FailureCode, Timing, remedy, spoken};

/// A place among those who wait for a run. The run goes on for as long as one is taken: to drop the last is to
/// end the run as a call is ended whose client has gone.
pub(super) struct Seat {
    cache: Cache,
    key: Key,
    number: u64,
    pending: Pending,
    news: News,
    cancel: CancellationToken,
    /// Whether the run was started for this call.
    is_first: bool,
    has_left: bool,
}

/// Why a call leaves before the answer is there.
enum Leaving {
    CalledOff,
    OutOfTime,
}

impl Seat {
    /// A seat in `flight`, which counts it already.
    pub(super) fn in_flight(cache: &Cache, key: Key, flight: &Flight, is_first: bool) -> Self {
        Self {
            cache: cache.clone(),
            key,
            number: flight.number,
            pending: flight.pending.clone(),
            news: flight.news.clone(),
            cancel: flight.cancel.clone(),
            is_first,
            has_left: false,
        }
    }

    /// Whether the run was started for another call.
    pub(super) const fn is_followers(&self) -> bool {
        !self.is_first
    }

    /// The answer to `call`, or what it is told when it leaves earlier.
    pub(super) async fn wait(mut self, call: &Call) -> Answer {
        let since = Instant::now();
        if self.is_followers() {
            // Who started the run is told by the queue.
            call.context.tell_taken();
        }
        self.news.show(&call.context);
        let out_of_time = leaves_at(call, since);
        let leaving = if out_of_time.is_some_and(|at| at <= since) {
            Leaving::OutOfTime
        } else {
            tokio::select! {
                biased;
                () = call.cancel.cancelled() => Leaving::CalledOff,
                answer = self.pending.clone() => {
                    self.news.catch_up(&call.context);
                    return self.delivered(&answer, since);
                }
                () = until(out_of_time) => Leaving::OutOfTime,
                () = self.news.hand_on(&call.context) => Leaving::CalledOff,
            }
        };
        if let Some(answer) = self.pending.peek() {
            return self.delivered(answer, since);
        }
        if !self.leave() {
            return left(call, &leaving, since);
        }
        // The last to leave ends the run, and learns what it printed until then.
        self.cancel.cancel();
        let mut answer = self.delivered(&*self.pending.clone().await, since);
        if let (Err(failure), Leaving::OutOfTime) = (&mut answer.result, leaving)
            && failure.code == FailureCode::Cancelled
        {
            out_of_time_after(failure, call, since.elapsed());
        }
        answer
    }

    /// The answer as this call sees it: those who followed ran nothing.
    fn delivered(&self, answer: &Answer, since: Instant) -> Answer {
        let mut answer = answer.clone();
        if !self.is_first {
            answer.timing = Timing {
                queued: since.elapsed(),
                timeout: answer.timing.timeout,
                cached: true,
                ..Timing::default()
            };
        }
        answer
    }

    /// Gives up the seat. Whether it was the last; then nobody can take another.
    fn leave(&mut self) -> bool {
        if std::mem::replace(&mut self.has_left, true) {
            return false;
        }
        let mut state = self.cache.state();
        let flight = state.flights.get_mut(&self.key);
        let Some(flight) = flight.filter(|flight| flight.number == self.number) else {
            // It has landed: nobody has to end it.
            return false;
        };
        flight.waiting -= 1;
        if flight.waiting > 0 {
            return false;
        }
        let ended = state.remove(&self.key, self.number);
        drop(state);
        ended.is_some()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

/// When a call with a budget leaves: what the run would need to end politely is set aside, at most a quarter.
fn leaves_at(call: &Call, now: Instant) -> Option<Instant> {
    let left = call.context.remaining(now)?;
    Some(now + left - call.tool.limits.kill_grace.min(left / 4))
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What a call is told that leaves a run which goes on for others.
fn left(call: &Call, leaving: &Leaving, since: Instant) -> Answer {
    let tool = &call.tool.name;
    let failure = match leaving {
        Leaving::CalledOff => Failure::new(
            FailureCode::Cancelled,
            format!("`{tool}` was called off; it goes on for others who asked the same"),
        ),
        Leaving::OutOfTime => {
            let mut failure = Failure::new(FailureCode::Timeout, String::new());
            out_of_time_after(&mut failure, call, since.elapsed());
            failure
        }
    };
    Answer::failed(call, with_printed(failure, call))
}

/// What the run had printed when the call left, where anybody noted that.
fn with_printed(failure: Failure, call: &Call) -> Failure {
    let Some(printed) = call.context.tape.printed() else {
        return failure;
    };
    failure
        .with("stdout", String::from_utf8_lossy(&printed.stdout))
        .with("stdout_bytes", printed.stdout_total)
        .with("stderr", String::from_utf8_lossy(&printed.stderr))
}

fn out_of_time_after(failure: &mut Failure, call: &Call, waited: Duration) {
    failure.code = FailureCode::Timeout;
    failure.message = format!(
        "`{}` gave no answer within {}, all that the caller granted",
        call.tool.name,
        spoken(waited)
    );
    failure.remediation = Some(remedy::larger_budget(call));
}
