//! The public face of placeholders in shell text.

use std::ops::Range;

use serde_json::Value;

use super::super::placeholder::{self, Filter, Piece, Placeholder};
use super::super::programs::Guard;
use super::super::{Checked, Mirrors, Problem, Safety, ValueError, reasons, value};
use super::check;
use super::parser::{self, Parsed};
use super::rewrite::{self, PREFIX, Segment, Variable};
use super::second_opinion;
use super::syntax::{Node, Part};
use super::taint::Taint;
use crate::tool::{Arguments, ParameterType, Parameters};

/// A shell whose grammar is known well enough to let placeholders in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// POSIX shells: `sh`, `dash`, `ash`, `busybox sh`.
    Posix,
    /// GNU bash.
    Bash,
    /// Any other: no placeholders.
    Other,
}

/// A shell script with placeholders.
#[derive(Clone, Debug)]
pub struct ShellTemplate {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    guards: Vec<(Placeholder, Guard)>,
    whole_numbers: Vec<Placeholder>,
    compiled: String,
    needs_bash: bool,
}

/// A script ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// The text, for the shell's `-c`.
    pub script: String,
    /// The variables that carry the values.
    pub variables: Vec<(String, String)>,
}

impl ShellTemplate {
    /// Compiles `text` for `shell`; every problem of it is reported.
    pub fn compile(
        text: &str,
        shell: Shell,
        parameters: &Parameters,
        safety: Safety,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (pieces, mut problems) = placeholder::scan(text, parameters);
        let placeholders: Vec<Placeholder> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Placeholder(placeholder) => Some(placeholder.clone()),
                Piece::Text(_) | Piece::Braces(_) => None,
            })
            .collect();
        problems.extend(before_parsing(text, shell, &placeholders));
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let parsed = match parser::parse(text, &placeholders) {
            Ok(parsed) => parsed,
            Err(problem) if placeholders.iter().any(|found| found.filter != Filter::Raw) => {
                problems.push(problem);
                return Err(problems);
            }
            Err(_) => Parsed {
                slots: vec![None; placeholders.len()],
                ..Parsed::default()
            },
        };
        let needs_bash = shell == Shell::Posix && parsed.bash.is_some();
        problems.extend(bash_warning(&parsed, shell));
        let taint = Taint::follow(&parsed.tree, &placeholders, &open_mirrors(parameters));
        let checks = check::check(&parsed.tree, &placeholders, &taint, safety);
        problems.extend(checks.problems);
        problems.extend(second_opinion::ask(text, &placeholders, &parsed.slots).err());
        problems.sort_by_key(|problem| (!problem.is_error(), problem.range.start));
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let (segments, variables) = rewrite::rewrite(
            text,
            &pieces,
            &parsed.slots,
            &parsed.edits,
            &checks.inside_json_string,
        );
        let template = Self {
            compiled: shown(&segments, &variables),
            segments,
            guards: checks
                .guards
                .into_iter()
                .map(|(index, guard)| (placeholders[index].clone(), guard))
                .collect(),
            whole_numbers: checks
                .whole_numbers
                .into_iter()
                .map(|index| placeholders[index].clone())
                .collect(),
            variables,
            needs_bash,
        };
        template.look_again(text)?;
        Ok(Checked {
            template,
            warnings: problems,
        })
    }

    /// The text that runs, for `explain`.
    pub fn compiled(&self) -> &str {
        &self.compiled
    }

    /// Whether the script needs bash though a POSIX shell was named.
    pub const fn needs_bash(&self) -> bool {
        self.needs_bash
    }

    /// The script and the variables that carry the values.
    pub fn render(&self, arguments: &Arguments) -> Result<ShellCommand, ValueError> {
        for (placeholder, guard) in &self.guards {
            keep(placeholder, guard, arguments)?;
        }
        for placeholder in &self.whole_numbers {
            let text = value::delivered(placeholder, arguments, false)?;
            if !text.is_empty() && text.parse::<i64>().is_err() {
                return Err(ValueError::new(
                    placeholder.name(),
                    "must be a whole number that fits in 64 bits: the script computes with it",
                ));
            }
        }
        let mut values = Values::default();
        let mut items = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            items.push(values.add(variable, arguments)?);
        }
        let mut script = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => script.push_str(text),
                Segment::List(index) => {
                    let name = &self.variables[*index].name;
                    let references =
                        (0..items[*index]).map(|item| format!("\"${{{name}_{item}}}\""));
                    script.push_str(&references.collect::<Vec<_>>().join(" "));
                }
                Segment::Raw(placeholder) => {
                    let text = value::delivered(placeholder, arguments, false)?;
                    script.push_str(&value::without_nul(placeholder, text)?);
                }
            }
        }
        if script.len() > value::LARGEST_VALUE
            && let Some(variable) = self
                .variables
                .iter()
                .find(|known| is_list(&known.placeholder))
        {
            let name = variable.placeholder.name();
            return Err(ValueError::new(
                name,
                "has too many items for one command; hand it over with `stdin`",
            ));
        }
        Ok(ShellCommand {
            script,
            variables: values.variables,
        })
    }

    /// Parses the text that will run and looks for each reference: all are there, and each is
    /// quoted or in arithmetic. This is the second line; the first one is the allow list.
    fn look_again(&self, text: &str) -> Result<(), Vec<Problem>> {
        let has_raw = self
            .segments
            .iter()
            .any(|segment| matches!(segment, Segment::Raw(_)));
        if self.variables.is_empty() || has_raw {
            return Ok(());
        }
        let refused = || {
            let range = 0..text.len();
            vec![Problem::error(
                range,
                "it is not clear what a shell makes of this script",
            )]
        };
        let again = parser::parse(&self.compiled, &[]).map_err(|_| refused())?;
        let mut is_sound = true;
        again.tree.walk(&again.tree.script, &mut |node| {
            if let Node::Part(Part::Parameter(parameter)) = node {
                let is_ours = parameter.name.starts_with(PREFIX);
                is_sound &= !is_ours || parameter.quoted;
            }
        });
        if is_sound { Ok(()) } else { Err(refused()) }
    }
}

