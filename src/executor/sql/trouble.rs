//! From what went wrong to a failure. No message holds an address or a password.

use std::time::Duration;

use serde_json::json;

use super::pool::Held;
use crate::executor::prepare::argument_error;
use crate::executor::verdict::millis;
use crate::tool::template::Dialect;
use crate::tool::{Call, Failure, FailureCode, Sql, ValueError, spoken};

/// Why a statement gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no connection: the statement did not run.
    Connect(String),
    /// There was no connection within this time: the statement did not run.
    Patience { within: Duration, held: Held },
    /// The database refused it.
    Refused(Box<Refusal>),
    /// The connection broke off.
    Lost(String),
    /// A value cannot be bound.
    Value(ValueError),
    /// The rows lack the column they are to be put together by.
    NoColumn(String),
    /// A value makes its row longer than one may be.
    TooLong {
        column: String,
        bytes: usize,
        longest: usize,
    },
    /// It was stopped, by us.
    Stopped,
    /// A bug of ours.
    Bug(&'static str),
}

/// What the database said.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// The SQLSTATE, or the code of SQLite.
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
    /// Line and column in the query as the file has it, from one.
    pub(super) place: Option<(usize, usize)>,
    /// Whether the same statement may well run the next time.
    pub(super) is_transient: bool,
    /// What to do, where more is known than the database says.
    pub(super) remediation: Option<&'static str>,
    /// Whether the database's own clock ended it.
    pub(super) is_timeout: bool,
}

impl Refusal {
    /// Whether it may be because tables are not as they were: a syntax error or a missing name, or a prepared statement
    /// that gives other columns now.
    pub(super) fn is_of_the_tables(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        code.starts_with("42") || code == "0A000"
    }

    /// Where the byte `at` of `written` is.
    pub(super) fn place_in(written: &str, at: usize) -> (usize, usize) {
        let before = written.get(..at).unwrap_or(written);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (line, column)
    }
}

/// The failure of a call.
pub(super) fn failure(call: &Call, sql: &Sql, trouble: &Trouble, ran: Duration) -> Failure {
    let (tool, database) = (&call.tool.name, &sql.database.name);
    let hide = |text: &str| sql.database.secrets.hide(text);
    let error = |message: String| Failure::new(FailureCode::SqlError, message);
    let failure = match trouble {
        Trouble::Connect(reason) => error(format!(
            "`{tool}` could not connect to the database `{database}`: {}",
            hide(reason)
        ))
        .remediation("the database may be down, or its `url` in the file wrong: try again later")
        .with("transient", true),
        Trouble::Patience { within, held } => error(format!(
            "`{tool}` could not connect to the database `{database}` within {}: {}",
            spoken(*within),
            match held {
                Held::InUse(most) => format!("its connections ({most} at most) were in use"),
                Held::New => "it does not answer".to_owned(),
            }
        ))
        .remediation(match (call.tool.limits.connect, held) {
            (None, _) => "the database may be down, or its `url` in the file wrong: try again later",
            (Some(_), Held::New) => "the database may be down or busy: try again later, or raise `connect` in the tool's class of `timeouts`",
            (Some(_), Held::InUse(_)) => "call again later, raise `max_size` of the database's `pool`, or `connect` in the tool's class of `timeouts`",
        })
        .with("connect_timeout_ms", millis(*within))
        .with("transient", true),
        Trouble::Refused(refusal) if refusal.is_timeout => Failure::new(
            FailureCode::Timeout,
            format!("the database `{database}` ended the query of `{tool}` after its timeout"),
        )
        .remediation("ask for less, or raise `timeout`"),
        Trouble::Refused(refusal) => refused(call, sql, refusal),
        Trouble::Lost(reason) => error(format!(
            "`{tool}` lost the connection to the database `{database}`: {}",
            hide(reason)
        ))
        .remediation("where calling twice does no harm, call again")
        .with("transient", true),
        Trouble::Value(value) => return argument_error(value),
        Trouble::NoColumn(column) => error(format!(
            "a query of `{tool}` gives no column `{column}`, which `group_by` names"
        ))
        .remediation("mend `group_by` or the query in the file"),
        Trouble::TooLong {
            column,
            bytes,
            longest,
        } => too_long(call, sql, column, *bytes, *longest),
        Trouble::Stopped => Failure::new(FailureCode::Cancelled, format!("`{tool}` was stopped")),
        Trouble::Bug(what) => super::blame(what),
    };
    failure.with("elapsed_ms", millis(ran))
}

fn too_long(call: &Call, sql: &Sql, column: &str, bytes: usize, longest: usize) -> Failure {
    let is_kept = !sql.read_only && sql.database.dialect() == Dialect::Sqlite;
    Failure::new(
        FailureCode::OutputTooLarge,
        format!(
            "a row of `{}` is longer than the {longest} bytes allowed: its column `{column}` alone has {bytes}",
            call.tool.name
        ),
    )
    .remediation(if is_kept {
        "what the query wrote stays written; ask for a part of the column, or raise `output.max_bytes`"
    } else {
        "ask for a part of the column, such as with `substr`, or raise `output.max_bytes`"
    })
    .with("column", column)
    .with("bytes", bytes)
    .with("max_bytes", longest)
}

fn refused(call: &Call, sql: &Sql, refusal: &Refusal) -> Failure {
    let hide = |text: &str| sql.database.secrets.hide(text);
    let mut failure = Failure::new(
        FailureCode::SqlError,
        format!(
            "the database `{}` refused the query of `{}`: {}",
            sql.database.name,
            call.tool.name,
            hide(&refusal.message)
        ),
    );
    if let Some(code) = &refusal.code {
        let name = match sql.database.dialect() {
            Dialect::Postgres => "sqlstate",
            Dialect::Sqlite => "sqlite_code",
        };
        failure = failure.with(name, code.as_str());
    }
    if let Some((line, column)) = refusal.place {
        failure = failure.with("position", json!({"line": line, "column": column}));
    }
    if let Some(detail) = &refusal.detail {
        failure = failure.with("detail", hide(detail));
    }
    if let Some(hint) = &refusal.hint {
        failure = failure.with("hint", hide(hint));
    }
    if refusal.is_transient {
        failure = failure.with("transient", true);
    }
    match (refusal.remediation, refusal.is_transient) {
        (Some(remediation), _) => failure.remediation(remediation),
        (None, true) => failure.remediation("call again"),
        (None, false) => failure,
    }
}
