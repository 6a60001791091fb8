//! What bounds waiting: a head that was passed over too often has what it needs kept for it.
//!
//! Heads park at one resource at a time, so a head that needs two can find the one taken whenever the
//! other comes free, and one that needs many tokens can see them go one by one. Each time is counted.
//! There is one reservation, held by the head that was passed over
//! [`PASSES_BEFORE_RESERVATION`] times first; then comes the next.
//!
//! Tokens are kept from the start, places only once the tokens are there: to keep a place
//! of the whole runner for a token that comes in a minute would stop everybody for a minute. The
//! holder still waits at most for its own tokens, which nobody else can take, and then for the end of
//! one running call in each place it needs.

use super::call::Ticket;
use super::core::Core;
use super::resource::Need;

/// How often a head may see what it needs go to others.
pub const PASSES_BEFORE_RESERVATION: u32 = 16;

/// Who has what it needs kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reservation {
    /// The call, which is the head of its lane.
    pub(super) ticket: Ticket,
    /// Whether its places are kept, too.
    pub(super) places_kept: bool,
}

impl Core {
    /// Counts that something this head needs went to another.
    pub(super) fn pass_over(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.calls[ticket].waiting_mut() {
            waiting.passed_over += 1;
            if waiting.passed_over == PASSES_BEFORE_RESERVATION {
                self.overdue.push_back(ticket);
            }
        }
    }

    /// Gives the reservation, if nobody holds it, to the head that waits for it longest.
    pub(super) fn appoint(&mut self) {
        while self.reservation.is_none() {
            let Some(ticket) = self.overdue.pop_front() else {
                return;
            };
            let Some(call) = self
                .calls
                .get(ticket)
                .filter(|call| call.waiting().is_some())
            else {
                continue;
            };
            let lane = call.lane;
            if self.lanes[lane].head != Some(ticket) {
                // Another attempt went before it. Once it is a head again, its count brings it back.
                if let Some(waiting) = self.calls[ticket].waiting_mut() {
                    waiting.passed_over = PASSES_BEFORE_RESERVATION - 1;
                }
                continue;
            }
            self.reservation = Some(Reservation {
                ticket,
                places_kept: false,
            });
            for need in self.needs_of(ticket, true) {
                self.resources[need.resource].kept = need.amount;
                self.touched.push(need.resource);
            }
            self.unpark(lane);
            self.contend(lane, false);
        }
    }

    /// The holder has its tokens: from now on its places are kept.
    pub(super) fn keep_places(&mut self) {
        let Some(held) = self.reservation.filter(|held| !held.places_kept) else {
            return;
        };
        for need in self.needs_of(held.ticket, false) {
            self.resources[need.resource].kept = need.amount;
        }
        self.reservation = Some(Reservation {
            places_kept: true,
            ..held
        });
    }

    /// A head is to be a head no more: it is not parked, and what was kept for it is free.
    pub(super) fn step_aside(&mut self, ticket: Ticket) {
        let lane = self.calls[ticket].lane;
        self.unpark(lane);
        if self.reservation.is_none_or(|held| held.ticket != ticket) {
            return;
        }
        self.reservation = None;
        if let Some(waiting) = self.calls[ticket].waiting_mut() {
            waiting.passed_over = PASSES_BEFORE_RESERVATION - 1;
        }
        for tokens in [true, false] {
            for need in self.needs_of(ticket, tokens) {
                self.resources[need.resource].kept = 0;
                self.offer(need.resource);
            }
        }
    }

    fn needs_of(&self, ticket: Ticket, tokens: bool) -> Vec<Need> {
        let call = &self.calls[ticket];
        let lane = &self.lanes[call.lane];
        let (own, shared) = if tokens {
            (lane.bucket, &call.plan.tokens)
        } else {
            (lane.place, &call.plan.places)
        };
        own.into_iter().chain(shared.iter().copied()).collect()
    }
}
