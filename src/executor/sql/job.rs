//! One statement and its bounds.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::tool::template::{SqlStatement, SqlTemplate};
use crate::tool::{Call, Sql, SqlQueries, ValueError};

/// A statement that is to run.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Its name among several.
    pub(super) name: Option<String>,
    /// The column its rows are put together by.
    pub(super) group_by: Option<String>,
    /// The keyword it begins with.
    pub(super) verb: String,
    /// What runs.
    pub(super) statement: SqlStatement,
    /// As it stands in the file.
    pub(super) written: String,
    /// Rows given back at most.
    pub(super) max_rows: NonZeroU32,
    /// Whether the database lets it only read.
    pub(super) read_only: bool,
    /// When it is to have ended.
    pub(super) deadline: Instant,
    /// How long it may take to have a connection, where the file says so.
    pub(super) connect: Option<Duration>,
}

impl Job {
    /// Every statement of a call.
    pub(super) fn all(sql: &Sql, call: &Call, deadline: Instant) -> Result<Vec<Self>, ValueError> {
        let queries = sql.queries.statements();
        queries
            .map(|(name, template)| Self::new(sql, name, template, call, deadline))
            .collect()
    }

    fn new(
        sql: &Sql,
        name: Option<&str>,
        template: &SqlTemplate,
        call: &Call,
        deadline: Instant,
    ) -> Result<Self, ValueError> {
        let group_by = match (&sql.queries, name) {
            (SqlQueries::Several(queries), Some(name)) => {
                queries.get(name).and_then(|query| query.group_by.clone())
            }
            _ => None,
        };
        Ok(Self {
            name: name.map(str::to_owned),
            group_by,
            verb: template.verb().to_owned(),
            statement: template.render(&call.arguments)?,
            written: template.written().to_owned(),
            max_rows: sql.max_rows,
            read_only: sql.read_only,
            deadline,
            connect: call.tool.limits.connect,
        })
    }
}
