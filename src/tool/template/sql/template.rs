//! The compiled statement.

use std::ops::Range;

use super::super::placeholder::{self, Piece, Placeholder};
use super::super::{Checked, Problem, ValueError, value};
use super::bound::SqlValue;
use super::lexer::{Dialect, lex};
use super::place::{Role, roles};
use super::statement;
use crate::tool::{Arguments, Parameters};

/// A statement with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlTemplate {
    written: String,
    dialect: Dialect,
    /// The keyword it begins with, in capitals.
    verb: String,
    parts: Vec<Part>,
    /// What is bound, each once however often it stands in the statement.
    bound: Vec<(Placeholder, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// The author's own bytes.
    Text(Range<usize>),
    /// A bound value, by its number, and the bytes it stands for.
    Value(usize, Range<usize>),
    /// `IN (...)` or `NOT IN (...)` with a bound list.
    List {
        number: usize,
        negated: bool,
        range: Range<usize>,
    },
    /// One of the author's names.
    Name(Placeholder),
}

/// A statement as the database gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlStatement {
    dialect: Dialect,
    pieces: Vec<Emitted>,
    /// What is bound, in the order of the numbers.
    pub values: Vec<SqlValue>,
}

#[derive(Clone, Debug, PartialEq)]
enum Emitted {
    Text {
        text: String,
        at: usize,
    },
    Value {
        number: usize,
        at: usize,
    },
    List {
        number: usize,
        negated: bool,
        at: usize,
    },
}

/// What a parameter is cast to, by its number from zero.
pub type Cast<'a> = &'a dyn Fn(usize) -> Option<String>;

impl SqlTemplate {
    /// Compiles `text`; every problem of it is reported.
    ///
    /// # Errors
    /// The problems, when one of them refuses it.
    pub fn compile(
        text: &str,
        dialect: Dialect,
        parameters: &Parameters,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (pieces, mut problems) = placeholder::scan(text, parameters);
        let mut placeholders = Vec::new();
        let mut braces = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Placeholder(placeholder) => placeholders.push(placeholder),
                Piece::Braces(range) => braces.push(range),
                Piece::Text(_) => {}
            }
        }
        let ranges: Vec<_> = placeholders
            .iter()
            .map(|placeholder| placeholder.range.clone())
            .collect();
        let tokens = match lex(text, dialect, &ranges) {
            Ok(tokens) => tokens,
            Err(unclosed) => {
                problems.push(Problem::error(
                    unclosed.at..text.len(),
                    format!("{} is opened here and not closed", unclosed.what),
                ));
                return Err(problems);
            }
        };
        problems.extend(statement::problems(text, dialect, &tokens));
        let roles = roles(text, dialect, &tokens, &placeholders, &mut problems);
        let warnings = problems
            .extract_if(.., |problem| !problem.is_error())
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut edits: Vec<(Range<usize>, Option<Part>)> = braces
            .into_iter()
            .map(|range| (range.start + 2..range.end, None))
            .collect();
        let trailing = statement::trailing(text, &tokens);
        edits.extend(trailing.iter().map(|token| (token.range.clone(), None)));
        let mut bound = Vec::new();
        for (placeholder, role) in placeholders.into_iter().zip(roles) {
            let range = placeholder.range.clone();
            edits.push(match role {
                Role::Dropped => (range, None),
                Role::Name => (range, Some(Part::Name(placeholder))),
                Role::Value => {
                    let number = number_of(placeholder, false, &mut bound);
                    (range.clone(), Some(Part::Value(number, range)))
                }
                Role::List { from, to, negated } => {
                    let range = tokens[from].range.start..tokens[to].range.end;
                    let number = number_of(placeholder, true, &mut bound);
                    let part = Part::List {
                        number,
                        negated,
                        range: range.clone(),
                    };
                    (range, Some(part))
                }
            });
        }
        let template = Self {
            verb: statement::verb(text, &tokens),
            parts: cut(text, edits),
            written: text.to_owned(),
            dialect,
            bound,
        };
        Ok(Checked { template, warnings })
    }

    /// The text as written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The keyword it begins with, in capitals.
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// What is bound, by the names of the parameters, in the order of their numbers.
    pub fn bound(&self) -> impl Iterator<Item = String> {
        self.bound.iter().map(|(placeholder, _)| placeholder.name())
    }

    /// The statement as the database gets it, with the names of placeholders that choose a name.
    pub fn shown(&self) -> String {
        let mut shown = SqlStatement {
            dialect: self.dialect,
            pieces: Vec::new(),
            values: Vec::new(),
        };
        for part in &self.parts {
            let piece = match part {
                Part::Name(placeholder) => Emitted::Text {
                    text: format!("<{}>", placeholder.name()),
                    at: 0,
                },
                other => self
                    .emitted(other, &Arguments::default())
                    .unwrap_or(Emitted::Text {
                        text: String::new(),
                        at: 0,
                    }),
            };
            shown.pieces.push(piece);
        }
        shown.text(&|_| None)
    }

    /// The statement with what is bound to it in this call.
    ///
    /// # Errors
    /// A value that cannot stand where it is put.
    pub fn render(&self, arguments: &Arguments) -> Result<SqlStatement, ValueError> {
        let values = self
            .bound
            .iter()
            .map(|(placeholder, is_list)| SqlValue::of(placeholder, arguments, *is_list))
            .collect::<Result<_, _>>()?;
        let pieces = self
            .parts
            .iter()
            .map(|part| self.emitted(part, arguments))
            .collect::<Result<_, _>>()?;
        Ok(SqlStatement {
            dialect: self.dialect,
            pieces,
            values,
        })
    }

    fn emitted(&self, part: &Part, arguments: &Arguments) -> Result<Emitted, ValueError> {
        Ok(match part {
            Part::Text(range) => Emitted::Text {
                text: self.written[range.clone()].to_owned(),
                at: range.start,
            },
            Part::Value(number, range) => Emitted::Value {
                number: *number,
                at: range.start,
            },
            Part::List {
                number,
                negated,
                range,
            } => Emitted::List {
                number: *number,
                negated: *negated,
                at: range.start,
            },
            Part::Name(placeholder) => Emitted::Text {
                text: chosen(placeholder, arguments)?,
                at: placeholder.range.start,
            },
        })
    }
}

