//! Which places take which values.

use std::ops::Range;

use super::super::json::JsonPlace;
use super::super::placeholder::{Filter, Placeholder};
use super::super::programs::{self, Guard, Remark};
use super::super::{Problem, Safety, reasons};
use super::builtins;
use super::syntax::{
    Assignment, Body, Command, Operation, Parameter, Part, Pipeline, Redirect, Script, Tree, Word,
};
use super::taint::{Taint, is_open};
use crate::tool::ParameterType;

/// What checking a script gives.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) problems: Vec<Problem>,
    /// Placeholders whose values a program would take for options, and which.
    pub(super) guards: Vec<(usize, Guard)>,
    /// Placeholders whose values have to be whole numbers.
    pub(super) whole_numbers: Vec<usize>,
    /// The placeholders that stand inside a JSON string.
    pub(super) inside_json_string: Vec<usize>,
}

/// Something a caller has a say in: its place, and what to call it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) range: Range<usize>,
    pub(super) name: String,
    /// Whether it is a variable of the author that carries the value.
    pub(super) carried: bool,
}

pub(super) struct Checker<'a> {
    pub(super) tree: &'a Tree,
    pub(super) placeholders: &'a [Placeholder],
    pub(super) taint: &'a Taint,
    pub(super) safety: Safety,
    pub(super) checks: Checks,
    /// What `exec` with a redirection put on the standard input of everything after it.
    input: Option<Source>,
}

/// Looks at every place of `tree` where a caller has a say.
pub(super) fn check(
    tree: &Tree,
    placeholders: &[Placeholder],
    taint: &Taint,
    safety: Safety,
) -> Checks {
    let mut checker = Checker {
        tree,
        placeholders,
        taint,
        safety,
        checks: Checks::default(),
        input: None,
    };
    checker.script(&tree.script, None);
    checker.checks
}

impl<'a> Checker<'a> {
    /// A list; `feed` is the caller's text that may come in on its standard input.
    pub(super) fn script(&mut self, script: &'a Script, feed: Option<&Source>) {
        for pipeline in &script.pipelines {
            self.pipeline(pipeline, feed);
        }
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, feed: Option<&Source>) {
        let mut feed = feed.cloned().or_else(|| self.input.clone());
        for command in &pipeline.commands {
            self.command(command, feed.as_ref());
            if let Some(source) = self.source_in_command(command) {
                feed = Some(source);
            }
        }
    }

    fn command(&mut self, command: &'a Command, feed: Option<&Source>) {
        let is_test = matches!(&command.body, Body::Simple { words, .. }
            if words.first().and_then(Word::known).is_some_and(|name| name == "[" || name == "test"));
        let mut feed = feed.cloned();
        for redirect in &command.redirects {
            self.redirect(redirect, is_test);
            if redirect.operator.starts_with('<') {
                feed = self.source_in_redirect(redirect);
            }
        }
        if let Body::Simple { words, .. } = &command.body
            && let [only] = words.as_slice()
            && only.known().as_deref() == Some("exec")
        {
            self.input.clone_from(&feed);
        }
        let feed = feed.as_ref();
        match &command.body {
            Body::Simple { assignments, words } => self.simple(assignments, words, feed),
            Body::Lists(lists) => lists.iter().for_each(|list| self.script(list, feed)),
            Body::For { name, words, body } => {
                self.words(words, true);
                if programs::is_code_variable(name) {
                    for word in words {
                        self.code_variable(name, word);
                    }
                }
                self.script(body, feed);
            }
            Body::Arithmetic { expression, body } => {
                self.arithmetic(expression);
                self.script(body, feed);
            }
            Body::Case {
                subject,
                patterns,
                bodies,
            } => {
                self.word(subject, false);
                self.words(patterns, false);
                for body in bodies {
                    self.script(body, feed);
                }
            }
            Body::Function { body, .. } => {
                // Nobody knows here what a call of the function feeds it.
                let any = self.source_in_script(&self.tree.script);
                self.command(body, any.as_ref());
            }
            Body::Test(words) => {
                self.words(words, false);
                builtins::double_brackets(self, words);
            }
        }
    }

