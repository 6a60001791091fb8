//! Placeholders in plain text: standard input, the body of a request, the key of a limit, a question to a person.
//!
//! Nothing reads these texts as code. The one care they need is JSON written by hand: a value
//! inside a JSON string of standard input or a body is escaped, with or without `| json`, so that a quote in
//! it stays a quote. Elsewhere in the text `| json` gives the whole JSON value.

use std::ops::Range;

use super::json::JsonPlace;
use super::placeholder::{self, Filter, Piece, Placeholder};
use super::{Checked, Problem, ValueError, value};
use crate::tool::{Arguments, ParameterType, Parameters};

/// What the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextSurface {
    /// What a script reads.
    Stdin,
    /// The body of a request.
    Body,
    /// The body of a request that is JSON for certain.
    Json,
    /// The key of a limit.
    Key,
    /// A question shown to a person.
    Question,
}

impl TextSurface {
    /// Whether JSON written by hand is looked after there.
    fn holds_json(self) -> bool {
        matches!(self, Self::Stdin | Self::Body | Self::Json)
    }
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct TextTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(Range<usize>),
    Value {
        placeholder: Placeholder,
        inside_string: bool,
    },
}

impl TextTemplate {
    /// Compiles `text`; every problem of it is reported.
    pub fn compile(
        text: &str,
        surface: TextSurface,
        parameters: &Parameters,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (pieces, mut problems) = placeholder::scan(text, parameters);
        let mut warnings = Vec::new();
        let whole = skeleton(text, &pieces);
        let mut before = String::new();
        let mut parts = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(range) => {
                    before.push_str(&text[range.clone()]);
                    parts.push(Part::Text(range));
                }
                Piece::Braces(range) => {
                    before.push_str("{{");
                    parts.push(Part::Text(range.start..range.start + 2));
                }
                Piece::Placeholder(mut placeholder) => {
                    warnings.extend(needless_filter(&placeholder));
                    let place = match surface {
                        TextSurface::Json => JsonPlace::within(&before),
                        _ => JsonPlace::after(&before, &whole),
                    };
                    if surface.holds_json() && place.looks_like_json {
                        problems.extend(bare_text_in_json(&placeholder, place));
                        if place.inside_string && placeholder.filter != Filter::Raw {
                            placeholder.filter = Filter::Json;
                        }
                    }
                    before.push('0');
                    parts.push(Part::Value {
                        placeholder,
                        inside_string: place.inside_string,
                    });
                }
            }
        }
        warnings.extend(problems.extract_if(.., |problem| !problem.is_error()));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Checked {
            template: Self {
                text: text.to_owned(),
                parts,
            },
            warnings,
        })
    }

    /// The text as written.
    pub fn written(&self) -> &str {
        &self.text
    }

    /// The text with the values in their places; a missing value leaves nothing.
    pub fn render(&self, arguments: &Arguments) -> Result<String, ValueError> {
        let mut rendered = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Text(range) => rendered.push_str(&self.text[range.clone()]),
                Part::Value {
                    placeholder,
                    inside_string,
                } => rendered.push_str(&value::delivered(placeholder, arguments, *inside_string)?),
            }
        }
        Ok(rendered)
    }
}

/// The text with a digit in each placeholder's place, which is valid JSON in and out of strings.
fn skeleton(text: &str, pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(range) => &text[range.clone()],
            Piece::Braces(_) => "{{",
            Piece::Placeholder(_) => "0",
        })
        .collect()
}

/// `| raw` and `| option` say nothing where no shell and no option parser reads the text.
fn needless_filter(placeholder: &Placeholder) -> Option<Problem> {
    let filter = match placeholder.filter {
        Filter::Option => "option",
        Filter::None | Filter::Json | Filter::Raw => return None,
    };
    Some(
        Problem::warning(
            placeholder.range.clone(),
            format!("`| {filter}` has no effect here"),
        )
        .hint(format!("write `{{{{{}}}}}`", placeholder.name())),
    )
}

/// Text in JSON, but outside its strings, is no JSON.
fn bare_text_in_json(placeholder: &Placeholder, place: JsonPlace) -> Option<Problem> {
    let is_text = matches!(placeholder.kind, ParameterType::String | ParameterType::Any);
    (is_text && !place.inside_string && placeholder.filter == Filter::None).then(|| {
        Problem::warning(
            placeholder.range.clone(),
            format!("the text of `{}` is no JSON value", placeholder.name()),
        )
        .hint(format!("write `{}`", placeholder.written_with("json")))
    })
}
