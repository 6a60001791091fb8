//! The connections to a database, and who may use one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::Connection as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::postgres::Postgres;
use super::rows::Rows;
use super::sqlite::Sqlite;
use super::trouble::Trouble;
use crate::tool::{Database, Location, PoolRules};

/// How long a new connection may take where the file does not say. A server that refuses connections is not waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Longer than any [`Patience`], which is what counts: sqlx shall not give up before.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// The connections to one database.
pub(super) struct Pool {
    name: String,
    max: u32,
    /// A place for each connection. Waiting for one is fair, and bounded by the timeout of the call alone.
    places: Arc<Semaphore>,
    waiting: AtomicU32,
    kind: Result<Kind, String>,
}

enum Kind {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// How many connections of a database are in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseLoad {
    /// The database.
    pub name: String,
    /// Connections that run a statement.
    pub in_use: u32,
    /// Connections that wait for one.
    pub idle: u32,
    /// Queries that wait for a connection.
    pub waiting: u32,
    /// Connections at most.
    pub max: u32,
}

impl Pool {
    /// A pool without connections: each is made when it is needed.
    pub(super) fn new(database: &Database) -> Self {
        let rules = &database.pool;
        let kind = match &database.location {
            Location::Sqlite {
                path,
                create,
                read_only,
            } => Ok(Kind::Sqlite(Sqlite::new(
                path.as_deref(),
                *create,
                *read_only || !database.is_written,
                rules,
            ))),
            Location::Postgres(url) => {
                Postgres::new(url, rules).map(|postgres| Kind::Postgres(Box::new(postgres)))
            }
        };
        Self {
            name: database.name.clone(),
            max: rules.max_size.get(),
            places: Arc::new(Semaphore::new(rules.max_size.get() as usize)),
            waiting: AtomicU32::new(0),
            kind,
        }
    }

    /// Runs a statement on a connection of its own. When this returns it runs no more.
    pub(super) async fn run(
        &self,
        job: &Job,
        rows: &mut Rows,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let kind = self
            .kind
            .as_ref()
            .map_err(|why| Trouble::Connect(why.clone()))?;
        let patience = Patience::begin(job.connect);
        let place = async {
            let place = match job.connect {
                Some(within) => timeout(within, self.place()).await,
                None => Ok(self.place().await),
            };
            place.map_err(|_| patience.over(Held::InUse(self.max)))
        };
        let _place = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Trouble::Stopped),
            place = place => place?,
        };
        // A new connection has three seconds of its own where the file says nothing of the wait for one.
        let patience = job
            .connect
            .map_or_else(|| Patience::begin(None), |_| patience);
        match kind {
            Kind::Sqlite(sqlite) => sqlite.run(job, rows, patience, stop).await,
            Kind::Postgres(postgres) => postgres.run(job, rows, patience, stop).await,
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let waits = Waits::begin(&self.waiting);
        let place = Arc::clone(&self.places).acquire_owned().await;
        drop(waits);
        place.ok()
    }

    pub(super) fn load(&self) -> DatabaseLoad {
        let free = u32::try_from(self.places.available_permits()).unwrap_or(self.max);
        let idle = match &self.kind {
            Ok(Kind::Sqlite(sqlite)) => sqlite.pool.num_idle(),
            Ok(Kind::Postgres(postgres)) => postgres.pool.num_idle(),
            Err(_) => 0,
        };
        DatabaseLoad {
            name: self.name.clone(),
            in_use: self.max.saturating_sub(free),
            idle: u32::try_from(idle).unwrap_or(u32::MAX),
            waiting: self.waiting.load(Ordering::Relaxed),
            max: self.max,
        }
    }

    /// Closes every connection.
    pub(super) async fn close(&self) {
        match &self.kind {
            Ok(Kind::Sqlite(sqlite)) => sqlite.pool.close().await,
            Ok(Kind::Postgres(postgres)) => postgres.pool.close().await,
            Err(_) => {}
        }
    }
}

/// How long a statement waits for its connection.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    within: Duration,
    until: Instant,
}

/// What a connection was waited for in vain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held {
    /// All that may be kept, so many, were in use.
    InUse(u32),
    /// A new one did not come about.
    New,
}

impl Patience {
    fn begin(within: Option<Duration>) -> Self {
        let within = within.unwrap_or(CONNECT_WITHIN);
        let until = Instant::now() + within;
        Self { within, until }
    }

    /// What is left of it.
    pub(super) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// What is said when it is over.
    pub(super) const fn over(self, held: Held) -> Trouble {
        let Self { within, .. } = self;
        Trouble::Patience { within, held }
    }
}

/// Counts one that waits, for as long as it does.
struct Waits<'a>(&'a AtomicU32);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Connections as `rules` say. Places are handed out before, so that none waits here for another to come back.
pub(super) fn options<DB: sqlx::Database>(rules: &PoolRules) -> sqlx::pool::PoolOptions<DB> {
    let tried_after = rules.health_check_interval;
    sqlx::pool::PoolOptions::new()
        .min_connections(rules.min_size)
        .max_connections(rules.max_size.get())
        .idle_timeout(rules.max_idle_time)
        .acquire_timeout(NEVER)
        .acquire_slow_threshold(Duration::MAX)
        .test_before_acquire(false)
        .before_acquire(move |connection: &mut DB::Connection, state| {
            Box::pin(async move {
                if state.idle_for < tried_after {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

/// What an error of the connection says, without an address.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        sqlx::Error::Protocol(message) => message.clone(),
        sqlx::Error::PoolTimedOut => "no connection came about in time".to_owned(),
        sqlx::Error::PoolClosed => "the connections are closed".to_owned(),
        sqlx::Error::WorkerCrashed => "the thread of the database has failed".to_owned(),
        sqlx::Error::Database(database) => database.message().to_owned(),
        _ => "the connection is broken".to_owned(),
    }
}
