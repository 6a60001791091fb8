//! A text cut at its placeholders, for the surfaces of a request.
//!
//! What the author wrote is a constant, its `${VARIABLES}` already expanded; what a caller sends is encoded by
//! the surface it goes to. Values are never scanned again.

use std::fmt;

use serde_json::Value;

use super::placeholder::{self, Filter, Piece, Placeholder};
use super::{Problem, ValueError, percent, value};
use crate::tool::{Arguments, ParameterType, Parameters};

/// Turns the variables in a text of the author's into their values. Where one is not set, a template is not
/// compiled at all, so this cannot fail.
pub type Expand<'a> = &'a dyn Fn(&str) -> String;

/// A text cut at its placeholders.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Parts(pub(super) Vec<Part>);

/// A stretch of a text.
#[derive(Clone, PartialEq)]
pub(super) enum Part {
    /// The author's own words.
    Text(String),
    /// What a caller sends.
    Value(Placeholder),
}

impl Parts {
    /// Cuts `text`; every mistake in it is reported.
    pub(super) fn scan(
        text: &str,
        parameters: &Parameters,
        expand: Expand<'_>,
    ) -> (Self, Vec<Problem>) {
        let (pieces, problems) = placeholder::scan(text, parameters);
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(range) => push(&mut parts, &expand(&text[range])),
                Piece::Braces(_) => push(&mut parts, "{{"),
                Piece::Placeholder(placeholder) => parts.push(Part::Value(placeholder)),
            }
        }
        (Self(parts), problems)
    }

    /// The problems of values that would finish a `%XX` which the author began.
    pub(super) fn open_escapes(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for pair in self.0.windows(2) {
            if let [Part::Text(text), Part::Value(placeholder)] = pair
                && percent::ends_open(text)
            {
                problems.push(
                    Problem::error(
                        placeholder.range.clone(),
                        "a value after an unfinished `%` would become part of an escape",
                    )
                    .hint("write `%25` for a percent sign"),
                );
            }
        }
        problems
    }

    /// The placeholder a text consists of, when it is nothing else.
    pub(super) fn alone(&self) -> Option<&Placeholder> {
        match self.0.as_slice() {
            [Part::Value(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// Every placeholder.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(placeholder) => Some(placeholder),
        })
    }

    /// The whole text when no caller has a say in it.
    pub(super) fn constant(&self) -> Option<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Value(_) => None,
            })
            .collect()
    }

    /// The text with the values in their places. The author's words are kept; values pass through `encode`.
    pub(super) fn text(
        &self,
        arguments: &Arguments,
        mut encode: impl FnMut(&Placeholder, &str) -> Result<String, ValueError>,
    ) -> Result<String, ValueError> {
        let mut whole = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Value(placeholder) => {
                    let value = value::delivered(placeholder, arguments, false)?;
                    whole.push_str(&encode(placeholder, &value)?);
                }
            }
        }
        Ok(whole)
    }

    /// The same, as many times as there are values: a list that stands alone gives one text for each element,
    /// and a value that is not there gives none.
    pub(super) fn texts(
        &self,
        arguments: &Arguments,
        mut encode: impl FnMut(&Placeholder, &str) -> Result<String, ValueError>,
    ) -> Result<Vec<String>, ValueError> {
        if let Some(placeholder) = self.alone().filter(|alone| alone.filter != Filter::Json) {
            match value::lookup(placeholder, arguments)? {
                None => return Ok(Vec::new()),
                Some(Value::Array(items)) => {
                    return items
                        .iter()
                        .map(|item| encode(placeholder, &item_text(placeholder, item)?))
                        .collect();
                }
                Some(_) => {}
            }
        }
        Ok(vec![self.text(arguments, encode)?])
    }
}

/// Adds a stretch of the author's words to the one before it.
pub(super) fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// The text of an element of a list.
fn item_text(placeholder: &Placeholder, item: &Value) -> Result<String, ValueError> {
    value::text(&placeholder.name(), ParameterType::Any, item)
}

/// Filters that mean nothing on a surface where no shell and no option parser reads.
pub(super) fn needless_filter(placeholder: &Placeholder, place: &str) -> Option<Problem> {
    let (name, range) = (placeholder.name(), placeholder.range.clone());
    match placeholder.filter {
        Filter::None | Filter::Json => None,
        Filter::Option => Some(
            Problem::warning(range, "`| option` has no effect here")
                .hint(format!("write `{{{{{name}}}}}`")),
        ),
        Filter::Raw => Some(
            Problem::error(range, format!("no value is pasted unencoded into {place}"))
                .hint(format!("write `{{{{{name}}}}}`")),
        ),
    }
}

impl fmt::Debug for Parts {
    /// The author's words may hold secrets of the environment: names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.placeholders().map(Placeholder::name))
            .finish()
    }
}
