//! Execution and limits, told to the model in a tool's description.

use std::fmt::Write;

use std::time::Duration;

use crate::tool::{Action, OnLimit, Rate, Tool};

/// One sentence on how a tool runs and what bounds it, such as
/// `Runs as a subprocess, up to 5 at a time, 10 per second, timeout 30 s.`
pub(super) fn execution(tool: &Tool) -> String {
    let limits = &tool.limits;
    let mut text = match tool.action {
        Action::Script(_) => "Runs as a subprocess".to_owned(),
        Action::Http(_) => "Calls an HTTP service".to_owned(),
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
        format_args!(", timeout {}", seconds(limits.timeout)),
    );
    if let Some(longest) = limits.progress_extends_timeout {
        append(
            &mut text,
            format_args!(" (up to {} while it tells of progress)", seconds(longest)),
        );
    }
    if let Some(expected) = tool.task.expected_duration {
        append(
            &mut text,
            format_args!(", usually takes {}", seconds(expected)),
        );
    }
    text.push('.');
    text
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

fn seconds(duration: Duration) -> String {
    format!("{} s", rounded(duration.as_secs_f64()))
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
}
