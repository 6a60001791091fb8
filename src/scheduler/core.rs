//! The state machine of admission: who arrives, who leaves.
//!
//! Time comes in as an argument and never goes back. Every entry leaves the machine *settled*: the head
//! of each lane is parked at something that is not there for it, so nothing that could run waits.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Nanos;
use super::arena::{Arena, Id};
use super::call::{Call, Decision, Stage, Ticket, Waiting};
use super::deadlines::Deadlines;
use super::lane::Lane;
use super::limit::Limit;
use super::park::Turn;
use super::plan::Plan;
use super::refusal::Refusal;
use super::reservation::Reservation;
use super::resource::{Need, Resource, Supply};
use super::settle::{Contender, Verdict};
use super::tool_state::ToolState;
use crate::tool::ToolName;

/// All limits, and all calls that wait or run.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) now: Nanos,
    pub(super) calls: Arena<Call>,
    pub(super) lanes: Arena<Lane>,
    pub(super) tools: Arena<ToolState>,
    pub(super) resources: Arena<Resource>,
    pub(super) tool_names: HashMap<ToolName, Id<ToolState>>,
    pub(super) groups: HashMap<String, Id<Resource>>,
    pub(super) buckets: HashMap<String, Id<Resource>>,
    pub(super) runner: Id<Resource>,
    pub(super) queue_size: u32,
    /// Waiting calls that count against `queue_size`.
    pub(super) counted: u32,
    pub(super) waiting: u32,
    pub(super) running: u32,
    pub(super) last_turn: Turn,
    pub(super) contenders: BinaryHeap<Reverse<Contender>>,
    /// Buckets whose alarm may have to change.
    pub(super) touched: Vec<Id<Resource>>,
    pub(super) alarms: BTreeSet<(Nanos, Id<Resource>)>,
    pub(super) deadlines: Deadlines,
    pub(super) reservation: Option<Reservation>,
    pub(super) overdue: VecDeque<Ticket>,
    pub(super) closed: bool,
    pub(super) decisions: Vec<Decision>,
}

/// A call that asks to run.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Its tool.
    pub(super) tool: Id<ToolState>,
    /// Its key; ignored where the tool has no keys.
    pub(super) key: Option<String>,
    /// When the caller gives up, if that is known.
    pub(super) wait_until: Option<Nanos>,
    /// Whether it is another attempt of a call: that stands first, and outside the sizes of queues.
    pub(super) is_retry: bool,
}

/// What becomes of an arrival that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It runs, and holds all it needs.
    Started(Ticket),
    /// A [`Decision`] follows, now or later.
    Waiting(Ticket),
}

impl Core {
    /// A call asks to run.
    pub(super) fn arrive(&mut self, now: Nanos, arrival: Arrival) -> Result<Admitted, Refusal> {
        self.advance(now);
        self.settle();
        if self.closed {
            return Err(Refusal::ShuttingDown);
        }
        let Arrival {
            tool,
            key,
            wait_until,
            is_retry,
        } = arrival;
        let lane = self.lane_for(tool, key)?;
        let admitted = self.enter(lane, wait_until, is_retry);
        if admitted.is_err() {
            self.rest_if_idle(lane);
        }
        admitted
    }

    /// A call is called off, whether it waits or runs. A run cut off this way says nothing of how long
    /// calls of the tool run.
    pub(super) fn cancel(&mut self, now: Nanos, ticket: Ticket) {
        self.advance(now);
        match self.calls.get(ticket).map(|call| &call.stage) {
            Some(Stage::Waiting(_)) => self.withdraw(ticket),
            Some(Stage::Running { .. }) => self.give_back(ticket),
            None => {}
        }
        self.settle();
    }

    /// A running call has ended.
    pub(super) fn finish(&mut self, now: Nanos, ticket: Ticket) {
        self.advance(now);
        if let Some(Call {
            lane,
            stage: Stage::Running { since },
            ..
        }) = self.calls.get(ticket)
        {
            let (tool, ran) = (self.lanes[*lane].tool, self.now - since);
            self.tools[tool].learn(ran);
            self.give_back(ticket);
        }
        self.settle();
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Nanos) {
        self.advance(now);
        self.settle();
        self.expire(self.now);
        self.settle();
    }

    /// No call is taken any more, and those that wait are refused. Running ones are left alone.
    pub(super) fn close(&mut self, now: Nanos) {
        self.advance(now);
        self.closed = true;
        for ticket in self.calls.ids() {
            if self.calls[ticket].waiting().is_some() {
                self.withdraw(ticket);
                self.decisions
                    .push(Decision::Refused(ticket, Refusal::ShuttingDown));
            }
        }
        self.settle();
    }

