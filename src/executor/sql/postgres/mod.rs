//! How a statement runs in PostgreSQL, is stopped there, and what its values are.
//!
//! | file | owns |
//! |---|---|
//! | `plan` | what a statement takes and gives, as the server says, and the statement that is sent |
//! | `bind` | values as the text that the server's types read |
//! | `cell` | values of rows as JSON |
//! | `refusal` | what the server says against it |
//!
//! Each statement runs in a transaction of its own, with `statement_timeout`. One that may only read runs in a
//! `READ ONLY` transaction that has its snapshot already, after which nothing can make it writable, and is rolled back.
//! To stop one, another connection asks for `pg_cancel_backend`; a connection whose statement was stopped is closed, as
//! the signal could come late and meet the next statement.

mod bind;
mod cell;
mod plan;
mod refusal;

use std::io::ErrorKind;
use std::str::FromStr as _;
use std::time::Duration;

use futures::StreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Executor as _, Row as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::pool::{Held, Patience, options, reason};
use super::rows::Rows;
use super::trouble::Trouble;
use crate::tool::{ConnectionUrl, PoolRules};
use plan::{Plan, Plans};
use refusal::trouble;

/// What another connection may take to ask that a statement be stopped, and the statement to obey.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A connection that takes longer than most do may be one that is refused again and again.
const REFUSED_AFTER: Duration = Duration::from_millis(30);

/// What the server waits past our own timeout, so that ours comes first while we live.
const MARGIN: Duration = Duration::from_millis(500);

/// The connections to a server.
pub(super) struct Postgres {
    pub(super) pool: PgPool,
    connect: PgConnectOptions,
    plans: Plans,
}

type Connection = PoolConnection<sqlx::Postgres>;

/// How a statement ended that was not refused.
enum Ended {
    /// All of it has come.
    Whole,
    /// Enough of it has come; the rest is still on its way.
    Enough,
}

impl Postgres {
    pub(super) fn new(url: &ConnectionUrl, rules: &PoolRules) -> Result<Self, String> {
        // What the parser says may hold the address.
        let connect = PgConnectOptions::from_str(url.reveal())
            .map_err(|_| "its `url` cannot be read".to_owned())?
            .disable_statement_logging();
        let connect = match connect.get_application_name() {
            None => connect.application_name("runner"),
            Some(_) => connect,
        };
        Ok(Self {
            pool: options(rules).connect_lazy_with(connect.clone()),
            connect,
            plans: Plans::default(),
        })
    }

    pub(super) async fn run(
        &self,
        job: &Job,
        rows: &mut Rows,
        patience: Patience,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let (mut connection, process) = self.begun(job, patience, stop).await?;
        let ended = {
            let work = self.execute_anew(&mut connection, job, rows);
            tokio::pin!(work);
            tokio::select! {
                biased;
                ended = &mut work => ended,
                () = stop.cancelled() => {
                    self.stop(process).await;
                    drop(timeout(STOP_WITHIN, work).await);
                    Err(Trouble::Stopped)
                }
            }
        };
        let end = match &ended {
            // More of it is on its way, which nobody wants.
            Ok(Ended::Enough) | Err(Trouble::TooLong { .. }) => {
                self.stop(process).await;
                None
            }
            Err(Trouble::Stopped | Trouble::Lost(_)) => None,
            Ok(Ended::Whole) if !job.read_only => Some("COMMIT"),
            Ok(Ended::Whole) | Err(_) => Some("ROLLBACK"),
        };
        let Some(end) = end else {
            hang_up(connection).await;
            return ended.map(|_| ());
        };
        match sqlx::raw_sql(end).execute(&mut *connection).await {
            Ok(_) => ended.map(|_| ()),
            Err(error) => {
                hang_up(connection).await;
                ended?;
                // A constraint that is checked at the end, for one.
                Err(trouble(&error, &|_| None))
            }
        }
    }