    fn simple(&mut self, assignments: &'a [Assignment], words: &'a [Word], feed: Option<&Source>) {
        for assignment in assignments {
            self.assignment(assignment);
        }
        self.words(words, true);
        let Some(first) = words.first() else {
            return;
        };
        if first
            .bare_placeholder()
            .is_some_and(|index| self.placeholders[index].kind == ParameterType::Array)
        {
            self.push(reasons::program(first.range.clone(), "a list here"));
            return;
        }
        let seen: Vec<programs::Word> = words.iter().map(|word| self.program_word(word)).collect();
        let taint = self.taint;
        let analysis = programs::analyse(&seen, &|name| taint.functions.contains(name));
        for (index, remark) in &analysis.remarks {
            self.remark(remark, &words[*index]);
        }
        self.standard_input(&analysis, feed, first);
        self.nested_code(&analysis, words);
        self.aliases(&analysis, first);
        builtins::check(self, &analysis, words);
    }

    fn assignment(&mut self, assignment: &'a Assignment) {
        if let Some(subscript) = &assignment.subscript {
            self.arithmetic(subscript);
        }
        self.words(&assignment.values, false);
        for value in &assignment.values {
            self.code_variable(&assignment.name, value);
            if !assignment.is_list {
                builtins::evaluated_variable(self, &assignment.name, value);
            }
        }
    }

    /// Refuses a caller's text in a variable that is code to some program.
    pub(super) fn code_variable(&mut self, name: &str, value: &Word) {
        if programs::is_code_variable(name)
            && let Some(source) = self.source_in_word(value)
        {
            let remark = reasons::code_variable(name);
            self.remark_at(&remark, &source);
        }
    }

    /// Refuses a variable that is code to some program and gets a caller's text by `read`.
    pub(super) fn carried_name(&mut self, name: &str, word: &Word) {
        if programs::is_code_variable(name) {
            let remark = reasons::code_variable(name);
            self.push_remark(&remark, word.range.clone(), name);
        }
    }

    fn push_remark(&mut self, remark: &Remark, range: Range<usize>, name: &str) {
        self.checks
            .problems
            .extend(reasons::of_remark(remark, range, name, self.safety));
    }

    fn redirect(&mut self, redirect: &'a Redirect, is_test: bool) {
        self.word(&redirect.target, false);
        if let Some(document) = redirect
            .document
            .and_then(|number| self.tree.documents.get(number))
        {
            self.word(document, false);
            return;
        }
        let Some(source) = self
            .source_in_word(&redirect.target)
            .filter(|found| !found.carried)
        else {
            return;
        };
        let range = source.range.clone();
        if redirect.operator.ends_with('&') && redirect.operator != "&>" {
            self.push(
                Problem::error(range, "a caller's value would name a file descriptor")
                    .hint("write `> \"{{name}}\"` for a file"),
            );
        } else if is_test {
            self.push(
                Problem::error(range, "`>` inside `[ ]` writes a file")
                    .hint("write `-gt` to compare numbers"),
            );
        } else if redirect.operator != "<<<"
            && redirect
                .target
                .parts
                .iter()
                .find(|part| !is_empty(part))
                .is_some_and(|part| matches!(part, Part::Placeholder { .. }))
        {
            self.push(
                Problem::warning(
                    range,
                    "the caller chooses any file, and in bash `/dev/tcp/...` is a connection",
                )
                .hint("put a folder before it, as in `out/{{name}}`"),
            );
        }
    }

    fn words(&mut self, words: &'a [Word], lists: bool) {
        for word in words {
            self.word(word, lists);
        }
    }

    /// One word; a list may be it as a whole when `lists`.
    fn word(&mut self, word: &'a Word, lists: bool) {
        self.json(word);
        let is_list = lists && word.bare_placeholder().is_some();
        for part in &word.parts {
            match part {
                Part::Text { .. } => {}
                Part::Placeholder { index, .. } => self.placeholder(*index, is_list),
                Part::Parameter(parameter) => self.parameter(parameter),
                Part::Command { script, .. } => self.script(script, None),
                Part::Process(script) => {
                    // Whatever is written to it may carry a value.
                    let any = self.source_in_script(&self.tree.script);
                    self.script(script, any.as_ref());
                }
                Part::Arithmetic(inner) => self.arithmetic(inner),
            }
        }
    }

