//! Who starts, when something has come free: the order of turns, and the waking of those who waited.

use std::cmp::Reverse;

use super::arena::Id;
use super::call::{Decision, Stage, Ticket};
use super::core::Core;
use super::lane::{Lane, Spot};
use super::park::Turn;
use super::plan::Plan;
use super::resource::{Need, Resource};
use crate::tool::OnLimit;

/// A lane, or the first of those parked at a spot, whose turn may have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contender {
    turns: (Turn, Turn),
    who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// This lane, which is not parked. `woken`: it had been, and what it waited for has come.
    Lane { lane: Id<Lane>, woken: bool },
    /// The first in order of those parked here.
    FirstAt(Spot),
}

/// Whether a call can start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// Everything is there.
    Startable,
    /// No token, and the limit says not to wait for one.
    Refused(Need),
    /// This is not there.
    Blocked(Spot),
}

impl PartialEq for Verdict {
    fn eq(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Startable, Self::Startable))
    }
}

impl Core {
    /// Whether a call of this lane and plan could start now. A holder looks at tokens first: its
    /// places are kept only once those are there.
    pub(super) fn examine(&self, lane: &Lane, plan: &Plan, is_holder: bool) -> Verdict {
        let lacks = |need: &&Need| {
            !self.resources[need.resource].is_ready(self.now, need.amount, is_holder)
        };
        let rejects = |need: &&Need| need.on_limit == OnLimit::Reject;
        if let Some(need) = plan.tokens.iter().filter(rejects).find(lacks) {
            return Verdict::Refused(*need);
        }
        let mut places = lane.place.iter().chain(&plan.places);
        let mut tokens = lane.bucket.iter().chain(&plan.tokens);
        let lacking = if is_holder {
            tokens.chain(places).find(lacks)
        } else {
            places.find(lacks).or_else(|| tokens.find(lacks))
        };
        lacking.map_or(Verdict::Startable, |need| {
            Verdict::Blocked(Spot {
                resource: need.resource,
                amount: need.amount,
            })
        })
    }

    /// Lets everybody start whose turn has come and who can.
    pub(super) fn settle(&mut self) {
        while let Some((lane, woken)) = self.next_contender() {
            self.attempt(lane, woken);
        }
        while let Some(resource) = self.touched.pop() {
            self.set_alarm(resource);
        }
    }

    /// The head of this lane, which is not parked, is to be looked at.
    pub(super) fn contend(&mut self, lane: Id<Lane>, woken: bool) {
        let turns = self.turns(lane);
        self.contenders.push(Reverse(Contender {
            turns,
            who: Who::Lane { lane, woken },
        }));
    }

    /// More of this may be there than before: wakes who waits for it.
    pub(super) fn offer(&mut self, id: Id<Resource>) {
        let resource = &self.resources[id];
        if resource.is_bucket() {
            self.touched.push(id);
        }
        let holder = self
            .holder_at(id)
            .filter(|(_, spot)| resource.is_ready(self.now, spot.amount, true));
        if let Some((lane, _)) = holder {
            self.unpark(lane);
            self.contend(lane, true);
        } else if let Some(lane) = resource.lane {
            let spot = self.lanes.get(lane).and_then(|lane| lane.spot);
            if spot.is_some_and(|spot| {
                spot.resource == id && resource.is_ready(self.now, spot.amount, false)
            }) {
                self.unpark(lane);
                self.contend(lane, true);
            }
        }
        let resource = &self.resources[id];
        for (amount, park) in &resource.parks {
            if let Some((turns, _)) = park.front()
                && resource.is_ready(self.now, *amount, false)
            {
                let who = Who::FirstAt(Spot {
                    resource: id,
                    amount: *amount,
                });
                self.contenders.push(Reverse(Contender { turns, who }));
            }
        }
    }

