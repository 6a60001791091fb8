//! When something that changes has come to rest.

use std::time::Duration;

use tokio::time::Instant;

/// How long what was seen has to stay the same. Saving takes an editor a few milliseconds and several steps.
const QUIET: Duration = Duration::from_millis(100);

/// How long a file has to be missing: some programs remove it and write it anew.
const QUIET_WHEN_MISSING: Duration = Duration::from_secs(1);

/// What never rests is taken as it is after this long.
const AT_MOST: Duration = Duration::from_secs(3);

/// Tells a change that is over from one that is under way, by looks at the same thing.
#[derive(Debug)]
pub(super) struct Settling<S> {
    settled: S,
    change: Option<Change<S>>,
}

#[derive(Debug)]
struct Change<S> {
    seen: S,
    /// Since when just this is seen.
    since: Instant,
    /// When it was first seen that something changes.
    began: Instant,
}

impl<S: PartialEq> Settling<S> {
    /// At rest, as it is seen now.
    pub(super) const fn new(settled: S) -> Self {
        Self {
            settled,
            change: None,
        }
    }

    /// Whether a change is under way, so that it is worth looking often.
    pub(super) const fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    /// Takes note of a look: whether a change has come to rest with it. `is_missing` asks for more patience.
    pub(super) fn see(&mut self, now: Instant, seen: S, is_missing: bool) -> bool {
        let Some(change) = &mut self.change else {
            if seen != self.settled {
                self.change = Some(Change {
                    seen,
                    since: now,
                    began: now,
                });
            }
            return false;
        };
        if change.seen != seen {
            (change.seen, change.since) = (seen, now);
        }
        let quiet = if is_missing {
            QUIET_WHEN_MISSING
        } else {
            QUIET
        };
        if now - change.since < quiet && now - change.began < AT_MOST {
            return false;
        }
        if let Some(change) = self.change.take() {
            self.settled = change.seen;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments, in milliseconds, at which changes settle, for looks given as moment and sight; 0 is missing.
    fn settled(looks: &[(u64, u32)]) -> Vec<u64> {
        let start = Instant::now();
        let mut settling = Settling::new(1);
        looks
            .iter()
            .filter(|(at, seen)| {
                settling.see(start + Duration::from_millis(*at), *seen, *seen == 0)
            })
            .map(|(at, _)| *at)
            .collect()
    }

    #[test]
    fn what_stays_the_same_never_settles_anew() {
        assert_eq!(settled(&[(0, 1), (250, 1), (99_000, 1)]), [0_u64; 0]);
    }

    #[test]
    fn a_change_settles_once_when_it_was_quiet() {
        assert_eq!(settled(&[(0, 2), (99, 2), (100, 2), (250, 2)]), [100]);
    }

    #[test]
    fn each_further_change_begins_the_wait_anew() {
        let looks = [(0, 2), (90, 3), (180, 4), (270, 4), (280, 4), (500, 4)];
        assert_eq!(settled(&looks), [280]);
    }

    #[test]
    fn a_file_that_is_removed_and_written_settles_as_the_new_one() {
        let looks = [(0, 0), (100, 0), (900, 0), (950, 2), (1040, 2), (1050, 2)];
        assert_eq!(settled(&looks), [1050]);
    }

    #[test]
    fn a_file_that_stays_away_is_missed_in_the_end() {
        assert_eq!(settled(&[(0, 0), (999, 0), (1000, 0), (5000, 0)]), [1000]);
    }

    #[test]
    fn what_never_rests_is_taken_as_it_is() {
        let looks: Vec<(u64, u32)> = (2..102).map(|n| (50 * (u64::from(n) - 2), n)).collect();
        assert_eq!(settled(&looks), [3000]);
    }
}
