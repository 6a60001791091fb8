//! A value of a YAML file.

use serde_json::{Number, Value};

use crate::diagnostic::Span;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// All of it; for a collection up to the end of its last element.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order, without repeated keys.
    Map(Map),
}

/// The entries of a map.
pub(crate) type Map = Vec<(Key, Node)>;

/// A key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The key as text, whatever type YAML sees in it.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// A single value: what it means and how it was written.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The text, quotes and escapes undone.
    pub(crate) text: String,
    /// How it was written.
    pub(crate) style: Style,
    /// What it means by the core schema of YAML 1.2.
    pub(crate) value: ScalarValue,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// After `|`.
    Literal,
    /// After `>`.
    Folded,
}

/// What a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ScalarValue {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`; `yes` and `on` are text.
    Boolean(bool),
    /// A finite number.
    Number(Number),
    /// Text.
    Text,
}

impl Node {
    /// Whether nothing is there.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.value == ScalarValue::Null)
    }

    /// What it is, as messages say it: "the text `five`", "a list".
    pub(crate) fn describe(&self) -> String {
        let scalar = match &self.kind {
            Kind::List(_) => return "a list".to_owned(),
            Kind::Map(_) => return "a map".to_owned(),
            Kind::Scalar(scalar) => scalar,
        };
        match &scalar.value {
            ScalarValue::Null => "nothing".to_owned(),
            ScalarValue::Boolean(value) => format!("`{value}`"),
            ScalarValue::Number(_) => format!("the number {}", scalar.text),
            ScalarValue::Text if scalar.text.is_empty() => "an empty text".to_owned(),
            ScalarValue::Text => format!("the text `{}`", shortened(&scalar.text)),
        }
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Kind::Scalar(scalar) => match &scalar.value {
                ScalarValue::Null => Value::Null,
                ScalarValue::Boolean(value) => (*value).into(),
                ScalarValue::Number(number) => number.clone().into(),
                ScalarValue::Text => scalar.text.as_str().into(),
            },
        }
    }
}

/// The first line of a text, cut where it gets long.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    if short.len() < text.trim_end().len() {
        format!("{short}...")
    } else {
        short
    }
}
