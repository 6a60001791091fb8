//! Waiting is bounded, whatever the others do.
//!
//! Let `L` be the number of lanes, and `E` the longest run plus the longest time a bucket takes to fill.
//! Nobody but the head can use what is kept for the holder of the reservation, so a holder starts within
//! `E`. A head is woken once the lanes before it at its spot have had their turn, of which there
//! are fewer than `L`; each takes at most `E`, and the holder before it as much again: `2·L·E`. After
//! [`PASSES_BEFORE_RESERVATION`] such rounds it is overdue, and at most `L` holders come first. So a call
//! with `p` others before it in its lane starts within `(p + 1) · (2·16 + 1) · L · E`.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::world::{MILLISECOND, World, world};
use crate::scheduler::call::{Decision, Ticket};
use crate::scheduler::core::{Admitted, Arrival, Core};
use crate::scheduler::{Nanos, PASSES_BEFORE_RESERVATION};

const KEYS: usize = 2;
const SECOND: Nanos = 1_000 * MILLISECOND;

/// Every lane always has a call waiting, and every run lasts as long as the adversary likes.
struct Adversary {
    core: Core,
    lanes: Vec<(usize, Option<String>)>,
    waiting: HashMap<Ticket, (usize, Nanos)>,
    ends: BTreeSet<(Nanos, Ticket)>,
    runs: Vec<u64>,
    started: usize,
    now: Nanos,
    longest_wait: Nanos,
}

impl Adversary {
    fn new(world: &World, runs: Vec<u64>) -> Self {
        let core = Core::new(&world.runner, world.tools());
        let keys = |tool: &usize| {
            if world.tools[*tool].1.per_key.is_some() {
                KEYS
            } else {
                1
            }
        };
        let lanes = (0..world.tools.len())
            .flat_map(|tool| (0..keys(&tool)).map(move |key| (tool, Some(format!("k{key}")))))
            .collect();
        Self {
            core,
            lanes,
            waiting: HashMap::new(),
            ends: BTreeSet::new(),
            runs,
            started: 0,
            now: 0,
            longest_wait: 0,
        }
    }

    /// Puts a call into each lane that has none, until all have one that waits.
    fn fill(&mut self, world: &World) {
        for lane in 0..self.lanes.len() {
            while !self.waiting.values().any(|(of, _)| *of == lane) {
                let (tool, key) = self.lanes[lane].clone();
                let tool = self.core.tool_names[&world.tools[tool].0];
                let arrival = Arrival {
                    tool,
                    key,
                    wait_until: None,
                    is_retry: false,
                };
                match self.core.arrive(self.now, arrival).expect("there is room") {
                    Admitted::Started(ticket) => self.runs_now(ticket),
                    Admitted::Waiting(ticket) => {
                        self.waiting.insert(ticket, (lane, self.now));
                    }
                }
                self.note_starts();
            }
        }
    }

    fn runs_now(&mut self, ticket: Ticket) {
        let run = self.runs[self.started % self.runs.len()] * MILLISECOND;
        self.started += 1;
        self.ends.insert((self.now + run, ticket));
    }

    fn note_starts(&mut self) {
        for decision in self.core.take_decisions() {
            let Decision::Started(ticket) = decision else {
                panic!("nobody is refused here: {decision:?}");
            };
            let (_, since) = self.waiting.remove(&ticket).expect("it was waiting");
            self.longest_wait = self.longest_wait.max(self.now - since);
            self.runs_now(ticket);
        }
    }

    fn step(&mut self) {
        let end = self.ends.first().copied();
        let wake = self.core.next_wake().unwrap_or(Nanos::MAX);
        if let Some((at, ticket)) = end.filter(|(at, _)| *at <= wake) {
            self.now = at;
            self.ends.remove(&(at, ticket));
            self.core.finish(at, ticket);
        } else {
            self.now = wake;
            self.core.tick(wake);
        }
        self.note_starts();
    }
}

fn longest_refill(world: &World) -> Nanos {
    let shared = world
        .tools
        .iter()
        .flat_map(|(_, limits)| &limits.buckets)
        .map(|one| one.limit.rate);
    let keyed = world
        .tools
        .iter()
        .filter_map(|(_, limits)| limits.per_key.as_ref()?.rate);
    shared
        .chain(keyed)
        .map(|rate| f64::from(rate.burst.get()) / rate.requests_per_second)
        .map(|seconds| std::time::Duration::from_secs_f64(seconds).as_nanos())
        .map(|nanos| Nanos::try_from(nanos).expect("small"))
        .max()
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_waits_longer_than_the_bound(
        world in world(true),
        runs in prop::collection::vec(1..500_u64, 1..20),
    ) {
        let longest_run = runs.iter().max().expect("some") * MILLISECOND;
        let mut adversary = Adversary::new(&world, runs);
        let epoch = longest_run + longest_refill(&world);
        let rounds = u64::from(2 * PASSES_BEFORE_RESERVATION + 1) * adversary.lanes.len() as u64;
        for _ in 0..600 {
            adversary.fill(&world);
            adversary.step();
            let oldest = adversary.waiting.values().map(|(_, since)| adversary.now - since).max();
            let wait = adversary.longest_wait.max(oldest.unwrap_or(0));
            prop_assert!(wait <= rounds * epoch, "waited {wait} of {rounds} times {epoch}");
        }
        adversary.core.assert_sound();
        prop_assert!(adversary.started > 0 && adversary.now < 100_000 * SECOND);
    }
}
