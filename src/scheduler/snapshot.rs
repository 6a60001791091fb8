//! What runs, what waits and what is left, at one moment.

use super::core::Core;
use super::resource::{Resource, Supply};
use crate::tool::{Rate, ToolName};

/// The whole runner at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Running calls.
    pub running: u32,
    /// Waiting calls.
    pub waiting: u32,
    /// Running calls there may be.
    pub max_parallel: u32,
    /// Waiting calls there may be.
    pub queue_size: u32,
    /// Whether no call is taken any more.
    pub closed: bool,
    /// Every group, by name.
    pub groups: Vec<PlacesSnapshot>,
    /// Every bucket that has a name, those of single tools too, by name.
    pub buckets: Vec<BucketSnapshot>,
    /// Every tool, by name.
    pub tools: Vec<ToolSnapshot>,
}

/// One tool at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSnapshot {
    /// Its name.
    pub name: ToolName,
    /// Its running calls.
    pub running: u32,
    /// Its waiting calls.
    pub waiting: u32,
    /// Running calls there may be.
    pub max_parallel: u32,
    /// Waiting calls there may be.
    pub queue_size: u32,
    /// Keys remembered; zero where the tool has no keys.
    pub keys: usize,
}

/// Places at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacesSnapshot {
    /// The name of the group.
    pub name: String,
    /// Places taken.
    pub running: u32,
    /// Places there are.
    pub max_parallel: u32,
}

/// A bucket at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketSnapshot {
    /// Its name, as in [`crate::tool::BucketUse::bucket`].
    pub name: String,
    /// Whole tokens left.
    pub tokens: u32,
    /// Its figures.
    pub rate: Rate,
}

impl Core {
    /// What runs, what waits and what is left, as of the last event.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut tools: Vec<ToolSnapshot> = self
            .tools
            .iter()
            .map(|(_, tool)| ToolSnapshot {
                name: tool.name.clone(),
                running: tool.running,
                waiting: tool.waiting,
                max_parallel: tool.figures.max_parallel,
                queue_size: tool.figures.queue_size,
                keys: if tool.figures.per_key.is_some() {
                    tool.lanes.len()
                } else {
                    0
                },
            })
            .collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        let mut groups: Vec<PlacesSnapshot> = self
            .groups
            .iter()
            .filter_map(|(name, id)| places(name, &self.resources[*id]))
            .collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let mut buckets: Vec<BucketSnapshot> = self
            .buckets
            .iter()
            .filter_map(|(name, id)| self.bucket(name, &self.resources[*id]))
            .collect();
        buckets.sort_by(|one, other| one.name.cmp(&other.name));
        Snapshot {
            running: self.running,
            waiting: self.waiting,
            max_parallel: u32::try_from(self.resources[self.runner].figure()).unwrap_or(u32::MAX),
            queue_size: self.queue_size,
            closed: self.closed,
            groups,
            buckets,
            tools,
        }
    }

    fn bucket(&self, name: &str, resource: &Resource) -> Option<BucketSnapshot> {
        match &resource.supply {
            Supply::Tokens { bucket, rate } => Some(BucketSnapshot {
                name: name.to_owned(),
                tokens: bucket.tokens(self.now),
                rate: *rate,
            }),
            Supply::Places { .. } => None,
        }
    }
}

fn places(name: &str, resource: &Resource) -> Option<PlacesSnapshot> {
    match &resource.supply {
        Supply::Places { limit, taken } => Some(PlacesSnapshot {
            name: name.to_owned(),
            running: *taken,
            max_parallel: *limit,
        }),
        Supply::Tokens { .. } => None,
    }
}
