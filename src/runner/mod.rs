//! The one way a call runs: arguments checked, answered from the cache or admitted, carried out, tried again,
//! accounted for.
//!
//! | file | owns |
//! |---|---|
//! | `check` | arguments, before anything else |
//! | `cache` | equal calls share an answer |
//! | `engine`, `journey` | a call through its attempts, and the time it has for them |
//! | `backoff` | how long a failed call waits |
//! | `breaker`, `breakers` | what keeps calls away from what keeps failing |
//! | `confirmation` | no call without the word of a person that it needs |
//! | `carrier` | what carries an attempt out |
//! | `answer` | what all of it comes to |
//! | `pages` | of a list, the part that is asked for |
//! | `account` | what of it is counted |
//! | `exposition` | all figures of the runner, for Prometheus |
//! | `status`, `advice` | the same for people and models, and what to make of it |
//! | `journal` | what of it is written down |
//! | `visible` | which of them a caller may see |
//!
//! The order is: the person's word, cache, breaker, queue, breaker again, run. A kept answer costs no place and no token, and is
//! given also while the breaker is open; what the breaker turns away does not wait.

mod account;
mod advice;
mod answer;
mod backoff;
mod breaker;
mod breakers;
mod cache;
mod carrier;
mod check;
mod confirmation;
mod engine;
mod exposition;
mod journal;
mod journey;
mod pages;
mod status;
mod visible;

#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tracing::Instrument;

use self::account::Account;
use self::answer::Answer;
use self::breakers::Breakers;
use self::cache::Cache;
use self::carrier::Carrier;
use self::check::Checker;
pub use self::confirmation::Word;
use self::engine::Engine;
use self::journal::Entry;
pub use self::journal::Journal;
use self::pages::Pages;
pub use self::status::{
    BreakerStatus, CacheStatus, GroupStatus, ObservedStatus, RateStatus, Recommendation, Status,
    StuckProcess, ToolStatus, WarmStatus,
};
use crate::executor::Executor;
use crate::metrics::{Batches, Metrics};
use crate::scheduler::{Scheduler, Snapshot};
use crate::store::Store;
use crate::tasks::Ledger;
use crate::tool::{Arguments, Call, CallContext, CallId, Catalog, Failure, Outcome};

/// How long processes get to end politely when nobody waits for their answer any more.
const ABANDONED_GRACE: Duration = Duration::from_millis(500);

/// Runs calls: the catalog, who may run when, and what carries a call out.
pub struct Runner {
    catalog: watch::Sender<Arc<Catalog>>,
    engine: Engine,
    cache: Cache,
    checker: Checker,
    pages: Pages,
    journal: watch::Sender<Arc<Journal>>,
    store: Store,
    tasks: OnceLock<Ledger>,
}

impl Runner {
    /// A runner for the tools of `catalog`. Needs a runtime of tokio around it.
    pub fn new(catalog: Catalog) -> Self {
        Self::storing(catalog, Store::default())
    }

    /// The same, keeping in `store` what answers cannot hold.
    pub fn storing(catalog: Catalog, store: Store) -> Self {
        let carrier = Arc::new(Executor::storing(store.clone()));
        let runner = Self::carried_by(carrier, catalog, backoff::random);
        Self {
            pages: Pages::new(store.clone(), runner.checker.threads()),
            store,
            ..runner
        }
    }

    /// Where output is that answers could not hold.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Lets calls become tasks, which `ledger` keeps. The first one counts.
    pub fn keep_tasks(&self, ledger: Ledger) {
        drop(self.tasks.set(ledger));
    }

    /// The tasks; where nobody keeps any, a ledger that is not open.
    pub fn tasks(&self) -> &Ledger {
        static NONE: Ledger = Ledger::none();
        self.tasks.get().unwrap_or(&NONE)
    }

    /// The same with another carrier and another random source.
    fn carried_by(carrier: Arc<dyn Carrier>, catalog: Catalog, random: fn() -> f64) -> Self {
        let catalog = Arc::new(catalog);
        let limits = catalog.tools().map(|tool| (&tool.name, &tool.limits));
        let metrics = Arc::new(Metrics::default());
        metrics.know(catalog.tools().map(|tool| tool.name.as_str()));
        let engine = Engine {
            scheduler: Scheduler::new(&catalog.limits, limits),
            carrier,
            breakers: Breakers::default(),
            stopping: CancellationToken::new(),
            random,
            metrics,
        };
        let checker = Checker::new(catalog.limits.thread_pool_size);
        Self {
            pages: Pages::new(Store::default(), checker.threads()),
            checker,
            catalog: watch::Sender::new(catalog),
            engine,
            cache: Cache::default(),
            journal: watch::Sender::default(),
            store: Store::default(),
            tasks: OnceLock::new(),
        }
    }

