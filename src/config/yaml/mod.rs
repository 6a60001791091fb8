//! YAML text as a tree that remembers where everything stands.
//!
//! The parser is the one under `serde-saphyr`. Its events are read directly, not through serde: serde
//! stops at the first value of a wrong type and forgets how a scalar was written, while a report
//! needs every problem of the file, and a template inside a block scalar needs its exact column.
//! No other room sees these types.

mod node;
mod parse;
mod place;
mod scalar;

pub(crate) use node::{Key, Kind, Map, Node, Scalar, ScalarValue, Style};
pub(crate) use parse::parse;
