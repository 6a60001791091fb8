//! From the author's text to the text that runs.
//!
//! Only placeholders change, and what [`super::parser::Edit`] names. What a reference looks like
//! depends on the place alone, never on a value; a list is as many references as it has items.

use super::super::placeholder::{Filter, Piece, Placeholder};
use super::parser::Edit;
use super::syntax::Quoting;
use crate::tool::ParameterType;

/// What every variable's name starts with.
pub(super) const PREFIX: &str = "__RUNNER_";

/// A variable that carries a value.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) placeholder: Placeholder,
    pub(super) inside_json_string: bool,
}

/// A stretch of the text that runs.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Text(String),
    /// As many words as the variable's list has items.
    List(usize),
    /// Pasted as code.
    Raw(Placeholder),
}

/// Puts references where the placeholders stood.
pub(super) fn rewrite(
    text: &str,
    pieces: &[Piece],
    slots: &[Option<Quoting>],
    edits: &[Edit],
    inside_json_string: &[usize],
) -> (Vec<Segment>, Vec<Variable>) {
    let mut writer = Writer {
        segments: vec![Segment::Text(String::new())],
        variables: Vec::new(),
    };
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut edits = edits.into_iter().peekable();
    let mut index = 0;
    for piece in pieces {
        let range = match piece {
            Piece::Text(range) | Piece::Braces(range) => range.clone(),
            Piece::Placeholder(placeholder) => placeholder.range.clone(),
        };
        let mut from = range.start;
        let is_text = matches!(piece, Piece::Text(_));
        while let Some(edit) = edits.next_if(|edit| {
            edit.range.end <= range.end && (is_text || edit.range.start <= range.start)
        }) {
            writer.push(&text[from.min(edit.range.start)..edit.range.start]);
            writer.push(&edit.text);
            from = edit.range.end.max(from);
        }
        match piece {
            Piece::Text(_) => writer.push(&text[from..range.end]),
            Piece::Braces(_) => writer.push("{{"),
            Piece::Placeholder(placeholder) => {
                let json = inside_json_string.contains(&index);
                writer.placeholder(placeholder, slots[index], json);
                index += 1;
            }
        }
    }
    let (mut segments, mut variables) = (writer.segments, writer.variables);
    // Most scripts have one of each, and a growing list makes room for four.
    segments.shrink_to_fit();
    variables.shrink_to_fit();
    (segments, variables)
}

struct Writer {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        match self.segments.last_mut() {
            Some(Segment::Text(last)) => last.push_str(text),
            _ => self.segments.push(Segment::Text(text.to_owned())),
        }
    }

    fn placeholder(&mut self, placeholder: &Placeholder, slot: Option<Quoting>, json: bool) {
        if slot == Some(Quoting::Comment) {
            return;
        }
        if placeholder.filter == Filter::Raw {
            self.segments.push(Segment::Raw(placeholder.clone()));
            return;
        }
        let variable = self.variable(placeholder, json);
        let is_list =
            placeholder.kind == ParameterType::Array && placeholder.filter != Filter::Json;
        if is_list {
            self.segments.push(Segment::List(variable));
            return;
        }
        let reference = reference(
            &self.variables[variable].name,
            slot.unwrap_or(Quoting::Bare),
        );
        self.push(&reference);
    }

    /// The variable of the placeholder; two placeholders for the same thing share one.
    fn variable(&mut self, placeholder: &Placeholder, inside_json_string: bool) -> usize {
        let inside_json_string = inside_json_string && placeholder.filter == Filter::Json;
        let known = self.variables.iter().position(|variable| {
            variable.placeholder.parameter == placeholder.parameter
                && variable.placeholder.path == placeholder.path
                && (variable.placeholder.filter == Filter::Json)
                    == (placeholder.filter == Filter::Json)
                && variable.inside_json_string == inside_json_string
        });
        known.unwrap_or_else(|| {
            self.variables.push(Variable {
                name: format!("{PREFIX}{}", self.variables.len()),
                placeholder: placeholder.clone(),
                inside_json_string,
            });
            self.variables.len() - 1
        })
    }
}

fn reference(name: &str, quoting: Quoting) -> String {
    match quoting {
        Quoting::Bare | Quoting::Pattern => format!("\"${{{name}}}\""),
        Quoting::Double | Quoting::QuotedDocument => format!("${{{name}}}"),
        Quoting::Single => format!("'\"${{{name}}}\"'"),
        Quoting::Ansi => format!("'\"${{{name}}}\"$'"),
        Quoting::Arithmetic => name.to_owned(),
        Quoting::Comment => String::new(),
    }
}
