//! What a statement takes and gives, as the server says, and the statement that is sent.
//!
//! The server is asked what types the parameters of a statement have; each is then bound as text and cast to its type,
//! which is how it reads a literal. What it gives is asked for as JSON, made by the server, which knows all its types.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::types::Oid;
use sqlx::{
    AssertSqlSafe, Column as _, Either, Executor as _, Row as _, SqlSafeStr as _, Statement as _,
};

use super::refusal::trouble;
use super::{Connection, begin};
use crate::executor::sql::job::Job;
use crate::executor::sql::trouble::{Refusal, Trouble};
use crate::tool::ParameterType;
use crate::tool::template::main_of_with;

/// Statements remembered of one database; they are then learned anew.
const MOST_PLANS: usize = 1000;

/// Statements whose rows can be asked for as JSON.
const TABLES: [&str; 8] = [
    "SELECT", "VALUES", "TABLE", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE",
];

/// A parameter has no type that the server could tell, or several.
const INDETERMINATE: [&str; 2] = ["42P18", "42P08"];

/// Where a character of what is sent has no simple place in the statement.
const NO_PLACE: usize = usize::MAX;

/// What is known of a statement.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is sent.
    pub(super) sql: String,
    /// Characters of it before the statement itself; `usize::MAX` where it is not in one piece.
    pub(super) before: usize,
    /// The types of its parameters.
    pub(super) parameters: Vec<String>,
    /// What it gives.
    pub(super) columns: Vec<Column>,
    /// Whether the rows come as JSON.
    pub(super) is_json: bool,
    /// Whether the server itself ends after one row too many.
    pub(super) is_bounded: bool,
}

/// A column of the rows.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
}

/// What is known of all statements of a database.
#[derive(Debug, Default)]
pub(super) struct Plans(Mutex<HashMap<String, Arc<Plan>>>);

impl Plans {
    pub(super) fn get(&self, job: &Job) -> Option<Arc<Plan>> {
        self.plans().get(&key(job)).cloned()
    }

    /// Forgets a statement.
    pub(super) fn forget(&self, job: &Job) {
        self.plans().remove(&key(job));
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server, in the transaction of the statement.
    pub(super) async fn make(
        &self,
        connection: &mut Connection,
        job: &Job,
    ) -> Result<Arc<Plan>, Trouble> {
        let plan = Arc::new(make(connection, job).await?);
        let mut plans = self.plans();
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert(key(job), Arc::clone(&plan));
        Ok(plan)
    }
}

/// What makes a statement the same: its text, its bound on rows, and the types where the server knows none.
fn key(job: &Job) -> String {
    let kinds: Vec<&str> = job
        .statement
        .values
        .iter()
        .map(|value| value.kind.name())
        .collect();
    let limit = if job.read_only { job.max_rows.get() } else { 0 };
    format!(
        "{}\0{limit}\0{}",
        job.statement.text(&|_| None),
        kinds.join(" ")
    )
}

async fn make(connection: &mut Connection, job: &Job) -> Result<Plan, Trouble> {
    let described = describe(connection, job).await?;
    let cast = |number: usize| described.parameters.get(number).cloned();
    let text = job.statement.text(&cast);
    let plain = Plan {
        sql: text.clone(),
        before: 0,
        parameters: described.parameters.clone(),
        columns: described.columns.clone(),
        is_json: false,
        is_bounded: false,
    };
    if described.columns.is_empty() || !TABLES.contains(&job.verb.as_str()) {
        return Ok(plain);
    }
    let limit = job.read_only.then(|| job.max_rows.get());
    let (sql, before) = as_json(&job.verb, &text, &described.columns, limit);
    match connection
        .prepare(AssertSqlSafe(sql.clone()).into_sql_str())
        .await
    {
        Ok(_) => Ok(Plan {
            sql,
            before,
            is_json: true,
            is_bounded: limit.is_some(),
            ..plain
        }),
        // What can be no part of another statement runs as it is.
        Err(sqlx::Error::Database(_)) => {
            restart(connection, job).await?;
            Ok(plain)
        }
        Err(error) => Err(trouble(&error, &|_| None)),
    }
}

struct Described {
    parameters: Vec<String>,
    columns: Vec<Column>,
}

/// Asks for the types of a statement. A parameter whose type the server cannot tell has the declared one.
async fn describe(connection: &mut Connection, job: &Job) -> Result<Described, Trouble> {
    let mut casts: Vec<Option<String>> = vec![None; job.statement.values.len()];
    let statement = loop {
        let cast = |number: usize| casts.get(number).cloned().flatten();
        let text = job.statement.text(&cast);
        let error = match connection.prepare(AssertSqlSafe(text).into_sql_str()).await {
            Ok(statement) => break statement,
            Err(error) => error,
        };
        let told = trouble(&error, &|position| {
            let at = job.statement.written_place(position, &cast);
            Some(Refusal::place_in(&job.written, at))
        });
        let number = match &told {
            Trouble::Refused(refusal)
                if refusal
                    .code
                    .as_deref()
                    .is_some_and(|code| INDETERMINATE.contains(&code)) =>
            {
                parameter_in(&refusal.message)
            }
            _ => None,
        };
        match number.filter(|number| casts.get(*number).is_some_and(Option::is_none)) {
            Some(number) => {
                casts[number] = Some(declared(job.statement.values[number].kind).to_owned());
                restart(connection, job).await?;
            }
            None => return Err(told),
        }
    };
    let asked: Vec<Oid> = match statement.parameters() {
        Some(Either::Left(types)) => types
            .iter()
            .filter_map(sqlx::postgres::PgTypeInfo::oid)
            .collect(),
        _ => Vec::new(),
    };
    let given: Vec<Oid> = statement
        .columns()
        .iter()
        .filter_map(|column| column.type_info().oid())
        .collect();
    let names: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    if asked.len() != casts.len() || given.len() != names.len() {
        return Err(Trouble::Bug(
            "the server did not tell the types of a statement",
        ));
    }
    let mut kinds = type_names(connection, asked.iter().chain(&given)).await?;
    let columns = kinds.split_off(asked.len());
    // What was cast by hand takes text.
    let parameters = kinds
        .into_iter()
        .zip(casts)
        .map(|(kind, cast)| cast.unwrap_or(kind))
        .collect();
    let columns = names
        .into_iter()
        .zip(columns)
        .map(|(name, kind)| Column { name, kind })
        .collect();
    Ok(Described {
        parameters,
        columns,
    })
}

/// The names of types as a cast can use them.
async fn type_names(
    connection: &mut Connection,
    types: impl Iterator<Item = &Oid>,
) -> Result<Vec<String>, Trouble> {
    let numbers: Vec<String> = types.map(|oid| oid.0.to_string()).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    // Numbers that the server itself gave.
    let text = format!(
        "SELECT pg_catalog.format_type(t.o, -1) FROM pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]) WITH ORDINALITY AS t(o, i) ORDER BY t.i",
        numbers.join(",")
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(text))
        .fetch_all(&mut **connection)
        .await
        .map_err(|error| trouble(&error, &|_| None))?;
    rows.iter()
        .map(|row| {
            row.try_get_unchecked(0)
                .map_err(|error| trouble(&error, &|_| None))
        })
        .collect()
}

/// After an error a transaction takes nothing more.
async fn restart(connection: &mut Connection, job: &Job) -> Result<(), Trouble> {
    let failed = |error: sqlx::Error| trouble(&error, &|_| None);
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut **connection)
        .await
        .map_err(failed)?;
    begin(connection, job).await.map_err(failed)?;
    Ok(())
}

