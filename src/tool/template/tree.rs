//! Placeholders in a JSON document that the file writes as YAML.
//!
//! A text that is one placeholder becomes the value itself and keeps its type; without a value, the member or
//! element is left out. In longer texts values are text, and the document is written as JSON afterwards, so no
//! value needs to be escaped by anybody.

use serde_json::{Map, Value};

use super::parts::{Part, Parts, needless_filter};
use super::placeholder::Filter;
use super::{Problem, ValueError, value};
use crate::tool::{Arguments, ParameterType, Parameters};

/// A JSON document with placeholders in its texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Constant(Value),
    Text(Parts),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Compiles `document`. `leaves` counts its scalars in their order; each problem comes with the number of
    /// the scalar it concerns.
    pub(super) fn compile(
        document: &Value,
        parameters: &Parameters,
        leaves: &mut usize,
        problems: &mut Vec<(usize, Problem)>,
    ) -> Self {
        match document {
            Value::Array(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::compile(item, parameters, leaves, problems))
                    .collect(),
            ),
            Value::Object(members) => Self::Map(
                members
                    .iter()
                    .map(|(name, member)| {
                        let member = Self::compile(member, parameters, leaves, problems);
                        (name.clone(), member)
                    })
                    .collect(),
            ),
            _ => {
                let leaf = *leaves;
                *leaves += 1;
                let Value::String(text) = document else {
                    return Self::Constant(document.clone());
                };
                let (parts, found) = Parts::scan(text, parameters, &str::to_owned);
                let filters = parts
                    .placeholders()
                    .filter_map(|placeholder| needless_filter(placeholder, "a JSON document"));
                problems.extend(
                    found
                        .into_iter()
                        .chain(filters)
                        .map(|problem| (leaf, problem)),
                );
                Self::Text(parts)
            }
        }
    }

    /// The document with the values in their places; `None` when it is a value that is not there.
    pub(super) fn render(&self, arguments: &Arguments) -> Result<Option<Value>, ValueError> {
        Ok(Some(match self {
            Self::Constant(value) => value.clone(),
            Self::Text(parts) => return text(parts, arguments),
            Self::List(items) => {
                let mut rendered = Vec::with_capacity(items.len());
                for item in items {
                    rendered.extend(item.render(arguments)?);
                }
                Value::Array(rendered)
            }
            Self::Map(members) => {
                let mut rendered = Map::with_capacity(members.len());
                for (name, member) in members {
                    if let Some(value) = member.render(arguments)? {
                        rendered.insert(name.clone(), value);
                    }
                }
                Value::Object(rendered)
            }
        }))
    }
}

fn text(parts: &Parts, arguments: &Arguments) -> Result<Option<Value>, ValueError> {
    let Some(alone) = parts.alone().filter(|alone| alone.filter != Filter::Json) else {
        let text = parts.text(arguments, |_, text| Ok(text.to_owned()))?;
        return Ok(Some(Value::String(text)));
    };
    let Some(found) = value::lookup(alone, arguments)? else {
        return Ok(None);
    };
    if alone.kind == ParameterType::Integer {
        // `1e2` is an integer, too, and is sent as 100.
        let digits = value::text(&alone.name(), alone.kind, found)?;
        if let Ok(number) = serde_json::from_str(&digits) {
            return Ok(Some(Value::Number(number)));
        }
    }
    Ok(Some(found.clone()))
}

/// The scalars of a flat document as texts, for a form; `None` when it is not flat.
pub(super) fn flat(document: &Value) -> Option<Vec<(&str, String)>> {
    document
        .as_object()?
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Some((name.as_str(), text.clone())),
            Value::Null => Some((name.as_str(), String::new())),
            Value::Number(_) | Value::Bool(_) => Some((name.as_str(), value.to_string())),
            Value::Array(_) | Value::Object(_) => None,
        })
        .collect()
}

/// The text of `parts` with a digit for each placeholder.
pub(super) fn skeleton(parts: &Parts) -> String {
    parts
        .0
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Value(_) => "0",
        })
        .collect()
}
