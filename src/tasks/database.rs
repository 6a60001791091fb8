//! The embedded database: where it is, and when what is written there is safe.
//!
//! `SQLite` with a write-ahead log, so that who reads does not wait for who writes. Two ways lead to it: what a client is
//! told waits until it is on the disk; what is noted in passing, such as partial output, survives the end of the
//! process at once and the end of the machine a little later. Each connection has a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use tokio::time::{Instant, sleep};

use crate::store::private_file;

/// The database among the files of a server's tasks.
const FILE: &str = "tasks.db";

/// The layout of the tables. A database with another one is left alone.
const LAYOUT: i64 = 1;

/// How long one runner waits for another that writes.
const BUSY: Duration = Duration::from_secs(10);

/// How long apart it is tried to open a database that another runner makes just now.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// How long a step may wait for a connection.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT,
    tool TEXT NOT NULL,
    call TEXT NOT NULL,
    instance TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('working', 'completed', 'failed', 'cancelled')),
    message TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    ttl_ms INTEGER NOT NULL,
    poll_ms INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    stdout BLOB,
    stdout_total INTEGER NOT NULL DEFAULT 0,
    stderr BLOB,
    payload TEXT,
    bytes INTEGER NOT NULL DEFAULT 0,
    output TEXT,
    output_owner TEXT,
    output_file TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (status, updated_ms);
";

/// Why tasks cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is nowhere to keep them.
    #[error("there is no state directory: set `--state-dir`, `XDG_STATE_HOME` or `HOME`")]
    Nowhere,
    /// The folder cannot be used.
    #[error("`{0}` cannot be used: {1}")]
    Folder(PathBuf, io::Error),
    /// The database was made by another version.
    #[error("`{0}` was written by another version of this program (layout {1})")]
    OtherLayout(PathBuf, i64),
    /// The database does not do what it is asked to.
    #[error("the database of the tasks failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Its end has come.
    #[error("the runner is stopping")]
    Closed,
}

/// The database, by two ways.
#[derive(Debug)]
pub(super) struct Database {
    /// What is committed here is on the disk.
    pub(super) durable: SqlitePool,
    /// What is committed here is out of this process.
    pub(super) passing: SqlitePool,
}

impl Database {
    /// Opens the one in `folder`, and makes it where there is none.
    pub(super) async fn open(folder: &Path) -> Result<Self, LedgerError> {
        let file = folder.join(FILE);
        // Made here, since nobody else may read it; what stands beside it gets the same rights.
        private_file()
            .create(true)
            .open(&file)
            .map_err(|error| LedgerError::Folder(file.clone(), error))?;
        let begun = Instant::now();
        loop {
            match Self::connect(&file).await {
                Err(LedgerError::Database(error)) if is_busy(&error) && begun.elapsed() < BUSY => {
                    sleep(BETWEEN_ATTEMPTS).await;
                }
                opened => return opened,
            }
        }
    }

    async fn connect(file: &Path) -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY)
            .thread_name(|number| format!("tasks-{number}"));
        let pool = |options, connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_release(|connection, _| Box::pin(is_sound(connection)))
                .connect_with(options)
        };
        let durable = pool(options.clone().synchronous(SqliteSynchronous::Full), 2).await?;
        prepare(&durable, file).await?;
        let passing = pool(options.synchronous(SqliteSynchronous::Normal), 1).await?;
        Ok(Self { durable, passing })
    }

    /// Waits until the connections are closed.
    pub(super) async fn close(&self) {
        self.passing.close().await;
        self.durable.close().await;
    }
}

/// Whether a connection may be used again. On a full disk, and after other errors that it names, `SQLite` has undone a
/// transaction by itself, the rollback finds none, and the connection is taken for one inside a transaction for ever:
/// it would refuse to begin another.
async fn is_sound(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // The answer comes after the rollback, which is only put in line when a transaction is dropped.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Whether another runner is at it just now. The switch to a write-ahead log does not wait for `busy_timeout`: it tells
/// at once, since two that switch would wait for each other (<https://www.sqlite.org/c3ref/busy_handler.html>).
fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: i32 = 5;
    let code = error.as_database_error().and_then(DatabaseError::code);
    // Its extended codes keep the plain one in their lowest byte.
    code.and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

async fn prepare(pool: &SqlitePool, file: &Path) -> Result<(), LedgerError> {
    let mut step = pool.begin_with("BEGIN IMMEDIATE").await?;
    let (layout,): (i64,) = sqlx::query_as("PRAGMA user_version")
        .fetch_one(&mut *step)
        .await?;
    match layout {
        LAYOUT => {}
        0 => {
            sqlx::raw_sql(TABLES).execute(&mut *step).await?;
            sqlx::raw_sql("PRAGMA user_version = 1")
                .execute(&mut *step)
                .await?;
        }
        other => return Err(LedgerError::OtherLayout(file.to_owned(), other)),
    }
    step.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn runners_that_start_together_all_get_the_database() {
        for _ in 0..60 {
            let folder = tempfile::tempdir().unwrap();
            let opened = (0..8).map(|_| {
                let folder = folder.path().to_owned();
                tokio::spawn(async move { Database::open(&folder).await })
            });
            for database in join_all(opened).await {
                database.unwrap().unwrap();
            }
        }
    }

    /// What happens on a full disk, whose error undoes the transaction just so.
    #[tokio::test]
    async fn a_transaction_that_the_database_undid_is_the_only_one_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).await.unwrap();
        sqlx::raw_sql(
            "CREATE TABLE room (free INTEGER);
             CREATE TRIGGER full BEFORE INSERT ON room WHEN NEW.free = 0
             BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END",
        )
        .execute(&database.durable)
        .await
        .unwrap();
        let insert = async |pool: &SqlitePool, free: i64| -> Result<(), sqlx::Error> {
            let mut step = pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("INSERT INTO room VALUES (?)")
                .bind(free)
                .execute(&mut *step)
                .await?;
            step.commit().await
        };
        for pool in [&database.durable, &database.passing] {
            for _ in 0..5 {
                let error = insert(pool, 0).await.unwrap_err().to_string();
                assert!(error.ends_with("disk full"), "{error}");
                insert(pool, 1).await.unwrap();
            }
        }
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM room")
            .fetch_one(&database.durable)
            .await
            .unwrap();
        assert_eq!(rows, 10);
    }
}
