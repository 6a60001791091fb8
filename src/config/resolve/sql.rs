//! `sql`: a query, its statements compiled for the database they are for.

use std::num::NonZeroU32;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Context, both, template};
use crate::config::decode::{Given, Problems};
use crate::config::document::{SqlAction, Tool};
use crate::config::schema::Wire;
use crate::config::text::Text;
use crate::config::unknown;
use crate::diagnostic::Diagnostic;
use crate::tool::template::{Dialect, SqlTemplate};
use crate::tool::{Database, Parameters, Sql, SqlQueries, SqlQuery};

const DEFAULT_ROWS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Queries of one tool at most: each takes a connection while it runs.
const MOST_QUERIES: usize = 64;

/// The query, or `None` when it is refused, which has been reported. Every part is looked at.
pub(super) fn resolve(
    context: &Context<'_>,
    tool: &Tool,
    given: &Given<SqlAction>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<Sql> {
    if let Some(environment) = &tool.environment {
        problems.push(
            Diagnostic::warning(
                environment.key,
                "`environment` has no effect on a `sql` tool",
            )
            .hint("`${NAME}` in `databases` is taken from the runner's own environment"),
        );
    }
    let database = database(context, given, problems);
    // Without a database nothing is known of its quotes; what both have in common is checked all the same.
    let dialect = database
        .as_ref()
        .map_or(Dialect::Postgres, |database| database.dialect());
    if let (Some(query), Some(queries)) = (&given.query, &given.queries) {
        both(("query", query), ("queries", queries), problems);
    }
    if given.lacks("query") && given.lacks("queries") {
        problems.push(
            Diagnostic::error(given.key, "`sql` needs a `query` or `queries`")
                .hint("for example `query: SELECT * FROM users WHERE id = {{id}}`"),
        );
    }
    let mut compile = |text: &Text| {
        let compiled = SqlTemplate::compile(&text.text, dialect, parameters);
        template::checked(context, &text.node, compiled, problems)
    };
    let one = given.query.as_ref().map(|query| compile(&query.value));
    let several: Option<Vec<_>> = given.queries.as_ref().map(|queries| {
        let compiled = queries.0.iter();
        compiled
            .map(|(name, text)| (name.clone(), compile(&text.value)))
            .collect()
    });
    let columns = columns(given, problems);
    let queries = match (one, several) {
        (Some(one), None) => SqlQueries::One(one?),
        (None, Some(several)) => several_of(given, several, &columns, problems)?,
        _ => return None,
    };
    Some(Sql {
        database: database?,
        queries,
        max_rows: given
            .max_rows
            .as_ref()
            .map_or(DEFAULT_ROWS, |given| given.0),
        read_only: given.read_only.as_ref().is_none_or(|given| given.value),
    })
}

fn database(
    context: &Context<'_>,
    given: &Given<SqlAction>,
    problems: &mut Problems,
) -> Option<Arc<Database>> {
    let Some(name) = &given.database else {
        if given.lacks("database") {
            problems.push(
                Diagnostic::error(given.key, "`sql` needs a `database`")
                    .hint("name one under `databases`"),
            );
        }
        return None;
    };
    if let Some(known) = context.databases.get(&name.text) {
        return known.clone();
    }
    let known = context.databases.keys().map(String::as_str);
    problems.push(unknown::reference(
        name.span,
        "database",
        &name.text,
        known,
        "databases",
    ));
    None
}

/// The columns of `group_by`, by query.
fn columns(given: &Given<SqlAction>, problems: &mut Problems) -> IndexMap<String, String> {
    let Some(group_by) = &given.group_by else {
        return IndexMap::new();
    };
    let Some(queries) = &given.queries else {
        if given.lacks("queries") {
            problems.push(
                Diagnostic::error(
                    group_by.key,
                    "`group_by` puts the rows of `queries` together, and there are none",
                )
                .hint("for a single `query`, write `GROUP BY` or `ORDER BY` in it"),
            );
        }
        return IndexMap::new();
    };
    for (name, column) in &group_by.0 {
        if !queries.0.contains_key(name) {
            let known = queries.0.keys().map(String::as_str);
            problems.push(unknown::reference(
                column.key, "query", name, known, "queries",
            ));
        }
    }
    for name in queries
        .names()
        .filter(|name| !group_by.0.contains_key(*name))
    {
        problems.push(
            Diagnostic::error(
                group_by.key,
                format!("`group_by` has no column for the query `{name}`"),
            )
            .hint("each query needs one, such as `group_by: { user: id, posts: user_id }`"),
        );
    }
    let columns = group_by.0.iter();
    columns
        .map(|(name, column)| (name.clone(), column.text.clone()))
        .collect()
}

fn several_of(
    given: &Given<SqlAction>,
    compiled: Vec<(String, Option<SqlTemplate>)>,
    columns: &IndexMap<String, String>,
    problems: &mut Problems,
) -> Option<SqlQueries> {
    if compiled.is_empty() || compiled.len() > MOST_QUERIES {
        problems.push(Diagnostic::error(
            given
                .queries
                .as_ref()
                .map_or(given.key, |queries| queries.key),
            format!("`queries` takes between 1 and {MOST_QUERIES} queries"),
        ));
        return None;
    }
    let queries: Option<IndexMap<_, _>> = compiled
        .into_iter()
        .map(|(name, template)| {
            let query = SqlQuery {
                template: template?,
                group_by: columns.get(&name).cloned(),
            };
            Some((name, query))
        })
        .collect();
    queries.map(SqlQueries::Several)
}
