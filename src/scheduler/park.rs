//! Where the heads of lanes wait for one resource.

use std::collections::BTreeMap;

use super::arena::Id;
use super::lane::Lane;
use super::tool_state::ToolState;

/// A place in the order of taking turns: the smaller, the longer ago it was served.
pub(super) type Turn = u64;

/// The lanes whose head waits for the same amount of one resource, in the order in which their turn
/// comes: tool by tool, and lane by lane within a tool. Every operation is logarithmic.
#[derive(Debug, Default)]
pub(super) struct Park {
    tools: BTreeMap<Turn, ParkedTool>,
}

#[derive(Debug)]
struct ParkedTool {
    tool: Id<ToolState>,
    lanes: BTreeMap<Turn, Id<Lane>>,
}

impl Park {
    /// Whether nobody waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Whose turn is next.
    pub(super) fn front(&self) -> Option<((Turn, Turn), Id<Lane>)> {
        let (tool_turn, parked) = self.tools.first_key_value()?;
        let (lane_turn, lane) = parked.lanes.first_key_value()?;
        Some(((*tool_turn, *lane_turn), *lane))
    }

    /// How many wait here, for tests.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tools.values().map(|parked| parked.lanes.len()).sum()
    }

    /// Adds a lane of `tool`.
    pub(super) fn insert(&mut self, turns: (Turn, Turn), tool: Id<ToolState>, lane: Id<Lane>) {
        self.tools
            .entry(turns.0)
            .or_insert_with(|| ParkedTool {
                tool,
                lanes: BTreeMap::new(),
            })
            .lanes
            .insert(turns.1, lane);
    }

    /// Takes a lane out.
    pub(super) fn remove(&mut self, turns: (Turn, Turn)) {
        if let Some(parked) = self.tools.get_mut(&turns.0) {
            parked.lanes.remove(&turns.1);
            if parked.lanes.is_empty() {
                self.tools.remove(&turns.0);
            }
        }
    }

    /// Sends `tool` from its old place in the order to a new one, with all its lanes.
    pub(super) fn move_tool(&mut self, tool: Id<ToolState>, old: Turn, new: Turn) {
        if self
            .tools
            .get(&old)
            .is_some_and(|parked| parked.tool == tool)
            && let Some(parked) = self.tools.remove(&old)
        {
            self.tools.insert(new, parked);
        }
    }
}
