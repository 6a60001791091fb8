//! Execution and limits, told to the model in a tool's description.

use std::fmt::Write;

use crate::tool::{Action, OnLimit, Rate, Sql, SqlQueries, TIMEOUT_ARGUMENT, Tool, spoken};

/// One sentence on how a tool runs and what bounds it, such as
/// `Runs as a subprocess, up to 5 at a time, 10 per second, timeout 30 s.`
pub(super) fn execution(tool: &Tool) -> String {
    let limits = &tool.limits;
    let mut text = match tool.action {
        Action::Script(_) => "Runs as a subprocess".to_owned(),
        Action::Http(_) => "Calls an HTTP service".to_owned(),
        Action::Sql(ref sql) => query(sql),
    };
    append(
        &mut text,
        format_args!(", up to {} at a time", limits.max_parallel),
    );
    for used in &limits.buckets {
        append(&mut text, format_args!(", {}", frequency(used.limit.rate)));
        if used.limit.on_limit == OnLimit::Reject {
            text.push_str(" (more is refused)");
        }
    }
    append(
        &mut text,
        format_args!(", timeout {}", spoken(limits.timeout)),
    );
    if let Some(longest) = limits.max_timeout {
        append(
            &mut text,
            format_args!(" (up to {} with `{TIMEOUT_ARGUMENT}`)", spoken(longest)),
        );
    }
    if let Some(longest) = limits.progress_extends_timeout {
        append(
            &mut text,
            format_args!(" (up to {} while it tells of progress)", spoken(longest)),
        );
    }
    if let Some(expected) = tool.task.expected_duration {
        append(
            &mut text,
            format_args!(", usually takes {}", spoken(expected)),
        );
    }
    text.push('.');
    if tool.confirmation.is_some() {
        text.push_str(" A person is asked before each call.");
    }
    text
}

/// How a query runs.
fn query(sql: &Sql) -> String {
    let reads = if sql.read_only { "read-only " } else { "" };
    let what = match &sql.queries {
        SqlQueries::One(_) => format!("Runs as a {reads}SQL query"),
        SqlQueries::Several(queries) => {
            format!("Runs as {} {reads}SQL queries side by side", queries.len())
        }
    };
    let connections = match sql.database.pool.max_size.get() {
        1 => "1 connection".to_owned(),
        more => format!("{more} connections"),
    };
    let rows = match sql.max_rows.get() {
        1 => "at most 1 row".to_owned(),
        more => format!("at most {more} rows"),
    };
    format!("{what} over a pool of up to {connections}, gives {rows}")
}

/// A rate as people say it: per second, or per minute where that is the rounder figure.
fn frequency(rate: Rate) -> String {
    let per_second = rate.requests_per_second;
    if per_second >= 1.0 {
        format!("{} per second", rounded(per_second))
    } else {
        format!("{} per minute", rounded(per_second * 60.0))
    }
}

/// At most two decimals, and none that say nothing.
fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{LoadOptions, load_text};

    #[test]
    fn a_request_is_told_as_one() {
        let text = "tools: [{ name: t, description: T, http: { url: 'http://h/' }, concurrency: { max_parallel: 5, requests_per_second: 10 } }]";
        let loaded = load_text(
            Path::new("f"),
            text,
            Path::new("/"),
            &LoadOptions::default(),
        )
        .unwrap();
        let tool = loaded.catalog.get("t").unwrap();
        assert_eq!(
            execution(tool),
            "Calls an HTTP service, up to 5 at a time, 10 per second, timeout 30 s."
        );
    }

    #[test]
    fn a_query_is_told_with_its_connections_and_rows() {
        let told = |sql: &str| {
            let text = format!(
                "databases: {{ d: {{ url: 'sqlite:d.db', pool: {{ max_size: 3 }} }} }}\ntools: [{{ name: t, description: T, concurrency: {{ max_parallel: 5 }}, sql: {{ database: d, {sql} }} }}]"
            );
            let options = LoadOptions::default();
            let loaded = load_text(Path::new("f"), &text, Path::new("/"), &options).unwrap();
            execution(loaded.catalog.get("t").unwrap())
        };
        assert_eq!(
            told("query: SELECT 1"),
            "Runs as a read-only SQL query over a pool of up to 3 connections, gives at most 1000 rows, up to 5 at a time, timeout 30 s."
        );
        assert_eq!(
            told("queries: { a: SELECT 1, b: SELECT 2 }, read_only: false, max_rows: 1"),
            "Runs as 2 SQL queries side by side over a pool of up to 3 connections, gives at most 1 row, up to 5 at a time, timeout 30 s."
        );
    }
}
