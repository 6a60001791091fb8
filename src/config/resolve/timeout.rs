//! How long a call may run: one attempt, and all of them.

use std::time::Duration;

use super::{Context, resilience};
use crate::config::decode::{Given, Problems};
use crate::config::document::{Document, TimeoutChoice, TimeoutClass, Tool};
use crate::config::quantity::Time;
use crate::config::schema::Wire;
use crate::config::unknown;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::spoken;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The class of tools without a `timeout`.
const DEFAULT_CLASS: &str = "default";

/// How long a call may run.
pub(super) struct Times<'a> {
    /// One attempt.
    pub(super) attempt: Duration,
    /// The key that says so.
    pub(super) attempt_set: Option<Span>,
    /// All attempts and the waits between them.
    pub(super) total: Option<&'a Given<Time>>,
    /// To have a connection; only of what connects.
    pub(super) connect: Option<&'a Given<Time>>,
}

/// Checks the classes themselves, whoever uses them.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    let classes = document.timeouts.iter();
    for (name, class) in classes.flat_map(|classes| &classes.0) {
        let Some(connect) = &class.connect else {
            continue;
        };
        if connect.0.is_zero() {
            problems.push(
                Diagnostic::error(connect.span, "a timeout must be above zero")
                    .hint("for example `connect: 5s`"),
            );
        }
        let mut tools = document.tools.iter().flat_map(|tools| &tools.0);
        if !tools.any(|tool| connects(tool) && chosen_class(tool) == Some(name.as_str())) {
            problems.push(
                Diagnostic::warning(
                    connect.key,
                    format!(
                        "`connect` has no effect: no `http` or `sql` tool has the timeout `{name}`"
                    ),
                )
                .hint("a script connects by itself: the class bounds its whole run"),
            );
        }
    }
}

fn connects(tool: &Tool) -> bool {
    tool.http.is_some() || tool.sql.is_some()
}

/// The timeout that a tool chooses.
fn chosen(tool: &Tool) -> Option<&Given<TimeoutChoice>> {
    let of_script = tool
        .script
        .as_ref()
        .and_then(|script| script.timeout.as_deref());
    let of_http = tool.http.as_ref().and_then(|http| http.timeout.as_deref());
    let of_sql = tool.sql.as_ref().and_then(|sql| sql.timeout.as_deref());
    of_script.or(of_http).or(of_sql).or(tool.timeout.as_deref())
}

/// The class that a tool has.
fn chosen_class(tool: &Tool) -> Option<&str> {
    match chosen(tool).map(|given| &given.value) {
        None => Some(DEFAULT_CLASS),
        Some(TimeoutChoice::Class(name)) => Some(&name.text),
        Some(TimeoutChoice::Time(_)) => None,
    }
}

/// How long a call may run, as its action says, its tool, the class `default`, or 30 seconds.
pub(super) fn effective<'a>(
    context: &Context<'a>,
    tool: &Tool,
    problems: &mut Problems,
) -> Times<'a> {
    let of_script = tool
        .script
        .as_ref()
        .and_then(|script| script.timeout.as_ref());
    let of_http = tool.http.as_ref().and_then(|http| http.timeout.as_ref());
    let of_sql = tool.sql.as_ref().and_then(|sql| sql.timeout.as_ref());
    for given in [tool.timeout.as_ref(), of_http, of_sql, of_script]
        .into_iter()
        .flatten()
    {
        check_timeout(context, given, problems);
    }
    let chosen = chosen(tool);
    if let Some((given, TimeoutChoice::Time(time))) = chosen.map(|given| (given, &given.value)) {
        return Times {
            attempt: time.0,
            attempt_set: Some(given.key),
            total: None,
            connect: None,
        };
    }
    let class = chosen_class(tool).and_then(|name| class(context, name));
    let is_retried = resilience::is_retried(context, tool);
    let attempt = class.and_then(|class| attempt(class, is_retried));
    let key = chosen.map(|given| given.key);
    Times {
        attempt: attempt.map_or(DEFAULT_TIMEOUT, |given| given.0),
        attempt_set: key.or(attempt.map(|given| given.key)),
        total: class.and_then(|class| class.total.as_deref()),
        connect: class
            .and_then(|class| class.connect.as_deref())
            .filter(|_| connects(tool)),
    }
}

/// What the model may ask for cannot be less than what it gets anyway.
pub(super) fn check_longest(tool: &Tool, timeout: Duration, problems: &mut Problems) {
    if let Some(longest) = &tool.max_timeout
        && longest.0 < timeout
    {
        problems.push(
            Diagnostic::error(
                longest.span,
                format!(
                    "`max_timeout` is shorter than the timeout of {}",
                    spoken(timeout)
                ),
            )
            .hint("raise it, or lower `timeout`"),
        );
    }
}

/// How long an attempt may run in all where progress puts its timeout off.
pub(super) fn extension<'a>(
    tool: &'a Tool,
    timeout: Duration,
    problems: &mut Problems,
) -> Option<&'a Given<Time>> {
    let rule = tool.progress_extends_timeout.as_ref()?;
    let Some(longest) = &rule.max else {
        if rule.lacks("max") {
            problems.push(
                Diagnostic::error(rule.key, "`progress_extends_timeout` needs a `max`")
                    .hint("for example `progress_extends_timeout: { max: 30m }`"),
            );
        }
        return None;
    };
    if longest.0 < timeout {
        problems.push(
            Diagnostic::error(
                longest.span,
                format!("`max` is shorter than the timeout of {}", spoken(timeout)),
            )
            .hint("it is how long a run may take in all: raise it, or lower `timeout`"),
        );
    }
    Some(longest)
}

/// The time a class gives one attempt: its `read` where there may be several, else all of its `total`.
fn attempt(class: &TimeoutClass, is_retried: bool) -> Option<&Given<Time>> {
    let (read, total) = (class.read.as_deref(), class.total.as_deref());
    if is_retried {
        read.or(total)
    } else {
        total.or(read)
    }
}

fn class<'a>(context: &Context<'a>, name: &str) -> Option<&'a TimeoutClass> {
    let classes = context.document.timeouts.as_ref()?;
    classes.0.get(name).map(|given| &given.value)
}

fn check_timeout(context: &Context<'_>, given: &Given<TimeoutChoice>, problems: &mut Problems) {
    match &given.value {
        TimeoutChoice::Time(time) if time.0.is_zero() => problems.push(
            Diagnostic::error(given.span, "a timeout must be above zero")
                .hint("for example `timeout: 30s`"),
        ),
        TimeoutChoice::Class(name) if class(context, &name.text).is_none() => {
            let classes = context.document.timeouts.as_ref();
            let known: Vec<&str> = classes.iter().flat_map(|classes| classes.names()).collect();
            let mut problem = unknown::reference(
                given.span,
                "timeout class",
                &name.text,
                known.iter().copied(),
                "timeouts",
            );
            if known.is_empty() {
                problem = problem
                    .hint("write a duration such as `30s`, or declare the class under `timeouts`");
            }
            problems.push(problem);
        }
        TimeoutChoice::Class(name)
            if class(context, &name.text)
                .and_then(|class| attempt(class, false))
                .is_none() =>
        {
            problems.push(
                Diagnostic::error(
                    given.span,
                    format!("the timeout class `{}` sets no time for a run", name.text),
                )
                .hint("give it a `total`"),
            );
        }
        _ => {}
    }
}
