//! One tool.

use super::{
    Context, both, confirm, http, icons, limits, output, pages, parameters, resilience, script,
    sql, task, test_cases,
};
use crate::config::decode::Problems;
use crate::config::document::{self, AnnotationHints};
use crate::config::schema::Wire;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::template::{MirrorClash, Mirrors, Safety};
use crate::tool::{Action, Annotations, Origins, Parameters, Tool, ToolName};

/// The tool, or `None` when it is refused or not served, which has been reported. Every part is looked
/// at even where an earlier one is refused.
pub(super) fn resolve(
    context: &Context<'_>,
    declared: &document::Tool,
    name: Option<ToolName>,
    problems: &mut Problems,
) -> Option<Tool> {
    let at = place(declared);
    if declared.lacks("name") {
        problems.push(
            Diagnostic::error(at, "a tool needs a `name`").hint("for example `name: list_files`"),
        );
    }
    let description = description(context, declared, at, problems);
    let parameters = parameters::resolve(declared, problems);
    let mut origins = Origins::default();
    // A stand-in keeps the checks of the rest going where the name is refused.
    let known_name = name.clone().or_else(|| ToolName::parse("unnamed").ok())?;
    let limits = limits::of_tool(
        context,
        declared,
        &known_name,
        &parameters,
        &mut origins,
        problems,
    );
    let mut output = output::rules(context, declared.output.as_ref(), &mut origins, problems);
    let paging = pages::rules(
        context,
        declared,
        &parameters,
        output.schema.as_ref(),
        &mut origins,
        problems,
    );
    output.is_paged = paging.is_some();
    let retry = resilience::retry(context, declared, &mut origins, problems);
    let circuit_breaker = resilience::breaker(context, declared, &mut origins, problems);
    let cache = resilience::cache(context, declared, &mut origins);
    let confirmation = confirm::resolve(context, declared, &parameters, &mut origins, problems);
    let task = task::rules(context, declared, &limits, &mut origins, problems);
    let tests = test_cases::resolve(context, declared, problems);
    check_mirrors(declared, &parameters, problems);
    if declared
        .rest
        .unread
        .iter()
        .any(|key| ["parameters", "input_schema"].contains(key))
    {
        // Every placeholder would be reported as naming no parameter.
        return None;
    }
    let action = action(context, declared, &parameters, problems)?;
    let tool = Tool {
        name: name?,
        title: declared.title.as_ref().map(|title| title.text.clone()),
        description,
        annotations: annotations(declared.annotations.as_ref().map(|given| &given.value)),
        icons: icons::resolve(declared, problems),
        parameters,
        limits,
        retry,
        circuit_breaker,
        cache,
        confirmation,
        paging,
        task,
        action,
        output,
        tests,
        origins,
    };
    test_cases::check_inputs(&tool, declared, problems);
    Some(tool)
}

/// Where messages about the whole tool point: its name, or its first line.
fn place(declared: &document::Tool) -> Span {
    declared
        .name
        .as_ref()
        .map_or(declared.rest.span, |name| name.span)
}

/// Required; files written for the original may leave it out.
fn description(
    context: &Context<'_>,
    declared: &document::Tool,
    at: Span,
    problems: &mut Problems,
) -> String {
    if let Some(given) = &declared.description
        && !given.text.trim().is_empty()
    {
        return given.text.clone();
    }
    if declared.rest.unread.contains(&"description") {
        return String::new();
    }
    let message = "a tool needs a `description`";
    let problem = match context.safety {
        Safety::Strict => Diagnostic::error(at, message),
        Safety::Compat => Diagnostic::warning(at, message),
    };
    problems
        .push(problem.hint("say what the tool does and when to use it: the model chooses by it"));
    String::new()
}

fn annotations(hints: Option<&AnnotationHints>) -> Annotations {
    let Some(hints) = hints else {
        return Annotations::default();
    };
    Annotations {
        read_only: hints.read_only.as_ref().map(|given| given.value),
        destructive: hints.destructive.as_ref().map(|given| given.value),
        idempotent: hints.idempotent.as_ref().map(|given| given.value),
        open_world: hints.open_world.as_ref().map(|given| given.value),
    }
}

/// Arguments also reach scripts as variables, whose names must differ.
fn check_mirrors(declared: &document::Tool, parameters: &Parameters, problems: &mut Problems) {
    if declared.http.is_some() || declared.sql.is_some() {
        return;
    }
    let Err(clash) = Mirrors::of(parameters) else {
        return;
    };
    let declarations = || declared.parameters.iter().flat_map(|list| &list.0);
    let place = |name: &str| {
        declarations()
            .filter_map(|parameter| parameter.name.as_ref())
            .find(|given| given.text == name)
            .map(|given| given.span)
    };
    let whole = declared.input_schema.as_ref().map(|given| given.key);
    let at = place(&clash.second)
        .or(whole)
        .unwrap_or_else(|| self::place(declared));
    let mut problem = Diagnostic::error(at, clash.to_string()).hint(MirrorClash::HINT);
    if let Some(first) = place(&clash.first) {
        problem = problem.related(first, "the other one");
    }
    problems.push(problem);
}

/// What a call does: exactly one of `script`, `http` and `sql`.
fn action(
    context: &Context<'_>,
    declared: &document::Tool,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<Action> {
    if let (Some(script), Some(http)) = (&declared.script, &declared.http) {
        both(("script", script), ("http", http), problems);
    }
    if let (Some(script), Some(sql)) = (&declared.script, &declared.sql) {
        both(("script", script), ("sql", sql), problems);
    }
    if let (Some(http), Some(sql)) = (&declared.http, &declared.sql) {
        both(("http", http), ("sql", sql), problems);
    }
    let http = declared
        .http
        .as_ref()
        .map(|given| http::resolve(context, declared, given, parameters, problems));
    let sql = declared
        .sql
        .as_ref()
        .map(|given| sql::resolve(context, declared, given, parameters, problems));
    let Some(given) = &declared.script else {
        if let Some(http) = http {
            return http.filter(|_| declared.sql.is_none()).map(Action::Http);
        }
        if let Some(sql) = sql {
            return sql.map(Action::Sql);
        }
        if ["script", "http", "sql"]
            .iter()
            .all(|key| declared.lacks(key))
        {
            problems.push(
                Diagnostic::error(place(declared), "a tool needs a `script`")
                    .hint("for example `script: { command: python3, args: [\"script.py\"] }`"),
            );
        }
        return None;
    };
    let script = script::resolve(context, declared, given, parameters, problems)?;
    (declared.http.is_none() && declared.sql.is_none()).then_some(Action::Script(script))
}
