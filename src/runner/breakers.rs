//! Circuit breakers, shared by name.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Era, Health, Held};
use crate::tool::{BreakerRules, Catalog, Failure, FailureCode, remedy, spoken};

/// When to come back while calls are trying whether a breaker may close: how long they take is not known.
const WHILE_TRYING: Duration = Duration::from_secs(1);

/// All breakers of a runner. There are as many as names in its file, and in those before it of which calls still run:
/// each call brings the rules it arrived with, so that a reload keeps what is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Breakers(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    by_name: HashMap<String, Breaker>,
    /// How many there ever were.
    made: u64,
}

impl Breakers {
    /// Whether a call that starts at `moment` would pass.
    ///
    /// # Errors
    /// `CIRCUIT_OPEN`, with when to come back.
    pub(super) fn look(&self, rules: &BreakerRules, moment: Instant) -> Result<(), Failure> {
        let looked = match self.all().by_name.get(&rules.name) {
            Some(breaker) => breaker.look(moment, rules),
            None => Ok(()),
        };
        looked.map_err(|held| refusal(rules, held))
    }

    /// What a breaker is now, in a word, and how long until it lets a call try where it is open.
    pub(super) fn state(&self, rules: &BreakerRules) -> (&'static str, Option<Duration>) {
        let now = Instant::now();
        let breakers = self.all();
        let Some(breaker) = breakers.by_name.get(&rules.name) else {
            return ("closed", None);
        };
        let left = match breaker.look(now, rules) {
            Err(Held::Open(left)) => Some(left),
            _ => None,
        };
        (breaker.word(now), left)
    }

    /// Lets a call through that starts now.
    ///
    /// # Errors
    /// `CIRCUIT_OPEN`, with when to come back.
    pub(super) fn enter(&self, rules: &BreakerRules) -> Result<Pass, Failure> {
        let entered = self.with(rules, |breaker, now| breaker.enter(now, rules));
        let era = entered.map_err(|held| refusal(rules, held))?;
        Ok(Pass {
            breakers: self.clone(),
            rules: rules.clone(),
            era,
            health: Health::Unknown,
        })
    }

    fn with<T>(&self, rules: &BreakerRules, step: impl FnOnce(&mut Breaker, Instant) -> T) -> T {
        let mut all = self.all();
        let all = &mut *all;
        let now = Instant::now();
        if let Some(breaker) = all.by_name.get_mut(&rules.name) {
            return step(breaker, now);
        }
        all.made += 1;
        let fresh = Breaker::of_number(all.made);
        step(all.by_name.entry(rules.name.clone()).or_insert(fresh), now)
    }

    /// Forgets what is known by names that no tool of `catalog` has.
    pub(super) fn keep(&self, catalog: &Catalog) {
        let named = catalog.tools().filter_map(|tool| {
            let rules = tool.circuit_breaker.as_ref()?;
            Some(rules.name.as_str())
        });
        let named: HashSet<&str> = named.collect();
        let mut all = self.all();
        all.by_name.retain(|name, _| named.contains(name.as_str()));
    }

    /// How many names there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.all().by_name.len()
    }

    /// Every step leaves a breaker whole, so a panic elsewhere does not spoil it.
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through. Dropped without a word, as when it is called off, it says nothing and frees
/// its place among the tries.
#[derive(Debug)]
pub(super) struct Pass {
    breakers: Breakers,
    rules: BreakerRules,
    era: Era,
    health: Health,
}

impl Pass {
    /// Says what the call learned.
    pub(super) fn end(mut self, health: Health) {
        self.health = health;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let (era, health) = (self.era, self.health);
        let mut all = self.breakers.all();
        // One that was forgotten meanwhile has nothing to learn.
        if let Some(breaker) = all.by_name.get_mut(&self.rules.name) {
            breaker.leave(Instant::now(), &self.rules, era, health);
        }
    }
}

fn refusal(rules: &BreakerRules, held: Held) -> Failure {
    let name = &rules.name;
    let (message, retry_after) = match held {
        Held::Open(left) => (
            format!(
                "circuit breaker `{name}` is open, because what it guards kept failing: nothing is tried for {} after the last failure",
                spoken(rules.recovery_timeout)
            ),
            left,
        ),
        Held::Trying => (
            format!(
                "circuit breaker `{name}` is half open: other calls are trying whether it may close"
            ),
            WHILE_TRYING.min(rules.recovery_timeout),
        ),
    };
    Failure::new(FailureCode::CircuitOpen, message)
        .remediation(format!(
            "{}: until then nothing that `{name}` guards is called",
            remedy::come_back(retry_after)
        ))
        .retry_after(retry_after)
        .with("circuit_breaker", name.as_str())
}
