//! Placeholders in a question to a person.
//!
//! What a person reads has to be what is asked. A value is written so that it cannot pass for the author's words:
//! a plain one (a name, a number, a path) stands as it is; any other stands in quotes. Characters that would not
//! be seen, or that change how others are seen, are spelled out. A value too long for the question loses its
//! middle, and says so.

use super::legible::{characters, length, share, without_middle};
use super::placeholder::{self, Filter, Piece, Placeholder};
use super::{Checked, Problem, ValueError, value};
use crate::tool::{Arguments, Parameters};

/// The longest question as it is asked, in characters.
pub const LONGEST_QUESTION: usize = 1000;

/// The longest question as it is written, in characters; the rest is for values.
const LONGEST_WRITTEN: usize = 500;

/// The most placeholders of a question, so that there is room to see something of each value.
const MOST_PLACEHOLDERS: usize = 10;

/// A question to a person, with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value {
        placeholder: Placeholder,
        /// The quote that the author put around it.
        quote: Option<char>,
    },
}

impl QuestionTemplate {
    /// Compiles `text`; every problem of it is reported.
    pub fn compile(text: &str, parameters: &Parameters) -> Result<Checked<Self>, Vec<Problem>> {
        let (pieces, mut problems) = placeholder::scan(text, parameters);
        problems.extend(misfit(text, &pieces));
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(range) => parts.push(Part::Text(text[range].to_owned())),
                Piece::Braces(_) => parts.push(Part::Text("{{".to_owned())),
                Piece::Placeholder(placeholder) => {
                    problems.extend(needless_filter(&placeholder));
                    parts.push(Part::Value {
                        quote: quote_around(text, &placeholder),
                        placeholder,
                    });
                }
            }
        }
        let warnings = problems
            .extract_if(.., |problem| !problem.is_error())
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let text = text.to_owned();
        Ok(Checked {
            template: Self { text, parts },
            warnings,
        })
    }

    /// The question as written.
    pub fn written(&self) -> &str {
        &self.text
    }

    /// The question as it is asked: at most [`LONGEST_QUESTION`] characters, on as many lines as the author wrote.
    pub fn render(&self, arguments: &Arguments) -> Result<String, ValueError> {
        let mut texts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            texts.push(match part {
                Part::Text(text) => Shown::Text(text),
                Part::Value { placeholder, quote } => {
                    let value = value::delivered(placeholder, arguments, false)?;
                    Shown::Value(characters(&value, *quote))
                }
            });
        }
        let room = LONGEST_QUESTION.saturating_sub(texts.iter().map(Shown::fixed).sum());
        let share = share(room, texts.iter().filter_map(Shown::length).collect());
        let whole: String = texts.iter().map(|text| text.within(share)).collect();
        Ok(whole.trim_end().to_owned())
    }
}

/// A part of a question on its way to the person.
enum Shown<'a> {
    Text(&'a str),
    /// The value, each of its characters as it is shown.
    Value(Vec<String>),
}

impl Shown<'_> {
    /// Characters that are shown whatever the values are.
    fn fixed(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Value(_) => 0,
        }
    }

    fn length(&self) -> Option<usize> {
        match self {
            Self::Text(_) => None,
            Self::Value(characters) => Some(length(characters)),
        }
    }

    fn within(&self, share: usize) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Value(characters) if length(characters) <= share => characters.concat(),
            Self::Value(characters) => without_middle(characters, share),
        }
    }
}

/// The quote that stands on both sides of a placeholder.
fn quote_around(text: &str, placeholder: &Placeholder) -> Option<char> {
    let before = text[..placeholder.range.start].chars().next_back()?;
    let after = text[placeholder.range.end..].chars().next()?;
    (before == after && matches!(before, '"' | '\'' | '`')).then_some(before)
}

/// What a question must not be.
fn misfit(text: &str, pieces: &[Piece]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if text.trim().is_empty() {
        problems.push(
            Problem::error(0..text.len(), "a question needs words")
                .hint("for example `confirm: \"Delete {{path}}?\"`"),
        );
    }
    let written: usize = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(range) => Some(text[range.clone()].chars().count()),
            Piece::Braces(_) | Piece::Placeholder(_) => None,
        })
        .sum();
    if written > LONGEST_WRITTEN {
        let message = format!(
            "a question has at most {LONGEST_WRITTEN} characters beside its placeholders, this one {written}"
        );
        problems.push(Problem::error(0..text.len(), message).hint("ask in one sentence"));
    }
    let mut placeholders = pieces.iter().filter_map(|piece| match piece {
        Piece::Placeholder(placeholder) => Some(placeholder),
        Piece::Text(_) | Piece::Braces(_) => None,
    });
    if let Some(one_too_many) = placeholders.nth(MOST_PLACEHOLDERS) {
        let message = format!("a question has at most {MOST_PLACEHOLDERS} placeholders");
        problems.push(
            Problem::error(one_too_many.range.clone(), message)
                .hint("show what the person must know to decide"),
        );
    }
    problems
}

