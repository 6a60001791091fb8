//! What is written to a worker.

use std::collections::VecDeque;
use std::io;

/// Lines on their way: those of the calls that a worker has, each with a word about its end. Places are counted in bytes from
/// the first that was ever written.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    lines: VecDeque<Vec<u8>>,
    /// Bytes of the first line that are written.
    begun: usize,
    /// The place after the last byte that is written.
    written: u64,
    /// The place after the last line.
    end: u64,
}

impl Outgoing {
    /// Adds a line, and says at which place it begins.
    pub(super) fn push(&mut self, line: Vec<u8>) -> u64 {
        let begins = self.end;
        self.end += line.len() as u64;
        self.lines.push_back(line);
        begins
    }

    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What is next.
    pub(super) fn next(&self) -> &[u8] {
        self.lines.front().map_or(&[], |line| &line[self.begun..])
    }

    /// Notes how much of it was written.
    pub(super) fn wrote(&mut self, written: io::Result<usize>) -> io::Result<()> {
        let written = written?;
        self.begun += written;
        self.written += written as u64;
        if self
            .lines
            .front()
            .is_some_and(|line| self.begun >= line.len())
        {
            self.lines.pop_front();
            self.begun = 0;
        }
        Ok(())
    }

    /// The place up to which a worker has read that left so many bytes unread. Who begins there or later is unheard.
    pub(super) const fn read_up_to(&self, unread: u64) -> u64 {
        self.written.saturating_sub(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_to_be_read_was_heard() {
        let mut outgoing = Outgoing::default();
        let places =
            [&b"one\n"[..], b"cancelled\n", b"two\n"].map(|line| outgoing.push(line.to_vec()));
        assert_eq!(places, [0, 4, 14]);
        assert_eq!(
            (outgoing.next(), outgoing.read_up_to(0)),
            (&b"one\n"[..], 0)
        );
        outgoing.wrote(Ok(3)).unwrap();
        assert_eq!((outgoing.next(), outgoing.read_up_to(3)), (&b"\n"[..], 0));
        outgoing.wrote(Ok(1)).unwrap();
        assert_eq!(outgoing.next(), b"cancelled\n");
        outgoing.wrote(Ok(10)).unwrap();
        outgoing.wrote(Ok(4)).unwrap();
        assert!(outgoing.is_empty() && outgoing.next().is_empty());
        assert_eq!(outgoing.read_up_to(4), 14, "the last is unheard");
        assert_eq!(outgoing.read_up_to(3), 15, "a byte of it was read");
    }
}
