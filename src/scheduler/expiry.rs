//! What the passing of time alone decides.

use std::time::Duration;

use super::Nanos;
use super::call::{Decision, Ticket};
use super::core::Core;
use super::limit::Limit;
use super::refusal::Refusal;

impl Core {
    /// Moves the clock: those whose deadline has passed are refused, and whoever has tokens now is
    /// woken. The caller settles.
    pub(super) fn advance(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        // A token that comes at the very moment of a deadline is still in time.
        if let Some(past) = self.now.checked_sub(1) {
            self.expire(past);
        }
        while let Some((at, resource)) = self
            .alarms
            .first()
            .copied()
            .filter(|(at, _)| *at <= self.now)
        {
            self.alarms.remove(&(at, resource));
            self.resources[resource].alarm = None;
            self.offer(resource);
        }
    }

    /// Refuses those whose deadline is `until` or before.
    pub(super) fn expire(&mut self, until: Nanos) {
        while let Some((_, ticket)) = self
            .next_deadline()
            .filter(|(deadline, _)| *deadline <= until)
        {
            let refusal = self.waited_too_long(ticket);
            self.withdraw(ticket);
            self.decisions.push(Decision::Refused(ticket, refusal));
        }
    }

    /// When to call `tick` at the latest, if nothing else happens before.
    pub(super) fn next_wake(&mut self) -> Option<Nanos> {
        let deadline = self.next_deadline().map(|(deadline, _)| deadline);
        let alarm = self.alarms.first().map(|(at, _)| *at);
        deadline.into_iter().chain(alarm).min()
    }

    fn next_deadline(&mut self) -> Option<(Nanos, Ticket)> {
        let calls = &self.calls;
        self.deadlines.next(|ticket| {
            calls
                .get(ticket)
                .is_some_and(|call| call.waiting().is_some())
        })
    }

    fn waited_too_long(&self, ticket: Ticket) -> Refusal {
        let call = &self.calls[ticket];
        let lane = &self.lanes[call.lane];
        let tool = &self.tools[lane.tool];
        let callers = call
            .waiting()
            .is_some_and(|waiting| waiting.deadline_is_callers);
        let limit = if callers {
            Limit::CallerDeadline
        } else {
            Limit::QueueTimeout(tool.name.clone())
        };
        let held_by = lane.spot.and_then(|spot| self.resources.get(spot.resource));
        let ahead = tool.waiting - 1;
        Refusal::QueueTimeout {
            tool: tool.name.clone(),
            limit,
            waited: Duration::from_nanos(self.now - call.arrived),
            held_by: held_by.map(|resource| (resource.limit.clone(), resource.figure())),
            ahead: u64::from(ahead),
            retry_after: self.served_after(call.lane, ahead, u32::MAX),
        }
    }
}
