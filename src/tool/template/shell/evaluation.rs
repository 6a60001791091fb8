//! Places where a shell evaluates a value once more: arithmetic, and what ends up in it.

use std::ops::Range;

use super::super::Problem;
use super::super::placeholder::Filter;
use super::check::Checker;
use super::syntax::{Node, Operation, Part, Quoting, Word};
use crate::tool::ParameterType;

impl<'a> Checker<'a> {
    /// A variable of the author that is evaluated.
    pub(super) fn carried_warning(&mut self, range: Range<usize>, name: &str, what: &str) {
        let message = format!("`{name}` carries a caller's value, which {what}");
        let problem = if self.taint.is_direct(name) {
            Problem::error(range, message)
        } else {
            Problem::warning(range, message)
        };
        self.push(problem.hint(
            "declare the parameter with `type: integer`, or compare the value with `case` first and go on with a text of your own",
        ));
    }

    /// The author's variables whose names stand in evaluated text.
    pub(super) fn names_in(&mut self, text: &str, range: Range<usize>) {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for name in text.split(|c: char| !is_part(c)) {
            let is_name = name.starts_with(|c: char| !c.is_ascii_digit());
            if is_name && self.taint.carries(name) {
                self.carried_warning(range.clone(), name, "is evaluated in arithmetic");
            }
        }
    }

    /// An expression, which the shell evaluates after it has expanded everything in it.
    pub(super) fn arithmetic(&mut self, expression: &'a Word) {
        for part in &expression.parts {
            match part {
                Part::Placeholder { index, .. } => self.integer_only(*index),
                Part::Text { text, .. } => self.names_in(text, expression.range.clone()),
                Part::Parameter(parameter) => {
                    if self.taint.carries(&parameter.name)
                        && parameter.operation != Operation::Length
                    {
                        self.carried_warning(
                            parameter.range.clone(),
                            &parameter.name,
                            "is evaluated in arithmetic",
                        );
                    }
                    self.parameter(parameter);
                    self.numbers_only(part);
                }
                Part::Command { script, .. } | Part::Process(script) => {
                    self.script(script, None);
                    self.numbers_only(part);
                }
                Part::Arithmetic(inner) => self.arithmetic(inner),
            }
        }
    }

    pub(super) fn integer_only(&mut self, index: usize) {
        let placeholder = &self.placeholders[index];
        let fits = placeholder.is_numeric() && placeholder.filter != Filter::Json;
        self.checks.whole_numbers.extend(fits.then_some(index));
        if !fits && placeholder.filter != Filter::Raw {
            let problem = Problem::error(
                placeholder.range.clone(),
                "arithmetic evaluates its operands, so a text in it can run code",
            );
            self.push(problem.hint(format!(
                "declare `{}` with `type: integer`",
                placeholder.name()
            )));
        }
    }

    /// What comes out of a nested command or an operand is evaluated, too.
    fn numbers_only(&mut self, part: &'a Part) {
        let word_holds = |visit: &mut dyn FnMut(usize)| {
            let mut on_node = |node: Node<'_>| {
                if let Node::Part(Part::Placeholder { index, quoting }) = node
                    && *quoting != Quoting::Arithmetic
                {
                    visit(*index);
                }
            };
            match part {
                Part::Command { script, .. } | Part::Process(script) => {
                    self.tree.walk(script, &mut on_node);
                }
                Part::Parameter(parameter) => {
                    parameter
                        .operands
                        .iter()
                        .for_each(|word| self.tree.walk_word(word, &mut on_node));
                }
                _ => {}
            }
        };
        let mut texts = Vec::new();
        word_holds(&mut |index| {
            let placeholder = &self.placeholders[index];
            let fits = placeholder.is_numeric() || placeholder.kind == ParameterType::Boolean;
            if !fits && placeholder.filter != Filter::Raw {
                texts.push(index);
            }
        });
        for index in texts {
            let placeholder = &self.placeholders[index];
            let problem = Problem::error(
                placeholder.range.clone(),
                "arithmetic evaluates what comes out here, so a text in it can run code",
            );
            self.push(problem.hint(format!(
                "declare `{}` with `type: integer`, or use the result outside of arithmetic",
                placeholder.name()
            )));
        }
    }
}