    /// What was decided since this was last asked, in order.
    pub(super) fn take_decisions(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.decisions)
    }

    /// Whether no call runs or waits.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.len() == 0
    }

    fn enter(
        &mut self,
        lane: Id<Lane>,
        wait_until: Option<Nanos>,
        is_retry: bool,
    ) -> Result<Admitted, Refusal> {
        let plan = Arc::clone(&self.tools[self.lanes[lane].tool].plan);
        let verdict = self.examine(&self.lanes[lane], &plan, false);
        if let Verdict::Refused(need) = verdict {
            return Err(self.rate_limited(lane, need));
        }
        if verdict == Verdict::Startable && self.lanes[lane].waiting == 0 {
            let stage = Stage::Running { since: self.now };
            let ticket = self.calls.insert(Call {
                lane,
                plan,
                arrived: self.now,
                stage,
            });
            self.start(ticket);
            self.settle();
            return Ok(Admitted::Started(ticket));
        }
        let waiting = self.patience(lane, wait_until, is_retry);
        if !is_retry {
            self.check_room(lane)?;
        }
        self.check_schedule(lane, &plan, &waiting)?;
        Ok(Admitted::Waiting(self.enqueue(lane, plan, waiting)))
    }

    fn patience(&self, lane: Id<Lane>, wait_until: Option<Nanos>, is_retry: bool) -> Waiting {
        let timeout = self.tools[self.lanes[lane].tool].figures.queue_timeout;
        let tools = self.now.saturating_add(timeout);
        let callers = wait_until.unwrap_or(Nanos::MAX);
        Waiting {
            deadline: tools.min(callers),
            deadline_is_callers: callers < tools,
            counted: !is_retry,
            passed_over: 0,
            before: None,
            after: None,
        }
    }

    /// Whether one more call may wait.
    fn check_room(&self, id: Id<Lane>) -> Result<(), Refusal> {
        let lane = &self.lanes[id];
        let tool = &self.tools[lane.tool];
        let name = || tool.name.clone();
        if let Some(keys) = &tool.figures.per_key
            && let Some(size) = keys.queue_size
            && lane.counted >= size
        {
            return Err(self.queue_full(id, Limit::KeyQueue(name()), size, lane.counted));
        }
        let size = tool.figures.queue_size;
        if tool.counted >= size {
            return Err(self.queue_full(id, Limit::ToolQueue(name()), size, tool.counted));
        }
        // A tool nobody waits for may always place one call: a noisy tool cannot shut it out.
        if self.counted >= self.queue_size && tool.counted > 0 {
            return Err(self.queue_full(id, Limit::RunnerQueue, self.queue_size, self.counted));
        }
        Ok(())
    }

    fn queue_full(&self, id: Id<Lane>, limit: Limit, figure: u32, ahead: u32) -> Refusal {
        let tool = self.lanes[id].tool;
        let side_by_side = match &limit {
            Limit::RunnerQueue => self.figure_of(self.runner),
            Limit::KeyQueue(_) => self.tools[tool]
                .figures
                .per_key
                .map_or(1, |key| key.max_parallel),
            _ => u32::MAX,
        };
        Refusal::QueueFull {
            tool: self.tools[tool].name.clone(),
            limit,
            figure: u64::from(figure),
            ahead: u64::from(ahead),
            retry_after: self.served_after(id, ahead, side_by_side),
        }
    }

    fn figure_of(&self, resource: Id<Resource>) -> u32 {
        u32::try_from(self.resources[resource].figure()).unwrap_or(u32::MAX)
    }

    /// When `ahead` calls may be served: run times are estimated, tokens are known.
    pub(super) fn served_after(&self, id: Id<Lane>, ahead: u32, side_by_side: u32) -> Duration {
        let lane = &self.lanes[id];
        let tool = &self.tools[lane.tool];
        let side_by_side = side_by_side.min(tool.figures.max_parallel);
        let runs = tool.time_for(u64::from(ahead), side_by_side);
        let tokens = lane
            .bucket
            .iter()
            .chain(&tool.plan.tokens)
            .map(|need| self.schedule(*need, lane.waiting) - self.now)
            .max();
        Duration::from_nanos(runs.max(tokens.unwrap_or(0)))
    }

    /// When a call with `ahead` others before it in its lane has its tokens, at the earliest.
    fn schedule(&self, need: Need, ahead: u32) -> Nanos {
        match &self.resources[need.resource].supply {
            Supply::Tokens { bucket, .. } => {
                let calls = u64::from(ahead) + 1;
                bucket.ready_at(self.now, u64::from(need.amount).saturating_mul(calls))
            }
            Supply::Places { .. } => self.now,
        }
    }

    /// Whether the tokens alone would keep the call past its deadline. Those ahead in its lane start
    /// before it and pay the same, so that is a bound and not a guess.
    fn check_schedule(&self, id: Id<Lane>, plan: &Plan, waiting: &Waiting) -> Result<(), Refusal> {
        let lane = &self.lanes[id];
        let ahead = if waiting.counted { lane.waiting } else { 0 };
        for need in lane.bucket.iter().chain(&plan.tokens) {
            let ready = self.schedule(*need, ahead);
            if ready > waiting.deadline {
                let after = Duration::from_nanos(ready - self.now);
                return Err(self.over_rate(id, *need, true, ahead, after));
            }
        }
        Ok(())
    }

    /// The refusal of a call that finds no token and does not wait.
    pub(super) fn rate_limited(&self, lane: Id<Lane>, need: Need) -> Refusal {
        // What is kept for the holder of the reservation goes first.
        let kept = self.resources[need.resource].kept;
        let amount = need.amount.saturating_add(kept);
        let after = self.schedule(Need { amount, ..need }, 0) - self.now;
        self.over_rate(lane, need, false, 0, Duration::from_nanos(after))
    }

    fn over_rate(
        &self,
        lane: Id<Lane>,
        need: Need,
        patient: bool,
        ahead: u32,
        retry_after: Duration,
    ) -> Refusal {
        let resource = &self.resources[need.resource];
        let Supply::Tokens { rate, .. } = &resource.supply else {
            unreachable!("only buckets have a rate");
        };
        Refusal::RateLimited {
            tool: self.tools[self.lanes[lane].tool].name.clone(),
            limit: resource.limit.clone(),
            rate: *rate,
            patient,
            ahead: u64::from(ahead),
            retry_after,
        }
    }

    fn enqueue(&mut self, id: Id<Lane>, plan: Arc<Plan>, waiting: Waiting) -> Ticket {
        let (deadline, counted) = (waiting.deadline, waiting.counted);
        let stage = Stage::Waiting(waiting);
        let ticket = self.calls.insert(Call {
            lane: id,
            plan,
            arrived: self.now,
            stage,
        });
        self.deadlines.insert(deadline, ticket);
        let tool = self.lanes[id].tool;
        if self.tools[tool].waiting == 0 {
            self.tools[tool].turn = self.next_turn();
        }
        if self.lanes[id].waiting == 0 {
            self.lanes[id].turn = self.next_turn();
        }
        let displaced = if counted { None } else { self.lanes[id].head };
        if let Some(head) = displaced {
            self.step_aside(head);
        }
        self.lanes[id].link(&mut self.calls, ticket, !counted);
        self.count_waiting(tool, counted, 1);
        if self.lanes[id].head == Some(ticket) {
            self.contend(id, false);
            self.settle();
        }
        ticket
    }

    /// Adds to, or takes from, every count of waiting calls but the lane's own.
    pub(super) fn count_waiting(&mut self, tool: Id<ToolState>, counted: bool, by: i32) {
        let tool = &mut self.tools[tool];
        tool.waiting = tool.waiting.saturating_add_signed(by);
        self.waiting = self.waiting.saturating_add_signed(by);
        if counted {
            tool.counted = tool.counted.saturating_add_signed(by);
            self.counted = self.counted.saturating_add_signed(by);
        }
    }

    /// Takes a waiting call out of its lane and forgets it.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        let lane = self.calls[ticket].lane;
        self.unqueue(ticket);
        self.calls.remove(ticket);
        self.rest_if_idle(lane);
    }

    /// Takes a waiting call out of its lane; the next head contends.
    pub(super) fn unqueue(&mut self, ticket: Ticket) {
        let call = &self.calls[ticket];
        let (id, counted) = (
            call.lane,
            call.waiting().is_some_and(|waiting| waiting.counted),
        );
        let was_head = self.lanes[id].head == Some(ticket);
        if was_head {
            self.step_aside(ticket);
        }
        self.lanes[id].unlink(&mut self.calls, ticket);
        self.count_waiting(self.lanes[id].tool, counted, -1);
        let calls = &self.calls;
        self.deadlines.forget_one(|other| {
            other != ticket
                && calls
                    .get(other)
                    .is_some_and(|call| call.waiting().is_some())
        });
        if was_head && self.lanes[id].head.is_some() {
            self.contend(id, false);
        }
    }

    /// Returns every place of a running call, and forgets it.
    fn give_back(&mut self, ticket: Ticket) {
        let Some(call) = self.calls.remove(ticket) else {
            return;
        };
        let lane = &mut self.lanes[call.lane];
        lane.running -= 1;
        self.running -= 1;
        self.tools[lane.tool].running -= 1;
        let places = lane
            .place
            .into_iter()
            .chain(call.plan.places.iter().copied());
        for need in places.collect::<Vec<_>>() {
            self.resources[need.resource].give_back(need.amount);
            self.offer(need.resource);
        }
        self.rest_if_idle(call.lane);
    }

    pub(super) fn next_turn(&mut self) -> Turn {
        self.last_turn += 1;
        self.last_turn
    }
}
