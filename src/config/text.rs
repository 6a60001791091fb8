//! Texts and free values of the file.

use serde_json::Value;

use super::decode::{Decode, Problems};
use super::schema::schema;
use super::yaml::{Node, ScalarValue};
use crate::diagnostic::Diagnostic;

/// Text. Numbers and booleans are refused: they are more often a slip than meant.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The text.
    pub(crate) text: String,
    /// The value it was read from, to find places inside it.
    pub(crate) node: Node,
}

/// Text, or a number or boolean taken as it was written: `PORT: 8080`.
#[derive(Clone, Debug)]
pub(crate) struct AnyText(pub(crate) Text);

/// Any value.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    /// The value.
    pub(crate) value: Value,
    /// What it was read from, to find places inside it.
    pub(crate) node: Node,
}

impl Decode for Text {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        if let Some(text) = node.text() {
            return Some(Self {
                text: text.to_owned(),
                node: node.clone(),
            });
        }
        let mut problem = Diagnostic::error(
            node.span,
            format!("{name} must be text, found {}", node.describe()),
        );
        if let Some(scalar) = node.scalar() {
            problem = problem.hint(format!("put it in quotes: \"{}\"", scalar.text));
        }
        problems.push(problem);
        None
    }
}

impl Decode for AnyText {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        match node.scalar() {
            Some(scalar) if scalar.value != ScalarValue::Null => Some(Self(Text {
                text: scalar.text.clone(),
                node: node.clone(),
            })),
            // Nothing after a key of the author's own choice is an empty text, as in `NAME:`.
            Some(_) => Some(Self(Text {
                text: String::new(),
                node: node.clone(),
            })),
            None => {
                problems.push(Diagnostic::error(
                    node.span,
                    format!("{name} must be text, found {}", node.describe()),
                ));
                None
            }
        }
    }
}

impl Decode for Json {
    const TAKES_NULL: bool = true;

    fn decode(node: &Node, _name: &str, _problems: &mut Problems) -> Option<Self> {
        Some(Self {
            value: node.to_json(),
            node: node.clone(),
        })
    }
}

schema! {
    Text => { "type": "string" }
    AnyText => { "type": ["string", "number", "boolean", "null"] }
    Json => {}
}