    /// The lane of the reservation's holder, if it waits for this.
    fn holder_at(&self, id: Id<Resource>) -> Option<(Id<Lane>, Spot)> {
        let lane = self.calls.get(self.reservation?.ticket)?.lane;
        let spot = self.lanes[lane].spot?;
        (spot.resource == id).then_some((lane, spot))
    }

    /// The lane whose turn it is, not parked any more, and whether it was woken.
    ///
    /// Turns change while contenders wait. They only ever grow, so an outdated contender comes up too
    /// early, is recognised, and goes back with the turns it has now.
    fn next_contender(&mut self) -> Option<(Id<Lane>, bool)> {
        loop {
            self.appoint();
            let Reverse(contender) = self.contenders.pop()?;
            match contender.who {
                Who::Lane { lane, woken } => {
                    let Some(state) = self.lanes.get(lane) else {
                        continue;
                    };
                    if state.head.is_none() || state.spot.is_some() {
                        continue;
                    }
                    if self.turns(lane) == contender.turns {
                        return Some((lane, woken));
                    }
                    self.contend(lane, woken);
                }
                Who::FirstAt(spot) => {
                    let Some(resource) = self.resources.get(spot.resource) else {
                        continue;
                    };
                    if !resource.is_ready(self.now, spot.amount, false) {
                        continue;
                    }
                    let Some((turns, lane)) = self.front_at(spot) else {
                        continue;
                    };
                    if turns == contender.turns {
                        self.unpark(lane);
                        self.contend_first_at(spot);
                        return Some((lane, true));
                    }
                    self.contend_first_at(spot);
                }
            }
        }
    }

    fn front_at(&mut self, spot: Spot) -> Option<((Turn, Turn), Id<Lane>)> {
        self.resources[spot.resource].park(spot.amount).front()
    }

    fn contend_first_at(&mut self, spot: Spot) {
        if let Some((turns, _)) = self.front_at(spot) {
            self.contenders.push(Reverse(Contender {
                turns,
                who: Who::FirstAt(spot),
            }));
        }
    }

    /// Starts the head of a lane, or parks it where it is blocked.
    fn attempt(&mut self, id: Id<Lane>, woken: bool) {
        let Some(ticket) = self.lanes[id].head else {
            return;
        };
        let is_holder = self.reservation.is_some_and(|held| held.ticket == ticket);
        match self.examine(&self.lanes[id], &self.calls[ticket].plan, is_holder) {
            Verdict::Startable => {
                self.start(ticket);
                self.decisions.push(Decision::Started(ticket));
            }
            Verdict::Refused(need) => {
                let refusal = self.rate_limited(id, need);
                self.withdraw(ticket);
                self.decisions.push(Decision::Refused(ticket, refusal));
            }
            Verdict::Blocked(spot) => {
                if is_holder && !self.resources[spot.resource].is_bucket() {
                    self.keep_places();
                }
                self.park(id, spot);
                if woken && !is_holder {
                    self.pass_over(ticket);
                }
            }
        }
    }

    /// Takes all a call needs, at once. It may have waited or just have come.
    pub(super) fn start(&mut self, ticket: Ticket) {
        let (id, plan) = (self.calls[ticket].lane, self.calls[ticket].plan.clone());
        let turns = self.turns_of_start(id);
        let lane = &self.lanes[id];
        let own = lane
            .place
            .into_iter()
            .chain(lane.bucket)
            .collect::<Vec<_>>();
        for need in own.iter().chain(&plan.places).chain(&plan.tokens) {
            self.resources[need.resource].take(self.now, need.amount);
            if self.resources[need.resource].is_bucket() {
                self.touched.push(need.resource);
                self.pass_over_dearer(*need, turns);
            }
        }
        if self.calls[ticket].waiting().is_some() {
            self.unqueue(ticket);
        }
        self.calls[ticket].stage = Stage::Running { since: self.now };
        self.running += 1;
        self.lanes[id].running += 1;
        let tool = self.lanes[id].tool;
        self.tools[tool].running += 1;
        self.end_turn(id);
    }

