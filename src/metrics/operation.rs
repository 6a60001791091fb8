//! The counters of one operation.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Histogram, Observed, Tally};

/// Parts of a timeout, in percent, above which a run has used most of its time.
const MOST_OF_THE_TIME: u32 = 80;

/// The counters of one operation. All but [`Operation::observed`] only grow.
#[derive(Debug, Default)]
pub struct Operation {
    /// How long runs took, from their start.
    pub duration: Histogram,
    /// How long calls waited for their turn, in vain or not.
    pub wait: Histogram,
    /// Calls by what they came to.
    pub outcomes: Tally,
    /// Calls that were turned away before they ran, by why.
    pub rejections: Tally,
    /// What admission said.
    pub decisions: Tally,
    /// Runs that were ended from outside, by why.
    pub kills: Tally,
    /// What calls found in the cache.
    pub cache: Tally,
    /// What came of asking a person.
    pub questions: Tally,
    errors: AtomicU64,
    retries: AtomicU64,
    spilled_bytes: AtomicU64,
    running: AtomicU32,
    observed: Mutex<Observed>,
}

impl Operation {
    /// Counts a run that failed.
    pub fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs that failed.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Counts another attempt.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts after the first.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Counts bytes of output that were stored because no answer could hold them.
    pub fn spilled(&self, bytes: u64) {
        self.spilled_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of output that were stored.
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled_bytes.load(Ordering::Relaxed)
    }

    /// Notes that a run begins.
    pub fn run_begins(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        let mut observed = self.state();
        observed.most_running = observed.most_running.max(running);
    }

    /// Notes that a run is over.
    pub fn run_ends(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes how long a run took of what it was given, and whether that ended it.
    pub fn ran(&self, ran: Duration, timeout: Duration, is_timeout: bool) {
        self.duration.observe(ran);
        let mut observed = self.state();
        let is_near = is_timeout || ran > timeout * MOST_OF_THE_TIME / 100;
        observed.runs += 1;
        observed.near_timeout += u32::from(is_near);
        observed.timeouts += u32::from(is_timeout);
        observed.longest_run = observed.longest_run.max(ran);
        observed.fade();
    }

    /// Notes what admission said after so long: `count` adds to what that says of the operation.
    pub fn decided(
        &self,
        decision: &'static str,
        waited: Duration,
        count: impl FnOnce(&mut Observed),
    ) {
        self.decisions.add(decision);
        self.wait.observe(waited);
        let mut observed = self.state();
        observed.decisions += 1;
        observed.longest_wait = observed.longest_wait.max(waited);
        count(&mut observed);
        observed.fade();
    }

    /// What the latest calls were like.
    pub fn observed(&self) -> Observed {
        *self.state()
    }

    /// Forgets what the latest calls were like, because the operation is another one now.
    pub fn forget(&self) {
        *self.state() = Observed::default();
    }

    /// Every step leaves the counts whole, so a panic elsewhere does not spoil them.
    fn state(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn most_of_the_time_is_more_than_four_fifths() {
        let operation = Operation::default();
        operation.ran(8 * SECOND, 10 * SECOND, false);
        assert_eq!(operation.observed().near_timeout, 0);
        operation.ran(9 * SECOND, 10 * SECOND, false);
        operation.ran(10 * SECOND, 10 * SECOND, true);
        let observed = operation.observed();
        assert_eq!(
            (observed.runs, observed.near_timeout, observed.timeouts),
            (3, 2, 1)
        );
    }

    #[test]
    fn what_is_long_past_fades_and_counters_do_not() {
        let operation = Operation::default();
        operation.ran(SECOND, SECOND, true);
        for _ in 0..10_000 {
            operation.ran(SECOND, 10 * SECOND, false);
        }
        let observed = operation.observed();
        assert!(observed.runs < 1000, "{observed:?}");
        assert_eq!((observed.timeouts, observed.near_timeout), (0, 0));
        assert_eq!(operation.duration.cumulative().last(), Some(&10_001));
    }

    #[test]
    fn the_most_that_ran_at_once_is_remembered() {
        let operation = Operation::default();
        for _ in 0..3 {
            operation.run_begins();
        }
        operation.run_ends();
        operation.run_begins();
        assert_eq!(operation.observed().most_running, 3);
        operation.forget();
        assert_eq!(operation.observed(), Observed::default());
    }
}
