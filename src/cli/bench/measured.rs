//! What a load has shown.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::tool::{Failure, Outcome};

/// Times are kept to three significant digits, in microseconds, up to an hour.
const DIGITS: u8 = 3;
const LONGEST_MICROS: u64 = 3_600_000_000;

/// How long calls took, and how they ended.
#[derive(Debug)]
pub(super) struct Measured {
    /// From the moment a call was due to its answer, in microseconds.
    latency: Histogram<u64>,
    /// The part of it in which the tool ran, in microseconds.
    running: Histogram<u64>,
    failures: BTreeMap<&'static str, Failures>,
    /// Calls that were due and never made, because too many were under way.
    pub(super) missed: u64,
    /// How long the load lasted.
    pub(super) elapsed: Duration,
}

/// Failures of one code.
#[derive(Debug)]
struct Failures {
    count: u64,
    /// What the first of them said.
    first: String,
}

impl Measured {
    pub(super) fn new() -> Self {
        let histogram =
            || Histogram::new_with_max(LONGEST_MICROS, DIGITS).expect("the bounds above are sound");
        Self {
            latency: histogram(),
            running: histogram(),
            failures: BTreeMap::new(),
            missed: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// A call has ended, `latency` after it was due.
    pub(super) fn ended(&mut self, outcome: &Outcome, latency: Duration) {
        match &outcome.result {
            Ok(_) => {
                self.latency.saturating_record(micros(latency));
                self.running.saturating_record(micros(outcome.timing.ran));
            }
            Err(failure) => self.failed(failure),
        }
    }

    /// A call has failed. Its time says nothing about the tool.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.failures
            .entry(failure.code.code())
            .or_insert_with(|| Failures {
                count: 0,
                first: failure.message.clone(),
            })
            .count += 1;
    }

    /// Takes in what another caller has measured beside.
    pub(super) fn add(&mut self, other: Self) {
        self.latency
            .add(other.latency)
            .expect("both have one range");
        self.running
            .add(other.running)
            .expect("both have one range");
        for (code, failures) in other.failures {
            self.failures
                .entry(code)
                .and_modify(|known| known.count += failures.count)
                .or_insert(failures);
        }
        self.missed += other.missed;
    }

    /// Calls that succeeded.
    pub(super) fn succeeded(&self) -> u64 {
        self.latency.len()
    }

    /// Calls that failed.
    pub(super) fn failed_calls(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// Successful calls a second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people needs no more than 52 bits"
    )]
    pub(super) fn throughput(&self) -> f64 {
        self.succeeded() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The latency that `percent` of the successful calls kept to.
    pub(super) fn latency(&self, percent: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_percentile(percent))
    }

    /// The longest latency.
    pub(super) fn longest(&self) -> Duration {
        Duration::from_micros(self.latency.max())
    }

    /// The median time in which the tool itself ran.
    pub(super) fn running(&self) -> Duration {
        Duration::from_micros(self.running.value_at_percentile(50.0))
    }

    /// Upper bounds in powers of two microseconds, with how many calls lie under each and over the one before.
    pub(super) fn bars(&self) -> Vec<(Duration, u64)> {
        if self.latency.is_empty() {
            return Vec::new();
        }
        let first = self.latency.min().max(1).ilog2();
        let last = self.latency.max().max(1).ilog2();
        (first..=last)
            .map(|power| {
                let (low, high) = (1_u64 << power, (1_u64 << (power + 1)) - 1);
                (
                    Duration::from_micros(high + 1),
                    self.latency.count_between(low, high),
                )
            })
            .collect()
    }

    /// Each code with its count and the words of the first failure.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static str, u64, &str)> {
        self.failures
            .iter()
            .map(|(code, failures)| (*code, failures.count, failures.first.as_str()))
    }

    /// The figures as data; times in milliseconds.
    pub(super) fn to_json(&self) -> Value {
        let failures: serde_json::Map<String, Value> = self
            .failures()
            .map(|(code, count, _)| (code.to_owned(), count.into()))
            .collect();
        json!({
            "succeeded": self.succeeded(),
            "failed": self.failed_calls(),
            "failures": failures,
            "missed": self.missed,
            "elapsed_ms": millis(self.elapsed),
            "calls_per_second": self.throughput(),
            "latency_ms": {
                "p50": millis(self.latency(50.0)),
                "p90": millis(self.latency(90.0)),
                "p99": millis(self.latency(99.0)),
                "max": millis(self.longest()),
            },
            "ran_ms": {"p50": millis(self.running())},
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::FailureCode;

    fn measured(latencies: &[u64]) -> Measured {
        let mut measured = Measured::new();
        for latency in latencies {
            measured.latency.saturating_record(*latency);
        }
        measured.elapsed = Duration::from_secs(2);
        measured
    }

    #[test]
    fn every_call_is_in_one_bar() {
        let measured = measured(&[1, 2, 3, 900, 1_000, 1_024, 70_000]);
        let bars = measured.bars();
        assert_eq!(bars.iter().map(|(_, count)| count).sum::<u64>(), 7);
        assert_eq!(bars.first().map(|(bound, _)| bound.as_micros()), Some(2));
        assert!(bars.windows(2).all(|pair| pair[1].0 == pair[0].0 * 2));
        assert!(self::measured(&[]).bars().is_empty());
    }

    #[test]
    fn callers_add_up() {
        let mut one = measured(&[1_000; 3]);
        let mut other = measured(&[3_000]);
        other.missed = 2;
        let failure = Failure::new(FailureCode::Timeout, "too long");
        one.failed(&failure);
        other.failed(&failure);
        other.failed(&Failure::new(FailureCode::QueueFull, "no room"));
        one.add(other);
        assert_eq!((one.succeeded(), one.failed_calls(), one.missed), (4, 3, 2));
        assert!((one.throughput() - 2.0).abs() < 1e-9);
        let failures: Vec<_> = one.failures().collect();
        assert_eq!(
            failures,
            [("QUEUE_FULL", 1, "no room"), ("TIMEOUT", 2, "too long")]
        );
        assert_eq!(one.latency(50.0).as_millis(), 1);
    }
}