    fn placeholder(&mut self, index: usize, is_list: bool) {
        let placeholder = &self.placeholders[index];
        let expands = placeholder.kind == ParameterType::Array
            && matches!(placeholder.filter, Filter::None | Filter::Option);
        if expands && !is_list {
            let problem = Problem::error(
                placeholder.range.clone(),
                "a list stands here alone and without quotes only as arguments of a command, or after `in` of a `for`",
            );
            let hint = format!(
                "write {{{{{}}}}} as a word of its own, or `{}`",
                placeholder.name(),
                placeholder.written_with("json")
            );
            self.push(problem.hint(hint));
        }
    }

    pub(super) fn parameter(&mut self, parameter: &'a Parameter) {
        if let Some(subscript) = &parameter.subscript {
            self.arithmetic(subscript);
        }
        for operand in &parameter.operands {
            match parameter.operation {
                Operation::Slice => self.arithmetic(operand),
                _ => self.word(operand, false),
            }
            if parameter.operation == Operation::Assign {
                self.code_variable(&parameter.name, operand);
                builtins::evaluated_variable(self, &parameter.name, operand);
            }
        }
        let evaluates = matches!(parameter.operation, Operation::Prompt | Operation::Indirect);
        if evaluates && self.taint.carries(&parameter.name) {
            self.carried_warning(
                parameter.range.clone(),
                &parameter.name,
                "is expanded once more here",
            );
        }
    }

    /// JSON that the author wrote by hand around a value.
    fn json(&mut self, word: &Word) {
        let shape = |parts: &[Part]| -> String {
            parts
                .iter()
                .map(|part| match part {
                    Part::Text { text, .. } => text.as_str(),
                    _ => "0",
                })
                .collect()
        };
        let whole = shape(&word.parts);
        for (at, part) in word.parts.iter().enumerate() {
            let Part::Placeholder { index, .. } = part else {
                continue;
            };
            let placeholder = &self.placeholders[*index];
            let place = JsonPlace::after(&shape(&word.parts[..at]), &whole);
            if place.inside_string {
                self.checks.inside_json_string.push(*index);
            }
            if place.looks_like_json && is_open(placeholder) && placeholder.filter != Filter::Json {
                let problem = reasons::json_by_hand(placeholder.range.clone(), &placeholder.name());
                self.push(problem);
            }
        }
    }

    pub(super) fn push(&mut self, problem: Problem) {
        if !self.checks.problems.contains(&problem) {
            self.checks.problems.push(problem);
        }
    }

    fn remark(&mut self, remark: &Remark, word: &Word) {
        if let Remark::Guarded(guard) = remark {
            let anywhere = guard.assignment || guard.pipe;
            let parts = word.parts.iter().filter(|part| !is_empty(part));
            for part in parts.take(if anywhere { usize::MAX } else { 1 }) {
                if let Part::Placeholder { index, .. } = part {
                    self.checks.guards.push((*index, guard.clone()));
                }
            }
            return;
        }
        if let Some(source) = self.source_in_word(word) {
            self.remark_at(remark, &source);
        }
    }

    fn remark_at(&mut self, remark: &Remark, source: &Source) {
        let range = source.range.clone();
        let is_evaluation = matches!(remark, Remark::Name(_));
        if source.carried && is_evaluation {
            self.carried_warning(range, &source.name, "names a variable here");
            return;
        }
        let Some(mut problem) = reasons::of_remark(remark, range, &source.name, self.safety) else {
            return;
        };
        if source.carried {
            problem.message = format!("{}: `${}` carries it", problem.message, source.name);
        }
        self.push(problem);
    }
}

/// Text that is nothing, as between the quotes of `""`.
fn is_empty(part: &Part) -> bool {
    matches!(part, Part::Text { text, .. } if text.is_empty())
}
