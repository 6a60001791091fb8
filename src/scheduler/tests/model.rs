//! Random limits and random histories: after every step the core is compared with a plain account.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::world::{Account, Ledger, MILLISECOND, Wanted, World, world};
use crate::scheduler::call::{Decision, Ticket};
use crate::scheduler::core::{Admitted, Arrival, Core};
use crate::scheduler::{Limit, Nanos, Refusal};
use crate::tool::OnLimit;

#[derive(Clone, Debug)]
enum Step {
    Arrive {
        tool: usize,
        key: u8,
        patience: Option<u64>,
        is_retry: bool,
    },
    Cancel(usize),
    Finish(usize),
    Wait(u64),
    WaitForCore,
}

fn step() -> impl Strategy<Value = Step> {
    let arrive = (
        0..4_usize,
        0..5_u8,
        prop::option::weighted(0.2, 0..2000_u64),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(tool, key, patience, is_retry)| Step::Arrive {
            tool,
            key,
            patience,
            is_retry,
        });
    prop_oneof![
        6 => arrive,
        1 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::Finish),
        1 => (0..400_u64).prop_map(Step::Wait),
        2 => Just(Step::WaitForCore),
    ]
}

#[derive(Clone, Debug)]
struct Known {
    tool: usize,
    key: Option<String>,
    order: i64,
    deadline: Nanos,
    is_retry: bool,
}

struct Model {
    world: World,
    core: Core,
    now: Nanos,
    arrivals: i64,
    ledger: Ledger,
    waiting: HashMap<Ticket, Known>,
    running: BTreeMap<Ticket, Known>,
    starts: HashMap<Account, Vec<(Nanos, u32)>>,
}

impl Model {
    fn new(world: World) -> Self {
        let core = Core::new(&world.runner, world.tools());
        Self {
            world,
            core,
            now: 0,
            arrivals: 0,
            ledger: Ledger::default(),
            waiting: HashMap::new(),
            running: BTreeMap::new(),
            starts: HashMap::new(),
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Arrive {
                tool,
                key,
                patience,
                is_retry,
            } => {
                let tool = tool % self.world.tools.len();
                let until = patience.map(|millis| self.now + millis * MILLISECOND);
                self.arrive(tool, *key, until, *is_retry);
            }
            Step::Cancel(nth) => {
                let mut all: Vec<Ticket> = self
                    .waiting
                    .keys()
                    .chain(self.running.keys())
                    .copied()
                    .collect();
                all.sort();
                if let Some(ticket) = all.get(nth % all.len().max(1)).copied() {
                    self.core.cancel(self.now, ticket);
                    self.forget(ticket);
                }
            }
            Step::Finish(nth) => {
                let ticket = self
                    .running
                    .keys()
                    .nth(nth % self.running.len().max(1))
                    .copied();
                if let Some(ticket) = ticket {
                    self.core.finish(self.now, ticket);
                    self.forget(ticket);
                }
            }
            Step::Wait(millis) => self.wait_until(self.now + millis * MILLISECOND),
            Step::WaitForCore => {
                if let Some(next) = self.core.next_wake() {
                    self.wait_until(next.max(self.now));
                }
            }
        }
        self.settle_accounts();
        self.check();
    }

    /// Time passes as the timer lets it pass: the core is asked at each moment it named.
    fn wait_until(&mut self, moment: Nanos) {
        while let Some(next) = self.core.next_wake().filter(|next| *next < moment) {
            self.now = self.now.max(next);
            self.core.tick(self.now);
            self.settle_accounts();
        }
        self.now = moment;
        self.core.tick(moment);
    }

    fn arrive(&mut self, tool: usize, key: u8, wait_until: Option<Nanos>, is_retry: bool) {
        let (name, limits) = &self.world.tools[tool];
        let key = (key > 0 && limits.per_key.is_some()).then(|| format!("k{key}"));
        let deadline = self.now + u64::try_from(limits.queue_timeout.as_nanos()).expect("small");
        let deadline = wait_until.map_or(deadline, |until| until.min(deadline));
        let arrival = Arrival {
            tool: self.core.tool_names[name],
            key: key.clone(),
            wait_until,
            is_retry,
        };
        let admitted = self.core.arrive(self.now, arrival);
        self.arrivals += 1;
        let order = if is_retry {
            -self.arrivals
        } else {
            self.arrivals
        };
        let known = Known {
            tool,
            key,
            order,
            deadline,
            is_retry,
        };
        match admitted {
            Ok(Admitted::Started(ticket)) => self.started(ticket, known),
            Ok(Admitted::Waiting(ticket)) => {
                self.waiting.insert(ticket, known);
            }
            Err(refusal) => self.check_refusal(&known, &refusal),
        }
    }

