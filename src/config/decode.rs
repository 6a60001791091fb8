//! From a YAML tree to wire types, gathering every problem on the way.
//!
//! A value that does not fit is reported and left out; what stands beside it is still read. So a
//! wire type is what could be read, and the report says what could not.

use indexmap::IndexMap;

use super::unknown::{self, Unknown};
use super::yaml::{Kind, Map, Node};
use crate::diagnostic::{Diagnostic, Span};

/// Where problems are gathered.
pub(crate) type Problems = Vec<Diagnostic>;

/// A type that can be read from a value of the file.
pub(crate) trait Decode: Sized {
    /// Whether "nothing" is a value of this type; otherwise a key with nothing after it counts as
    /// absent.
    const TAKES_NULL: bool = false;

    /// Reads `node`. `name` is what messages call it, backticks included. `None` when it does not
    /// fit, which has been reported then.
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self>;
}

/// A value that the file gives, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Given<T> {
    /// Where its key stands; for an element of a list, the element itself.
    pub(crate) key: Span,
    /// Where it stands.
    pub(crate) span: Span,
    /// The value.
    pub(crate) value: T,
}

/// A list; elements that do not fit are left out.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(pub(crate) Vec<Given<T>>);

/// A map with names the author chooses, in the file's order.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) IndexMap<String, Given<T>>);

/// What was found in a map beside its keys and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    /// Where the map stands.
    pub(crate) span: Span,
    /// Unknown keys, where they are kept.
    pub(crate) others: Map,
    /// Known keys whose values could not be read, which has been reported.
    pub(crate) unread: Vec<&'static str>,
}

/// Words of which the file may use one.
pub(crate) trait Choice {
    /// The word.
    fn word(self) -> &'static str;
}

/// What a map may hold beside its known keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nothing: an unknown key is an error.
    Refused,
    /// A key close to a known one is an error, any other a warning.
    Warned,
    /// Anything; the caller looks at it.
    Kept,
}

/// Reports a value of a wrong type.
pub(crate) fn mismatch(
    node: &Node,
    name: &str,
    expected: &str,
    example: &str,
    problems: &mut Problems,
) {
    problems.push(
        Diagnostic::error(
            node.span,
            format!("{name} must be {expected}, found {}", node.describe()),
        )
        .hint(format!("for example {example}")),
    );
}

/// The entries of a map, or a report that it is none.
pub(crate) fn entries<'a>(
    node: &'a Node,
    name: &str,
    example: &str,
    problems: &mut Problems,
) -> Option<&'a Map> {
    if let Kind::Map(entries) = &node.kind {
        return Some(entries);
    }
    mismatch(node, name, "a map", example, problems);
    None
}

/// Reads the value of a known key; nothing after the key counts as absent.
pub(crate) fn field<T: Decode>(
    key: Span,
    node: &Node,
    name: &str,
    problems: &mut Problems,
) -> Option<Given<T>> {
    if node.is_null() && !T::TAKES_NULL {
        return None;
    }
    T::decode(node, name, problems).map(|value| Given {
        key,
        span: node.span,
        value,
    })
}

/// Deals with a key that is not known.
pub(crate) fn unknown_key(found: &Unknown<'_>, problems: &mut Problems) {
    problems.push(unknown::report(found));
}

impl<T: Decode> Decode for List<T> {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            problems.push(not_a_list(node, name));
            return None;
        };
        let element = format!("an element of {name}");
        let items = items
            .iter()
            .filter_map(|item| {
                T::decode(item, &element, problems).map(|value| Given {
                    key: item.span,
                    span: item.span,
                    value,
                })
            })
            .collect();
        Some(Self(items))
    }
}

fn not_a_list(node: &Node, name: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        node.span,
        format!("{name} must be a list, found {}", node.describe()),
    );
    match &node.kind {
        Kind::Map(entries) if entries.iter().any(|(key, _)| key.text == "properties") => {
            problem.hint("a whole JSON Schema belongs in `input_schema`")
        }
        Kind::Map(_) => problem.hint("begin each element with `- `"),
        _ => problem.hint(format!("for example `{}: [...]`", name.trim_matches('`'))),
    }
}

impl<T: Decode> Decode for Named<T> {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let example = format!("`{}: {{ some_name: ... }}`", name.trim_matches('`'));
        let mut named = IndexMap::new();
        for (key, node) in entries(node, name, &example, problems)? {
            let name = format!("`{}`", key.text);
            if let Some(value) = T::decode(node, &name, problems) {
                named.insert(
                    key.text.clone(),
                    Given {
                        key: key.span,
                        span: node.span,
                        value,
                    },
                );
            }
        }
        Some(Self(named))
    }
}

