//! Equal calls share an answer: one that is kept, or one that is on its way.
//!
//! | file | owns |
//! |---|---|
//! | `key` | which calls are equal |
//! | `store` | answers that are kept |
//! | `flight`, `seat` | runs under way, and those who wait for them |
//!
//! Under one lock a call finds an answer, a run to follow, or becomes the first of a run; and under the same
//! lock a run that has landed turns into an answer that is kept. So of equal calls at one time exactly one runs.
//! No lock is held while anything runs.

mod flight;
mod key;
mod seat;
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::flight::{Flight, MOST_WAITING, News};
use self::key::Key;
use self::seat::Seat;
use self::store::{Kept, Store};
use super::answer::Answer;
use super::engine::Engine;
use super::stored_list::StoredList;
use crate::tool::{Call, Timing};

/// The answers of tools that cache. Clones share everything.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    store: Store,
    flights: HashMap<Key, Flight>,
    /// How many runs there were.
    number: u64,
}

/// What a call finds.
enum Found {
    Kept(Arc<Kept>),
    Seat(Seat),
    /// Nothing it could share.
    Alone,
}

impl Found {
    /// What metrics call it.
    const fn word(&self) -> &'static str {
        match self {
            Self::Kept(_) => "hit",
            Self::Seat(seat) if seat.is_followers() => "shared",
            Self::Seat(_) | Self::Alone => "miss",
        }
    }
}

impl Cache {
    /// The answer to `call`: a kept one, that of an equal call which runs, or else a run of `engine`.
    pub(super) async fn answer(&self, engine: &Engine, call: &Call) -> Answer {
        let Some(key) = Key::of(call) else {
            return engine.answer(call).await;
        };
        let found = self.find(engine, call, key);
        let counters = engine.metrics.operation(call.tool.name.as_str());
        counters.cache.add(found.word());
        match found {
            Found::Kept(kept) => hit(call, &kept),
            Found::Seat(seat) => Box::pin(seat.wait(call)).await,
            Found::Alone => engine.answer(call).await,
        }
    }

    fn find(&self, engine: &Engine, call: &Call, key: Key) -> Found {
        let mut state = self.state();
        if let Some(kept) = state.store.get(&key, Instant::now()) {
            return Found::Kept(kept);
        }
        if let Some(flight) = state.flights.get_mut(&key) {
            if flight.waiting >= MOST_WAITING {
                return Found::Alone;
            }
            flight.waiting += 1;
            return Found::Seat(Seat::in_flight(self, key, flight, false));
        }
        state.number += 1;
        let mut call = call.clone();
        let cancel = CancellationToken::new();
        let news = News::of(&mut call);
        let flight = Flight {
            number: state.number,
            pending: self
                .run(engine, call, &key, state.number, &cancel)
                .boxed()
                .shared(),
            news,
            waiting: 1,
            cancel,
        };
        let seat = Seat::in_flight(self, key.clone(), &flight, true);
        state.flights.insert(key, flight);
        Found::Seat(seat)
    }

    /// The run that all equal calls share. It has no caller: each that waits keeps to its own budget, and only
    /// the last to leave ends it.
    fn run(
        &self,
        engine: &Engine,
        mut call: Call,
        key: &Key,
        number: u64,
        cancel: &CancellationToken,
    ) -> impl Future<Output = Arc<Answer>> + Send + 'static {
        call.context.budget = None;
        call.cancel = cancel.clone();
        let (cache, engine, key) = (self.clone(), engine.clone(), key.clone());
        async move {
            let mut answer = engine.answer(&call).await;
            if call.tool.paging.is_some() {
                answer.list = StoredList::shared();
            }
            cache.landed(key, number, &call, &answer);
            Arc::new(answer)
        }
    }

    fn landed(&self, key: Key, number: u64, call: &Call, answer: &Answer) {
        let kept = kept(answer, call.tool.paging.is_some());
        let mut state = self.state();
        let _landed = state.remove(&key, number);
        if let (Some(kept), Some(rules)) = (kept, call.tool.cache) {
            state.store.insert(key, kept, rules.ttl, Instant::now());
        }
    }

    /// How many answers are kept, those that are too old and not yet replaced included, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        self.state().store.size()
    }

    /// Runs under way.
    #[cfg(test)]
    pub(super) fn flights(&self) -> usize {
        self.state().flights.len()
    }

    /// Every step leaves the state whole, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes a run unknown to those who come later, and hands it out for dropping outside the lock.
    fn remove(&mut self, key: &Key, number: u64) -> Option<Flight> {
        let is_it = self
            .flights
            .get(key)
            .is_some_and(|flight| flight.number == number);
        is_it.then(|| self.flights.remove(key)).flatten()
    }
}

/// What of an answer is worth keeping: a whole result. What failed, or lacks a part, may do better the next time.
fn kept(answer: &Answer, is_paged: bool) -> Option<Arc<Kept>> {
    let output = answer.result.as_ref().ok()?;
    let says_error = || {
        let said = |key| {
            output
                .structured
                .as_ref()
                .and_then(|result| result.get(key))
        };
        said("isError") == Some(&Value::Bool(true)) || said("content").is_none()
    };
    let is_failure = output.is_mcp_result && says_error();
    // Pages are cut of the value, which is whole where the text is not.
    let has_all = !output.is_cut || is_paged && output.structured.is_some();
    (has_all && !is_failure).then(|| {
        let (warnings, list) = (answer.warnings.clone(), answer.list.clone());
        Arc::new(Kept::new(output.clone(), warnings, list))
    })
}

/// The answer to a call that found a kept one.
fn hit(call: &Call, kept: &Kept) -> Answer {
    Answer {
        result: Ok(kept.output.clone()),
        timing: Timing {
            timeout: call.timeout(),
            cached: true,
            ..Timing::default()
        },
        warnings: kept.warnings.clone(),
        list: kept.list.clone(),
    }
}
