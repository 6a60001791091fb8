//! Placeholders in a list of program arguments.
//!
//! One element stays one argument, whatever its value holds; no shell has a say. Two elements are
//! special when they consist of one placeholder alone: a list becomes one argument per item, and an
//! optional parameter without a value leaves the element out (or empty, where leaving it out would
//! hand the next argument to the option before it).

use std::ops::Range;

use serde_json::Value;

use super::json::JsonPlace;
use super::placeholder::{self, Filter, Piece, Placeholder};
use super::programs::{self, Guard, HOLE, Remark, Word};
use super::{Checked, Problem, Safety, ValueError, reasons, value};
use crate::tool::{Arguments, ParameterType, Parameters};

/// A problem and the index of the element it is in.
type ElementProblem = (usize, Problem);

/// A list of arguments with placeholders.
#[derive(Clone, Debug)]
pub struct ArgvTemplate {
    elements: Vec<String>,
    compiled: Vec<Element>,
}

/// One element and the care its values need.
#[derive(Clone, Debug, Default)]
struct Element {
    parts: Vec<Part>,
    guards: Vec<Guard>,
    /// Without a value it stays as an empty argument, because an option stands before it.
    stays: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Range<usize>),
    Value {
        placeholder: Placeholder,
        inside_string: bool,
    },
}

impl Element {
    /// Its placeholder when it consists of nothing else.
    fn alone(&self) -> Option<&Placeholder> {
        match self.parts.as_slice() {
            [Part::Value { placeholder, .. }] => Some(placeholder),
            _ => None,
        }
    }

    fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value { placeholder, .. } => Some(placeholder),
        })
    }
}

impl ArgvTemplate {
    /// Compiles the elements after `program`. Each problem comes with the index of its element.
    pub fn compile(
        program: &str,
        elements: &[String],
        parameters: &Parameters,
        safety: Safety,
    ) -> Result<Checked<Self, ElementProblem>, Vec<ElementProblem>> {
        let mut problems = Vec::new();
        let mut compiled = Vec::with_capacity(elements.len());
        for (index, text) in elements.iter().enumerate() {
            let (element, found) = compile_element(text, parameters);
            problems.extend(found.into_iter().map(|problem| (index, problem)));
            compiled.push(element);
        }
        look_at_words(program, elements, &mut compiled, safety, &mut problems);
        look_at_dropped(elements, &mut compiled, &mut problems);
        let (errors, warnings): (Vec<_>, Vec<_>) = problems
            .into_iter()
            .partition(|(_, problem)| problem.is_error());
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Checked {
            template: Self {
                elements: elements.to_vec(),
                compiled,
            },
            warnings,
        })
    }

    /// The elements as written.
    pub fn written(&self) -> &[String] {
        &self.elements
    }

    /// The arguments with the values in their places.
    pub fn render(&self, arguments: &Arguments) -> Result<Vec<String>, ValueError> {
        let mut rendered = Vec::with_capacity(self.compiled.len());
        let mut sum = 0;
        for (text, element) in self.elements.iter().zip(&self.compiled) {
            let before = rendered.len();
            render_element(text, element, arguments, &mut rendered)?;
            let Some(placeholder) = element.placeholders().next() else {
                continue;
            };
            let name = placeholder.name();
            for argument in &rendered[before..] {
                value::within_size(placeholder, argument)?;
                sum += argument.len() + 1;
                value::sum_within_size(&name, sum)?;
                for guard in &element.guards {
                    reasons::keep_guard(guard, &name, argument)?;
                }
            }
        }
        Ok(rendered)
    }
}

fn compile_element(text: &str, parameters: &Parameters) -> (Element, Vec<Problem>) {
    let (pieces, mut problems) = placeholder::scan(text, parameters);
    let whole: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(range) => &text[range.clone()],
            Piece::Braces(_) => "{{",
            Piece::Placeholder(_) => "0",
        })
        .collect();
    let mut before = String::new();
    let mut element = Element::default();
    for piece in pieces {
        match piece {
            Piece::Text(range) => {
                before.push_str(&text[range.clone()]);
                element.parts.push(Part::Text(range));
            }
            Piece::Braces(range) => {
                before.push_str("{{");
                element.parts.push(Part::Text(range.start..range.start + 2));
            }
            Piece::Placeholder(placeholder) => {
                let place = JsonPlace::after(&before, &whole);
                before.push('0');
                if placeholder.filter == Filter::Raw {
                    problems.push(reasons::raw(placeholder.range.clone(), &placeholder.name()));
                } else if place.looks_like_json
                    && placeholder.filter != Filter::Json
                    && !placeholder.is_closed()
                {
                    let range = placeholder.range.clone();
                    problems.push(reasons::json_by_hand(range, &placeholder.name()));
                }
                element.parts.push(Part::Value {
                    placeholder,
                    inside_string: place.inside_string,
                });
            }
        }
    }
    (element, problems)
}