    /// The tools as they are now.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.borrow())
    }

    /// Puts `catalog` in the place of the one before, at once. Calls that run or wait keep the tool they
    /// arrived with; limiters are matched by name and keep what runs and what is left in them; a tool that is
    /// the same keeps its answers.
    pub fn reload(&self, mut catalog: Catalog) {
        catalog.keep_what_is_the_same(&self.catalog());
        let catalog = Arc::new(catalog);
        account::know(&self.engine.metrics, &self.catalog(), &catalog);
        let limits = catalog.tools().map(|tool| (&tool.name, &tool.limits));
        self.engine.scheduler.reconfigure(&catalog.limits, limits);
        self.engine.carrier.keep(&catalog);
        self.catalog.send_replace(catalog);
    }

    /// The tools as they are now, and a notice of every change. Whoever is slow sees the last one only.
    pub fn changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    /// Writes calls down this way from now on.
    pub fn keep_journal(&self, journal: Journal) {
        self.journal.send_replace(Arc::new(journal));
    }

    /// How calls are written down.
    pub fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal.borrow())
    }

    /// What is counted of batches, for whoever runs them.
    pub fn batch_figures(&self) -> &Batches {
        self.engine.metrics.batches()
    }

    /// What runs, what waits, and what is left of each limit, now.
    pub fn load(&self) -> Snapshot {
        self.engine.scheduler.snapshot()
    }

    /// Whether no new calls are taken any more.
    pub fn is_stopping(&self) -> bool {
        self.engine.stopping.is_cancelled()
    }

    /// Waits until no new calls are taken any more.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.engine.stopping.cancelled()
    }

    /// Makes a call of what a caller asks for: finds the tool and checks the arguments.
    ///
    /// # Errors
    /// `UNKNOWN_TOOL` with the nearest names when there is no such tool or the caller may not use it,
    /// `INVALID_ARGUMENTS` with each violation.
    pub async fn prepare(
        &self,
        tool: &str,
        mut arguments: Map<String, Value>,
        context: CallContext,
        cancel: CancellationToken,
    ) -> Result<Call, Failure> {
        let catalog = self.catalog();
        let journal = self.journal();
        let given = journal.wants_arguments().then(|| arguments.clone());
        let refused = |failure: &Failure| {
            journal.refused(
                tool,
                &context,
                given.as_ref().unwrap_or(&Map::new()),
                failure,
            );
        };
        let metrics = &self.engine.metrics;
        let found = catalog
            .find(tool, &context.tools)
            .inspect_err(|_| metrics.unknown_called())
            .inspect_err(refused)?;
        let paging = found.paging.as_ref();
        let page = paging.map(|rules| rules.take(found, &mut arguments));
        let checked = match page.transpose() {
            // Nothing runs, so there is nothing for the tool's own arguments to be right for.
            Ok(page) if page.as_ref().is_some_and(|page| page.result_id.is_some()) => {
                Ok((page, Arguments::default()))
            }
            Ok(page) => {
                let checked = self.checker.checked(Arc::clone(found), arguments).await;
                checked.map(|arguments| (page, arguments))
            }
            Err(failure) => Err(failure),
        };
        let (page, arguments) = checked
            .inspect_err(|failure| account::refused(metrics, tool, failure))
            .inspect_err(refused)?;
        Ok(Call {
            id: CallId::random(),
            tool: Arc::clone(found),
            arguments,
            page,
            context,
            cancel,
        })
    }

    /// Runs `call` to its end; one that needs a person's word and has none is refused. Dropping the future calls
    /// it off: its process is ended and its place comes back, unless an equal call waits for the same answer.
    pub async fn call(&self, mut call: Call) -> Outcome {
        // A budget counts from one moment, however many attempts it pays for.
        call.context.received.get_or_insert_with(Instant::now);
        if let Err(refused) = confirmation::held(&call, &self.engine.metrics) {
            return self.turned_away(&call, refused);
        }
        let account = Account::open(&self.engine.metrics, &call);
        let entry = Entry::of(self.journal(), &call);
        // A bug of ours must not leave a caller without an answer, nor take the server down.
        let answer = AssertUnwindSafe(self.answer(&call))
            .catch_unwind()
            .instrument(entry.span())
            .await
            .unwrap_or_else(|_| Answer::bug(&call));
        let outcome = answer
            .mentioning(&self.catalog().builtin_tools)
            .outcome(&call);
        account.close(&outcome);
        entry.close(&outcome);
        outcome
    }

    /// Notes what came of asking a person about `call`.
    pub fn heard(&self, call: &Call, word: Word) {
        confirmation::count(&self.engine.metrics, call, word);
        if let Some(step) = word.step() {
            self.journal().step(call, step);
        }
    }

    /// The outcome of `call` when it is turned away before it is run, counted and written down like any other.
    pub fn turned_away(&self, call: &Call, failure: Failure) -> Outcome {
        let account = Account::open(&self.engine.metrics, call);
        let entry = Entry::of(self.journal(), call);
        let outcome = Answer::failed(call, failure).outcome(call);
        account.close(&outcome);
        entry.close(&outcome);
        outcome
    }

    async fn answer(&self, call: &Call) -> Answer {
        if let Some(answer) = self.pages.stored(call).await {
            return answer;
        }
        let answer = self.cache.answer(&self.engine, call).await;
        self.pages.first(call, answer).await
    }

    /// Takes no new calls, refuses the waiting ones, ends the running ones with their tools' grace, and waits
    /// until all of them are answered. Returns the processes that could not be ended, by name.
    pub async fn drain(&self) -> Vec<String> {
        self.stop(None).await
    }

    /// The same when nobody is left to read an answer: processes get a short grace only.
    pub async fn abandon(&self) -> Vec<String> {
        self.stop(Some(ABANDONED_GRACE)).await
    }

    async fn stop(&self, grace: Option<Duration>) -> Vec<String> {
        self.engine.stopping.cancel();
        self.engine.scheduler.close();
        let stragglers = self.engine.carrier.drain(grace).await;
        stragglers.iter().map(ToString::to_string).collect()
    }
}
