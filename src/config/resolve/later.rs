//! Settings whose behaviour comes with a later version: checked, and said to have no effect yet.

use super::Context;
use crate::config::decode::{Given, Problems};
use crate::config::document::{Document, FormatChoice, TestCase, Tool, Worker, WorkerMode};
use crate::config::schema::Wire;
use crate::diagnostic::{Diagnostic, Span};

/// Says that a key is understood and does nothing yet.
fn no_effect<T>(given: Option<&Given<T>>, name: &str, instead: &str, problems: &mut Problems) {
    if let Some(given) = given {
        problems.push(warning(given.key, name, instead));
    }
}

fn warning(span: Span, name: &str, instead: &str) -> Diagnostic {
    Diagnostic::warning(span, format!("`{name}` has no effect yet")).hint(instead)
}

/// The settings at the top of the file.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    no_effect(
        document.databases.as_ref(),
        "databases",
        "`sql` tools are not served in this version",
        problems,
    );
    no_effect(
        document.pagination.as_ref(),
        "pagination",
        "`output.inline_bytes` bounds what is sent",
        problems,
    );
    for class in document
        .timeouts
        .iter()
        .flat_map(|classes| classes.0.values())
    {
        no_effect(
            class.connect.as_ref(),
            "connect",
            "`total` bounds the whole call",
            problems,
        );
    }
    check_document(document, problems);
}

/// Figures that contradict each other.
fn check_document(document: &Document, problems: &mut Problems) {
    let pages = document.pagination.as_ref();
    let sizes = pages.and_then(|pages| {
        pages
            .default_page_size
            .as_ref()
            .zip(pages.max_page_size.as_ref())
    });
    if let Some((default, max)) = sizes
        && default.0 > max.0
    {
        problems.push(Diagnostic::error(
            default.span,
            "`default_page_size` is larger than `max_page_size`",
        ));
    }
    for database in document
        .databases
        .iter()
        .flat_map(|databases| databases.0.values())
    {
        if database.lacks("url") {
            problems.push(
                Diagnostic::error(database.key, "a database needs a `url`")
                    .hint("for example `url: \"sqlite:app.db\"`"),
            );
        }
        let sizes = database
            .pool
            .as_ref()
            .and_then(|pool| pool.min_size.as_ref().zip(pool.max_size.as_ref()));
        if let Some((min, max)) = sizes
            && min.0 > max.0.get()
        {
            problems.push(Diagnostic::error(
                min.span,
                "`min_size` is larger than `max_size`",
            ));
        }
    }
}

/// A database's address must be whole: it is read at the start.
pub(super) fn database_urls(context: &Context<'_>, problems: &mut Problems) {
    let databases = context
        .document
        .databases
        .iter()
        .flat_map(|databases| databases.0.values());
    for url in databases.filter_map(|database| database.url.as_ref()) {
        if let Err(missing) = context.options.env.expand(&url.text) {
            let missing = missing.0;
            problems.push(
                Diagnostic::error(url.span, format!("the variable `{missing}` is not set"))
                    .hint(format!("set it, or give a default: `${{{missing}:-...}}`")),
            );
        }
        super::environment::refuse_placeholder(&url.value, "databases", problems);
    }
}

/// The settings of one tool.
pub(super) fn tool(tool: &Tool, problems: &mut Problems) {
    no_effect(
        tool.max_timeout.as_ref(),
        "max_timeout",
        "`timeout` holds for every call",
        problems,
    );
    no_effect(
        tool.task.as_ref(),
        "task",
        "every call is answered when it is done",
        problems,
    );
    no_effect(
        tool.expected_duration.as_ref(),
        "expected_duration",
        "every call is answered when it is done",
        problems,
    );
    no_effect(
        tool.confirm.as_ref(),
        "confirm",
        "mark the tool with `annotations: { destructive: true }`, and let the client ask",
        problems,
    );
    no_effect(
        tool.pagination.as_ref(),
        "pagination",
        "`output.inline_bytes` bounds what is sent",
        problems,
    );
    no_effect(
        tool.test.as_ref(),
        "test",
        "call the tool with `runner call`",
        problems,
    );
    let worker = tool
        .script
        .as_ref()
        .and_then(|script| script.value.worker.as_ref());
    let is_persistent = |worker: &&Given<Worker>| {
        let mode = worker.value.mode.as_ref();
        mode.is_some_and(|mode| mode.value == WorkerMode::Persistent)
    };
    no_effect(
        worker.filter(is_persistent),
        "mode: persistent",
        "each call starts an interpreter; `mode: fork` keeps one warm",
        problems,
    );
    if let Some(output) = &tool.output {
        let streams = output
            .format
            .as_ref()
            .filter(|given| given.value == FormatChoice::Jsonl);
        if let Some(given) = streams {
            problems.push(
                Diagnostic::warning(given.key, "`format: jsonl` does not stream yet")
                    .hint("all lines come together, when the script has ended"),
            );
        }
    }
    for case in tool.test.iter().flat_map(|cases| &cases.0) {
        check_case(case, problems);
    }
}

fn check_case(case: &TestCase, problems: &mut Problems) {
    if let Some(input) = &case.input
        && !input.value.value.is_object()
    {
        let found = input.value.node.describe();
        problems.push(
            Diagnostic::error(
                input.span,
                format!("`input` must be a map of arguments, found {found}"),
            )
            .hint("for example `input: { path: README.md }`"),
        );
    }
    if case.lacks("expect") {
        problems.push(
            Diagnostic::error(case.rest.span, "a test case needs an `expect`")
                .hint("for example `expect: { contains: ok }`"),
        );
    }
}
