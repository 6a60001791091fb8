//! What kind of statement it is, and that it is one.

use super::super::Problem;
use super::lexer::{Dialect, Kind, Token, lex};

/// Statements that speak of a transaction, a session or the file of a database: a tool's query runs in a transaction
/// of its own, on a connection that the next call may get.
const OF_A_SESSION: [&str; 25] = [
    "ABORT",
    "ATTACH",
    "BEGIN",
    "CHECKPOINT",
    "CLOSE",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DETACH",
    "DISCARD",
    "END",
    "EXECUTE",
    "FETCH",
    "LISTEN",
    "LOAD",
    "PREPARE",
    "RELEASE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "START",
    "UNLISTEN",
    "VACUUM",
];

/// The keyword a statement begins with, in capitals; empty when it begins with something else.
pub(super) fn verb(text: &str, tokens: &[Token]) -> String {
    significant(tokens)
        .find(|token| &text[token.range.clone()] != "(")
        .filter(|token| token.kind == Kind::Word)
        .map(|token| text[token.range.clone()].to_ascii_uppercase())
        .unwrap_or_default()
}

/// Every token that is no comment.
pub(super) fn significant(tokens: &[Token]) -> impl DoubleEndedIterator<Item = &Token> {
    tokens.iter().filter(|token| token.kind != Kind::Comment)
}

/// The semicolons at the end, which do not reach the database.
pub(super) fn trailing<'a>(text: &str, tokens: &'a [Token]) -> Vec<&'a Token> {
    significant(tokens)
        .rev()
        .take_while(|token| &text[token.range.clone()] == ";")
        .collect()
}

/// What is wrong with a statement as a whole.
pub(super) fn problems(text: &str, dialect: Dialect, tokens: &[Token]) -> Vec<Problem> {
    let end = text.len();
    if significant(tokens).all(|token| &text[token.range.clone()] == ";") {
        return vec![
            Problem::error(0..end, "the query is empty")
                .hint("for example `SELECT * FROM users WHERE id = {{id}}`"),
        ];
    }
    let mut problems = Vec::new();
    let last = trailing(text, tokens).len();
    let count = significant(tokens).count();
    let between = significant(tokens)
        .take(count - last)
        .find(|token| &text[token.range.clone()] == ";");
    if let Some(semicolon) = between {
        problems.push(
            Problem::error(semicolon.range.clone(), "a query is one statement, and this has several")
                .hint("give each a name under `queries` to run them side by side, or write one statement that begins with `WITH`"),
        );
    }
    let verb = verb(text, tokens);
    if OF_A_SESSION.contains(&verb.as_str()) {
        let first = significant(tokens)
            .next()
            .map_or(0..end, |token| token.range.clone());
        problems.push(
            Problem::error(first, format!("`{verb}` cannot be a tool's query"))
                .hint("each query runs in a transaction of its own on a connection of the pool, which is there when it begins and ends with it"),
        );
    }
    for own in tokens
        .iter()
        .filter(|token| token.kind == Kind::OwnParameter)
    {
        let written = &text[own.range.clone()];
        problems.push(
            Problem::error(
                own.range.clone(),
                format!(
                    "`{written}` is a parameter of {}, which nothing would fill",
                    name(dialect)
                ),
            )
            .hint("write `{{name}}` for the parameter `name`"),
        );
    }
    if let Some(at) = text.find('\0') {
        problems.push(Problem::error(at..at + 1, "the query holds a NUL byte"));
    }
    problems
}

/// The database's name.
pub(super) const fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    }
}

/// Where the statement itself begins in one of PostgreSQL that begins with `WITH`; `None` where that is not certain.
pub fn main_of_with(text: &str) -> Option<usize> {
    const BEGINNINGS: [&str; 7] = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE",
    ];
    let tokens = lex(text, Dialect::Postgres, &[]).ok()?;
    let mut depth = 0_usize;
    let mut is_after_query = false;
    for token in significant(&tokens) {
        let written = &text[token.range.clone()];
        match written {
            "(" => depth += 1,
            ")" => {
                depth = depth.checked_sub(1)?;
                is_after_query = depth == 0;
                continue;
            }
            _ if depth == 0
                && token.kind == Kind::Word
                && is_after_query
                && BEGINNINGS.contains(&written.to_ascii_uppercase().as_str()) =>
            {
                return Some(token.range.start);
            }
            _ => {}
        }
        if depth == 0 {
            is_after_query = false;
        }
    }
    None
}
