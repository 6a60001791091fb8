//! What the runner asks of the inner guard, and the answer. One message is one packet.

use super::table::Mark;

/// The most stuck processes that are named.
const NAMED: usize = 16;

/// The size of a request, in bytes.
pub(super) const REQUEST: usize = 56;

/// The size of a reply, in bytes.
pub(super) const REPLY: usize = 16 + 4 * NAMED;

/// A call has ended: end what it left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Names the request in the reply.
    pub(super) key: u64,
    /// When the call was entered into the table, in ticks since the machine started.
    pub(super) since: u64,
    /// What its processes carry.
    pub(super) mark: Mark,
}

impl Request {
    pub(super) fn to_bytes(self) -> [u8; REQUEST] {
        let mut bytes = [0; REQUEST];
        bytes[..8].copy_from_slice(&self.key.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.since.to_ne_bytes());
        bytes[16..].copy_from_slice(self.mark.bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (since, mark) = rest.split_first_chunk()?;
        Some(Self {
            key: u64::from_ne_bytes(*key),
            since: u64::from_ne_bytes(*since),
            mark: Mark::new(mark),
        })
    }
}

/// It is done, or has taken long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Of the request.
    pub(super) key: u64,
    /// How many were killed.
    pub(super) killed: u32,
    /// Who lives on.
    pub(super) stuck: Vec<u32>,
}

impl Reply {
    pub(super) fn to_bytes(&self) -> [u8; REPLY] {
        let mut bytes = [0; REPLY];
        bytes[..8].copy_from_slice(&self.key.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.killed.to_ne_bytes());
        for (place, pid) in bytes[16..].as_chunks_mut().0.iter_mut().zip(&self.stuck) {
            *place = pid.to_ne_bytes();
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (killed, rest) = rest.split_first_chunk()?;
        let (pids, _) = rest.get(4..)?.as_chunks();
        let pids = pids.iter().copied().map(u32::from_ne_bytes);
        Some(Self {
            key: u64::from_ne_bytes(*key),
            killed: u32::from_ne_bytes(*killed),
            stuck: pids.take_while(|pid| *pid != 0).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let request = Request {
            key: 3,
            since: u64::MAX,
            mark: Mark::new(b"mark"),
        };
        assert_eq!(Request::from_bytes(&request.to_bytes()), Some(request));
        for stuck in [vec![], vec![1, 2], (1..=16).collect()] {
            let reply = Reply {
                key: 9,
                killed: 4,
                stuck,
            };
            assert_eq!(Reply::from_bytes(&reply.to_bytes()), Some(reply));
        }
        assert_eq!(Request::from_bytes(&[0; 9]), None);
        assert_eq!(Reply::from_bytes(&[0; 13]), None);
    }
}
