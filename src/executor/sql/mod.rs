//! One call as one query, or as several side by side.
//!
//! | file | owns |
//! |---|---|
//! | `pool` | the connections to a database, and who may use one |
//! | `job` | one statement and its bounds |
//! | `sqlite`, `postgres` | how a statement runs there, is stopped there, and what its values are |
//! | `rows` | from rows to JSON, within bounds |
//! | `assemble` | the answer of several queries |
//! | `answer` | from what the queries gave to a result |
//! | `trouble` | from what went wrong to a failure |
//!
//! No message made here holds a database's address or password.

mod answer;
mod assemble;
mod job;
mod pool;
mod postgres;
mod rows;
mod sqlite;
mod trouble;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::Execution;
use super::given_up::{GivenUp, LAST_MOMENT};
use super::output::Recorded;
use super::prepare::argument_error;
use super::script::{Time, bug, recording, refusal};
use crate::store::Store;
use crate::tool::{Call, Catalog, Database, Failure, OnOverflow, Sql, SqlQueries};
use job::Job;
pub use pool::DatabaseLoad;
use pool::Pool;
use rows::Rows;
use trouble::Trouble;

/// How long an answer waits for a statement that is being stopped. Its place waits longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What stopping a statement takes at most: see `postgres`.
const STOPPED_WITHIN: Duration = Duration::from_secs(12);

/// What a disk gets to take the last bytes of an answer.
const STORED_WITHIN: Duration = Duration::from_secs(1);

/// Asks databases over connections that all tools share. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct SqlExecutor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    pools: Mutex<HashMap<Arc<Database>, Arc<Pool>>>,
    running: TaskTracker,
    /// The longest grace, once the runner stops.
    draining: watch::Sender<Option<Duration>>,
    store: Store,
}

/// What came of the queries of a call.
struct Done {
    recorded: Recorded,
    warnings: Vec<String>,
}

impl SqlExecutor {
    /// An executor that asks nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps in `store` what answers cannot hold.
    pub fn storing(store: Store) -> Self {
        Self(Arc::new(Shared {
            store,
            ..Shared::default()
        }))
    }

    /// Runs the queries of `call`, whose action is `sql`. `place` is dropped exactly once, when none of them runs any
    /// more, on the server either. Dropping the future stops them.
    pub async fn run(&self, call: &Call, sql: &Sql, place: impl Send + 'static) -> Execution {
        let time = Time::of(call);
        let tracked = self.0.running.token();
        let is_draining = self.0.draining.borrow().is_some();
        if let Some(refusal) = refusal(call, &time, is_draining) {
            return Execution::refused(refusal, time.timeout);
        }
        let started = Instant::now();
        let jobs = match Job::all(sql, call, started + time.timeout) {
            Ok(jobs) => jobs,
            Err(error) => return Execution::refused(argument_error(&error), time.timeout),
        };
        // Dropped with this future, the guard tells that nobody waits any more.
        let abandoned = CancellationToken::new();
        let _guard = abandoned.clone().drop_guard();
        let given_up = given_up(
            call.cancel.clone(),
            abandoned,
            self.0.draining.subscribe(),
            time.timeout,
            // What only reads loses nothing by being stopped.
            if sql.read_only {
                time.grace.min(LAST_MOMENT)
            } else {
                time.grace
            },
        );
        let stop = CancellationToken::new();
        let work = Box::pin(work(
            self.pool(&sql.database),
            call.clone(),
            jobs,
            self.clone(),
            stop.clone(),
        ));
        let (answer, answered) = oneshot::channel();
        let supervisor = async move {
            supervise(work, given_up, stop, answer).await;
            drop((place, tracked));
        };
        tokio::spawn(supervisor.in_current_span());
        let Ok(done) = answered.await else {
            return Execution::refused(bug("the supervisor of the query failed"), time.timeout);
        };
        let ran = started.elapsed();
        let (result, warnings) = match done {
            Ok(Ok(done)) => answer::judge(call, done, ran, time.timeout).await,
            Ok(Err(trouble)) => (Err(trouble::failure(call, sql, &trouble, ran)), Vec::new()),
            Err(why) => (Err(why.failure(call, &time, "was ended", ran)), Vec::new()),
        };
        Execution {
            result,
            ran,
            timeout: time.timeout,
            warnings,
        }
    }

    /// The connections to `database`; no other pool is made while they are kept.
    fn pool(&self, database: &Arc<Database>) -> Arc<Pool> {
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools
            .entry(Arc::clone(database))
            .or_insert_with(|| Arc::new(Pool::new(database)));
        Arc::clone(pool)
    }

    /// Lets go of the connections to databases that no tool of `catalog` uses. Calls that run keep theirs to the end.
    pub fn keep(&self, catalog: &Catalog) {
        let used: Vec<Arc<Database>> = catalog.databases().map(Arc::clone).collect();
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let unused: Vec<_> = pools
            .extract_if(|database, _| !used.contains(database))
            .collect();
        drop(pools);
        drop(unused);
    }

