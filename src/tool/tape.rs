//! The latest part of what a call prints, for whoever has to know it before the call ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept of standard output, in bytes.
const STDOUT_KEPT: usize = 64 * 1024;

/// What is kept of standard error, in bytes.
const STDERR_KEPT: usize = 16 * 1024;

/// One of the two streams a script prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Its result.
    Stdout,
    /// Its log.
    Stderr,
}

/// Keeps the latest part of what a call prints. Nothing, where nobody looks, as with the default one. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Tape(Option<Arc<Mutex<Player>>>);

/// What is printed, and how much of that was seen. Several may look at the same.
#[derive(Debug, Default)]
struct Player {
    reels: Arc<Mutex<Reels>>,
    seen: u64,
}

#[derive(Debug, Default)]
struct Reels {
    stdout: Reel,
    stderr: Reel,
    changes: u64,
}

/// The end of one stream.
#[derive(Debug, Default)]
struct Reel {
    end: VecDeque<u8>,
    total: u64,
}

/// What a call has printed so far, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// The end of its result.
    pub stdout: Vec<u8>,
    /// How long its result is until now, in bytes.
    pub stdout_total: u64,
    /// The end of its log.
    pub stderr: Vec<u8>,
}

impl Tape {
    /// A tape that is looked at.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Shows from now on what another tape does, and has shown. Nothing changes where nobody looks at this one, or where the
    /// other one keeps nothing.
    pub fn follow(&self, other: &Self) {
        let (Some(ours), Some(theirs)) = (&self.0, &other.0) else {
            return;
        };
        if Arc::ptr_eq(ours, theirs) {
            return;
        }
        let reels = Arc::clone(&locked(theirs).reels);
        *locked(ours) = Player { reels, seen: 0 };
    }

    /// Begins again, as another attempt does.
    pub fn rewind(&self) {
        self.with(|reels| {
            (reels.stdout, reels.stderr) = (Reel::default(), Reel::default());
        });
    }

    /// Takes the next bytes of a stream.
    pub fn push(&self, stream: Stream, bytes: &[u8]) {
        self.with(|reels| match stream {
            Stream::Stdout => reels.stdout.push(bytes, STDOUT_KEPT),
            Stream::Stderr => reels.stderr.push(bytes, STDERR_KEPT),
        });
    }

    /// What was printed until now; `None` where nobody looks.
    pub fn printed(&self) -> Option<Printed> {
        let reels = Arc::clone(&locked(self.0.as_ref()?).reels);
        let reels = locked(&reels);
        Some(reels.printed())
    }

    /// What was printed until now, if it is more than when this was asked last.
    pub fn news(&self) -> Option<Printed> {
        let mut player = locked(self.0.as_ref()?);
        let reels = Arc::clone(&player.reels);
        let reels = locked(&reels);
        let is_new = std::mem::replace(&mut player.seen, reels.changes) != reels.changes;
        is_new.then(|| reels.printed())
    }

    fn with(&self, step: impl FnOnce(&mut Reels)) {
        let Some(player) = &self.0 else { return };
        let reels = Arc::clone(&locked(player).reels);
        let mut reels = locked(&reels);
        reels.changes += 1;
        step(&mut reels);
    }
}

impl Reels {
    fn printed(&self) -> Printed {
        Printed {
            stdout: self.stdout.end.iter().copied().collect(),
            stdout_total: self.stdout.total,
            stderr: self.stderr.end.iter().copied().collect(),
        }
    }
}

/// Every step leaves what is locked whole.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reel {
    fn push(&mut self, bytes: &[u8], most: usize) {
        self.total += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(most)..];
        let surplus = (self.end.len() + bytes.len()).saturating_sub(most);
        self.end.drain(..surplus);
        self.end.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_told_once() {
        let tape = Tape::new();
        assert_eq!(tape.news(), None);
        for number in 0..100_u8 {
            tape.push(Stream::Stdout, &[number; 1000]);
        }
        tape.push(Stream::Stderr, &vec![1; 100_000]);
        let printed = tape.news().unwrap();
        assert_eq!(printed.stdout.len(), STDOUT_KEPT);
        assert_eq!(printed.stdout.last(), Some(&99));
        assert_eq!(printed.stdout_total, 100_000);
        assert_eq!(printed.stderr.len(), STDERR_KEPT);
        assert_eq!(tape.news(), None);
        tape.rewind();
        assert_eq!(tape.news(), Some(Printed::default()));
    }

    #[test]
    fn a_tape_nobody_looks_at_keeps_nothing() {
        let tape = Tape::default();
        tape.push(Stream::Stdout, b"x");
        assert_eq!((tape.news(), tape.printed()), (None, None));
        tape.follow(&Tape::new());
        assert_eq!(tape.printed(), None);
    }

    #[test]
    fn several_may_look_at_one_and_each_is_told_all() {
        let (tape, other) = (Tape::new(), Tape::new());
        tape.push(Stream::Stdout, b"one ");
        assert_eq!(tape.news().unwrap().stdout, b"one ");
        other.follow(&tape);
        tape.follow(&tape.clone());
        assert_eq!(other.news().unwrap().stdout, b"one ");
        tape.push(Stream::Stdout, b"two");
        for tape in [&tape, &other] {
            assert_eq!(tape.news().unwrap().stdout, b"one two");
            assert_eq!(tape.news(), None);
        }
        other.follow(&Tape::default());
        assert_eq!(other.printed().unwrap().stdout_total, 7);
    }
}
