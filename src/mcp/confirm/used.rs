//! That a question is answered once.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Answered questions that are remembered until their time is over. Past it the oldest are forgotten, and all
/// questions as old as they are count as answered.
pub(super) const MOST: usize = 10_000;

/// The questions that were answered, by their numbers, which only grow.
#[derive(Debug, Default)]
pub(super) struct Used {
    until: BTreeMap<u64, Instant>,
    /// Every question below it counts as answered.
    floor: u64,
}

impl Used {
    /// Notes an answer to the question `number`, whose time is over at `until`. False when it had one.
    pub(super) fn note(&mut self, number: u64, until: Instant, now: Instant) -> bool {
        if self.contains(number) {
            return false;
        }
        self.until.insert(number, until);
        while let Some(oldest) = self.until.first_entry()
            && *oldest.get() < now
        {
            // It is refused for its age from now on.
            oldest.remove();
        }
        if self.until.len() > MOST
            && let Some((oldest, _)) = self.until.pop_first()
        {
            self.floor = oldest + 1;
        }
        true
    }

    /// Whether the question counts as answered.
    pub(super) fn contains(&self, number: u64) -> bool {
        number < self.floor || self.until.contains_key(&number)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_nothing_is_answered_twice() {
        let mut used = Used::default();
        let now = Instant::now();
        let later = now + Duration::from_mins(10);
        let many = 2 * MOST as u64;
        // Two questions that wait while many others are answered.
        for number in (0..many).filter(|number| ![5, many - 5].contains(number)) {
            assert!(used.note(number, later, now));
        }
        assert_eq!(used.until.len(), MOST);
        assert!((0..many).all(|number| number == many - 5 || !used.note(number, later, now)));
        assert!(used.contains(5), "as old as what was forgotten");
        assert!(used.note(many - 5, later, now));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut used = Used::default();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for number in 0..100 {
            used.note(number, now + second, now);
        }
        used.note(100, now + 3 * second, now + 2 * second);
        assert_eq!(used.until.len(), 1);
    }
}
