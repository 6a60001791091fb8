//! More and more callers, until more of them bring nothing.

use super::measured::Measured;

/// Callers of the first level; each further level has twice as many.
const FIRST: u32 = 1;

/// A level counts as better when it has this much more throughput than the best before it.
const BETTER: f64 = 1.05;

/// Levels in a row that are not better end the sweep.
const PATIENCE: usize = 2;

/// The suggested level is the smallest with this share of the best throughput: callers beyond it only wait.
const ENOUGH: f64 = 0.95;

/// The levels of a sweep, in order.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    levels: Vec<(u32, Measured)>,
}

impl Sweep {
    /// How many callers come next; `None` when enough is known, or `most` is reached.
    pub(super) fn next(&self, most: u32) -> Option<u32> {
        let Some((last, _)) = self.levels.last() else {
            return Some(FIRST.min(most));
        };
        let next = last.saturating_mul(2).min(most);
        (next > *last && !self.has_stopped_growing()).then_some(next)
    }

    fn has_stopped_growing(&self) -> bool {
        let mut best = 0.0_f64;
        let mut without = 0;
        for (_, measured) in &self.levels {
            let throughput = measured.throughput();
            without = if throughput > best * BETTER {
                0
            } else {
                without + 1
            };
            best = best.max(throughput);
        }
        without >= PATIENCE
    }

    /// What a level has shown.
    pub(super) fn push(&mut self, callers: u32, measured: Measured) {
        self.levels.push((callers, measured));
    }

    /// Every level, in order.
    pub(super) fn levels(&self) -> &[(u32, Measured)] {
        &self.levels
    }

    /// The level to be suggested; `None` where no call has succeeded.
    pub(super) fn suggested(&self) -> Option<&(u32, Measured)> {
        let throughputs = self
            .levels
            .iter()
            .map(|(_, measured)| measured.throughput());
        let best = throughputs.fold(0.0, f64::max);
        self.levels.iter().find(|(_, measured)| {
            measured.succeeded() > 0 && measured.throughput() >= best * ENOUGH
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tool::{CallId, Outcome, Output, Timing, ToolName};

    fn at(throughput: u64) -> Measured {
        let mut measured = Measured::new();
        let outcome = Outcome {
            call: CallId::random(),
            tool: ToolName::parse("tool").unwrap(),
            result: Ok(Output::default()),
            timing: Timing::default(),
            warnings: Vec::new(),
        };
        for _ in 0..throughput {
            measured.ended(&outcome, Duration::from_millis(1));
        }
        measured.elapsed = Duration::from_secs(1);
        measured
    }

    fn swept(throughputs: &[u64], most: u32) -> Sweep {
        let mut sweep = Sweep::default();
        for throughput in throughputs {
            let Some(callers) = sweep.next(most) else {
                break;
            };
            sweep.push(callers, at(*throughput));
        }
        sweep
    }

    fn callers(sweep: &Sweep) -> Vec<u32> {
        sweep.levels().iter().map(|(callers, _)| *callers).collect()
    }

    #[test]
    fn it_ends_when_more_callers_bring_nothing() {
        let sweep = swept(&[100, 190, 360, 365, 362, 999], 64);
        assert_eq!(callers(&sweep), [1, 2, 4, 8, 16]);
        assert_eq!(sweep.next(64), None);
        assert_eq!(sweep.suggested().map(|(callers, _)| *callers), Some(4));
    }

    #[test]
    fn it_ends_at_the_most_callers() {
        let sweep = swept(&[100, 200, 300, 400, 500, 600], 12);
        assert_eq!(callers(&sweep), [1, 2, 4, 8, 12]);
        assert_eq!(sweep.next(12), None);
        assert_eq!(sweep.suggested().map(|(callers, _)| *callers), Some(12));
    }

    #[test]
    fn one_bad_level_does_not_end_it() {
        let sweep = swept(&[100, 90, 300, 600], 8);
        assert_eq!(callers(&sweep), [1, 2, 4, 8]);
    }

    #[test]
    fn nothing_is_suggested_where_nothing_succeeds() {
        let sweep = swept(&[0, 0, 0], 64);
        assert_eq!(callers(&sweep), [1, 2]);
        assert!(sweep.suggested().is_none());
    }
}
