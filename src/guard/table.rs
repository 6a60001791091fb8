//! The calls that are running, in memory that the runner writes and the inner guard reads.
//!
//! A call is entered before its process starts. So the guard, which first looks at a process and then at the table,
//! never takes the process of a running call for one of no call; and nobody has to send a message for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};

/// The longest mark, in bytes; of a longer one this much counts.
const LONGEST_MARK: usize = 40;

/// The size of an entry, in bytes.
const ENTRY: usize = 72;

/// What the processes of a call carry in their environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u8; LONGEST_MARK]);

impl Mark {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut mark = [0; LONGEST_MARK];
        let length = text.len().min(LONGEST_MARK);
        mark[..length].copy_from_slice(&text[..length]);
        Self(mark)
    }

    pub(super) const fn bytes(&self) -> &[u8; LONGEST_MARK] {
        &self.0
    }
}

/// A running call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its mark.
    pub(super) mark: Mark,
    /// The leader of its process group; 0 until it is known.
    pub(super) leader: u32,
    /// The pipes of its standard output and error, by the number that both ends share; 0 until they are known.
    pub(super) outputs: [u64; 2],
    /// When it was entered, in ticks since the machine started. None of its processes is older.
    pub(super) since: u64,
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[0] = 1;
        bytes[4..8].copy_from_slice(&self.leader.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.since.to_ne_bytes());
        bytes[16..24].copy_from_slice(&self.outputs[0].to_ne_bytes());
        bytes[24..32].copy_from_slice(&self.outputs[1].to_ne_bytes());
        bytes[32..].copy_from_slice(self.mark.bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY]) -> Option<Self> {
        let (leader, rest) = bytes[4..].split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (stdout, rest) = rest.split_first_chunk()?;
        let (stderr, mark) = rest.split_first_chunk()?;
        (bytes[0] == 1).then_some(Self {
            mark: Mark::new(mark),
            leader: u32::from_ne_bytes(*leader),
            since: u64::from_ne_bytes(*since),
            outputs: [u64::from_ne_bytes(*stdout), u64::from_ne_bytes(*stderr)],
        })
    }
}

/// The table. Both sides have the same; one writes it.
#[derive(Debug)]
pub(super) struct Table(File);

impl Table {
    pub(super) fn create() -> io::Result<Self> {
        let memory = memfd_create("running calls", MemfdFlags::CLOEXEC)?;
        Ok(Self(File::from(memory)))
    }

    /// Writes the entry at `place`; `None` clears it.
    pub(super) fn write(&self, place: usize, entry: Option<Entry>) -> io::Result<()> {
        let bytes = entry.map_or([0; ENTRY], Entry::to_bytes);
        self.0.write_all_at(&bytes, (place * ENTRY) as u64)
    }

    /// Every running call.
    pub(super) fn read(&self) -> Vec<Entry> {
        let length = self.0.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        // The table never shrinks; a failing read of memory leaves nobody running, which is the worst that
        // can be said of calls whose processes cannot be told apart.
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return Vec::new();
        }
        let (entries, _) = bytes.as_chunks();
        entries.iter().filter_map(Entry::from_bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mark: &str, leader: u32) -> Entry {
        Entry {
            mark: Mark::new(mark.as_bytes()),
            leader,
            outputs: [7, 1 << 50],
            since: 1 << 40,
        }
    }

    #[test]
    fn what_is_written_is_read_until_it_is_cleared() {
        let table = Table::create().unwrap();
        let (first, third) = (entry("first", 7), entry(&"long".repeat(20), u32::MAX));
        table.write(0, Some(first)).unwrap();
        table.write(2, Some(third)).unwrap();
        assert_eq!(table.read(), [first, third]);
        table.write(0, None).unwrap();
        assert_eq!(table.read(), [third]);
    }
}
