//! How long a worker lives.

use std::fs;
use std::time::Duration;

use tokio::time::Instant;

use super::seat::Reason;
use crate::tool::PersistentWorker;

/// How often the memory of a worker is looked at, at most: a look costs a tenth of a short call.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a worker has done and may do.
#[derive(Debug)]
pub(super) struct Life {
    pid: u32,
    answered: u32,
    max_calls: Option<u32>,
    max_rss: Option<u64>,
    idle_timeout: Duration,
    /// When it was last given up to wait for a call.
    idle_since: Instant,
    looked: Option<Instant>,
}

impl Life {
    pub(super) fn new(worker: &PersistentWorker, pid: u32) -> Self {
        Self {
            pid,
            answered: 0,
            max_calls: worker
                .max_calls
                .map(|calls| sooner(calls.get(), getrandom::u32().unwrap_or(pid))),
            max_rss: worker.max_rss,
            idle_timeout: worker.idle_timeout,
            idle_since: Instant::now(),
            looked: None,
        }
    }

    /// When it has had nothing to do for too long.
    pub(super) fn idle_until(&self) -> Instant {
        self.idle_since + self.idle_timeout
    }

    /// Counts a call that it answered, and says why it is to be replaced, if it is.
    pub(super) fn answered(&mut self) -> Option<Reason> {
        self.answered = self.answered.saturating_add(1);
        self.idle_since = Instant::now();
        if self.max_calls.is_some_and(|most| self.answered >= most) {
            return Some(Reason::MaxCalls);
        }
        let most = self.max_rss?;
        let is_early = |looked: Instant| self.idle_since < looked + LOOK_AGAIN;
        if self.looked.is_some_and(is_early) {
            return None;
        }
        self.looked = Some(self.idle_since);
        resident(self.pid).filter(|bytes| *bytes > most)?;
        Some(Reason::MaxRss)
    }
}

/// Up to a tenth less than `calls`, by a random number: workers that were started together are not to go together.
fn sooner(calls: u32, random: u32) -> u32 {
    calls - random % (calls / 10 + 1)
}

/// The resident memory of a process, in bytes; see `proc_pid_statm(5)`. Reading it waits for nothing.
fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    #[cfg(target_os = "linux")]
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    #[cfg(not(target_os = "linux"))]
    let page = 4096;
    Some(pages * page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_go_at_different_times_and_never_late() {
        let all: std::collections::BTreeSet<u32> = (0..1000).map(|n| sooner(100, n)).collect();
        assert_eq!(all.first(), Some(&90));
        assert_eq!(all.last(), Some(&100));
        for random in [0, 7, u32::MAX] {
            assert_eq!(sooner(1, random), 1);
            assert!((9..=10).contains(&sooner(10, random)));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_some_memory() {
        let bytes = resident(std::process::id()).unwrap();
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
        assert_eq!(resident(u32::MAX), None);
    }
}
