//! What is still to be written to a worker.

use std::collections::VecDeque;
use std::io;

/// Lines on their way: those of the calls that a worker has, each with a word about its end.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    lines: VecDeque<Line>,
    /// Bytes of the first line that are written.
    written: usize,
}

#[derive(Debug)]
struct Line {
    /// The call that it begins.
    number: Option<u64>,
    bytes: Vec<u8>,
}

impl Outgoing {
    /// Adds a line, which begins the call of this number, if any.
    pub(super) fn push(&mut self, number: Option<u64>, bytes: Vec<u8>) {
        self.lines.push_back(Line { number, bytes });
    }

    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What is next.
    pub(super) fn next(&self) -> &[u8] {
        self.lines
            .front()
            .map_or(&[], |line| &line.bytes[self.written..])
    }

    /// Notes how much of it was written.
    pub(super) fn wrote(&mut self, written: io::Result<usize>) -> io::Result<()> {
        self.written += written?;
        let is_whole = |line: &Line| self.written >= line.bytes.len();
        if self.lines.front().is_some_and(is_whole) {
            self.lines.pop_front();
            self.written = 0;
        }
        Ok(())
    }

    /// The calls of which not a byte was written.
    pub(super) fn unheard(&self) -> Vec<u64> {
        let begun = usize::from(self.written > 0);
        let untouched = self.lines.iter().skip(begun);
        untouched.filter_map(|line| line.number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_was_heard() {
        let mut outgoing = Outgoing::default();
        outgoing.push(Some(1), b"one\n".to_vec());
        outgoing.push(None, b"cancelled\n".to_vec());
        outgoing.push(Some(2), b"two\n".to_vec());
        assert_eq!(outgoing.unheard(), [1, 2]);
        outgoing.wrote(Ok(3)).unwrap();
        assert_eq!((outgoing.next(), outgoing.unheard()), (&b"\n"[..], vec![2]));
        outgoing.wrote(Ok(1)).unwrap();
        assert_eq!(outgoing.next(), b"cancelled\n");
        outgoing.wrote(Ok(10)).unwrap();
        outgoing.wrote(Ok(4)).unwrap();
        assert!(outgoing.is_empty() && outgoing.next().is_empty());
    }
}
