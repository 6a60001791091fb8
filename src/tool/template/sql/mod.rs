//! Placeholders in SQL: a value is bound, never part of the statement's text.
//!
//! | file | owns |
//! |---|---|
//! | `lexer` | strings, names, comments and words, as each database reads them |
//! | `place` | where a placeholder stands, and whether a value may stand there |
//! | `statement` | what kind of statement it is, and that it is one |
//! | `template` | the compiled statement |
//! | `bound` | a value on its way to the database |
//!
//! The text of a statement is made of the author's own words alone: what a caller gives can only be a value, except
//! where an `enum` lets the caller choose between names that the author wrote.

mod bound;
mod lexer;
mod place;
mod statement;
mod template;

pub use bound::SqlValue;
pub use lexer::Dialect;
pub use statement::main_of_with;
pub use template::{Cast, SqlStatement, SqlTemplate};
