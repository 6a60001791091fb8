//! Strings, names, comments and words, as each database reads them.

use std::ops::Range;

/// How a database reads SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL (manual, chapter 4.1), with `standard_conforming_strings` on, as it is unless switched off.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A piece of a statement; blanks are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its bytes.
    pub(super) range: Range<usize>,
    /// The placeholders inside a quoted piece or a comment, by number.
    pub(super) inside: Vec<usize>,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A number.
    Number,
    /// `'...'`, also with a letter before it that makes no escapes of backslashes.
    Text,
    /// `E'...'`.
    EscapedText,
    /// `$$...$$` or `$tag$...$tag$`.
    Dollar,
    /// A name in quotes.
    Name,
    /// `-- ...` or `/* ... */`.
    Comment,
    /// A parameter of the database's own: `$1`, `?`, `:name`, `@name`.
    OwnParameter,
    /// Anything else, one character each.
    Symbol,
    /// A placeholder, by number.
    Placeholder(usize),
}

/// Where a piece that was opened is not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Cuts `text` into tokens. `placeholders` are the bytes of each placeholder, in order; each is one piece.
pub(super) fn lex(
    text: &str,
    dialect: Dialect,
    placeholders: &[Range<usize>],
) -> Result<Vec<Token>, Unclosed> {
    let mut lexer = Lexer {
        text,
        dialect,
        placeholders,
        next: 0,
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    dialect: Dialect,
    placeholders: &'a [Range<usize>],
    /// The number of the next placeholder.
    next: usize,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn is_postgres(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Goes past the placeholder that begins here, if one does, and gives its number.
    fn placeholder(&mut self) -> Option<usize> {
        let range = self.placeholders.get(self.next)?;
        if range.start != self.at {
            return None;
        }
        self.at = range.end;
        self.next += 1;
        Some(self.next - 1)
    }

    fn token(&mut self) -> Result<Option<Token>, Unclosed> {
        while self.peek().is_some_and(is_blank) {
            self.at += self.peek().map_or(1, char::len_utf8);
        }
        let start = self.at;
        if let Some(number) = self.placeholder() {
            return Ok(Some(self.made(Kind::Placeholder(number), start)));
        }
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        if let Some(token) = self.quoted(start)? {
            return Ok(Some(token));
        }
        let kind = if first.is_ascii_digit() {
            self.take_while(|c| c.is_alphanumeric() || c == '.' || c == '_');
            Kind::Number
        } else if begins_word(first) {
            self.take_while(continues_word);
            Kind::Word
        } else if let Some(length) = self.own_parameter() {
            self.at += length;
            Kind::OwnParameter
        } else {
            self.at += first.len_utf8();
            // `::` is a cast, and its second half no parameter's beginning.
            if first == ':' && self.rest().starts_with(':') {
                self.at += 1;
            }
            Kind::Symbol
        };
        Ok(Some(self.made(kind, start)))
    }

    const fn made(&self, kind: Kind, start: usize) -> Token {
        Token {
            kind,
            range: start..self.at,
            inside: Vec::new(),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) {
        let stop = self.placeholders.get(self.next).map(|range| range.start);
        while let Some(next) = self.peek()
            && wanted(next)
            && Some(self.at) != stop
        {
            self.at += next.len_utf8();
        }
    }

    /// A string, a name in quotes or a comment.
    fn quoted(&mut self, start: usize) -> Result<Option<Token>, Unclosed> {
        let rest = self.rest();
        let second = rest.chars().nth(1);
        let (kind, opening, what) = match rest.chars().next() {
            Some('\'') => (Kind::Text, 1, "a string"),
            Some('e' | 'E') if second == Some('\'') && self.is_postgres() => {
                (Kind::EscapedText, 2, "a string")
            }
            Some('b' | 'B' | 'x' | 'X' | 'n' | 'N') if second == Some('\'') => {
                (Kind::Text, 2, "a string")
            }
            Some('u' | 'U') if self.is_postgres() && rest[1..].starts_with("&'") => {
                (Kind::Text, 3, "a string")
            }
            Some('u' | 'U') if self.is_postgres() && rest[1..].starts_with("&\"") => {
                (Kind::Name, 3, "a name in quotes")
            }
            Some('"') => (Kind::Name, 1, "a name in quotes"),
            Some('`' | '[') if !self.is_postgres() => (Kind::Name, 1, "a name in quotes"),
            Some('-') if second == Some('-') => (Kind::Comment, 2, "a comment"),
            Some('/') if second == Some('*') => (Kind::Comment, 2, "a comment"),
            Some('$') if self.is_postgres() => match dollar_tag(rest) {
                Some(length) => (Kind::Dollar, length, "a string"),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let opened = rest[..opening].to_owned();
        self.at += opening;
        let mut inside = Vec::new();
        if !self.close(kind, &opened, &mut inside) {
            return Err(Unclosed { at: start, what });
        }
        Ok(Some(Token {
            kind,
            range: start..self.at,
            inside,
        }))
    }

    /// Goes past the end of what was opened; `false` when there is none.
    fn close(&mut self, kind: Kind, opened: &str, inside: &mut Vec<usize>) -> bool {
        let closing = match opened.chars().next_back() {
            Some('[') => "]",
            Some('-') => "\n",
            Some('*') => "*/",
            _ if kind == Kind::Dollar => opened,
            Some('`') => "`",
            Some('"') => "\"",
            _ => "'",
        };
        let doubles = matches!(kind, Kind::Text | Kind::EscapedText | Kind::Name) && closing != "]";
        let mut depth = 1;
        while !self.rest().is_empty() {
            if let Some(number) = self.placeholder() {
                inside.push(number);
                continue;
            }
            let rest = self.rest();
            if kind == Kind::EscapedText && rest.starts_with('\\') {
                self.at += 1;
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if closing == "*/" && self.is_postgres() && rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if let Some(after) = rest.strip_prefix(closing) {
                if doubles && after.starts_with(closing) {
                    self.at += 2 * closing.len();
                    continue;
                }
                self.at += closing.len();
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            } else {
                self.at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        // A comment may end with the text; SQLite lets the other kind of comment do so, too.
        closing == "\n" || closing == "*/" && !self.is_postgres()
    }

    /// The length of a parameter as the database itself writes them.
    fn own_parameter(&self) -> Option<usize> {
        let rest = self.rest();
        let mut chars = rest.chars();
        let first = chars.next()?;
        let second = chars.next();
        let is_one = match (self.dialect, first) {
            (Dialect::Postgres, '$') => second.is_some_and(|c| c.is_ascii_digit()),
            (Dialect::Sqlite, '?') => true,
            (Dialect::Sqlite, ':' | '@' | '$' | '#') => second.is_some_and(continues_word),
            _ => false,
        };
        let name = rest[first.len_utf8()..].chars();
        is_one.then(|| {
            first.len_utf8()
                + name
                    .take_while(|c| continues_word(*c))
                    .map(char::len_utf8)
                    .sum::<usize>()
        })
    }
}

/// What both databases skip.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// Whether a word can begin with `c`. Both databases take every character past ASCII for a letter.
pub(super) fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// Whether a word can go on with `c`.
pub(super) fn continues_word(c: char) -> bool {
    begins_word(c) || c.is_ascii_digit() || c == '$'
}

/// The length of `$$` or `$tag$` at the beginning of `rest`.
fn dollar_tag(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('$')?;
    let end = inner.find('$')?;
    let tag = &inner[..end];
    let is_tag = tag.is_empty()
        || tag.starts_with(begins_word)
            && tag.chars().all(|c| begins_word(c) || c.is_ascii_digit());
    is_tag.then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
        let tokens = lex(text, dialect, &[]).unwrap();
        tokens
            .into_iter()
            .map(|token| (token.kind, &text[token.range]))
            .collect()
    }

    #[test]
    fn each_database_has_its_own_quotes() {
        use Kind::{Comment, Dollar, EscapedText, Name, OwnParameter, Symbol, Text, Word};
        for (text, expected) in [
            (r"E'a\'b' c", vec![(EscapedText, r"E'a\'b'"), (Word, "c")]),
            (r"'a\' c", vec![(Text, r"'a\'"), (Word, "c")]),
            ("'it''s'", vec![(Text, "'it''s'")]),
            ("$$ ' $$ a", vec![(Dollar, "$$ ' $$"), (Word, "a")]),
            ("$t$ $$ $t$", vec![(Dollar, "$t$ $$ $t$")]),
            (
                "/* a /* b */ c */ d",
                vec![(Comment, "/* a /* b */ c */"), (Word, "d")],
            ),
            ("-- 'a\nb", vec![(Comment, "-- 'a\n"), (Word, "b")]),
            (r#""a""b" c"#, vec![(Name, r#""a""b""#), (Word, "c")]),
            (
                "a[1]",
                vec![
                    (Word, "a"),
                    (Symbol, "["),
                    (Kind::Number, "1"),
                    (Symbol, "]"),
                ],
            ),
            ("a$b$c", vec![(Word, "a$b$c")]),
            ("a::b", vec![(Word, "a"), (Symbol, "::"), (Word, "b")]),
            ("$1", vec![(OwnParameter, "$1")]),
            ("a ? b", vec![(Word, "a"), (Symbol, "?"), (Word, "b")]),
            (
                r"U&'\0041' U&'a'",
                vec![(Text, r"U&'\0041'"), (Text, "U&'a'")],
            ),
        ] {
            assert_eq!(kinds(text, Dialect::Postgres), expected, "{text}");
        }
        for (text, expected) in [
            (r"e'a' c", vec![(Word, "e"), (Text, "'a'"), (Word, "c")]),
            (
                "/* a /* b */ c",
                vec![(Comment, "/* a /* b */"), (Word, "c")],
            ),
            (
                "[a'b] `c'` \"d\"",
                vec![(Name, "[a'b]"), (Name, "`c'`"), (Name, "\"d\"")],
            ),
            (
                "?1 :a @b $c",
                vec![
                    (OwnParameter, "?1"),
                    (OwnParameter, ":a"),
                    (OwnParameter, "@b"),
                    (OwnParameter, "$c"),
                ],
            ),
            ("/* open", vec![(Comment, "/* open")]),
        ] {
            assert_eq!(kinds(text, Dialect::Sqlite), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_told() {
        for text in ["'a", "E'a\\'", "$$ a", "/* a", "\"a"] {
            let unclosed = lex(text, Dialect::Postgres, &[]).unwrap_err();
            assert_eq!(unclosed.at, 0, "{text}");
        }
    }
}