/// What can be said before the script is parsed.
fn before_parsing(text: &str, shell: Shell, placeholders: &[Placeholder]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(first) = placeholders.first() {
        if shell == Shell::Other {
            let problem = Problem::error(first.range.clone(), "this shell takes no placeholders");
            problems.push(problem.hint("use `sh` or `bash`, or read `$GANTZ_ARG_NAME` in quotes"));
        }
        if let Some(at) = text.find(PREFIX) {
            let range = at..at + PREFIX.len();
            problems.push(Problem::error(
                range,
                format!("names that start with `{PREFIX}` are reserved"),
            ));
        }
    }
    let raw = placeholders
        .iter()
        .filter(|found| found.filter == Filter::Raw);
    problems.extend(raw.map(|found| reasons::raw(found.range.clone(), &found.name())));
    problems
}

fn bash_warning(parsed: &Parsed, shell: Shell) -> Option<Problem> {
    let (range, what): &(Range<usize>, &str) =
        parsed.bash.as_ref().filter(|_| shell == Shell::Posix)?;
    Some(
        Problem::warning(range.clone(), format!("{what} is bash, not plain sh"))
            .hint("write `interpreter: bash`; without it the script is run by bash where that is installed"),
    )
}

/// The mirrors that carry any text a caller likes.
fn open_mirrors(parameters: &Parameters) -> Vec<String> {
    let Ok(mirrors) = Mirrors::of(parameters) else {
        return Vec::new();
    };
    let is_closed = |name: &str| {
        parameters.get(name).is_some_and(|parameter| {
            let is_plain = matches!(
                parameter.kind,
                ParameterType::Integer | ParameterType::Number | ParameterType::Boolean
            );
            is_plain || parameter.allowed.is_some()
        })
    };
    let open = mirrors.iter().filter(|(name, _)| !is_closed(name));
    open.map(|(_, variable)| variable.to_owned()).collect()
}

fn is_list(placeholder: &Placeholder) -> bool {
    placeholder.kind == ParameterType::Array && placeholder.filter != Filter::Json
}

/// The text with one reference for each list and the placeholder for pasted code.
fn shown(segments: &[Segment], variables: &[Variable]) -> String {
    segments
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::List(index) => format!("\"${{{}}}\"", variables[*index].name),
            Segment::Raw(placeholder) => placeholder.written_with("raw"),
        })
        .collect()
}

fn keep(placeholder: &Placeholder, guard: &Guard, arguments: &Arguments) -> Result<(), ValueError> {
    let name = placeholder.name();
    match value::lookup(placeholder, arguments)? {
        Some(Value::Array(items)) if is_list(placeholder) => {
            for item in items {
                reasons::keep_guard(guard, &name, &value::text_without_nul(placeholder, item)?)?;
            }
        }
        Some(value) => {
            reasons::keep_guard(guard, &name, &value::text_without_nul(placeholder, value)?)?;
        }
        None => {}
    }
    Ok(())
}

/// The variables of one call, and what they weigh.
#[derive(Default)]
struct Values {
    variables: Vec<(String, String)>,
    sum: usize,
}

impl Values {
    /// Adds a variable's values; the number of items when it is a list.
    fn add(&mut self, variable: &Variable, arguments: &Arguments) -> Result<usize, ValueError> {
        let placeholder = &variable.placeholder;
        if !is_list(placeholder) {
            let text = value::delivered(placeholder, arguments, variable.inside_json_string)?;
            self.push(variable.name.clone(), placeholder, text)?;
            return Ok(1);
        }
        let items = match value::lookup(placeholder, arguments)? {
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return Err(ValueError::new(placeholder.name(), "must be of type array")),
            None => &[],
        };
        for (index, item) in items.iter().enumerate() {
            let text = value::text_without_nul(placeholder, item)?;
            self.push(format!("{}_{index}", variable.name), placeholder, text)?;
        }
        Ok(items.len())
    }

    fn push(
        &mut self,
        name: String,
        placeholder: &Placeholder,
        text: String,
    ) -> Result<(), ValueError> {
        let text = value::without_nul(placeholder, text)?;
        value::within_size(placeholder, &text)?;
        self.sum += name.len() + text.len() + 2;
        value::sum_within_size(&placeholder.name(), self.sum)?;
        self.variables.push((name, text));
        Ok(())
    }
}
