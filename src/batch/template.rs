//! The parameters of a call, with references to results still open.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::problem::{Problems, step};
use super::reference::{Part, Reference, Step, parts};

/// The largest parameters that references may make, in bytes of text; the same as the largest message over MCP.
const LARGEST: usize = 4 * 1024 * 1024;

/// What a call, or a `for_each`, is in the graph.
pub(super) type Node = usize;

/// A value whose references know their nodes.
#[derive(Clone, Debug)]
pub(super) enum Template {
    /// No reference anywhere in it.
    Constant(Value),
    /// A text that is nothing but one reference: the value keeps its type.
    Whole(Bound),
    /// A text with references inside.
    Text(Vec<Piece>),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Value(Bound),
}

/// A reference that knows where it leads.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    node: Node,
    reference: Reference,
}

/// Where references find results.
pub(super) trait Results {
    /// The result of a call, `path` gone already; of a `for_each`, the list of its results.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn read(&self, node: Node, path: &[Step]) -> Result<Value, String>;
}

impl Template {
    /// Compiles `value`. `find` knows the nodes by name; what it does not know is for it to tell.
    pub(super) fn compile(
        value: Value,
        pointer: &str,
        find: &mut impl FnMut(&Reference, &str, &mut Problems) -> Option<Node>,
        problems: &mut Problems,
    ) -> Self {
        match value {
            Value::String(text) => compile_text(text, pointer, find, problems),
            Value::Array(elements) => {
                let compiled: Vec<Self> = elements
                    .into_iter()
                    .enumerate()
                    .map(|(index, element)| {
                        Self::compile(element, &format!("{pointer}/{index}"), find, problems)
                    })
                    .collect();
                Self::List(compiled).collapsed()
            }
            Value::Object(members) => {
                let compiled: Vec<(String, Self)> = members
                    .into_iter()
                    .map(|(name, member)| {
                        let pointer = format!("{pointer}/{}", step(&name));
                        let compiled = Self::compile(member, &pointer, find, problems);
                        (name, compiled)
                    })
                    .collect();
                Self::Object(compiled).collapsed()
            }
            plain => Self::Constant(plain),
        }
    }

    /// The same as a constant, when nothing in it is open.
    fn collapsed(self) -> Self {
        let is_constant = |template: &Self| matches!(template, Self::Constant(_));
        let value = |template: Self| match template {
            Self::Constant(value) => value,
            _ => Value::Null,
        };
        match self {
            Self::List(elements) if elements.iter().all(is_constant) => {
                Self::Constant(elements.into_iter().map(value).collect())
            }
            Self::Object(members) if members.iter().all(|(_, member)| is_constant(member)) => {
                let members = members
                    .into_iter()
                    .map(|(name, member)| (name, value(member)));
                Self::Constant(Value::Object(members.collect()))
            }
            open => open,
        }
    }

    /// The members of both objects; those of `item` win.
    pub(super) fn merged(shared: Self, item: Self) -> Self {
        let mut members: IndexMap<String, Self> = shared.members().into_iter().collect();
        members.extend(item.members());
        Self::Object(members.into_iter().collect()).collapsed()
    }

    fn members(self) -> Vec<(String, Self)> {
        match self {
            Self::Object(members) => members,
            Self::Constant(Value::Object(members)) => members
                .into_iter()
                .map(|(name, member)| (name, Self::Constant(member)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The nodes that are referred to, each as often as it is.
    pub(super) fn nodes(&self, nodes: &mut Vec<Node>) {
        match self {
            Self::Constant(_) => {}
            Self::Whole(bound) => nodes.push(bound.node),
            Self::Text(pieces) => nodes.extend(pieces.iter().filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Value(bound) => Some(bound.node),
            })),
            Self::List(elements) => elements.iter().for_each(|element| element.nodes(nodes)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.nodes(nodes)),
        }
    }

    /// The value, with every reference replaced.
    ///
    /// # Errors
    /// Which reference has no value, or that the whole grew too large, in words.
    pub(super) fn fill(self, results: &impl Results) -> Result<Value, String> {
        let mut room = LARGEST;
        self.filled(results, &mut room)
    }

    fn filled(self, results: &impl Results, room: &mut usize) -> Result<Value, String> {
        Ok(match self {
            Self::Constant(value) => value,
            Self::Whole(bound) => bound.value(results, room)?,
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(plain) => text.push_str(&plain),
                        Piece::Value(bound) => match bound.value(results, room)? {
                            Value::String(inner) => text.push_str(&inner),
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Self::List(elements) => {
                let filled = elements
                    .into_iter()
                    .map(|element| element.filled(results, room));
                Value::Array(filled.collect::<Result<_, _>>()?)
            }
            Self::Object(members) => {
                let filled = members
                    .into_iter()
                    .map(|(name, member)| Ok((name, member.filled(results, room)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }
}

impl Bound {
    fn value(&self, results: &impl Results, room: &mut usize) -> Result<Value, String> {
        let value = results
            .read(self.node, &self.reference.path)
            .map_err(|why| format!("`{}` has no value: {why}", self.reference))?;
        *room = room
            .checked_sub(size(&value))
            .ok_or_else(|| format!("references make the parameters larger than {LARGEST} bytes"))?;
        Ok(value)
    }
}

fn compile_text(
    text: String,
    pointer: &str,
    find: &mut impl FnMut(&Reference, &str, &mut Problems) -> Option<Node>,
    problems: &mut Problems,
) -> Template {
    if !text.contains("${") {
        return Template::Constant(Value::String(text));
    }
    let parts = match parts(&text) {
        Ok(parts) => parts,
        Err(message) => {
            problems.push(pointer, message);
            return Template::Constant(Value::Null);
        }
    };
    let is_whole = matches!(parts.as_slice(), [Part::Reference(_)]);
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => pieces.push(Piece::Text(text)),
            Part::Reference(reference) => {
                if let Some(node) = find(&reference, pointer, problems) {
                    pieces.push(Piece::Value(Bound { node, reference }));
                }
            }
        }
    }
    match pieces.pop() {
        Some(Piece::Value(bound)) if is_whole => Template::Whole(bound),
        Some(Piece::Text(text)) if pieces.is_empty() => Template::Constant(Value::String(text)),
        Some(last) => {
            pieces.push(last);
            Template::Text(pieces)
        }
        None => Template::Constant(Value::Null),
    }
}

/// About how many bytes a value has as text.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(elements) => {
            2 + elements
                .iter()
                .map(|element| size(element) + 1)
                .sum::<usize>()
        }
        Value::Object(members) => {
            let sizes = members
                .iter()
                .map(|(name, member)| name.len() + 4 + size(member));
            2 + sizes.sum::<usize>()
        }
        _ => 5,
    }
}