impl<T> Named<T> {
    /// The names, for suggestions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<T> std::ops::Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Declares a map of the file once: the struct, its JSON Schema (the doc comments are its text) and
/// its reader, so that none of them can know a key the others do not.
///
/// `struct NAME in PLACE, OTHERS { "key" field: Type, ... }`; each field becomes an
/// `Option<Box<Given<Type>>>`: a tool has some thirty keys and most files set five of them, so what is not set must
/// cost no more than a pointer.
macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        struct $name:ident in $place:literal, $others:ident {
            $( $(#[$field_meta:meta])* $key:literal $field:ident: $type:ty, )*
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, schemars::JsonSchema)]
        #[schemars(transform = $crate::config::schema::close::<Self>)]
        pub(crate) struct $name {
            $(
                $(#[$field_meta])*
                #[schemars(rename = $key)]
                pub(crate) $field: Option<Box<$crate::config::decode::Given<$type>>>,
            )*
            /// What was found beside its keys.
            #[schemars(skip)]
            pub(crate) rest: $crate::config::decode::Rest,
        }

        impl $name {
            /// Every key the map may have.
            pub(crate) const KEYS: &[&str] = &[$($key),*];
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(
                node: &$crate::config::yaml::Node,
                name: &str,
                problems: &mut $crate::config::decode::Problems,
            ) -> Option<Self> {
                use $crate::config::decode::Others;
                let example = concat!("`{ ", $crate::config::decode::first!($($key),*), ": ... }`");
                let entries = $crate::config::decode::entries(node, name, example, problems)?;
                let mut this = Self::default();
                this.rest.span = node.span;
                for (key, node) in entries {
                    match key.text.as_str() {
                        $( $key => {
                            this.$field = $crate::config::decode::field(
                                key.span, node, concat!("`", $key, "`"), problems,
                            ).map(Box::new);
                            if this.$field.is_none() && !node.is_null() {
                                this.rest.unread.push($key);
                            }
                        } )*
                        _ if Others::$others == Others::Kept => this.rest.others.push((key.clone(), node.clone())),
                        _ => $crate::config::decode::unknown_key(&$crate::config::unknown::Unknown {
                            key,
                            place: $place,
                            known: Self::KEYS,
                            others: Others::$others,
                        }, problems),
                    }
                }
                Some(this)
            }
        }

        impl $crate::config::schema::Wire for $name {
            const OTHERS: $crate::config::decode::Others = $crate::config::decode::Others::$others;

            fn rest(&self) -> &$crate::config::decode::Rest {
                &self.rest
            }

            fn given(&self) -> Vec<(&'static str, $crate::diagnostic::Span)> {
                [$( self.$field.as_ref().map(|given| ($key, given.key)), )*].into_iter().flatten().collect()
            }

            fn is_given(&self, key: &str) -> bool {
                match key {
                    $( $key => self.$field.is_some(), )*
                    _ => false,
                }
            }
        }
    )* };
}

/// The first of some literals, for examples.
macro_rules! first {
    ($first:literal $(, $rest:literal)*) => {
        $first
    };
}

/// Declares words of which the file may use one.
macro_rules! choice {
    ($(
        $(#[$meta:meta])*
        enum $name:ident { $( $(#[$variant_meta:meta])* $word:literal $variant:ident, )* }
    )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
        pub(crate) enum $name {
            $( $(#[$variant_meta])* #[schemars(rename = $word)] $variant, )*
        }

        impl $crate::config::decode::Choice for $name {
            fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )*
                }
            }
        }

        impl $crate::config::decode::Decode for $name {
            fn decode(
                node: &$crate::config::yaml::Node,
                name: &str,
                problems: &mut $crate::config::decode::Problems,
            ) -> Option<Self> {
                match $crate::config::decode::word(node, name, &[$($word),*], problems)? {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }
    )* };
}

pub(crate) use {choice, first, wire};

/// One of `words`, or a report that names them.
pub(crate) fn word<'a>(
    node: &'a Node,
    name: &str,
    words: &[&'static str],
    problems: &mut Problems,
) -> Option<&'a str> {
    if let Kind::Scalar(scalar) = &node.kind
        && words.contains(&scalar.text.as_str())
    {
        return Some(&scalar.text);
    }
    let list = words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let mut problem = Diagnostic::error(
        node.span,
        format!("{name} must be one of {list}, found {}", node.describe()),
    );
    if let Kind::Scalar(scalar) = &node.kind
        && let Some(close) = unknown::meant(&scalar.text, words)
    {
        problem = problem.hint(format!("did you mean `{close}`?"));
    }
    problems.push(problem);
    None
}
