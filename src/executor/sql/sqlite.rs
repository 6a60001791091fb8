//! How a statement runs in SQLite, is stopped there, and what its values are.
//!
//! A statement that is to read runs with `query_only`, so that SQLite refuses every write; a file that no tool writes to
//! is opened for reading only besides. To stop one, its progress handler says no, which SQLite asks every few thousand
//! steps.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use futures::StreamExt as _;
use serde_json::Value;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqliteRow, SqliteValueRef};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Decode, Either, Executor as _,
    Row as _, SqlSafeStr as _, Statement as _, TypeInfo as _, ValueRef as _,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::pool::{Held, Patience, options};
use super::rows::{Rows, fits};
use super::trouble::{Refusal, Trouble};
use crate::tool::template::SqlValue;
use crate::tool::{ParameterType, PoolRules, ValueError};

/// Steps of SQLite's machine between two questions whether to go on: far less than a millisecond.
const STEPS: i32 = 4000;

/// Values that SQLite binds to one statement at most.
const MOST_VALUES: usize = 32_766;

/// The connections to a file.
pub(super) struct Sqlite {
    pub(super) pool: SqlitePool,
}

type Connection = PoolConnection<sqlx::Sqlite>;

impl Sqlite {
    pub(super) fn new(
        path: Option<&Path>,
        create: bool,
        read_only: bool,
        rules: &PoolRules,
    ) -> Self {
        let connect = SqliteConnectOptions::new().disable_statement_logging();
        let connect = match path {
            Some(path) => connect
                .filename(path)
                .create_if_missing(create)
                .read_only(read_only && !create),
            None => SqliteConnectOptions::new()
                .filename(format!(
                    "file:runner-{:016x}",
                    getrandom::u64().unwrap_or_default()
                ))
                .in_memory(true)
                .shared_cache(true)
                .disable_statement_logging(),
        };
        Self {
            pool: options(rules).connect_lazy_with(connect),
        }
    }

    pub(super) async fn run(
        &self,
        job: &Job,
        rows: &mut Rows,
        patience: Patience,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let arguments = arguments(job)?;
        let mut connection = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Trouble::Stopped),
            connection = timeout(patience.left(), self.pool.acquire()) => connection
                .map_err(|_| patience.over(Held::New))?
                .map_err(|error| connecting(&error))?,
        };
        let halt = Arc::new(AtomicBool::new(false));
        prepare(&mut connection, job, &halt)
            .await
            .map_err(|error| trouble(&error))?;
        let ended = execute(&mut connection, job, arguments, rows, &halt, stop).await;
        let is_sound = match connection.lock_handle().await {
            Ok(mut handle) => {
                handle.remove_progress_handler();
                true
            }
            Err(_) => false,
        };
        if !is_sound {
            drop(connection.detach());
        }
        ended
    }
}

async fn prepare(
    connection: &mut Connection,
    job: &Job,
    halt: &Arc<AtomicBool>,
) -> Result<(), sqlx::Error> {
    let pragma = if job.read_only {
        "PRAGMA query_only = 1"
    } else {
        "PRAGMA query_only = 0"
    };
    sqlx::query(pragma).execute(&mut **connection).await?;
    let asked = Arc::clone(halt);
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS, move || !asked.load(Ordering::Relaxed));
    Ok(())
}

async fn execute(
    connection: &mut Connection,
    job: &Job,
    arguments: SqliteArguments,
    rows: &mut Rows,
    halt: &AtomicBool,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    let text = job.statement.text(&|_| None);
    let prepared = connection.prepare(AssertSqlSafe(text).into_sql_str()).await;
    let statement = prepared.map_err(|error| trouble(&error))?;
    let names = statement.columns().iter().map(sqlx::Column::name);
    rows.begin(names)?;
    let gives_rows = !statement.columns().is_empty();
    let query = statement.query_with(arguments);
    let mut stream = (&mut **connection).fetch_many(query);
    let mut affected = 0;
    let mut is_stopped = false;
    let mut is_enough = false;
    let ended = loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled(), if !is_stopped => {
                halt.store(true, Ordering::Relaxed);
                is_stopped = true;
                continue;
            }
            next = stream.next() => next,
        };
        match next {
            None => break Ok(()),
            Some(Err(error)) => break Err(trouble(&error)),
            Some(Ok(Either::Left(done))) => affected += done.rows_affected(),
            Some(Ok(Either::Right(_))) if is_stopped || is_enough => {}
            Some(Ok(Either::Right(row))) => {
                is_enough = match rows.push(|index, room, out| cell(&row, index, room, out)) {
                    Ok(wants_more) => !wants_more,
                    Err(trouble) => break Err(trouble),
                };
                if is_enough && job.read_only {
                    // The rest is of no use. What writes goes on to its end.
                    halt.store(true, Ordering::Relaxed);
                }
                if rows.is_backed_up() {
                    rows.flush().await;
                }
            }
        }
    };
    drop(stream);
    if is_stopped {
        return Err(Trouble::Stopped);
    }
    if is_enough && job.read_only {
        return Ok(());
    }
    ended?;
    if !gives_rows {
        rows.affected(if counts(&job.verb) { affected } else { 0 });
    }
    Ok(())
}

/// Whether what SQLite counts is of this statement: of others it tells what the one before did.
fn counts(verb: &str) -> bool {
    ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].contains(&verb)
}

