//! Which outputs there are, whose they are, and how much room they take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::Instant;

use super::items::ItemIndex;
use super::scan::ListShape;
use crate::tool::{OutputId, Owner, ToolName};

/// What a store may take.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Bytes of all outputs together.
    pub quota: u64,
    /// Bytes of one output.
    pub output_limit: u64,
    /// Outputs at once.
    pub outputs: usize,
    /// How long an output is kept after its end.
    pub expiry: Duration,
    /// How long an output is kept when another one needs the room.
    pub kept_at_least: Duration,
}

impl Default for StoreLimits {
    /// 1 GiB in 10,000 outputs for an hour, five minutes of it for certain.
    fn default() -> Self {
        Self {
            quota: 1 << 30,
            output_limit: 1 << 30,
            outputs: 10_000,
            expiry: Duration::from_hours(1),
            kept_at_least: Duration::from_mins(5),
        }
    }
}

/// What is known of an output.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) owner: Owner,
    pub(super) tool: ToolName,
    pub(super) path: PathBuf,
    /// Bytes that can be read.
    pub(super) bytes: u64,
    /// When it was complete; `None` while it is being written.
    pub(super) ended: Option<Instant>,
    /// Where its items are, once somebody wanted them.
    pub(super) items: Option<Arc<ItemIndex>>,
    /// How the list is written, where it is known to be one.
    pub(super) list: Option<ListShape>,
}

/// The outputs, oldest first. Files of outputs that were taken out are the caller's to remove.
#[derive(Debug)]
pub(super) struct Index {
    limits: StoreLimits,
    entries: IndexMap<OutputId, Entry>,
    used: u64,
}

impl Index {
    pub(super) fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            entries: IndexMap::new(),
            used: 0,
        }
    }

    /// Enters an output that is about to be written; `false` where there are too many.
    pub(super) fn enter(&mut self, id: OutputId, entry: Entry, removed: &mut Vec<PathBuf>) -> bool {
        while self.entries.len() >= self.limits.outputs {
            if !self.make_room(removed) {
                return false;
            }
        }
        self.entries.insert(id, entry);
        true
    }

    /// How many of `wanted` bytes more an output may take. They count as taken.
    pub(super) fn grant(&mut self, id: &OutputId, wanted: u64, removed: &mut Vec<PathBuf>) -> u64 {
        let Some(entry) = self.entries.get(id) else {
            return 0;
        };
        let wanted = wanted.min(self.limits.output_limit.saturating_sub(entry.bytes));
        while self.limits.quota - self.used < wanted && self.make_room(removed) {}
        let granted = wanted.min(self.limits.quota - self.used);
        self.used += granted;
        granted
    }

    /// `bytes` that were granted can be read from now on.
    pub(super) fn written(&mut self, id: &OutputId, bytes: u64) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.bytes += bytes;
        }
    }

    /// `bytes` that were granted could not be written.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.used -= bytes;
    }

    /// Nothing more comes of this output. Returns how much of it can be read.
    pub(super) fn end(&mut self, id: &OutputId, at: Instant) -> u64 {
        self.entries.get_mut(id).map_or(0, |entry| {
            entry.ended = Some(at);
            entry.bytes
        })
    }

    /// Takes an output out.
    pub(super) fn remove(&mut self, id: &OutputId) -> Option<PathBuf> {
        let entry = self.entries.shift_remove(id)?;
        self.used -= entry.bytes;
        Some(entry.path)
    }

    /// Takes out what has been kept long enough.
    pub(super) fn expire(&mut self) -> Vec<PathBuf> {
        let expired: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_older(entry, self.limits.expiry))
            .map(|(id, _)| id.clone())
            .collect();
        expired.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out the oldest output that may go; `false` when none may.
    fn make_room(&mut self, removed: &mut Vec<PathBuf>) -> bool {
        let least = self.limits.kept_at_least;
        let oldest = self
            .entries
            .iter()
            .find(|(_, entry)| is_older(entry, least));
        let Some(id) = oldest.map(|(id, _)| id.clone()) else {
            return false;
        };
        removed.extend(self.remove(&id));
        true
    }

    /// The output of that id, for its owner.
    pub(super) fn get(&self, id: &OutputId, reader: &Owner) -> Option<&Entry> {
        self.entries
            .get(id)
            .filter(|entry| entry.owner == Owner::Bearer || entry.owner == *reader)
            .filter(|entry| !is_older(entry, self.limits.expiry))
    }

    /// Remembers where the items of an output are.
    pub(super) fn has_items(&mut self, id: &OutputId, items: ItemIndex) -> Arc<ItemIndex> {
        let items = Arc::new(items);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.list = Some(items.shape());
            entry.items = Some(Arc::clone(&items));
        }
        items
    }

    /// The output of that id, whoever asks.
    pub(super) fn entry(&self, id: &OutputId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The outputs of `owner`, oldest first.
    pub(super) fn of(&self, owner: &Owner) -> impl Iterator<Item = (&OutputId, &Entry)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.owner == *owner)
            .filter(|(_, entry)| !is_older(entry, self.limits.expiry))
    }

    pub(super) const fn limits(&self) -> &StoreLimits {
        &self.limits
    }
}

fn is_older(entry: &Entry, age: Duration) -> bool {
    entry.ended.is_some_and(|ended| ended.elapsed() >= age)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(owner: Owner) -> Entry {
        Entry {
            owner,
            tool: ToolName::parse("t").unwrap(),
            path: PathBuf::from("f"),
            bytes: 0,
            ended: None,
            items: None,
            list: None,
        }
    }

    fn stored(index: &mut Index, bytes: u64) -> (OutputId, u64) {
        let id = OutputId::random().unwrap();
        let mut removed = Vec::new();
        assert!(index.enter(id.clone(), entry(Owner::Bearer), &mut removed));
        let granted = index.grant(&id, bytes, &mut removed);
        index.written(&id, granted);
        index.end(&id, Instant::now());
        (id, granted)
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_made_by_what_has_been_kept_long_enough_and_by_nothing_else() {
        let mut index = Index::new(StoreLimits {
            quota: 100,
            output_limit: 80,
            ..StoreLimits::default()
        });
        let (first, granted) = stored(&mut index, 90);
        assert_eq!(granted, 80, "the limit of one output");
        assert_eq!(stored(&mut index, 30).1, 20, "what the quota has left");
        tokio::time::advance(Duration::from_mins(6)).await;
        assert_eq!(stored(&mut index, 30).1, 30);
        assert!(index.get(&first, &Owner::Bearer).is_none());
        assert_eq!(index.used, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_hour_an_output_is_gone() {
        let mut index = Index::new(StoreLimits::default());
        let (id, _) = stored(&mut index, 10);
        tokio::time::advance(Duration::from_mins(59)).await;
        assert!(index.get(&id, &Owner::Bearer).is_some());
        assert!(index.expire().is_empty());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(index.get(&id, &Owner::Bearer).is_none());
        assert_eq!((index.expire().len(), index.used), (1, 0));
    }

    #[tokio::test]
    async fn an_output_opens_for_its_client_alone() {
        let mut index = Index::new(StoreLimits::default());
        let (ann, bob) = (Owner::Client("ann".into()), Owner::Client("bob".into()));
        let id = OutputId::random().unwrap();
        index.enter(id.clone(), entry(ann.clone()), &mut Vec::new());
        assert!(index.get(&id, &ann).is_some());
        assert!(index.get(&id, &bob).is_none() && index.get(&id, &Owner::Bearer).is_none());
        assert_eq!((index.of(&ann).count(), index.of(&bob).count()), (1, 0));
    }
}
