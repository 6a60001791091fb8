//! The beginning and the end of a stream, in bounded memory.

use std::collections::VecDeque;

/// Keeps the first and the last bytes of a stream and counts all of them.
#[derive(Clone, Debug)]
pub(in crate::executor) struct Capture {
    head_limit: usize,
    tail_limit: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

/// What was kept of a stream that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::executor) struct Captured {
    /// The first bytes; all of them when nothing is missing.
    pub(in crate::executor) head: Vec<u8>,
    /// The last bytes; empty when nothing is missing.
    pub(in crate::executor) tail: Vec<u8>,
    /// The length of the stream.
    pub(in crate::executor) total: u64,
}

impl Capture {
    /// Keeps at most `head_limit` bytes of the beginning and `tail_limit` of the end.
    pub(in crate::executor) const fn new(head_limit: usize, tail_limit: usize) -> Self {
        Self {
            head_limit,
            tail_limit,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
        }
    }

    /// Keeps at most `limit` bytes, as many of the end as of the beginning.
    pub(in crate::executor) const fn halves(limit: usize) -> Self {
        Self::new(limit - limit / 2, limit / 2)
    }

    /// Takes the next bytes of the stream.
    pub(in crate::executor) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.head_limit - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.tail_limit)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// Whether `length` bytes more are all kept.
    pub(in crate::executor) const fn has_room_for(&self, length: usize) -> bool {
        self.total + length as u64 <= (self.head_limit + self.tail_limit) as u64
    }

    /// The length of the stream until now.
    pub(in crate::executor) const fn total(&self) -> u64 {
        self.total
    }

    /// What is kept until now: the whole stream, as long as there was room for it.
    pub(in crate::executor) fn so_far(&self) -> Vec<u8> {
        let (first, second) = self.tail.as_slices();
        [&self.head, first, second].concat()
    }

    /// What was kept.
    pub(in crate::executor) fn finish(self) -> Captured {
        let mut captured = Captured {
            head: self.head,
            tail: self.tail.into(),
            total: self.total,
        };
        if captured.missing() == 0 {
            captured.head.append(&mut captured.tail);
        }
        captured
    }
}

impl Captured {
    /// Bytes that were not kept.
    pub(in crate::executor) const fn missing(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_ends_are_kept_and_the_middle_is_counted(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12),
            head in 0_usize..50,
            tail in 0_usize..50,
        ) {
            let mut capture = Capture::new(head, tail);
            for chunk in &chunks {
                capture.push(chunk);
            }
            let whole = chunks.concat();
            let kept = capture.finish();
            prop_assert_eq!(kept.total, whole.len() as u64);
            if whole.len() <= head + tail {
                prop_assert_eq!(kept.missing(), 0);
                prop_assert_eq!(kept.head, whole);
            } else {
                prop_assert_eq!(&kept.head[..], &whole[..head]);
                prop_assert_eq!(&kept.tail[..], &whole[whole.len() - tail..]);
            }
        }
    }

    #[test]
    fn memory_stays_within_the_limits() {
        let chunk = vec![b'x'; 64 * 1024];
        let mut capture = Capture::halves(1 << 20);
        for _ in 0..200 {
            capture.push(&chunk);
        }
        assert!(capture.head.capacity() <= 1 << 20);
        assert!(capture.tail.capacity() <= 1 << 20);
    }
}