/// The values in the order of their numbers: lists have none of their own, their elements follow all others.
fn arguments(job: &Job) -> Result<SqliteArguments, Trouble> {
    let values = &job.statement.values;
    let mut bound: Vec<Bound> = Vec::new();
    for value in values {
        bound.push(if value.is_list {
            Bound::Null
        } else {
            Bound::of(value)?
        });
    }
    for list in values.iter().filter(|value| value.is_list) {
        for element in list.elements() {
            bound.push(Bound::of(&element)?);
        }
        if bound.len() > MOST_VALUES {
            return Err(Trouble::Value(ValueError::new(
                &list.name,
                format!("has more elements than SQLite takes in one statement ({MOST_VALUES})"),
            )));
        }
    }
    let mut arguments = SqliteArguments::default();
    for value in bound {
        let added = match value {
            Bound::Null => arguments.add(None::<String>),
            Bound::Integer(number) => arguments.add(number),
            Bound::Real(number) => arguments.add(number),
            Bound::Text(text) => arguments.add(text),
        };
        added.map_err(|_| Trouble::Bug("a value could not be bound"))?;
    }
    Ok(arguments)
}

enum Bound {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
}

impl Bound {
    fn of(value: &SqlValue) -> Result<Self, Trouble> {
        let text = || {
            value
                .text()
                .map(Option::unwrap_or_default)
                .map_err(Trouble::Value)
        };
        Ok(match &value.value {
            None => Self::Null,
            Some(Value::Bool(truth)) => Self::Integer((*truth).into()),
            Some(Value::Number(number))
                if value.kind == ParameterType::Integer || !number.is_f64() =>
            {
                match text()?.parse() {
                    Ok(whole) => Self::Integer(whole),
                    Err(_) => {
                        return Err(Trouble::Value(ValueError::new(
                            &value.name,
                            "is past the whole numbers that SQLite knows, which have 64 bits with a sign",
                        )));
                    }
                }
            }
            Some(Value::Number(number)) => Self::Real(number.as_f64().unwrap_or(f64::NAN)),
            Some(_) => Self::Text(text()?),
        })
    }
}

/// Writes a value as JSON where there is room for it. A blob is Base64; 0 and 1 in a column declared `BOOLEAN` are truth
/// values.
fn cell(row: &SqliteRow, index: usize, room: usize, out: &mut Vec<u8>) -> Result<(), Trouble> {
    let broken = |_| Trouble::Bug("a value of SQLite could not be read");
    let raw = |index| row.try_get_raw(index).map_err(|error| trouble(&error));
    let value: SqliteValueRef<'_> = raw(index)?;
    if value.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let kind = value.type_info().name().to_owned();
    let json = match kind.as_str() {
        "INTEGER" => {
            let number = <i64 as Decode<sqlx::Sqlite>>::decode(value).map_err(broken)?;
            let is_truth =
                (0..=1).contains(&number) && row.column(index).type_info().name() == "BOOLEAN";
            if is_truth {
                Value::Bool(number == 1)
            } else {
                number.into()
            }
        }
        "REAL" => {
            let number = <f64 as Decode<sqlx::Sqlite>>::decode(value).map_err(broken)?;
            serde_json::Number::from_f64(number)
                .map_or_else(|| Value::from(infinite(number)), Value::Number)
        }
        kind => {
            let bytes = <&[u8] as Decode<sqlx::Sqlite>>::decode(value).map_err(broken)?;
            fits(bytes.len(), room)?;
            return if kind == "TEXT" {
                text(bytes, out)
            } else {
                base64(bytes, out)
            };
        }
    };
    serde_json::to_writer(out, &json).map_err(|_| UNWRITTEN)
}

const UNWRITTEN: Trouble = Trouble::Bug("a value could not be written");

/// Writes a text as JSON, without a copy of it in between.
fn text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Trouble> {
    out.reserve(bytes.len() + 2);
    serde_json::to_writer(out, &*String::from_utf8_lossy(bytes)).map_err(|_| UNWRITTEN)
}

/// Writes a blob as the text of its Base64, without a copy of it in between.
fn base64(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Trouble> {
    let length = base64::encoded_len(bytes.len(), true).ok_or(UNWRITTEN)?;
    out.reserve(length + 2);
    out.push(b'"');
    let from = out.len();
    out.resize(from + length, 0);
    base64::engine::general_purpose::STANDARD
        .encode_slice(bytes, &mut out[from..])
        .map_err(|_| UNWRITTEN)?;
    out.push(b'"');
    Ok(())
}

fn infinite(number: f64) -> &'static str {
    if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn connecting(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Database(database) => Trouble::Connect(database.message().to_owned()),
        other => Trouble::Connect(super::pool::reason(other)),
    }
}

/// The low byte of a code of SQLite is the kind of the error; 5 and 6 are a lock held by somebody else.
fn trouble(error: &sqlx::Error) -> Trouble {
    let sqlx::Error::Database(database) = error else {
        return Trouble::Lost(super::pool::reason(error));
    };
    let code = database.code().map(std::borrow::Cow::into_owned);
    let kind = code
        .as_ref()
        .and_then(|code| code.parse::<u32>().ok())
        .unwrap_or_default()
        & 0xff;
    Trouble::Refused(Box::new(Refusal {
        message: database.message().to_owned(),
        is_transient: matches!(kind, 5 | 6),
        remediation: (kind == 8).then_some(
            "the query writes, and the tool may only read: `read_only: false` lets it write",
        ),
        code,
        ..Refusal::default()
    }))
}