/// Filters that mean nothing to a person.
fn needless_filter(placeholder: &Placeholder) -> Option<Problem> {
    let filter = match placeholder.filter {
        Filter::Option => "option",
        Filter::Raw => "raw",
        Filter::None | Filter::Json => return None,
    };
    Some(
        Problem::warning(
            placeholder.range.clone(),
            format!("`| {filter}` has no effect here"),
        )
        .hint(format!("write `{{{{{}}}}}`", placeholder.name())),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::{Parameter, ParameterType};

    fn parameters() -> Parameters {
        let named = ["path", "reason"].map(|name| Parameter {
            name: name.to_owned(),
            kind: ParameterType::Any,
            required: false,
            default: None,
            allowed: None,
        });
        Parameters::new(named, json!({"type": "object"}))
    }

    fn asked(question: &str, arguments: &Value) -> String {
        let compiled = QuestionTemplate::compile(question, &parameters()).unwrap();
        let arguments = Arguments::from_checked(arguments.as_object().cloned().unwrap());
        compiled.template.render(&arguments).unwrap()
    }

    #[test]
    fn plain_values_stand_as_they_are_and_others_in_quotes() {
        let delete = |path: Value| asked("Delete {{path}}?", &json!({"path": path}));
        assert_eq!(delete(json!("/tmp/a-1.txt")), "Delete /tmp/a-1.txt?");
        assert_eq!(delete(json!(7)), "Delete 7?");
        assert_eq!(delete(json!("")), "Delete \"\"?");
        assert_eq!(delete(json!("my file")), "Delete \"my file\"?");
        assert_eq!(
            delete(json!("a? No, keep \"b\" and \\c")),
            r#"Delete "a? No, keep \"b\" and \\c"?"#
        );
        assert_eq!(delete(json!(["a", 1])), r#"Delete "[\"a\",1]"?"#);
    }

    #[test]
    fn the_author_s_quotes_are_enough_and_cannot_be_closed() {
        let ask = |path: &str| asked("Delete '{{path}}'?", &json!({"path": path}));
        assert_eq!(ask("a b"), "Delete 'a b'?");
        assert_eq!(ask("a'? Or 'b"), r"Delete 'a\'? Or \'b'?");
    }

    #[test]
    fn what_would_not_be_seen_is_spelled_out() {
        let shown = asked(
            "Delete {{path}}?",
            &json!({"path": "a\n\nAllow all?\u{1b}[2J\u{202e}txt\u{200b}\u{e0041}"}),
        );
        assert_eq!(
            shown,
            r#"Delete "a\n\nAllow all?\u{1b}[2J\u{202e}txt\u{200b}\u{e0041}"?"#
        );
    }

    #[test]
    fn a_long_value_keeps_its_ends_and_leaves_room_for_the_others() {
        let path = format!("/start{}/end.txt", "x".repeat(5000));
        let shown = asked(
            "Delete {{path}} because of {{reason}}?",
            &json!({"path": path, "reason": "short"}),
        );
        assert!(shown.starts_with("Delete /startxxx"), "{shown}");
        assert!(shown.ends_with("xxx/end.txt because of short?"), "{shown}");
        assert!(shown.contains("x[… 4060 characters …]x"), "{shown}");
        assert_eq!(shown.chars().count(), LONGEST_QUESTION);
    }

    #[test]
    fn a_question_that_cannot_be_asked_is_refused() {
        let told = |question: &str| {
            let problems = QuestionTemplate::compile(question, &parameters()).unwrap_err();
            problems[0].message.clone()
        };
        assert_eq!(told("  "), "a question needs words");
        assert_eq!(
            told(&"x".repeat(501)),
            "a question has at most 500 characters beside its placeholders, this one 501"
        );
        assert_eq!(
            told(&"{{path}}".repeat(11)),
            "a question has at most 10 placeholders"
        );
        assert_eq!(told("Delete {{pth}}?"), "no parameter is named `pth`");
    }

    proptest! {
        #[test]
        fn no_value_adds_a_line_or_outgrows_the_question(path: String, reason: String) {
            let shown = asked(
                "Delete {{path}} because of '{{reason}}' and {{path}}?",
                &json!({"path": path, "reason": reason}),
            );
            prop_assert!(shown.chars().count() <= LONGEST_QUESTION);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.starts_with("Delete ") && shown.ends_with('?'));
        }
    }
}