/// The author's own text for the caller's choice.
fn chosen(placeholder: &Placeholder, arguments: &Arguments) -> Result<String, ValueError> {
    let value = value::lookup(placeholder, arguments)?;
    let chosen = placeholder
        .allowed
        .iter()
        .flatten()
        .find(|known| Some(*known) == value);
    chosen
        .and_then(|known| known.as_str())
        .map(str::to_owned)
        .ok_or_else(|| ValueError::new(placeholder.name(), "is needed to choose a name"))
}

/// The number of a placeholder among what is bound: the same for the same one.
fn number_of(
    placeholder: Placeholder,
    is_list: bool,
    bound: &mut Vec<(Placeholder, bool)>,
) -> usize {
    let same = bound.iter().position(|(known, known_list)| {
        known.parameter == placeholder.parameter
            && known.path == placeholder.path
            && known.filter == placeholder.filter
            && *known_list == is_list
    });
    same.unwrap_or_else(|| {
        bound.push((placeholder, is_list));
        bound.len() - 1
    })
}

/// The text with `edits` in their places.
fn cut(text: &str, mut edits: Vec<(Range<usize>, Option<Part>)>) -> Vec<Part> {
    edits.sort_by_key(|(range, _)| range.start);
    let mut parts = Vec::new();
    let mut from = 0;
    for (range, part) in edits {
        if range.start < from {
            // Inside a list that is replaced as a whole.
            continue;
        }
        if from < range.start {
            parts.push(Part::Text(from..range.start));
        }
        from = range.end;
        parts.extend(part);
    }
    if from < text.len() {
        parts.push(Part::Text(from..text.len()));
    }
    parts
}

impl SqlStatement {
    /// The text, with each parameter cast to what `cast` says. Parameters are numbered from one: `$1` for PostgreSQL,
    /// `?1` for SQLite, where a list becomes as many as it has elements, after all others.
    pub fn text(&self, cast: Cast<'_>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            self.push(piece, cast, &mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The place in the text as written of the character number `position` (from one) of [`SqlStatement::text`].
    pub fn written_place(&self, position: usize, cast: Cast<'_>) -> usize {
        let mut text = String::new();
        let mut place = 0;
        for piece in &self.pieces {
            let before = text.chars().count();
            let (at, is_text) = match piece {
                Emitted::Text { at, .. } => (*at, true),
                Emitted::Value { at, .. } | Emitted::List { at, .. } => (*at, false),
            };
            if before >= position {
                break;
            }
            place = at;
            let length = text.len();
            self.push(piece, cast, &mut text);
            if is_text {
                let inside = text[length..].chars().take(position - before - 1);
                place += inside.map(char::len_utf8).sum::<usize>();
            }
        }
        place
    }

    fn push(&self, piece: &Emitted, cast: Cast<'_>, text: &mut String) {
        match piece {
            Emitted::Text { text: written, .. } => text.push_str(written),
            Emitted::Value { number, .. } => text.push_str(&self.parameter(*number, cast)),
            Emitted::List {
                number, negated, ..
            } if self.dialect == Dialect::Postgres => {
                text.push_str(if *negated { "<> ALL (" } else { "= ANY (" });
                text.push_str(&self.parameter(*number, cast));
                text.push(')');
            }
            Emitted::List {
                number, negated, ..
            } => {
                text.push_str(if *negated { "NOT IN (" } else { "IN (" });
                text.push_str(&self.elements(*number).join(", "));
                text.push(')');
            }
        }
    }

    fn parameter(&self, number: usize, cast: Cast<'_>) -> String {
        let mark = match self.dialect {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        match cast(number) {
            Some(wanted) => format!("({mark}{}::text::{wanted})", number + 1),
            None => format!("{mark}{}", number + 1),
        }
    }

    /// The parameters of the elements of a list, which follow all others.
    fn elements(&self, number: usize) -> Vec<String> {
        if self.values.is_empty() {
            return vec!["...".to_owned()];
        }
        let lists = self.values[..number].iter().filter(|value| value.is_list);
        let before: usize = lists.map(|list| list.elements().len()).sum();
        let first = self.values.len() + before + 1;
        let count = self.values[number].elements().len();
        (first..first + count).map(|n| format!("?{n}")).collect()
    }
}

#[cfg(test)]
mod tests;