    /// Heads that wait for more of a bucket than was just taken, and whose turn was before, see
    /// it go to another. They are not woken by what is too little for them, so it is counted here.
    fn pass_over_dearer(&mut self, taken: Need, turns: (Turn, Turn)) {
        let dearer: Vec<Id<Lane>> = self.resources[taken.resource]
            .parks
            .iter()
            .filter(|(amount, _)| *amount > taken.amount)
            .filter_map(|(_, park)| park.front())
            .filter(|(before, _)| *before < turns)
            .map(|(_, lane)| lane)
            .collect();
        for lane in dearer {
            if let Some(ticket) = self.lanes[lane].head {
                self.pass_over(ticket);
            }
        }
    }

    /// Sends the lane to the end of its tool's lanes, and the tool to the end of the tools.
    fn end_turn(&mut self, id: Id<Lane>) {
        let tool = self.lanes[id].tool;
        let (old, new) = (self.tools[tool].turn, self.next_turn());
        for (spot, _) in &self.tools[tool].parked_at {
            self.resources[spot.resource]
                .park(spot.amount)
                .move_tool(tool, old, new);
        }
        self.tools[tool].turn = new;
        // A parked lane keeps its turn: its own head was not served.
        if self.lanes[id].spot.is_none() {
            self.lanes[id].turn = self.next_turn();
        }
    }

    /// The place in the order of turns of a call that starts: one that did not wait comes last.
    fn turns_of_start(&self, id: Id<Lane>) -> (Turn, Turn) {
        let lane = &self.lanes[id];
        match (self.tools[lane.tool].waiting, lane.waiting) {
            (0, _) => (Turn::MAX, Turn::MAX),
            (_, 0) => (self.tools[lane.tool].turn, Turn::MAX),
            _ => self.turns(id),
        }
    }

    /// The place of a lane in the order of turns.
    fn turns(&self, id: Id<Lane>) -> (Turn, Turn) {
        let lane = &self.lanes[id];
        (self.tools[lane.tool].turn, lane.turn)
    }

    fn park(&mut self, id: Id<Lane>, spot: Spot) {
        let (turns, tool) = (self.turns(id), self.lanes[id].tool);
        self.lanes[id].spot = Some(spot);
        if self.resources[spot.resource].lane.is_none() {
            self.resources[spot.resource]
                .park(spot.amount)
                .insert(turns, tool, id);
            self.tools[tool].parked(spot);
        }
        self.touched.push(spot.resource);
    }

    /// Takes a lane from where it is parked, if it is.
    pub(super) fn unpark(&mut self, id: Id<Lane>) {
        let turns = self.turns(id);
        let Some(spot) = self.lanes[id].spot.take() else {
            return;
        };
        if self.resources[spot.resource].lane.is_none() {
            self.resources[spot.resource]
                .park(spot.amount)
                .remove(turns);
            self.tools[self.lanes[id].tool].unparked(spot);
        }
        self.touched.push(spot.resource);
    }

    /// Sets when the passing of time serves somebody who waits for this.
    fn set_alarm(&mut self, id: Id<Resource>) {
        let Some(resource) = self
            .resources
            .get(id)
            .filter(|resource| resource.is_bucket())
        else {
            return;
        };
        let alone = resource.lane.and_then(|lane| self.lanes.get(lane)?.spot);
        let for_one = match (self.holder_at(id), alone) {
            (Some((_, spot)), _) => resource.ready_at(self.now, spot.amount, true),
            (None, Some(spot)) if spot.resource == id => {
                resource.ready_at(self.now, spot.amount, false)
            }
            _ => None,
        };
        let alarm = resource
            .next_alarm(self.now)
            .into_iter()
            .chain(for_one)
            .min();
        let resource = &mut self.resources[id];
        if resource.alarm != alarm {
            if let Some(old) = resource.alarm {
                self.alarms.remove(&(old, id));
            }
            resource.alarm = alarm;
            self.alarms.extend(alarm.map(|at| (at, id)));
        }
    }
}
