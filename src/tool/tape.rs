//! The latest part of what a call prints, for whoever has to know it before the call ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

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
pub struct Tape(Option<Arc<Mutex<Reels>>>);

#[derive(Debug, Default)]
struct Reels {
    stdout: Reel,
    stderr: Reel,
    is_new: bool,
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

    /// Begins again, as another attempt does.
    pub fn rewind(&self) {
        self.with(|reels| {
            *reels = Reels {
                is_new: true,
                ..Reels::default()
            };
        });
    }

    /// Takes the next bytes of a stream.
    pub fn push(&self, stream: Stream, bytes: &[u8]) {
        self.with(|reels| {
            reels.is_new = true;
            match stream {
                Stream::Stdout => reels.stdout.push(bytes, STDOUT_KEPT),
                Stream::Stderr => reels.stderr.push(bytes, STDERR_KEPT),
            }
        });
    }

    /// What was printed until now, if it is more than when this was asked last.
    pub fn news(&self) -> Option<Printed> {
        self.with(|reels| {
            std::mem::take(&mut reels.is_new).then(|| Printed {
                stdout: reels.stdout.end.iter().copied().collect(),
                stdout_total: reels.stdout.total,
                stderr: reels.stderr.end.iter().copied().collect(),
            })
        })?
    }

    fn with<T>(&self, step: impl FnOnce(&mut Reels) -> T) -> Option<T> {
        let reels = self.0.as_ref()?;
        Some(step(
            &mut reels.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
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
        assert_eq!(tape.news(), None);
    }
}
