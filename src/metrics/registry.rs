//! What is known of each operation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::{BOUNDS, Batches, Exposition, Histogram, Kind, Operation, Tally};

/// The label that names an operation.
const OPERATION: &str = "operation_type";

/// What is counted: of each operation that is known, and of no other, so that nobody who makes up names can make
/// it grow.
#[derive(Debug, Default)]
pub struct Metrics {
    /// The counters of an operation are made when it is first called: of ten thousand tools few ever are.
    operations: RwLock<BTreeMap<String, OnceLock<Arc<Operation>>>>,
    unknown: AtomicU64,
    batches: Batches,
}

impl Metrics {
    /// Knows these operations from now on, and no others. What is counted of those it knew stays.
    pub fn know<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let mut operations = self
            .operations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *operations);
        operations.extend(names.into_iter().map(|name| {
            let known = before.remove_entry(name);
            known.unwrap_or_else(|| (name.to_owned(), OnceLock::new()))
        }));
    }

    /// The counters of an operation. What is counted of an unknown one is read by nobody.
    pub fn operation(&self, name: &str) -> Arc<Operation> {
        let operations = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        operations
            .get(name)
            .map(|counted| Arc::clone(counted.get_or_init(Arc::default)))
            .unwrap_or_default()
    }

    /// What is counted of batches.
    pub const fn batches(&self) -> &Batches {
        &self.batches
    }

    /// Counts a call of an operation there is not.
    pub fn unknown_called(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes what is counted of the operations that `is_shown`.
    pub fn expose(&self, text: &mut Exposition, is_shown: impl Fn(&str) -> bool) {
        let operations = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let nothing = Operation::default();
        let shown: Vec<(&str, &Operation)> = operations
            .iter()
            .filter(|(name, _)| is_shown(name))
            .map(|(name, counted)| {
                let counted = counted.get().map_or(&nothing, |counted| &**counted);
                (name.as_str(), counted)
            })
            .collect();
        for (name, help, read) in HISTOGRAMS {
            text.family(name, Kind::Histogram, help);
            for (operation, counted) in &shown {
                histogram(text, operation, read(counted));
            }
        }
        for (name, help, read) in COUNTERS {
            text.family(name, Kind::Counter, help);
            for (operation, counted) in &shown {
                text.sample("", &[(OPERATION, operation)], read(counted));
            }
        }
        for (name, label, help, read) in TALLIES {
            text.family(name, Kind::Counter, help);
            for (operation, counted) in &shown {
                for (word, count) in read(counted).read() {
                    text.sample("", &[(OPERATION, operation), (label, word)], count);
                }
            }
        }
        text.family(
            "runner_unknown_tool_calls_total",
            Kind::Counter,
            "Calls of tools there are not",
        );
        text.sample("", &[], self.unknown.load(Ordering::Relaxed));
        self.batches.expose(text);
    }
}

type Read = fn(&Operation) -> u64;

type Part<T> = fn(&Operation) -> &T;

const HISTOGRAMS: [(&str, &str, Part<Histogram>); 2] = [
    (
        "operation_duration_seconds",
        "How long runs took, from their start, waiting not included",
        |operation| &operation.duration,
    ),
    (
        "runner_queue_wait_seconds",
        "How long attempts waited for their turn, in vain or not",
        |operation| &operation.wait,
    ),
];

const COUNTERS: [(&str, &str, Read); 3] = [
    (
        "operation_errors_total",
        "Runs that failed; those that were called off are not among them",
        Operation::errors,
    ),
    (
        "runner_retries_total",
        "Attempts after the first",
        Operation::retries,
    ),
    (
        "runner_spilled_bytes_total",
        "Bytes of output that were stored because no answer could hold them",
        Operation::spilled_bytes,
    ),
];

const TALLIES: [(&str, &str, &str, Part<Tally>); 6] = [
    (
        "runner_calls_total",
        "outcome",
        "Calls by their outcome: OK, or the code of the failure",
        |operation| &operation.outcomes,
    ),
    (
        "runner_rejections_total",
        "code",
        "Calls turned away before they ran",
        |operation| &operation.rejections,
    ),
    (
        "runner_limiter_decisions_total",
        "decision",
        "What admission decided, by attempt",
        |operation| &operation.decisions,
    ),
    (
        "runner_kills_total",
        "reason",
        "Runs ended by the runner",
        |operation| &operation.kills,
    ),
    (
        "runner_cache_requests_total",
        "result",
        "Calls of tools that cache: hit, shared (the run of an equal call), miss",
        |operation| &operation.cache,
    ),
    (
        "runner_questions_total",
        "outcome",
        "Calls that need a person's word: asked, and what came of it",
        |operation| &operation.questions,
    ),
];

fn histogram(text: &mut Exposition, operation: &str, histogram: &Histogram) {
    let counts = histogram.cumulative();
    let total = counts[BOUNDS.len()];
    for (bound, count) in BOUNDS.iter().zip(counts) {
        // Prometheus 3 writes whole bounds with a fraction, `1.0`; with the same words nothing is renamed.
        let bound = format!("{bound:?}");
        text.sample("_bucket", &[(OPERATION, operation), ("le", &bound)], count);
    }
    text.sample("_bucket", &[(OPERATION, operation), ("le", "+Inf")], total);
    text.sample_f64(
        "_sum",
        &[(OPERATION, operation)],
        histogram.sum().as_secs_f64(),
    );
    text.sample("_count", &[(OPERATION, operation)], total);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_stays_and_what_is_gone_is_not_shown() {
        let metrics = Metrics::default();
        metrics.know(["stays", "goes"]);
        metrics.operation("stays").failed();
        metrics.operation("goes").failed();
        metrics.operation("made up").failed();
        metrics.know(["stays", "new"]);
        assert_eq!(metrics.operation("stays").errors(), 1);
        let mut text = Exposition::default();
        metrics.expose(&mut text, |_| true);
        let text = text.finish();
        assert!(text.contains("operation_errors_total{operation_type=\"stays\"} 1\n"));
        assert!(text.contains("operation_errors_total{operation_type=\"new\"} 0\n"));
        assert!(!text.contains("goes") && !text.contains("made up"));
    }

    #[test]
    fn an_operation_nobody_called_weighs_nothing_and_is_shown_all_the_same() {
        let metrics = Metrics::default();
        metrics.know(["idle", "busy"]);
        metrics.operation("busy").failed();
        let mut text = Exposition::default();
        metrics.expose(&mut text, |_| true);
        let text = text.finish();
        assert!(text.contains("operation_errors_total{operation_type=\"idle\"} 0\n"));
        assert!(text.contains("operation_duration_seconds_count{operation_type=\"idle\"} 0\n"));
        let operations = metrics.operations.read().unwrap();
        let made = operations
            .values()
            .filter(|counted| counted.get().is_some());
        assert_eq!(made.count(), 1);
    }

    #[test]
    fn what_is_not_to_be_shown_is_not_named() {
        let metrics = Metrics::default();
        metrics.know(["seen", "hidden"]);
        metrics.operation("hidden").outcomes.add("OK");
        let mut text = Exposition::default();
        metrics.expose(&mut text, |name| name == "seen");
        assert!(!text.finish().contains("hidden"));
    }
}
