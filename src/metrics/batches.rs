//! What is counted of batches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{BOUNDS, Exposition, Histogram, Kind, Tally};

/// What is counted of batches: how many run, how they and their calls ended, and how long they took.
#[derive(Debug, Default)]
pub struct Batches {
    running: AtomicU64,
    ends: Tally,
    calls: Tally,
    duration: Histogram,
}

/// A batch that runs. One that is dropped without an end was called off.
#[derive(Debug)]
pub struct RunningBatch<'a> {
    batches: &'a Batches,
    has_ended: bool,
}

impl Batches {
    /// A batch begins.
    pub fn begin(&self) -> RunningBatch<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        RunningBatch {
            batches: self,
            has_ended: false,
        }
    }

    /// Writes all of it. It names nobody.
    pub(super) fn expose(&self, text: &mut Exposition) {
        text.family("runner_batches_running", Kind::Gauge, "Batches that run");
        text.sample("", &[], self.running.load(Ordering::Relaxed));
        for (name, help, tally) in [
            (
                "runner_batches_total",
                "Batches by how they ended",
                &self.ends,
            ),
            (
                "runner_batch_calls_total",
                "Calls of batches by how they ended",
                &self.calls,
            ),
        ] {
            text.family(name, Kind::Counter, help);
            for (word, count) in tally.read() {
                text.sample("", &[("outcome", word)], count);
            }
        }
        text.family(
            "runner_batch_duration_seconds",
            Kind::Histogram,
            "How long batches took, from their start to their last call",
        );
        let counts = self.duration.cumulative();
        let bounds = BOUNDS.iter().map(|bound| format!("{bound:?}"));
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
            text.sample("_bucket", &[("le", &bound)], count);
        }
        text.sample_f64("_sum", &[], self.duration.sum().as_secs_f64());
        text.sample("_count", &[], counts[BOUNDS.len()]);
    }
}

impl RunningBatch<'_> {
    /// It has ended in a word, after so long, with so many calls for each of some words.
    pub fn end(mut self, word: &'static str, took: Duration, calls: &[(&'static str, usize)]) {
        self.has_ended = true;
        self.batches.ends.add(word);
        self.batches.duration.observe(took);
        for (word, count) in calls {
            self.batches.calls.add_many(word, *count as u64);
        }
    }
}

impl Drop for RunningBatch<'_> {
    fn drop(&mut self) {
        self.batches.running.fetch_sub(1, Ordering::Relaxed);
        if !self.has_ended {
            self.batches.ends.add("cancelled");
        }
    }
}
