//! Who has waited long enough.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Nanos;
use super::arena::Id;
use super::call::Call;

/// The deadlines of waiting calls, earliest first.
///
/// A call that leaves for another reason leaves its entry behind: that makes leaving free. Such entries
/// are swept once they are the majority, so the heap is never more than twice the calls that wait, and
/// an entry costs constant time on average.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Nanos, Id<Call>)>>,
    left_behind: usize,
}

/// Fewer entries than this are never worth a sweep.
const WORTH_A_SWEEP: usize = 64;

impl Deadlines {
    /// Adds a call that waits.
    pub(super) fn insert(&mut self, deadline: Nanos, call: Id<Call>) {
        self.heap.push(Reverse((deadline, call)));
    }

    /// Notes that a call no longer waits. `waits` says who still does.
    pub(super) fn forget_one(&mut self, waits: impl Fn(Id<Call>) -> bool) {
        self.left_behind += 1;
        if self.heap.len() >= WORTH_A_SWEEP && self.left_behind * 2 > self.heap.len() {
            self.heap.retain(|Reverse((_, call))| waits(*call));
            self.left_behind = 0;
        }
    }

    /// The earliest deadline of a call that still waits.
    pub(super) fn next(&mut self, waits: impl Fn(Id<Call>) -> bool) -> Option<(Nanos, Id<Call>)> {
        loop {
            let Reverse((deadline, call)) = *self.heap.peek()?;
            if waits(call) {
                return Some((deadline, call));
            }
            self.heap.pop();
            self.left_behind = self.left_behind.saturating_sub(1);
        }
    }
}
