//! How often each of a few words was said.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often each word was said. The words are part of the program, so there are few of them.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Vec<(&'static str, u64)>>);

impl Tally {
    /// Counts a word once more.
    pub fn add(&self, word: &'static str) {
        self.add_many(word, 1);
    }

    /// Counts a word so many times more.
    pub fn add_many(&self, word: &'static str, more: u64) {
        let mut counts = self.counts();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += more,
            None => counts.push((word, more)),
        }
    }

    /// The words that were said, in their order, and how often.
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        let mut counts = self.counts().clone();
        counts.sort_unstable();
        counts
    }

    /// How often a word was said.
    pub fn of(&self, word: &str) -> u64 {
        let counts = self.counts();
        let found = counts.iter().find(|(known, _)| *known == word);
        found.map_or(0, |(_, count)| *count)
    }

    /// Every step leaves the counts whole, so a panic elsewhere does not spoil them.
    fn counts(&self) -> MutexGuard<'_, Vec<(&'static str, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_each_for_itself() {
        let tally = Tally::default();
        for word in ["late", "full", "late"] {
            tally.add(word);
        }
        assert_eq!(tally.read(), [("full", 1), ("late", 2)]);
        assert_eq!((tally.of("late"), tally.of("never")), (2, 0));
    }
}
