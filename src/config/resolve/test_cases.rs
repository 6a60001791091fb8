//! `test` cases: what the author expects of some calls of a tool.

use regex::Regex;
use serde_json::{Map, Value};

use super::Context;
use crate::config::decode::{Given, Problems};
use crate::config::document::{self, Expectation as Wanted};
use crate::config::schema::Wire;
use crate::config::text::{Json, Text};
use crate::config::unknown;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{Arguments, Expectation, ExpectedError, FailureCode, TestCase, Tool};

/// The cases of a tool; one that says too little to be run is left out, which has been reported.
pub(super) fn resolve(
    context: &Context<'_>,
    declared: &document::Tool,
    problems: &mut Problems,
) -> Vec<TestCase> {
    let cases = declared.test.iter().flat_map(|cases| &cases.value.0);
    cases
        .filter_map(|case| resolve_case(context, case, problems))
        .collect()
}

/// Warns of cases that the tool refuses though they do not expect it. Not an error: the tool itself is sound, and is
/// served.
pub(super) fn check_inputs(tool: &Tool, declared: &document::Tool, problems: &mut Problems) {
    let places = declared.test.iter().flat_map(|cases| &cases.value.0);
    // Where a case was left out, an error says so, and the rest can wait.
    if places.clone().count() != tool.tests.len() {
        return;
    }
    for (case, given) in tool.tests.iter().zip(places) {
        if case.expect.wants_failure() {
            continue;
        }
        if let Err(refused) = Arguments::parse(tool, case.input.clone()) {
            let at = given.input.as_ref().map_or(given.span, |input| input.key);
            let mut problem = Diagnostic::warning(
                at,
                format!("the tool refuses this `input`: {}", refused.message),
            );
            problem = match refused.remediation {
                Some(expectation) => problem.hint(format!(
                    "{expectation}; where the refusal is meant, `expect: {{ error: INVALID_ARGUMENTS }}`"
                )),
                None => problem,
            };
            problems.push(problem);
        }
    }
}

fn resolve_case(
    context: &Context<'_>,
    given: &Given<document::TestCase>,
    problems: &mut Problems,
) -> Option<TestCase> {
    let case = &given.value;
    let input = match &case.input {
        Some(input) => arguments(input, problems),
        None if case.rest.unread.contains(&"input") => None,
        None => Some(Map::new()),
    };
    if case.lacks("expect") {
        problems.push(
            Diagnostic::error(case.rest.span, "a test case needs an `expect`")
                .hint("for example `expect: { contains: ok }`"),
        );
    }
    let expect = case.expect.as_ref();
    let expect = expect.and_then(|wanted| expectation(context, wanted, problems));
    let position = context.source.position(given.span.start);
    Some(TestCase {
        name: case.name.as_ref().map(|name| name.text.clone()),
        input: input?,
        expect: expect?,
        line: position.line,
        column: position.column,
    })
}

fn arguments(given: &Given<Json>, problems: &mut Problems) -> Option<Map<String, Value>> {
    match &given.value.value {
        Value::Object(arguments) => Some(arguments.clone()),
        Value::Null => Some(Map::new()),
        _ => {
            let found = given.value.node.describe();
            problems.push(
                Diagnostic::error(
                    given.span,
                    format!("`input` must be a map of arguments, found {found}"),
                )
                .hint("for example `input: { path: README.md }`"),
            );
            None
        }
    }
}

fn expectation(
    context: &Context<'_>,
    given: &Given<Wanted>,
    problems: &mut Problems,
) -> Option<Expectation> {
    let wanted = &given.value;
    if Wanted::KEYS.iter().all(|key| wanted.lacks(key)) {
        problems.push(
            Diagnostic::error(given.span, "`expect` expects nothing").hint(format!(
                "give it one or more of `{}`",
                Wanted::KEYS.join("`, `")
            )),
        );
        return None;
    }
    let expectation = Expectation {
        contains: wanted
            .contains
            .as_ref()
            .map(|given| given.value.0.text.clone()),
        equals: wanted
            .equals
            .as_ref()
            .map(|given| given.value.value.clone()),
        matches: wanted
            .matches
            .as_ref()
            .and_then(|given| pattern(context, given, problems)),
        error: wanted
            .error
            .as_ref()
            .and_then(|given| expected_error(given, problems)),
        json: wanted.json.as_ref().map(|given| given.value.value.clone()),
    };
    let is_read = wanted.rest.unread.is_empty()
        && expectation.matches.is_some() == wanted.matches.is_some()
        && expectation.error.is_some() == wanted.error.is_some();
    is_read.then_some(expectation)
}

/// A pattern, or the place in it where it stops being one.
fn pattern(context: &Context<'_>, given: &Given<Text>, problems: &mut Problems) -> Option<Regex> {
    let error = match Regex::new(&given.text) {
        Ok(pattern) => return Some(pattern),
        Err(error) => error,
    };
    let (what, range) = match regex_syntax::Parser::new().parse(&given.text) {
        Err(regex_syntax::Error::Parse(error)) => (error.kind().to_string(), Some(*error.span())),
        Err(regex_syntax::Error::Translate(error)) => {
            (error.kind().to_string(), Some(*error.span()))
        }
        _ => (error.to_string(), None),
    };
    let at = range.map_or(given.span, |range| {
        let node = &given.value.node;
        let end = range.end.offset.max(range.start.offset + 1);
        context.place(node, range.start.offset..end.min(given.text.len()))
    });
    problems.push(
        Diagnostic::error(at, format!("`matches` is no regular expression: {what}"))
            .hint("the syntax is that of Rust's `regex`, without look-around and back-references"),
    );
    None
}

/// The code of a failure, a status, a text, or whether there is a failure.
fn expected_error(given: &Given<Json>, problems: &mut Problems) -> Option<ExpectedError> {
    match &given.value.value {
        Value::Bool(fails) => Some(ExpectedError::Any(*fails)),
        Value::Number(status) if status.as_i64().is_some() => {
            status.as_i64().map(ExpectedError::Status)
        }
        Value::String(text) if !text.is_empty() => {
            Some(if let Some(code) = FailureCode::parse(text) {
                ExpectedError::Code(code)
            } else {
                warn_of_slip(text, given.span, problems);
                ExpectedError::Text(text.clone())
            })
        }
        _ => {
            let found = given.value.node.describe();
            problems.push(
                Diagnostic::error(
                    given.span,
                    format!("`error` must be a code, a text of the message, an exit code or true, found {found}"),
                )
                .hint("for example `error: TIMEOUT`, `error: no such file`, `error: 3`"),
            );
            None
        }
    }
}

/// A text that is nearly a code is more often a slip than a part of a message.
fn warn_of_slip(text: &str, span: Span, problems: &mut Problems) {
    let codes = FailureCode::ALL.map(FailureCode::code);
    let is_loud = text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    if let Some(close) = unknown::meant(text, &codes).filter(|_| is_loud) {
        problems.push(
            Diagnostic::warning(
                span,
                format!("no failure has the code `{text}`, so it is looked for in the message"),
            )
            .hint(format!("did you mean `{close}`?")),
        );
    }
}