/// The words of the whole command, as [`programs`] sees them.
fn look_at_words(
    program: &str,
    elements: &[String],
    compiled: &mut [Element],
    safety: Safety,
    problems: &mut Vec<(usize, Problem)>,
) {
    let mut words = vec![Word {
        text: program.to_owned(),
        ..Word::default()
    }];
    words.extend(
        elements
            .iter()
            .zip(&*compiled)
            .map(|(text, element)| word(text, element)),
    );
    let analysis = programs::analyse(&words, &|_| false);
    for (index, remark) in analysis.remarks {
        let Some(index) = index.checked_sub(1) else {
            continue;
        };
        let Some(placeholder) = compiled[index].placeholders().find(|found| is_open(found)) else {
            continue;
        };
        let range = placeholder.range.clone();
        if let Some(problem) = reasons::of_remark(&remark, range, &placeholder.name(), safety) {
            problems.push((index, problem));
        }
        if let Remark::Guarded(guard) = remark {
            compiled[index].guards.push(guard);
        }
    }
}

/// Whether any text can come of it, and nobody asked for that to be code.
fn is_open(placeholder: &Placeholder) -> bool {
    !placeholder.is_closed() && placeholder.filter != Filter::Raw
}

fn word(text: &str, element: &Element) -> Word {
    let mut word = Word::default();
    for part in &element.parts {
        match part {
            Part::Text(range) => word.text.push_str(&text[range.clone()]),
            Part::Value { placeholder, .. } => {
                let starts = word.text.trim_start_matches('-').is_empty();
                if starts && word.holes.is_empty() {
                    word.may_start =
                        placeholder.filter == Filter::None && placeholder.may_start_with_dash();
                }
                word.holes.push(word.holes.len());
                word.open |= is_open(placeholder);
                word.text.push(HOLE);
            }
        }
    }
    word.several = element
        .alone()
        .is_some_and(|alone| alone.kind == ParameterType::Array && alone.filter != Filter::Json);
    word
}

/// An optional value after an option: left out, the option would take the next argument.
fn look_at_dropped(
    elements: &[String],
    compiled: &mut [Element],
    problems: &mut Vec<(usize, Problem)>,
) {
    for index in 1..compiled.len() {
        let before = &elements[index - 1];
        let follows_option = before.len() > 1
            && before.starts_with('-')
            && before != "--"
            && !before.contains('=')
            && compiled[index - 1].placeholders().next().is_none();
        let Some(placeholder) = compiled[index].alone() else {
            continue;
        };
        if !follows_option || !placeholder.optional || placeholder.kind == ParameterType::Array {
            continue;
        }
        let name = placeholder.name();
        problems.push((
            index,
            Problem::warning(
                placeholder.range.clone(),
                format!("without a value for `{name}`, `{before}` gets an empty one"),
            )
            .hint(format!(
                "give `{name}` a default, make it required, or let the script read it from `stdin`"
            )),
        ));
        compiled[index].stays = true;
    }
}

fn render_element(
    text: &str,
    element: &Element,
    arguments: &Arguments,
    rendered: &mut Vec<String>,
) -> Result<(), ValueError> {
    if let Some(placeholder) = element.alone().filter(|alone| alone.filter != Filter::Json) {
        match value::lookup(placeholder, arguments)? {
            Some(Value::Array(items)) => {
                for item in items {
                    rendered.push(value::text_without_nul(placeholder, item)?);
                }
                return Ok(());
            }
            None if placeholder.optional && !element.stays => return Ok(()),
            _ => {}
        }
    }
    let mut argument = String::new();
    for part in &element.parts {
        match part {
            Part::Text(range) => argument.push_str(&text[range.clone()]),
            Part::Value {
                placeholder,
                inside_string,
            } => {
                let delivered = value::delivered(placeholder, arguments, *inside_string)?;
                argument.push_str(&value::without_nul(placeholder, delivered)?);
            }
        }
    }
    rendered.push(argument);
    Ok(())
}
