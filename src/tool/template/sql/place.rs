//! Where a placeholder stands, and whether a value may stand there.

use super::super::Problem;
use super::super::placeholder::{Filter, Placeholder};
use super::lexer::{Dialect, Kind, Token, continues_word};
use super::statement::name;
use crate::tool::ParameterType;

/// What becomes of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A bound value.
    Value,
    /// The whole of `IN (...)`, from the word `IN` (or `NOT`) to the parenthesis that closes it, by token.
    List {
        from: usize,
        to: usize,
        negated: bool,
    },
    /// One of the names the author wrote, as an `enum`.
    Name,
    /// Nothing: it stands in a comment.
    Dropped,
}

/// Words after which a name stands.
const BEFORE_NAME: [&str; 13] = [
    "AS",
    "COLLATE",
    "COLUMN",
    "INDEX",
    "INTO",
    "JOIN",
    "ONLY",
    "REFERENCES",
    "SCHEMA",
    "TABLE",
    "TRIGGER",
    "UPDATE",
    "VIEW",
];

/// Words that end the list after `ORDER BY` or `GROUP BY`.
const AFTER_BY: [&str; 12] = [
    "EXCEPT",
    "FETCH",
    "FOR",
    "HAVING",
    "INTERSECT",
    "LIMIT",
    "OFFSET",
    "RANGE",
    "RETURNING",
    "ROWS",
    "UNION",
    "WINDOW",
];

/// Words in the list after `ORDER BY` that a value follows, not a direction.
const BEFORE_VALUE: [&str; 14] = [
    "AND", "BETWEEN", "CASE", "ELSE", "ESCAPE", "FROM", "ILIKE", "IN", "IS", "LIKE", "NOT", "OR",
    "THEN", "WHEN",
];

/// Words that begin a clause with a `FROM` of its own, inside parentheses.
const QUERIES: [&str; 5] = ["SELECT", "WITH", "DELETE", "UPDATE", "INSERT"];

/// Words that PostgreSQL takes a literal after, but no parameter.
const LITERALS: [&str; 5] = ["DATE", "INTERVAL", "TIME", "TIMESTAMP", "TIMESTAMPTZ"];

/// What PostgreSQL and SQLite call the three other pieces a placeholder cannot stand in.
const fn quoted(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => Some("a string"),
        Kind::EscapedText => Some("a string with escapes"),
        Kind::Dollar => Some("a string in dollar quotes"),
        Kind::Name => Some("a name in quotes"),
        _ => None,
    }
}

/// The roles of all placeholders, in their order.
pub(super) fn roles(
    text: &str,
    dialect: Dialect,
    tokens: &[Token],
    placeholders: &[Placeholder],
    problems: &mut Vec<Problem>,
) -> Vec<Role> {
    let mut roles = vec![Role::Value; placeholders.len()];
    let significant: Vec<usize> = (0..tokens.len())
        .filter(|index| tokens[*index].kind != Kind::Comment)
        .collect();
    for token in tokens {
        for number in &token.inside {
            roles[*number] = Role::Dropped;
            if let Some(what) = quoted(token.kind) {
                problems.push(in_quotes(text, token, &placeholders[*number], what));
            }
        }
    }
    let mut reader = Reader {
        text,
        dialect,
        tokens,
        significant: &significant,
        levels: vec![Level::default()],
    };
    for at in 0..significant.len() {
        if let Kind::Placeholder(number) = reader.token(at).kind {
            roles[number] = reader.role(at, &placeholders[number], problems);
        }
        reader.pass(at);
    }
    roles
}

/// A placeholder where the database sees no value.
fn in_quotes(text: &str, token: &Token, placeholder: &Placeholder, what: &str) -> Problem {
    let problem = Problem::error(
        placeholder.range.clone(),
        format!("a placeholder inside {what} is not a value"),
    );
    let written = &text[placeholder.range.clone()];
    if token.kind == Kind::Name {
        return problem.hint("a value cannot be a name; let an `enum` choose between names, without quotes around the placeholder");
    }
    let bytes = &text[token.range.clone()];
    if token.kind != Kind::Text || !bytes.starts_with('\'') || token.inside.len() > 1 {
        return problem.hint(format!(
            "write {written} without quotes, and join texts with `||`"
        ));
    }
    let before = &text[token.range.start..placeholder.range.start];
    let after = &text[placeholder.range.end..token.range.end];
    let mut parts = Vec::new();
    if before != "'" {
        parts.push(format!("{before}'"));
    }
    parts.push(written.to_owned());
    if after != "'" {
        parts.push(format!("'{after}"));
    }
    match parts.as_slice() {
        [only] => problem.hint(format!("write `{only}` without quotes")),
        _ => problem.hint(format!("write `{}`", parts.join(" || "))),
    }
}