    /// How many connections there are, by database.
    pub fn databases(&self) -> Vec<DatabaseLoad> {
        let pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let mut loads: Vec<_> = pools.values().map(|pool| pool.load()).collect();
        drop(pools);
        loads.sort_by(|one, other| one.name.cmp(&other.name));
        loads
    }

    /// Takes no new calls and waits until all have ended, at the latest a few seconds after they were stopped: they are after
    /// their tools' `kill_grace` but at most `grace`, and queries that only read after a moment of it.
    pub async fn drain(&self, grace: Option<Duration>) {
        let most = grace.unwrap_or(Duration::MAX);
        self.0.draining.send_replace(Some(most));
        self.0.running.close();
        self.0.running.wait().await;
        let pools: Vec<_> = {
            let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.drain().map(|(_, pool)| pool).collect()
        };
        for pool in pools {
            // Servers are told goodbye, but not waited for.
            drop(timeout(ANSWER_WITHIN, pool.close()).await);
        }
    }
}

/// Waits until a call is to be given up.
fn given_up(
    cancel: CancellationToken,
    abandoned: CancellationToken,
    mut draining: watch::Receiver<Option<Duration>>,
    within: Duration,
    grace: Duration,
) -> impl Future<Output = GivenUp> + Send + 'static {
    let stopping = async move {
        let told = draining.wait_for(Option::is_some).await.map(|most| *most);
        match told {
            Ok(most) => sleep(grace.min(most.unwrap_or_default())).await,
            Err(_) => std::future::pending().await,
        }
    };
    async move {
        tokio::select! {
            biased;
            () = cancel.cancelled() => GivenUp::Cancelled,
            () = abandoned.cancelled() => GivenUp::Cancelled,
            () = sleep(within) => GivenUp::Timeout,
            () = stopping => GivenUp::Draining,
        }
    }
}

/// What is answered: what came of the work, or why it was given up.
type Answered = Result<Result<Done, Trouble>, GivenUp>;

/// Sees the work to its end, whoever waits for the answer. Returns when nothing of it runs any more.
async fn supervise(
    work: impl Future<Output = Result<Done, Trouble>> + Send,
    given_up: impl Future<Output = GivenUp> + Send,
    stop: CancellationToken,
    answer: oneshot::Sender<Answered>,
) {
    tokio::pin!(work);
    let ended = tokio::select! {
        biased;
        done = &mut work => Ok(done),
        why = given_up => Err(why),
    };
    let why = match ended {
        Ok(done) => return drop(answer.send(Ok(done))),
        Err(why) => why,
    };
    stop.cancel();
    let stopped = timeout(ANSWER_WITHIN, &mut work).await;
    drop(answer.send(Err(why)));
    if stopped.is_err() && timeout(STOPPED_WITHIN, &mut work).await.is_err() {
        tracing::warn!("a statement could not be stopped; its connection is closed");
    }
}

/// Runs the queries side by side and puts the answer together.
async fn work(
    pool: Arc<Pool>,
    call: Call,
    jobs: Vec<Job>,
    executor: SqlExecutor,
    stop: CancellationToken,
) -> Result<Done, Trouble> {
    let rules = &call.tool.output;
    let recording = recording(&executor.0.store, &call);
    let crate::tool::Action::Sql(sql) = &call.tool.action else {
        return Err(Trouble::Bug("a tool that asks no database was run as one"));
    };
    // What is not stored past the bound is of no use to anybody past it.
    let limit = (rules.on_overflow != OnOverflow::Spill).then_some(rules.max_bytes);
    if let SqlQueries::One(_) = &sql.queries
        && let [job] = jobs.as_slice()
    {
        let mut rows = Rows::streamed(recording, rules, limit, sql.max_rows);
        pool.run(job, &mut rows, &stop).await?;
        let warnings = rows.warnings(None);
        let recorded = rows.finish(Instant::now() + STORED_WITHIN).await;
        return Ok(Done { recorded, warnings });
    }
    let budget = Arc::new(AtomicUsize::new(rules.max_bytes));
    // When one of them fails the others have no use.
    let others = stop.child_token();
    let running = jobs.iter().map(|job| {
        let (pool, others, budget) = (&pool, &others, &budget);
        async move {
            let column = job.group_by.clone();
            let mut rows = Rows::kept(Arc::clone(budget), column, rules, sql.max_rows);
            let ended = pool.run(job, &mut rows, others).await;
            if ended.is_err() {
                others.cancel();
            }
            ended.map(|()| rows)
        }
    });
    let mut all = Vec::new();
    let mut failed: Option<Trouble> = None;
    for ended in join_all(running).await {
        match ended {
            Ok(rows) => all.push(rows),
            Err(Trouble::Stopped) if failed.is_some() => {}
            Err(trouble)
                if failed
                    .as_ref()
                    .is_none_or(|known| matches!(known, Trouble::Stopped)) =>
            {
                failed = Some(trouble);
            }
            Err(_) => {}
        }
    }
    match failed {
        Some(trouble) => Err(trouble),
        None => Ok(assemble::answer(&jobs, all, recording).await),
    }
}

/// A failure that the runner is to blame for.
fn blame(message: &str) -> Failure {
    bug(message)
}
