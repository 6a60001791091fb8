//! How often something took how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds.
pub const BOUNDS: [f64; 12] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// How often something took how long, in buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One for each bound, and one for what is longer than all of them.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds, which last for 584 years.
    sum: AtomicU64,
}

impl Histogram {
    /// Counts one that took so long.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        // A bucket holds its upper bound, as `le` says.
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many took at most as long as each bound; the last is how many there were.
    pub fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut total = 0;
        self.counts.each_ref().map(|count| {
            total += count.load(Ordering::Relaxed);
            total
        })
    }

    /// How long all of them took together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let histogram = Histogram::default();
        for millis in [10, 11, 300_000, 300_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        assert_eq!(
            histogram.cumulative(),
            [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]
        );
        assert_eq!(histogram.sum(), Duration::from_millis(600_022));
    }

    proptest! {
        #[test]
        fn each_bucket_counts_what_is_not_longer(
            millis in prop::collection::vec(0_u64..400_000, 0..50),
        ) {
            let histogram = Histogram::default();
            let durations = millis.iter().copied().map(Duration::from_millis);
            durations.clone().for_each(|duration| histogram.observe(duration));
            let counts = histogram.cumulative();
            for (bound, count) in BOUNDS.iter().zip(counts) {
                let expected = durations.clone().filter(|duration| duration.as_secs_f64() <= *bound);
                prop_assert_eq!(count, expected.count() as u64);
            }
            prop_assert_eq!(counts[BOUNDS.len()], millis.len() as u64);
            prop_assert_eq!(histogram.sum(), durations.sum::<Duration>());
        }
    }
}