    fn forget(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
        if let Some(known) = self.running.remove(&ticket) {
            for wanted in self.world.wanted(known.tool, known.key.as_deref()) {
                self.ledger.give_back(&wanted);
            }
        }
    }

    fn settle_accounts(&mut self) {
        for decision in self.core.take_decisions() {
            match decision {
                Decision::Started(ticket) => {
                    let known = self
                        .waiting
                        .remove(&ticket)
                        .expect("what starts was waiting");
                    assert!(
                        self.now <= known.deadline,
                        "nothing starts after its deadline"
                    );
                    self.check_order(&known);
                    self.started(ticket, known);
                }
                Decision::Refused(ticket, refusal) => {
                    let known = self
                        .waiting
                        .remove(&ticket)
                        .expect("what is refused was waiting");
                    if matches!(refusal, Refusal::QueueTimeout { .. }) {
                        assert!(known.deadline <= self.now, "nothing gives up too early");
                    } else {
                        self.check_refusal(&known, &refusal);
                    }
                }
            }
        }
    }

    fn started(&mut self, ticket: Ticket, known: Known) {
        for wanted in self.world.wanted(known.tool, known.key.as_deref()) {
            self.ledger.take(self.now, &wanted);
            if wanted.per_second.is_some() {
                let starts = self.starts.entry(wanted.account.clone()).or_default();
                starts.push((self.now, wanted.amount));
                assert_law(starts, &wanted);
            }
        }
        self.running.insert(ticket, known);
    }

    fn check_order(&self, started: &Known) {
        for other in self.waiting.values() {
            let same = other.tool == started.tool && other.key == started.key;
            assert!(
                !same || started.order < other.order,
                "{other:?} was overtaken by {started:?}"
            );
        }
    }

    fn check_refusal(&self, known: &Known, refusal: &Refusal) {
        let limits = &self.world.tools[known.tool].1;
        let counted = |of: &dyn Fn(&Known) -> bool| {
            self.waiting
                .values()
                .filter(|other| !other.is_retry && of(other))
                .count() as u64
        };
        let same_tool = |other: &Known| other.tool == known.tool;
        match refusal {
            Refusal::QueueFull {
                limit: Limit::Keys(_),
                figure,
                ..
            } => {
                assert_eq!(
                    *figure,
                    limits.per_key.as_ref().expect("keys").max_keys.get() as u64
                );
            }
            Refusal::QueueFull {
                limit,
                figure,
                ahead,
                ..
            } => {
                assert!(!known.is_retry, "another attempt needs no room");
                let expected = match limit {
                    Limit::ToolQueue(_) => counted(&same_tool),
                    Limit::KeyQueue(_) => {
                        counted(&|other| same_tool(other) && other.key == known.key)
                    }
                    Limit::RunnerQueue => {
                        assert!(
                            counted(&same_tool) > 0,
                            "a tool nobody waits for may place one"
                        );
                        counted(&|_| true)
                    }
                    _ => panic!("{limit} is no queue"),
                };
                assert_eq!(*ahead, expected);
                assert!(expected >= *figure);
            }
            Refusal::RateLimited {
                patient,
                retry_after,
                ..
            } => {
                assert!(!retry_after.is_zero());
                let rejects = limits
                    .buckets
                    .iter()
                    .any(|one| one.limit.on_limit == OnLimit::Reject);
                assert!(*patient || rejects);
            }
            other => panic!("{other:?} was not to be expected"),
        }
    }

    fn check(&mut self) {
        self.core.assert_sound();
        assert_eq!(self.core.running as usize, self.running.len());
        assert_eq!(self.core.waiting as usize, self.waiting.len());
        for known in self.waiting.values() {
            assert!(
                known.deadline >= self.now,
                "{known:?} waits past its deadline"
            );
        }
        self.check_queues();
        self.check_nothing_waits_in_vain();
    }