/// What is known of a level of parentheses.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Its first word.
    first: Option<String>,
    /// Whether it is in the list after `ORDER BY` or `GROUP BY`.
    is_list: bool,
}

struct Reader<'a> {
    text: &'a str,
    dialect: Dialect,
    tokens: &'a [Token],
    significant: &'a [usize],
    levels: Vec<Level>,
}

impl Reader<'_> {
    fn token(&self, at: usize) -> &Token {
        &self.tokens[self.significant[at]]
    }

    /// The token at `at` in capitals, where there is one.
    fn word(&self, at: Option<usize>) -> String {
        let token = at.and_then(|at| self.significant.get(at));
        token.map_or_else(String::new, |index| {
            self.text[self.tokens[*index].range.clone()].to_ascii_uppercase()
        })
    }

    /// Notes what the token at `at` opens or ends.
    fn pass(&mut self, at: usize) {
        let word = self.word(Some(at));
        let is_word = self.token(at).kind == Kind::Word;
        let before = self.word(at.checked_sub(1));
        match word.as_str() {
            "(" => return self.levels.push(Level::default()),
            ")" if self.levels.len() > 1 => {
                self.levels.pop();
                return;
            }
            _ => {}
        }
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        if is_word && level.first.is_none() {
            level.first = Some(word.clone());
        }
        if is_word && word == "BY" && ["ORDER", "GROUP", "PARTITION"].contains(&before.as_str()) {
            level.is_list = true;
        } else if is_word && AFTER_BY.contains(&word.as_str()) {
            level.is_list = false;
        }
    }

    fn role(&self, at: usize, placeholder: &Placeholder, problems: &mut Vec<Problem>) -> Role {
        let range = placeholder.range.clone();
        let before = self.word(at.checked_sub(1));
        if let Some(problem) = filter(placeholder) {
            problems.push(problem);
        }
        if let Some(list) = self.list(at, placeholder) {
            return list;
        }
        if self.is_name(at) {
            return self.named(placeholder, problems);
        }
        if self.is_joined(at) {
            problems.push(
                Problem::error(
                    range.clone(),
                    "a placeholder is a whole value, and cannot be a part of a name or a number",
                )
                .hint(
                    "put a blank or an operator such as `||` between it and what stands next to it",
                ),
            );
        } else if self.dialect == Dialect::Postgres && LITERALS.contains(&before.as_str()) {
            let written = &self.text[range.clone()];
            problems.push(
                Problem::error(
                    range.clone(),
                    format!("{} takes no value after `{before}`", name(self.dialect)),
                )
                .hint(format!(
                    "write `CAST({written} AS {})`",
                    before.to_ascii_lowercase()
                )),
            );
        } else if ["SELECT", "DISTINCT"].contains(&before.as_str())
            && self.word(Some(at + 1)) == "FROM"
        {
            problems.push(
                Problem::warning(range, "this gives back the value itself for every row, not the column of that name")
                    .hint("to let the caller choose between columns, give each choice a query or a `CASE` of its own"),
            );
        }
        Role::Value
    }

    /// Whether the placeholder touches a name, a number or quotes.
    fn is_joined(&self, at: usize) -> bool {
        let touches =
            |other: Option<usize>, end: fn(&Token) -> usize, here: usize, is_before: bool| {
                let Some(other) = other.and_then(|other| self.significant.get(other)) else {
                    return false;
                };
                let token = &self.tokens[*other];
                let bytes = &self.text[token.range.clone()];
                let edge = if is_before {
                    bytes.chars().next_back()
                } else {
                    bytes.chars().next()
                };
                end(token) == here
                    && (token.kind != Kind::Symbol || matches!(bytes, "." | "$"))
                    && edge.is_some_and(|c| {
                        continues_word(c)
                            || matches!(c, '\'' | '"' | '`' | ']' | '}' | '{' | '.' | '$')
                    })
            };
        let range = &self.token(at).range;
        touches(
            at.checked_sub(1),
            |token| token.range.end,
            range.start,
            true,
        ) || touches(Some(at + 1), |token| token.range.start, range.end, false)
    }

    /// Whether a name is expected: after `FROM` and the like, and in `ORDER BY` and `GROUP BY`.
    fn is_name(&self, at: usize) -> bool {
        let Some(earlier) = at.checked_sub(1) else {
            return false;
        };
        let before = self.word(Some(earlier));
        let token = self.token(earlier);
        let level = self.levels.last();
        if token.kind == Kind::Word && BEFORE_NAME.contains(&before.as_str()) {
            return true;
        }
        let begins_query = |first: &str| QUERIES.contains(&first);
        if token.kind == Kind::Word && before == "FROM" {
            let is_query = self.levels.len() == 1
                || level
                    .and_then(|level| level.first.as_deref())
                    .is_some_and(begins_query);
            return is_query && self.word(earlier.checked_sub(1)) != "DISTINCT";
        }
        level.is_some_and(|level| level.is_list)
            && match token.kind {
                Kind::Word => !BEFORE_VALUE.contains(&before.as_str()),
                Kind::Name | Kind::Placeholder(_) => true,
                Kind::Symbol => before == ",",
                _ => false,
            }
    }

    /// A name can only be one that the author wrote.
    #[expect(clippy::unused_self, reason = "stands with the other roles")]
    fn named(&self, placeholder: &Placeholder, problems: &mut Vec<Problem>) -> Role {
        let range = placeholder.range.clone();
        let name = placeholder.name();
        let Some(allowed) = placeholder
            .allowed
            .as_ref()
            .filter(|_| placeholder.kind != ParameterType::Array)
        else {
            problems.push(
                Problem::error(
                    range,
                    "a value cannot be the name of a table or column, nor a direction",
                )
                .hint(format!(
                    "give `{name}` an `enum` of the names it may choose between"
                )),
            );
            return Role::Name;
        };
        let odd = allowed
            .iter()
            .find(|value| !value.as_str().is_some_and(is_plain_name));
        if let Some(odd) = odd {
            problems.push(
                Problem::error(range, format!("the choice `{odd}` of `{name}` is no name"))
                    .hint("here a choice is one or several names with blanks, dots or commas between them, such as `created_at DESC`"),
            );
        } else if placeholder.optional {
            problems.push(
                Problem::error(range, format!("`{name}` may be absent, and a name cannot")).hint(
                    format!("give `{name}` a `default`, or mark it `required: true`"),
                ),
            );
        }
        Role::Name
    }

    /// A list that is all there is between the parentheses of `IN`.
    fn list(&self, at: usize, placeholder: &Placeholder) -> Option<Role> {
        let takes_many = matches!(placeholder.kind, ParameterType::Array | ParameterType::Any);
        let opening = at.checked_sub(1)?;
        let keyword = at.checked_sub(2)?;
        let is_alone = takes_many
            && placeholder.filter == Filter::None
            && self.word(Some(opening)) == "("
            && self.word(Some(keyword)) == "IN"
            && self.word(Some(at + 1)) == ")";
        let negated = self.word(keyword.checked_sub(1)) == "NOT";
        is_alone.then(|| Role::List {
            from: self.significant[if negated { keyword - 1 } else { keyword }],
            to: self.significant[at + 1],
            negated,
        })
    }
}

/// Filters that mean nothing here, or what must not be.
fn filter(placeholder: &Placeholder) -> Option<Problem> {
    let range = placeholder.range.clone();
    let written = format!("{{{{{}}}}}", placeholder.name());
    match placeholder.filter {
        Filter::None | Filter::Json => None,
        Filter::Option => Some(
            Problem::warning(range, "`| option` has no effect here").hint(format!("write `{written}`")),
        ),
        Filter::Raw => Some(
            Problem::error(range, "a value is never pasted into SQL")
                .hint(format!("write `{written}`, which binds it; to let the caller choose between names, give the parameter an `enum`")),
        ),
    }
}

/// Whether a choice is made of names, blanks, dots and commas alone.
fn is_plain_name(text: &str) -> bool {
    text.split([' ', '.', ','])
        .filter(|word| !word.is_empty())
        .all(|word| {
            word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
        && text.chars().any(|c| c.is_ascii_alphabetic() || c == '_')
}
