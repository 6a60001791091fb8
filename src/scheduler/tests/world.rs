//! Random limits, and a second, slow and simple account of them to judge the core by.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::fixture::{bucket, keys, name, runner, tool};
use crate::scheduler::Nanos;
use crate::scheduler::gcra::rate;
use crate::tool::{OnLimit, RunnerLimits, ToolLimits, ToolName};

pub(super) const MILLISECOND: Nanos = 1_000_000;
const SECOND: u128 = 1_000_000_000;

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) runner: RunnerLimits,
    pub(super) tools: Vec<(ToolName, ToolLimits)>,
}

impl World {
    pub(super) fn tools(&self) -> impl Iterator<Item = (&ToolName, &ToolLimits)> {
        self.tools.iter().map(|(name, limits)| (name, limits))
    }
}

/// Limits small enough to be in each other's way.
pub(super) fn world(waits_forever: bool) -> impl Strategy<Value = World> {
    let shared = prop::collection::vec((1..20_u32, 1..5_u32), 2);
    let places = (1..5_u32, 0..12_u32, prop::collection::vec(1..4_u32, 2));
    (places, shared).prop_flat_map(move |((max_parallel, queue, groups), shared)| {
        prop::collection::vec(one_tool(shared, waits_forever), 1..5).prop_map(move |tools| {
            let mut limits = runner(max_parallel, if waits_forever { 1000 } else { queue });
            for (index, places) in groups.iter().enumerate() {
                limits.groups.insert(
                    format!("g{index}"),
                    NonZeroU32::new(*places).expect("above zero"),
                );
            }
            let named = |(index, mut limits): (usize, ToolLimits)| {
                for bucket in &mut limits.buckets {
                    bucket.bucket = bucket.bucket.replace("OWN", &format!("t{index}"));
                }
                (name(&format!("t{index}")), limits)
            };
            World {
                runner: limits,
                tools: tools.into_iter().enumerate().map(named).collect(),
            }
        })
    })
}

fn one_tool(shared: Vec<(u32, u32)>, waits_forever: bool) -> impl Strategy<Value = ToolLimits> {
    let own = prop::option::of((1..20_u32, 1..5_u32, 1..5_u32, any::<bool>()));
    let named = prop::option::of((0..2_usize, 1..5_u32, any::<bool>()));
    let per_key = prop::option::of((
        prop::option::of(1..3_u32),
        prop::option::of((1..10_u32, 1..3_u32)),
        prop::option::of(0..4_u32),
        1..5_usize,
    ));
    let places = (
        1..4_u32,
        0..6_u32,
        prop::option::of(0..2_usize),
        50..3000_u64,
    );
    (places, own, named, per_key).prop_map(
        move |((parallel, queue, group, patience), own, named, per_key)| {
            let mut limits = tool(parallel, if waits_forever { 1000 } else { queue });
            limits.group = group.map(|index| format!("g{index}"));
            if !waits_forever {
                limits.queue_timeout = Duration::from_millis(patience);
            }
            if let Some((per_second, burst, cost, rejects)) = own {
                let mut own = bucket(
                    "OWN/concurrency",
                    f64::from(per_second),
                    burst,
                    cost.min(burst),
                );
                own.limit.on_limit = on_limit(rejects && !waits_forever);
                limits.buckets.push(own);
            }
            if let Some((index, cost, rejects)) = named {
                let (per_second, burst) = shared[index];
                let name = format!("shared{index}");
                let mut named = bucket(&name, f64::from(per_second), burst, cost.min(burst));
                named.limit.on_limit = on_limit(rejects && !waits_forever);
                limits.buckets.push(named);
            }
            limits.per_key = per_key.map(|(parallel, figures, queue, max)| {
                let mut limits = keys(parallel, if waits_forever { 1000 } else { max });
                limits.rate = figures.map(|(per_second, burst)| rate(f64::from(per_second), burst));
                limits.queue_size = queue.filter(|_| !waits_forever);
                limits
            });
            limits
        },
    )
}

const fn on_limit(rejects: bool) -> OnLimit {
    if rejects {
        OnLimit::Reject
    } else {
        OnLimit::Queue
    }
}

/// Who is limited: the name says what it is.
pub(super) type Account = String;

/// What is taken of places and tokens, kept the plain way: counters, and buckets that are refilled.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) places: HashMap<Account, u32>,
    /// Tokens, times a second in nanoseconds, and when that was.
    tokens: HashMap<Account, (u128, Nanos)>,
}

/// What a call needs: the account, how many there are, how many come each second, how many it takes.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) account: Account,
    pub(super) size: u32,
    pub(super) per_second: Option<u32>,
    pub(super) amount: u32,
}

impl World {
    /// Everything a call needs.
    pub(super) fn wanted(&self, tool: usize, key: Option<&str>) -> Vec<Wanted> {
        let (name, limits) = &self.tools[tool];
        let place = |account: String, size: u32| Wanted {
            account,
            size,
            per_second: None,
            amount: 1,
        };
        let mut all = vec![
            place("runner".into(), self.runner.max_parallel.get()),
            place(format!("tool {name}"), limits.max_parallel.get()),
        ];
        if let Some(group) = &limits.group {
            all.push(place(
                format!("group {group}"),
                self.runner.groups[group].get(),
            ));
        }
        for bucket in &limits.buckets {
            all.push(tokens(
                format!("bucket {}", bucket.bucket),
                bucket.limit.rate,
                bucket.cost.get(),
            ));
        }
        if let Some(keys) = &limits.per_key {
            if let Some(size) = keys.max_parallel {
                all.push(place(format!("key {name} {key:?}"), size.get()));
            }
            if let Some(rate) = keys.rate {
                all.push(tokens(format!("key bucket {name} {key:?}"), rate, 1));
            }
        }
        all
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates of the model are small and whole"
)]
fn tokens(account: Account, rate: crate::tool::Rate, amount: u32) -> Wanted {
    let per_second = Some(rate.requests_per_second as u32);
    Wanted {
        account,
        size: rate.burst.get(),
        per_second,
        amount,
    }
}

impl Ledger {
    /// Whether so much is there, beside what is kept for somebody else.
    pub(super) fn has(&self, now: Nanos, wanted: &Wanted, kept: u32) -> bool {
        let needed = wanted.amount + kept;
        match wanted.per_second {
            None => self.places.get(&wanted.account).copied().unwrap_or(0) + needed <= wanted.size,
            Some(_) => self.level(now, wanted) >= u128::from(needed) * SECOND,
        }
    }

    pub(super) fn take(&mut self, now: Nanos, wanted: &Wanted) {
        assert!(
            self.has(now, wanted, 0),
            "at {now} too much is taken of {wanted:?}"
        );
        if wanted.per_second.is_some() {
            let left = self.level(now, wanted) - u128::from(wanted.amount) * SECOND;
            self.tokens.insert(wanted.account.clone(), (left, now));
        } else {
            *self.places.entry(wanted.account.clone()).or_default() += wanted.amount;
        }
    }

    pub(super) fn give_back(&mut self, wanted: &Wanted) {
        if wanted.per_second.is_none() {
            *self.places.get_mut(&wanted.account).expect("it was taken") -= wanted.amount;
        }
    }

    fn level(&self, now: Nanos, wanted: &Wanted) -> u128 {
        let full = u128::from(wanted.size) * SECOND;
        let per_second = u128::from(wanted.per_second.expect("a bucket"));
        self.tokens
            .get(&wanted.account)
            .map_or(full, |(level, at)| {
                full.min(level + per_second * u128::from(now - at))
            })
    }
}
