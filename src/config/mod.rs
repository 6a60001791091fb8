//! From a gantz.yaml to a checked catalog of tools, in passes like a compiler's:
//!
//! | pass | from | to |
//! |---|---|---|
//! | `load` | a path | [`Source`](crate::diagnostic::Source): a bounded text in UTF-8 |
//! | `yaml` | text | a tree of values that know their places |
//! | `document` | the tree | wire types, one per map of the file, mirrored by the JSON Schema |
//! | `resolve` | wire types and the environment | [`Catalog`](crate::tool::Catalog) and [`ServerSettings`] |
//!
//! A pass reports every problem it finds and goes on with what is sound, so one report holds them all.
//! Below this room no raw text, no `Option` that stands for a default and no YAML type survives.
//! Nothing here runs a script, opens a port or talks to a network. One thing is asked of a program, through an [`Ask`] that
//! the caller lends: what a version manager's shim starts.

mod ask;
mod decode;
mod document;
mod env;
mod load;
mod quantity;
mod resolve;
mod schema;
mod server;
mod text;
mod unknown;
mod yaml;

pub use ask::{Ask, Question};
pub use env::{Env, EnvFileError};
pub use load::{LoadError, LoadOptions, Loaded, load, load_text};
pub(crate) use quantity::parse_duration;
pub use schema::json_schema;
pub use server::{AuthSettings, BearerToken, BuiltinTool, Secret, ServerSettings};