    /// A connection with the transaction of a statement, and its process on the server. One that turns out to be
    /// broken, as all idle ones are after a restart of the server, makes way for the next.
    async fn begun(
        &self,
        job: &Job,
        patience: Patience,
        stop: &CancellationToken,
    ) -> Result<(Connection, i32), Trouble> {
        let mut broken = 0;
        loop {
            let mut connection = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Trouble::Stopped),
                connection = self.connection(patience) => connection?,
            };
            let begun = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                begun = begin(&mut connection, job) => Some(begun),
            };
            match begun {
                Some(Ok(process)) => return Ok((connection, process)),
                None => {
                    hang_up(connection).await;
                    return Err(Trouble::Stopped);
                }
                Some(Err(error)) => {
                    hang_up(connection).await;
                    broken += 1;
                    if broken > self.pool.options().get_max_connections() {
                        return Err(Trouble::Connect(reason(&error)));
                    }
                }
            }
        }
    }

    /// A connection of the pool, or why there is none.
    async fn connection(&self, patience: Patience) -> Result<Connection, Trouble> {
        let acquired = async {
            tokio::select! {
                biased;
                acquired = self.pool.acquire() => {
                    acquired.map_err(|error| Trouble::Connect(reason(&error)))
                }
                why = self.kept_from(patience) => Err(Trouble::Connect(why)),
            }
        };
        let acquired = timeout(patience.left(), acquired).await;
        acquired.unwrap_or_else(|_| Err(patience.over(Held::New)))
    }

    /// Why the pool does not come to a connection: it tries on and does not say what it meets. Pends where nothing is
    /// known against it.
    async fn kept_from(&self, patience: Patience) -> String {
        let left = patience.left();
        sleep(REFUSED_AFTER.min(left / 4)).await;
        // Seldom come to, both, and too large to be carried along by each statement.
        if let Some(why) = Box::pin(self.refused()).await {
            return why;
        }
        sleep(patience.left().saturating_sub(left / 2)).await;
        match Box::pin(PgConnection::connect_with(&self.connect)).await {
            Err(error) => reason(&error),
            Ok(connection) => {
                drop(connection.close().await);
                std::future::pending().await
            }
        }
    }

    /// What is said when nobody listens at the server's port.
    async fn refused(&self) -> Option<String> {
        let host = self.connect.get_host();
        if self.connect.get_socket().is_some() || host.starts_with('/') {
            return None;
        }
        let tried = TcpStream::connect((host, self.connect.get_port())).await;
        let error = tried.err()?;
        (error.kind() == ErrorKind::ConnectionRefused).then(|| error.to_string())
    }

    /// Executes a statement; once more where what was known of it is not true any more, as its tables have changed. It
    /// did not run then.
    async fn execute_anew(
        &self,
        connection: &mut Connection,
        job: &Job,
        rows: &mut Rows,
    ) -> Result<Ended, Trouble> {
        let was_known = self.plans.get(job).is_some();
        let ended = self.execute(connection, job, rows).await;
        let is_stale =
            matches!(&ended, Err(Trouble::Refused(refusal)) if refusal.is_of_the_tables());
        if !was_known || !is_stale || rows.has_begun() {
            return ended;
        }
        self.plans.forget(job);
        let failed = |error: sqlx::Error| trouble(&error, &|_| None);
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut **connection)
            .await
            .map_err(failed)?;
        connection.clear_cached_statements().await.map_err(failed)?;
        begin(connection, job).await.map_err(failed)?;
        self.execute(connection, job, rows).await
    }

    async fn execute(
        &self,
        connection: &mut Connection,
        job: &Job,
        rows: &mut Rows,
    ) -> Result<Ended, Trouble> {
        let plan = match self.plans.get(job) {
            Some(plan) => plan,
            None => self.plans.make(connection, job).await?,
        };
        rows.begin(plan.columns.iter().map(|column| column.name.as_str()))?;
        let mut query = sqlx::query(AssertSqlSafe(plan.sql.clone()));
        for (value, kind) in job.statement.values.iter().zip(&plan.parameters) {
            query = query.bind(bind::text(value, kind).map_err(Trouble::Value)?);
        }
        let mut stream = (&mut **connection).fetch_many(query);
        let mut affected = 0;
        let mut is_enough = false;
        while let Some(next) = stream.next().await {
            match next.map_err(|error| plan.trouble(&error, job))? {
                Either::Left(done) => affected += done.rows_affected(),
                // A row without columns is none.
                Either::Right(_) if is_enough || plan.columns.is_empty() => {}
                Either::Right(row) => {
                    is_enough = !rows
                        .push(|index, room, out| cell::write(&row, index, &plan, room, out))?;
                    if is_enough && job.read_only {
                        // What writes goes on to its end.
                        return Ok(if plan.is_bounded && !rows.is_full() {
                            Ended::Whole
                        } else {
                            Ended::Enough
                        });
                    }
                    if rows.is_backed_up() {
                        rows.flush().await;
                    }
                }
            }
        }
        if plan.columns.is_empty() {
            rows.affected(affected);
        }
        Ok(Ended::Whole)
    }

    /// Asks the server to stop what the connection with that process runs.
    async fn stop(&self, process: i32) {
        let asking = async {
            let mut other = PgConnection::connect_with(&self.connect).await?;
            sqlx::query("SELECT pg_catalog.pg_cancel_backend($1)")
                .bind(process)
                .execute(&mut other)
                .await?;
            other.close().await
        };
        match timeout(STOP_WITHIN, asking).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error = reason(&error),
                    "a statement could not be stopped on the server; it ends with its timeout"
                );
            }
            Err(_) => tracing::warn!(
                "a statement could not be stopped on the server in time; it ends with its timeout"
            ),
        }
    }
}

/// Begins the transaction of a statement, and takes its snapshot. Gives the process of the server.
async fn begin(connection: &mut Connection, job: &Job) -> Result<i32, sqlx::Error> {
    let mode = if job.read_only {
        "READ ONLY"
    } else {
        "READ WRITE"
    };
    let left = job.deadline.saturating_duration_since(Instant::now()) + MARGIN;
    let millis = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
    // A server that looks now and then whether its client lives stops the statement of a runner that was killed. Only
    // servers from 14 on know the setting, and it is sure to be supported where they run on Linux.
    let text = format!(
        "BEGIN {mode}; SET LOCAL statement_timeout = {millis}; \
         SELECT pg_catalog.pg_backend_pid(), CASE \
         WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000 \
         AND pg_catalog.version() LIKE '%linux%' \
         THEN pg_catalog.set_config('client_connection_check_interval', '1000', true) END"
    );
    let row = sqlx::raw_sql(AssertSqlSafe(text))
        .fetch_one(&mut **connection)
        .await?;
    row.try_get_unchecked(0)
}

/// Closes a connection without a word to the server that it would have to wait for.
async fn hang_up(connection: Connection) {
    drop(timeout(STOP_WITHIN, connection.detach().close_hard()).await);
}

impl Plan {
    /// What the server says against the statement, with the place in the file's own text.
    fn trouble(&self, error: &sqlx::Error, job: &Job) -> Trouble {
        trouble(error, &|position| {
            let inner = position.checked_sub(self.before)?;
            let cast = |number: usize| self.parameters.get(number).cloned();
            Some(job.statement.written_place(inner, &cast))
                .map(|at| super::trouble::Refusal::place_in(&job.written, at))
        })
    }
}
