//! What is known of a call across its attempts, and how much time it has left.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;
use super::stored_list::StoredList;
use crate::executor::Execution;
use crate::scheduler::{Limit, Refusal};
use crate::tool::{Call, Failure, FailureCode, Timing, spoken};

/// A call on its way through its attempts.
///
/// Three spans bound it: the tool's `queue_timeout` all its waiting, the `total` of its class of timeouts all its
/// attempts from the first start, the caller's budget everything. The tool's `timeout` bounds each attempt, and
/// is the executor's business.
pub(super) struct Journey<'a> {
    call: &'a Call,
    /// Waiting in queues, of all attempts.
    queued: Duration,
    /// Attempts that were started.
    attempts: u32,
    first_start: Option<Instant>,
    latest_start: Option<Instant>,
    /// When the budget of the caller ends.
    callers_end: Option<Instant>,
    /// The latest attempt.
    last: Option<Execution>,
}

impl<'a> Journey<'a> {
    /// A call that begins its journey.
    pub(super) fn new(call: &'a Call) -> Self {
        let now = Instant::now();
        Self {
            call,
            queued: Duration::ZERO,
            attempts: 0,
            first_start: None,
            latest_start: None,
            callers_end: call.context.remaining(now).map(|left| now + left),
            last: None,
        }
    }

    /// Attempts that were started.
    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The latest attempt.
    pub(super) const fn last(&self) -> Option<&Execution> {
        self.last.as_ref()
    }

    /// Why the latest attempt failed, if it did.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.last.as_ref()?.result.as_ref().err()
    }

    /// When `total` is over, once the first attempt has started.
    fn totals_end(&self) -> Option<Instant> {
        Some(self.first_start? + self.call.total()?)
    }

    /// When an attempt must have started to be of use.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.callers_end.into_iter().chain(self.totals_end()).min()
    }

    /// Until when the next attempt may wait for its turn, where that is sooner than the tool's own
    /// `queue_timeout`, and which limit says so.
    pub(super) fn patience(&self) -> Option<(Instant, Limit)> {
        let tool = &self.call.tool;
        let waited = self.attempts > 0;
        let left = tool.limits.queue_timeout.saturating_sub(self.queued);
        let queue = waited.then(|| {
            (
                Instant::now() + left,
                Limit::QueueTimeout(tool.name.clone()),
            )
        });
        let total = self.totals_end();
        let callers = self.callers_end.map(|end| (end, Limit::CallerDeadline));
        let ends = queue
            .into_iter()
            .chain(total.map(|end| (end, Limit::Total(tool.name.clone()))))
            .chain(callers);
        ends.min_by_key(|(end, _)| *end)
    }

    /// Notes that the call waited and starts now.
    pub(super) fn starts(&mut self, queued: Duration) {
        self.queued += queued;
        self.attempts += 1;
        let now = Instant::now();
        self.first_start.get_or_insert(now);
        self.latest_start = Some(now);
    }

    /// The call with less time, where `total` leaves the attempt that starts now less than it may take. The
    /// first attempt of a class with one figure for both has all of it: time between two looks at the
    /// clock does not count.
    pub(super) fn shortened(&self) -> Option<Call> {
        let now = self.latest_start?;
        let left = self.totals_end()?.saturating_duration_since(now);
        let callers = self.call.context.remaining(now);
        if left >= self.call.timeout() || callers.is_some_and(|callers| callers <= left) {
            return None;
        }
        let mut call = self.call.clone();
        call.context.budget = Some(left);
        call.context.received = Some(now);
        Some(call)
    }

    /// Notes what an attempt gave. `is_shortened` says that it had only what `total` left it.
    pub(super) fn ended(&mut self, mut execution: Execution, is_shortened: bool) {
        if let (true, Err(failure)) = (is_shortened, &mut execution.result)
            && failure.code == FailureCode::Timeout
        {
            let total = self.call.total().unwrap_or_default();
            failure.message = format!(
                "`{}` was ended after {}: the {} for all its attempts were over",
                self.call.tool.name,
                spoken(execution.ran),
                spoken(total)
            );
            failure.remediation =
                Some(
                    "ask for less in one call, such as fewer items or a narrower query, or raise `total` of the tool's class under `timeouts`"
                        .into(),
                );
        }
        self.last = Some(execution);
    }

    /// The answer when the latest attempt decides. `stopped` says why there was no further one, where
    /// the tool's `retry` would have allowed it.
    pub(super) fn decided(mut self, stopped: Option<String>) -> Answer {
        let Some(execution) = self.last.take() else {
            return self.refused(Failure::new(
                FailureCode::Internal,
                "the call ended before it began",
            ));
        };
        let mut warnings = execution.warnings;
        let mut result = execution.result;
        let retry = self.call.tool.retry.as_ref();
        match (&mut result, retry) {
            (Err(failure), Some(_)) => {
                failure.data.insert("attempts".into(), self.attempts.into());
            }
            (Ok(_), Some(retry)) if self.attempts > 1 => warnings.push(format!(
                "succeeded at attempt {} of {}",
                self.attempts, retry.max_attempts
            )),
            _ => {}
        }
        warnings.extend(stopped.map(|why| format!("not tried again: {why}")));
        Answer {
            result,
            timing: Timing {
                queued: self.queued,
                ran: execution.ran,
                timeout: execution.timeout,
                attempts: self.attempts,
                cached: false,
            },
            warnings,
            list: StoredList::default(),
        }
    }

    /// The answer when the next attempt was turned away: the reason, when it is the first or the caller's, else
    /// what the latest attempt failed with.
    pub(super) fn refused(self, failure: Failure) -> Answer {
        let is_callers = failure.code == FailureCode::Cancelled;
        if self.last.is_some() && !is_callers {
            return self.decided(Some(failure.message));
        }
        let mut failure = failure;
        let queued = self.queued.max(self.waited_in_vain());
        let (mut warnings, mut ran) = (Vec::new(), Duration::ZERO);
        if let Some(last) = self.last {
            ran = last.ran;
            warnings = last.warnings;
            // What the attempts so far printed is all there is to show for them.
            failure.data = last.result.err().map(|last| last.data).unwrap_or_default();
            failure = failure.with("attempts", self.attempts);
        }
        Answer {
            result: Err(failure),
            timing: Timing {
                queued,
                ran,
                timeout: self.call.timeout(),
                attempts: self.attempts,
                cached: false,
            },
            warnings,
            list: StoredList::default(),
        }
    }

    /// Waiting that ended without a start is not measured by a permit.
    fn waited_in_vain(&self) -> Duration {
        match (self.attempts, self.call.context.received) {
            (0, Some(received)) => received.elapsed(),
            _ => Duration::ZERO,
        }
    }
}

/// Why admission turned an attempt away, by the name of the limit that did.
pub(super) fn named(refusal: Refusal, patience: Option<Limit>) -> Failure {
    let refusal = match (refusal, patience) {
        (
            Refusal::QueueTimeout {
                tool,
                limit: Limit::CallerDeadline,
                waited,
                held_by,
                ahead,
                retry_after,
            },
            Some(limit),
        ) => Refusal::QueueTimeout {
            tool,
            limit,
            waited,
            held_by,
            ahead,
            retry_after,
        },
        (refusal, _) => refusal,
    };
    refusal.into()
}
