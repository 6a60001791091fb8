//! The keys of a tool: remembered while they matter, forgotten when as good as new.

use std::time::Duration;

use super::Nanos;
use super::arena::Id;
use super::core::Core;
use super::lane::Lane;
use super::limit::Limit;
use super::plan::KeyFigures;
use super::refusal::Refusal;
use super::resource::{Need, Resource, Supply};
use super::tool_state::ToolState;
use crate::tool::OnLimit;

impl Core {
    /// The lane of a key. A new key may push out an idle one; where all are in use it is refused.
    pub(super) fn lane_for(
        &mut self,
        id: Id<ToolState>,
        key: Option<String>,
    ) -> Result<Id<Lane>, Refusal> {
        let keys = self.tools[id].figures.per_key;
        let key = key.filter(|_| keys.is_some());
        if let Some(lane) = self.tools[id].lanes.get(&key).copied() {
            if let Some(since) = self.lanes[lane].idle_since.take() {
                self.tools[id].idle.remove(&(since, lane));
            }
            return Ok(lane);
        }
        if let Some(keys) = keys {
            self.make_room_for_key(id, keys.max_keys)?;
        }
        let lane = self.lanes.insert(Lane::new(id, key.clone()));
        self.tools[id].lanes.insert(key, lane);
        if let Some(keys) = keys {
            self.set_key_limits(lane, keys);
        }
        Ok(lane)
    }

    fn make_room_for_key(&mut self, id: Id<ToolState>, max_keys: usize) -> Result<(), Refusal> {
        while self.tools[id].lanes.len() >= max_keys {
            match self.tools[id].idle.first().copied() {
                // A bucket that is not full yet must not be forgotten: the key would come back to a full one.
                Some((full_at, lane)) if full_at <= self.now => self.forget(lane),
                first => return Err(self.too_many_keys(id, max_keys, first.map(|(at, _)| at))),
            }
        }
        Ok(())
    }

    fn too_many_keys(&self, id: Id<ToolState>, max_keys: usize, next: Option<Nanos>) -> Refusal {
        let tool = &self.tools[id];
        let after = next.map_or_else(|| tool.time_for(1, 1), |at| at - self.now);
        Refusal::QueueFull {
            tool: tool.name.clone(),
            limit: Limit::Keys(tool.name.clone()),
            figure: max_keys as u64,
            ahead: tool.lanes.len() as u64,
            retry_after: Duration::from_nanos(after),
        }
    }

    /// Gives a lane the limits of its key, or changes their figures.
    pub(super) fn set_key_limits(&mut self, id: Id<Lane>, keys: KeyFigures) {
        let lane = &self.lanes[id];
        let name = self.tools[lane.tool].name.clone();
        let (running, place, bucket) = (lane.running, lane.place, lane.bucket);
        match place {
            Some(need) => self.resources[need.resource].change_places(keys.max_parallel),
            None if keys.max_parallel < u32::MAX => {
                let mut resource =
                    Resource::places(Limit::KeyPlaces(name.clone()), keys.max_parallel);
                resource.take(self.now, running);
                self.lanes[id].place = Some(self.add_for_lane(id, resource));
            }
            None => {}
        }
        let now = self.now;
        match (bucket, keys.rate) {
            (Some(need), Some(new)) => self.resources[need.resource].change_rate(now, new),
            (None, Some(rate)) => {
                let resource = Resource::tokens(Limit::KeyRate(name), rate);
                self.lanes[id].bucket = Some(self.add_for_lane(id, resource));
            }
            (Some(need), None) => {
                self.drop_resource(need.resource);
                self.lanes[id].bucket = None;
            }
            (None, None) => {}
        }
    }

    fn add_for_lane(&mut self, lane: Id<Lane>, mut resource: Resource) -> Need {
        resource.lane = Some(lane);
        Need {
            resource: self.resources.insert(resource),
            amount: 1,
            on_limit: OnLimit::Queue,
        }
    }

    /// Files a lane without calls among the idle ones, by when it can be forgotten.
    pub(super) fn rest_if_idle(&mut self, id: Id<Lane>) {
        let lane = &self.lanes[id];
        let tool = lane.tool;
        if !lane.is_idle() || lane.idle_since.is_some() {
            return;
        }
        if self.tools[tool].figures.per_key.is_none() {
            // A reload took the tool's keys away: only the lane without one is used again.
            if lane.key.is_some() {
                self.forget(id);
            }
            return;
        }
        let full_at = match lane
            .bucket
            .map(|need| &self.resources[need.resource].supply)
        {
            Some(Supply::Tokens { bucket, .. }) => bucket.full_at(),
            _ => 0,
        };
        self.lanes[id].idle_since = Some(full_at);
        self.tools[tool].idle.insert((full_at, id));
    }

    /// Forgets a lane without calls.
    pub(super) fn forget(&mut self, id: Id<Lane>) {
        let Some(lane) = self.lanes.remove(id) else {
            return;
        };
        let tool = &mut self.tools[lane.tool];
        tool.lanes.remove(&lane.key);
        if let Some(since) = lane.idle_since {
            tool.idle.remove(&(since, id));
        }
        for need in lane.place.into_iter().chain(lane.bucket) {
            self.drop_resource(need.resource);
        }
    }

    /// Removes a resource that nobody needs any more.
    pub(super) fn drop_resource(&mut self, id: Id<Resource>) {
        if let Some(at) = self
            .resources
            .remove(id)
            .and_then(|resource| resource.alarm)
        {
            self.alarms.remove(&(at, id));
        }
    }
}
