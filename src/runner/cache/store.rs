//! Answers that are kept: bounded by their number, their bytes and their age.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::key::Key;
use crate::runner::stored_list::StoredList;
use crate::tool::Output;

/// The most answers kept.
const MOST_ENTRIES: usize = 1000;
/// The most bytes all of them take.
const MOST_BYTES: usize = 64 << 20;
/// What an answer takes beside its own bytes.
const OVERHEAD: usize = 256;

/// An answer that is kept.
#[derive(Debug, PartialEq)]
pub(super) struct Kept {
    /// What the tool gave.
    pub(super) output: Output,
    /// What deserved a look.
    pub(super) warnings: Vec<String>,
    /// Where the list is stored that it is.
    pub(super) list: StoredList,
    /// What both take in memory, in bytes: counted once, and outside any lock.
    bytes: usize,
}

impl Kept {
    /// An answer to keep.
    pub(super) fn new(output: Output, warnings: Vec<String>, list: StoredList) -> Self {
        let structured = output.structured.as_ref().map_or(0, weight);
        let warned: usize = warnings.iter().map(String::len).sum();
        Self {
            bytes: output.text.len() + structured + warned,
            output,
            warnings,
            list,
        }
    }
}

/// What a value takes in memory, in bytes: a fair estimate, as the allocator has its own ways.
fn weight(value: &Value) -> usize {
    let own = size_of::<Value>();
    own + match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| 2 * own + name.len() + weight(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The answers kept, the least recently used of which makes room for a new one.
#[derive(Debug)]
pub(super) struct Store {
    entries: HashMap<Key, Entry>,
    /// Keys by when they were last used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
    most_entries: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    expires: Instant,
    bytes: usize,
    last_use: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self::bounded(MOST_ENTRIES, MOST_BYTES)
    }
}

impl Store {
    fn bounded(most_entries: usize, most_bytes: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            most_entries,
            most_bytes,
        }
    }

    /// The answer to calls with that key, if it is not too old.
    pub(super) fn get(&mut self, key: &Key, now: Instant) -> Option<Arc<Kept>> {
        if self.entries.get(key)?.expires <= now {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&entry.last_use) {
            self.by_use.insert(self.uses, key);
        }
        entry.last_use = self.uses;
        Some(Arc::clone(&entry.kept))
    }

    /// How many answers there are, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    /// Keeps an answer for `ttl`. One too large to be kept at all is not.
    pub(super) fn insert(&mut self, key: Key, kept: Arc<Kept>, ttl: Duration, now: Instant) {
        self.remove(&key);
        let bytes = OVERHEAD + key.bytes() + kept.bytes;
        if bytes > self.most_bytes || ttl.is_zero() {
            return;
        }
        while self.entries.len() >= self.most_entries || self.bytes + bytes > self.most_bytes {
            self.remove_oldest();
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key.clone());
        let entry = Entry {
            kept,
            expires: now + ttl,
            bytes,
            last_use: self.uses,
        };
        self.entries.insert(key, entry);
    }

    fn remove_oldest(&mut self) {
        if let Some((_, key)) = self.by_use.first_key_value() {
            let key = key.clone();
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.last_use);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::runner::tests::{cached_tool, call_by};
    use crate::tool::Tool;

    const MINUTE: Duration = Duration::from_mins(1);

    fn key(tool: &Arc<Tool>, number: usize) -> Key {
        Key::of(&call_by(tool, "ada", json!({"n": number}))).unwrap()
    }

    fn kept(length: usize) -> Arc<Kept> {
        let output = Output {
            text: "x".repeat(length),
            ..Output::default()
        };
        Arc::new(Kept::new(output, Vec::new(), StoredList::default()))
    }

    #[test]
    fn an_answer_is_kept_for_its_time() {
        let (tool, now) = (cached_tool(true), Instant::now());
        let mut store = Store::default();
        store.insert(key(&tool, 1), kept(3), MINUTE, now);
        let shortly_before = now + MINUTE - Duration::from_nanos(1);
        assert_eq!(store.get(&key(&tool, 1), shortly_before), Some(kept(3)));
        assert_eq!(store.get(&key(&tool, 1), now + MINUTE), None);
        assert_eq!((store.entries.len(), store.bytes), (0, 0));
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let (tool, now) = (cached_tool(true), Instant::now());
        let mut store = Store::bounded(2, MOST_BYTES);
        store.insert(key(&tool, 1), kept(1), MINUTE, now);
        store.insert(key(&tool, 2), kept(2), MINUTE, now);
        assert!(store.get(&key(&tool, 1), now).is_some());
        store.insert(key(&tool, 3), kept(3), MINUTE, now);
        let there = [1, 2, 3].map(|number| store.get(&key(&tool, number), now).is_some());
        assert_eq!(there, [true, false, true]);
    }

    #[test]
    fn what_is_too_large_drives_nothing_out() {
        let (tool, now) = (cached_tool(true), Instant::now());
        let mut store = Store::bounded(10, 2000);
        store.insert(key(&tool, 1), kept(1), MINUTE, now);
        store.insert(key(&tool, 2), kept(2000), MINUTE, now);
        assert!(store.get(&key(&tool, 1), now).is_some());
        assert!(store.get(&key(&tool, 2), now).is_none());
    }

    #[test]
    fn what_json_weighs_is_counted() {
        let value = json!({"rows": ["a".repeat(1000), "b".repeat(1000)]});
        assert!((2000..4000).contains(&weight(&value)), "{}", weight(&value));
    }

    proptest! {
        #[test]
        fn no_history_passes_the_bounds(
            steps in prop::collection::vec((0_usize..12, 0_usize..1500, any::<bool>(), 0_u64..30), 1..200),
        ) {
            let tool = cached_tool(true);
            let mut now = Instant::now();
            let mut store = Store::bounded(5, 5000);
            let mut model: HashMap<usize, (usize, Instant)> = HashMap::new();
            for (number, length, inserts, wait) in steps {
                now += Duration::from_secs(wait);
                if inserts {
                    store.insert(key(&tool, number), kept(length), MINUTE, now);
                    model.insert(number, (length, now + MINUTE));
                } else if let Some(found) = store.get(&key(&tool, number), now) {
                    let (length, expires) = model[&number];
                    prop_assert_eq!(found, kept(length));
                    prop_assert!(now < expires);
                }
                let bytes: usize = store.entries.values().map(|entry| entry.bytes).sum();
                prop_assert_eq!(bytes, store.bytes);
                prop_assert_eq!(store.entries.len(), store.by_use.len());
                prop_assert!(store.entries.len() <= 5 && store.bytes <= 5000);
                for (last_use, key) in &store.by_use {
                    prop_assert_eq!(store.entries[key].last_use, *last_use);
                }
            }
        }
    }
}
