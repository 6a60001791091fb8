//! Limits from the outside: the first ones, and changed ones while calls wait and run.
//!
//! Limiters are matched by name. Changed figures keep what runs and what is left in the buckets. A call
//! keeps the plan it arrived with.

use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::Nanos;
use super::arena::{Arena, Id};
use super::core::Core;
use super::deadlines::Deadlines;
use super::limit::Limit;
use super::plan::{Figures, Plan};
use super::resource::{Need, Resource};
use super::tool_state::ToolState;
use crate::tool::{BucketUse, OnLimit, RunnerLimits, ToolLimits, ToolName};

impl Core {
    /// No calls yet, and full buckets.
    pub(super) fn new<'a>(
        limits: &RunnerLimits,
        tools: impl IntoIterator<Item = (&'a ToolName, &'a ToolLimits)>,
    ) -> Self {
        let mut resources = Arena::new();
        let runner = resources.insert(Resource::places(Limit::RunnerPlaces, 0));
        let mut core = Self {
            now: 0,
            calls: Arena::new(),
            lanes: Arena::new(),
            tools: Arena::new(),
            resources,
            tool_names: HashMap::new(),
            groups: HashMap::new(),
            buckets: HashMap::new(),
            runner,
            queue_size: 0,
            counted: 0,
            waiting: 0,
            running: 0,
            last_turn: 0,
            contenders: BinaryHeap::new(),
            touched: Vec::new(),
            alarms: BTreeSet::new(),
            deadlines: Deadlines::default(),
            reservation: None,
            overdue: VecDeque::new(),
            closed: false,
            decisions: Vec::new(),
        };
        core.reconfigure(0, limits, tools);
        core
    }

    /// Puts these limits in the place of those before. Tools that are not among `tools` take no part
    /// any more, once their calls have ended.
    pub(super) fn reconfigure<'a>(
        &mut self,
        now: Nanos,
        limits: &RunnerLimits,
        tools: impl IntoIterator<Item = (&'a ToolName, &'a ToolLimits)>,
    ) {
        self.advance(now);
        self.look_again();
        self.queue_size = limits.queue_size;
        self.resources[self.runner].change_places(limits.max_parallel.get());
        for (name, places) in &limits.groups {
            self.set_group(name, places.get());
        }
        for id in self.tools.ids() {
            self.tools[id].retired = true;
        }
        for (name, tool) in tools {
            self.set_tool(name, tool);
        }
        self.sweep();
        self.settle();
    }

    /// The tool of that name, as it is known, or else with these limits.
    pub(super) fn tool_or_add(&mut self, name: &ToolName, limits: &ToolLimits) -> Id<ToolState> {
        match self.tool_names.get(name) {
            Some(id) => *id,
            None => self.set_tool(name, limits),
        }
    }

    fn set_group(&mut self, name: &str, places: u32) {
        if let Some(id) = self.groups.get(name) {
            self.resources[*id].change_places(places);
            return;
        }
        let resource = Resource::places(Limit::GroupPlaces(name.into()), places);
        let id = self.resources.insert(resource);
        self.groups.insert(name.to_owned(), id);
    }

    fn set_tool(&mut self, name: &ToolName, limits: &ToolLimits) -> Id<ToolState> {
        let figures = Figures::of(limits);
        let id = if let Some(id) = self.tool_names.get(name).copied() {
            id
        } else {
            let limit = Limit::ToolPlaces(name.clone());
            let place = self
                .resources
                .insert(Resource::places(limit, figures.max_parallel));
            let id = self
                .tools
                .insert(ToolState::new(name.clone(), place, figures));
            self.tool_names.insert(name.clone(), id);
            id
        };
        let plan = Arc::new(self.plan(id, limits));
        let tool = &mut self.tools[id];
        (tool.plan, tool.figures, tool.retired) = (plan, figures, false);
        self.resources[tool.place].change_places(figures.max_parallel);
        for lane in tool.lanes.values().copied().collect::<Vec<_>>() {
            if let Some(keys) = figures.per_key {
                self.set_key_limits(lane, keys);
            }
        }
        id
    }

    fn plan(&mut self, tool: Id<ToolState>, limits: &ToolLimits) -> Plan {
        let group = limits
            .group
            .as_ref()
            .and_then(|name| self.groups.get(name))
            .copied();
        let place = |resource| Need {
            resource,
            amount: 1,
            on_limit: OnLimit::Queue,
        };
        let own = self.tools[tool].place;
        let places = [Some(own), group, Some(self.runner)];
        let name = self.tools[tool].name.clone();
        let tokens = limits
            .buckets
            .iter()
            .map(|bucket| self.tokens_of(&name, bucket))
            .collect();
        Plan {
            places: places.into_iter().flatten().map(place).collect(),
            tokens,
        }
    }

    fn tokens_of(&mut self, tool: &ToolName, wanted: &BucketUse) -> Need {
        let rate = wanted.limit.rate;
        let resource = if let Some(id) = self.buckets.get(&wanted.bucket).copied() {
            self.resources[id].change_rate(self.now, rate);
            id
        } else {
            let limit = Limit::of_bucket(&wanted.bucket, tool);
            let id = self.resources.insert(Resource::tokens(limit, rate));
            self.buckets.insert(wanted.bucket.clone(), id);
            id
        };
        Need {
            resource,
            amount: wanted.cost.get(),
            on_limit: wanted.limit.on_limit,
        }
    }

    /// Forgets what nobody needs any more. A bucket stays until it is full: brought back by the next
    /// reload it must not be fuller than it was.
    fn sweep(&mut self) {
        for id in self.tools.ids() {
            let tool = &self.tools[id];
            if tool.retired && tool.running == 0 && tool.waiting == 0 {
                for lane in tool.lanes.values().copied().collect::<Vec<_>>() {
                    self.forget(lane);
                }
                if let Some(tool) = self.tools.remove(id) {
                    self.tool_names.remove(&tool.name);
                    self.drop_resource(tool.place);
                }
            }
        }
        let plans = self.calls.iter().map(|(_, call)| &call.plan);
        let plans = plans.chain(self.tools.iter().map(|(_, tool)| &tool.plan));
        let needed: HashSet<Id<Resource>> = plans
            .flat_map(|plan| plan.places.iter().chain(&plan.tokens))
            .map(|need| need.resource)
            .collect();
        let (now, resources) = (self.now, &self.resources);
        let keep = |id: &Id<Resource>| needed.contains(id) || !resources[*id].is_as_new(now);
        let unneeded: Vec<Id<Resource>> = self
            .groups
            .values()
            .chain(self.buckets.values())
            .copied()
            .filter(|id| !keep(id))
            .collect();
        self.groups.retain(|_, id| !unneeded.contains(id));
        self.buckets.retain(|_, id| !unneeded.contains(id));
        for id in unneeded {
            self.drop_resource(id);
        }
    }

    /// Has every head looked at again: any figure may change. Heads leave where they are parked before
    /// anything changes, as that may go away.
    fn look_again(&mut self) {
        for lane in self.lanes.ids() {
            if self.lanes[lane].head.is_some() {
                self.unpark(lane);
                self.contend(lane, false);
            }
        }
    }
}