    fn check_queues(&self) {
        let tools = &self.world.tools;
        let counted = self
            .waiting
            .values()
            .filter(|known| !known.is_retry)
            .count();
        assert!(counted <= self.world.runner.queue_size as usize + tools.len());
        for (index, (name, limits)) in tools.iter().enumerate() {
            let of_tool = self
                .waiting
                .values()
                .filter(|known| !known.is_retry && known.tool == index);
            assert!(of_tool.count() <= limits.queue_size as usize);
            if let Some(keys) = &limits.per_key {
                let tool = &self.core.tools[self.core.tool_names[name]];
                assert!(tool.lanes.len() <= keys.max_keys.get());
            }
        }
    }

    /// Whoever is first in its lane and finds everything free has started; what is kept for the holder of
    /// the reservation is not free.
    fn check_nothing_waits_in_vain(&self) {
        let holder = self.core.reservation.map(|held| held.ticket);
        let kept = holder.map(|ticket| {
            let known = &self.waiting[&ticket];
            self.world.wanted(known.tool, known.key.as_deref())
        });
        for (ticket, known) in &self.waiting {
            let first = self.waiting.values().all(|other| {
                other.tool != known.tool || other.key != known.key || known.order <= other.order
            });
            let kept_of = |account: &str| match &kept {
                Some(kept) if holder != Some(*ticket) => kept
                    .iter()
                    .find(|wanted| wanted.account == account)
                    .map_or(0, |wanted| wanted.amount),
                _ => 0,
            };
            let wanted = self.world.wanted(known.tool, known.key.as_deref());
            let free = wanted
                .iter()
                .all(|wanted| self.ledger.has(self.now, wanted, kept_of(&wanted.account)));
            assert!(!first || !free, "{known:?} waits for nothing");
        }
    }

    /// Lets everybody run and end; nothing must be left.
    fn drain(&mut self) {
        while !self.running.is_empty() || !self.waiting.is_empty() {
            if self.running.is_empty() {
                assert!(
                    self.core.next_wake().is_some(),
                    "nobody would ever wake those who wait"
                );
                self.run(&Step::WaitForCore);
            } else {
                self.run(&Step::Finish(0));
            }
        }
        self.core.assert_empty();
        assert!(self.ledger.places.values().all(|taken| *taken == 0));
    }
}

/// In no window of `t` more than `burst + rate × t`; every window that ends at the latest start.
fn assert_law(starts: &[(Nanos, u32)], wanted: &Wanted) {
    let Some((end, _)) = starts.last() else {
        return;
    };
    let per_second = u128::from(wanted.per_second.expect("a bucket"));
    let mut sum = 0;
    for (start, cost) in starts.iter().rev() {
        sum += u128::from(*cost);
        let more = sum.saturating_sub(u128::from(wanted.size));
        assert!(
            more * 1_000_000_000 <= per_second * u128::from(end - start),
            "{starts:?} {wanted:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_every_limit(
        world in world(false),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut model = Model::new(world);
        for step in &steps {
            model.run(step);
        }
        model.drain();
    }

    #[test]
    fn a_reload_in_the_middle_loses_nobody(
        before in world(false),
        after in world(false),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new(before);
        for step in &steps {
            model.run(step);
        }
        model.core.reconfigure(model.now, &after.runner, after.tools());
        model.core.assert_sound();
        let mut left: Vec<Ticket> = model.running.keys().copied().collect();
        let mut waiting: Vec<Ticket> = model.waiting.keys().copied().collect();
        while !left.is_empty() || !waiting.is_empty() {
            for decision in model.core.take_decisions() {
                match decision {
                    Decision::Started(ticket) => {
                        prop_assert!(waiting.contains(&ticket));
                        left.push(ticket);
                        waiting.retain(|other| *other != ticket);
                    }
                    Decision::Refused(ticket, _) => waiting.retain(|other| *other != ticket),
                }
            }
            if let Some(ticket) = left.pop() {
                model.core.finish(model.now, ticket);
            } else if let Some(next) = model.core.next_wake() {
                model.now = next;
                model.core.tick(next);
            }
            model.core.assert_sound();
        }
        model.core.assert_empty();
    }
}