/// The number of the parameter a message names, from zero.
fn parameter_in(message: &str) -> Option<usize> {
    let digits: String = message
        .split('$')
        .nth(1)?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse::<usize>().ok()?.checked_sub(1)
}

const fn declared(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::Integer => "bigint",
        ParameterType::Number => "double precision",
        ParameterType::Boolean => "boolean",
        ParameterType::Array | ParameterType::Object => "jsonb",
        ParameterType::String | ParameterType::Any => "text",
    }
}

/// The statement with its rows as JSON, and the characters before the statement itself. It becomes the last of the
/// queries after `WITH`, which is where a statement that writes may stand.
fn as_json(verb: &str, text: &str, columns: &[Column], limit: Option<u32>) -> (String, usize) {
    let names: Vec<String> = (1..=columns.len())
        .map(|number| format!("c{number}"))
        .collect();
    let cells: Vec<String> = names
        .iter()
        .zip(columns)
        .map(|(name, column)| cell(name, &column.kind))
        .collect();
    let limit = limit.map_or_else(String::new, |rows| {
        format!(" LIMIT {}", u64::from(rows) + 1)
    });
    let head = format!("runner_rows({}) AS (\n", names.join(", "));
    let tail = format!("\n) SELECT {} FROM runner_rows{limit}", cells.join(", "));
    match (verb == "WITH").then(|| main_of_with(text)).flatten() {
        Some(main) => {
            let queries = text[..main].trim_end();
            (
                format!("{queries}, {head}{}{tail}", &text[main..]),
                NO_PLACE,
            )
        }
        None => (
            format!("WITH {head}{text}{tail}"),
            "WITH ".len() + head.chars().count(),
        ),
    }
}

/// A column as text that is JSON, or that becomes it here.
fn cell(name: &str, kind: &str) -> String {
    match kind {
        "numeric" => format!("{name}::text"),
        "numeric[]" => format!("pg_catalog.to_json({name}::text[])::text"),
        "bytea" => format!("pg_catalog.translate(pg_catalog.encode({name}, 'base64'), E'\\n', '')"),
        "void" => "NULL::text".to_owned(),
        "xml" | "unknown" => format!("pg_catalog.to_json({name}::text)::text"),
        _ => format!("pg_catalog.to_json({name})::text"),
    }
}
