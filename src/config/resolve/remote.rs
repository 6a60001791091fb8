//! `sql`: checked, and left out of the catalog until this version can run it.

use super::{Context, both, template};
use crate::config::decode::{Given, Problems};
use crate::config::document::SqlAction;
use crate::config::schema::Wire;
use crate::config::unknown;
use crate::config::yaml::Node;
use crate::diagnostic::Diagnostic;
use crate::tool::Parameters;
use crate::tool::template::{TextSurface, TextTemplate};

/// Checks a query.
pub(super) fn check_sql(
    context: &Context<'_>,
    sql: &Given<SqlAction>,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    not_served(sql.key, "sql", problems);
    let databases = context.document.databases.as_ref();
    match &sql.database {
        None if !sql.lacks("database") => {}
        None => problems.push(
            Diagnostic::error(sql.key, "`sql` needs a `database`")
                .hint("name one under `databases`"),
        ),
        Some(given) if !databases.is_some_and(|known| known.0.contains_key(&given.text)) => {
            let known: Vec<&str> = databases.iter().flat_map(|known| known.names()).collect();
            problems.push(unknown::reference(
                given.span,
                "database",
                &given.text,
                known.into_iter(),
                "databases",
            ));
        }
        Some(_) => {}
    }
    match (&sql.query, &sql.queries) {
        (None, None) if sql.lacks("query") && sql.lacks("queries") => problems.push(
            Diagnostic::error(sql.key, "`sql` needs a `query` or `queries`")
                .hint("for example `query: SELECT * FROM users WHERE id = {{id}}`"),
        ),
        (Some(query), Some(queries)) => both(("query", query), ("queries", queries), problems),
        _ => {}
    }
    let queries = sql.queries.iter().flat_map(|queries| queries.0.values());
    for query in sql.query.iter().chain(queries) {
        check_names(context, &query.value.node, parameters, problems);
    }
}

fn not_served(span: crate::diagnostic::Span, action: &str, problems: &mut Problems) {
    problems.push(
        Diagnostic::warning(
            span,
            format!("this version does not run `{action}` tools, so this one is not served"),
        )
        .hint("until it does, a `script` can do the same"),
    );
}

/// A placeholder must name a parameter wherever it stands.
pub(super) fn check_names(
    context: &Context<'_>,
    node: &Node,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    if let Some(text) = node.text() {
        let compiled = TextTemplate::compile(text, TextSurface::Question, parameters);
        template::errors_only(context, node, compiled, problems);
    }
}
