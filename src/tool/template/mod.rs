//! Placeholders, compiled once, for each surface they may stand on.
//!
//! A caller's value is only ever data. Each surface has a template type of its own that knows what
//! keeps a value data there: [`TextTemplate`] for plain text, [`QuestionTemplate`] for a question to a person, [`ArgvTemplate`] for an argument list,
//! [`ShellTemplate`] for the text of a shell script; [`UrlTemplate`], [`PairTemplate`], [`HeaderTemplate`] and
//! [`BodyTemplate`] for the parts of a request, [`SqlTemplate`] for a statement. What may stand between the braces is the same
//! on all of them, and so is how a value becomes text; [`Mirrors`] are the variables in which every
//! argument reaches a script besides.

mod argv;
mod body;
mod header;
mod json;
mod legible;
mod mirror;
mod parts;
mod percent;
mod placeholder;
mod problem;
mod programs;
mod query;
mod question;
mod reasons;
mod shell;
mod sql;
mod text;
mod tree;
mod url;
mod value;

pub use argv::ArgvTemplate;
pub use body::BodyTemplate;
pub use header::{HeaderTemplate, InvalidHeaderName};
pub use mirror::{MirrorClash, Mirrors};
pub use parts::Expand;
pub(super) use percent::value as percent_encode;
pub use problem::{Checked, Problem, ValueError};
pub use query::PairTemplate;
pub use question::{LONGEST_QUESTION, QuestionTemplate};
pub use shell::{Shell, ShellCommand, ShellTemplate};
pub use sql::{Cast, Dialect, SqlStatement, SqlTemplate, SqlValue, main_of_with};
pub use text::{TextSurface, TextTemplate};
pub use url::{UrlTemplate, shown as shown_url};

/// How places are treated where a value becomes the program text of another language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Safety {
    /// Refused, with a hint.
    #[default]
    Strict,
    /// A warning, as files written for the original need it.
    Compat,
}
