//! What the latest calls of an operation were like.

use std::time::Duration;

/// After so many runs or decisions all counts are halved, so that what is long past weighs little.
const MEMORY: u32 = 1000;

/// What the latest calls of an operation were like: the ground that advice stands on. Counts fade, and start anew
/// when the operation changes; those that Prometheus reads never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Runs that have ended.
    pub runs: u32,
    /// Of those, how many used most of their time.
    pub near_timeout: u32,
    /// Of those, how many were ended by their timeout.
    pub timeouts: u32,
    /// The longest run.
    pub longest_run: Duration,
    /// Calls that were let in or turned away.
    pub decisions: u32,
    /// Of those, how many were let in after they had waited.
    pub waited: u32,
    /// Of those, how many found no room to wait.
    pub queue_full: u32,
    /// Of those, how many waited in vain.
    pub queue_timeout: u32,
    /// Of those, how many were over a rate.
    pub rate_limited: u32,
    /// The longest wait.
    pub longest_wait: Duration,
    /// The most that ran at one time.
    pub most_running: u32,
}

impl Observed {
    /// Halves what is counted once there is much of it. Whoever adds to a count calls it.
    pub(super) fn fade(&mut self) {
        if self.runs.max(self.decisions) < MEMORY {
            return;
        }
        for count in [
            &mut self.runs,
            &mut self.near_timeout,
            &mut self.timeouts,
            &mut self.decisions,
            &mut self.waited,
            &mut self.queue_full,
            &mut self.queue_timeout,
            &mut self.rate_limited,
        ] {
            *count /= 2;
        }
        self.longest_run /= 2;
        self.longest_wait /= 2;
        self.most_running = 0;
    }
}
