//! From a place in a scalar's value back to the place in the file.
//!
//! The scalar is read a second time, noting where each byte of its value comes from. If that reading
//! does not give the parser's value to the byte, it is not trusted, and the whole scalar is the place.

use std::ops::Range;

use super::{Node, Scalar, Style};
use crate::diagnostic::Span;

impl Node {
    /// The place in `text`, the file, of some bytes of this scalar's value.
    pub(crate) fn place_of(&self, range: Range<usize>, text: &str) -> Span {
        self.scalar()
            .and_then(|scalar| origins(scalar, self.span, text))
            .and_then(|origins| {
                let start = *origins.get(range.start)?;
                let end = match range.end.checked_sub(1) {
                    Some(last) if range.end > range.start => {
                        character_end(*origins.get(last)?, text)
                    }
                    _ => start,
                };
                Some(Span::new(start, end.max(start)))
            })
            .unwrap_or(self.span)
    }
}

/// One past the character at `at`; an escape in double quotes counts as its first character.
fn character_end(at: usize, text: &str) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

/// For each byte of the value, and for its end, where in the file the character it belongs to begins.
fn origins(scalar: &Scalar, span: Span, text: &str) -> Option<Vec<usize>> {
    let mut reading = Reading {
        text,
        value: String::new(),
        origins: Vec::new(),
    };
    match scalar.style {
        Style::Plain => reading.flow(span, Escapes::None)?,
        Style::Single => reading.flow(inside_quotes(span)?, Escapes::DoubledQuote)?,
        Style::Double => reading.flow(inside_quotes(span)?, Escapes::Backslash)?,
        Style::Literal => reading.block(&scalar.text, span, false),
        Style::Folded => reading.block(&scalar.text, span, true),
    }
    // The line breaks at the end of a block scalar are kept or dropped by its header.
    let value = reading.value.trim_end_matches('\n');
    if value != scalar.text.trim_end_matches('\n') {
        return None;
    }
    let end = match reading.origins.last() {
        Some(last) if !text[*last..].starts_with(['\n', '\r']) => character_end(*last, text),
        Some(last) => *last,
        None => span.end.min(text.len()),
    };
    reading.origins.resize(scalar.text.len() + 1, end);
    Some(reading.origins)
}

fn inside_quotes(span: Span) -> Option<Span> {
    (span.end >= span.start + 2).then(|| Span::new(span.start + 1, span.end - 1))
}

/// How characters may be written inside a flow scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    DoubledQuote,
    Backslash,
}

/// A scalar read a second time.
struct Reading<'a> {
    text: &'a str,
    value: String,
    /// For each byte of `value`, where its character begins in `text`.
    origins: Vec<usize>,
}

impl Reading<'_> {
    fn push(&mut self, character: char, at: usize) {
        self.value.push(character);
        self.origins
            .extend(std::iter::repeat_n(at, character.len_utf8()));
    }

    /// Plain and quoted scalars: line breaks fold (YAML 1.2.2, section 7.3). `None` for an escape
    /// that is none.
    fn flow(&mut self, span: Span, escapes: Escapes) -> Option<()> {
        let mut at = span.start;
        while at < span.end {
            let rest = &self.text[at..span.end];
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            if rest[blanks..].starts_with(['\n', '\r']) {
                at = self.fold(at, span.end);
                continue;
            }
            if blanks > 0 {
                for (offset, blank) in rest[..blanks].char_indices() {
                    self.push(blank, at + offset);
                }
                at += blanks;
                continue;
            }
            let character = rest.chars().next()?;
            at = match (escapes, character) {
                (Escapes::DoubledQuote, '\'') => {
                    if !rest.starts_with("''") {
                        return None;
                    }
                    self.push('\'', at);
                    at + 2
                }
                (Escapes::Backslash, '\\') => self.escape(at, span.end)?,
                _ => {
                    self.push(character, at);
                    at + character.len_utf8()
                }
            };
        }
        Some(())
    }

    /// Takes line breaks and the blanks around them: one break is a space, each further one a line
    /// break. Gives the place after them.
    fn fold(&mut self, from: usize, end: usize) -> usize {
        let (breaks, at) = self.skip_breaks(from, end);
        if breaks == 1 {
            self.push(' ', from);
        } else {
            for _ in 1..breaks {
                self.push('\n', from);
            }
        }
        at
    }

    /// How many line breaks stand among the white space from `from`, and where that ends.
    fn skip_breaks(&self, from: usize, end: usize) -> (usize, usize) {
        let rest = &self.text[from..end];
        let white = &rest[..rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len()];
        (white.matches('\n').count(), from + white.len())
    }

    /// One escape of a double-quoted scalar (YAML 1.2.2, section 5.7); gives the place after it.
    fn escape(&mut self, at: usize, end: usize) -> Option<usize> {
        let after = at + 1;
        let kind = self.text[after..end].chars().next()?;
        let digits = match kind {
            '\n' | '\r' => {
                let (breaks, next) = self.skip_breaks(after, end);
                for _ in 1..breaks {
                    self.push('\n', at);
                }
                return Some(next);
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                self.push(simple_escape(kind)?, at);
                return Some(after + kind.len_utf8());
            }
        };
        let from = after + 1;
        let code = u32::from_str_radix(self.text.get(from..from + digits)?, 16).ok()?;
        // Two escapes may make one character, as in JSON; such a scalar is not followed further.
        self.push(char::from_u32(code)?, at);
        Some(from + digits)
    }

    /// Block scalars: each line of the value is a line of the file without its indentation. A folded
    /// one joins lines, which shows as a mismatch of line break and space only.
    fn block(&mut self, value: &str, span: Span, folded: bool) {
        let Some(first) = self.content_start(span) else {
            return;
        };
        let indent = self.indentation(first, value);
        let mut at = first;
        let mut wanted = value.chars().peekable();
        while wanted.peek().is_some() && at < self.text.len() {
            let line = &self.text[at..];
            let line = &line[..line.find('\n').unwrap_or(line.len())];
            let next = at + line.len() + 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            let leading = line.len() - line.trim_start_matches(' ').len();
            let skip = leading.min(indent);
            for (offset, character) in line[skip..].char_indices() {
                if wanted.next() != Some(character) {
                    return;
                }
                self.push(character, at + skip + offset);
            }
            let line_end = at + line.len();
            match wanted.peek() {
                Some('\n') => {
                    wanted.next();
                    self.push('\n', line_end);
                }
                Some(' ') if folded => {
                    wanted.next();
                    self.push(' ', line_end);
                }
                // A folded scalar drops the break before an empty line.
                Some(_) if folded => {}
                _ => return,
            }
            at = next;
        }
    }

    /// Where the line after a block scalar's header begins. The parser's span begins at the first
    /// character of content; empty lines before it belong to the value, too.
    fn content_start(&self, span: Span) -> Option<usize> {
        let mut start = line_start(self.text, span.start);
        while start > 0 {
            let before = line_start(self.text, start - 1);
            if !self.text[before..start].trim().is_empty() {
                return Some(start);
            }
            start = before;
        }
        None
    }

    /// The indentation of the content: that of its first line that is not empty, less what the value
    /// keeps of it.
    fn indentation(&self, first: usize, value: &str) -> usize {
        let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let written = self.text[first..]
            .lines()
            .find(|line| !line.trim().is_empty());
        let kept = value.lines().find(|line| !line.trim().is_empty());
        spaces(written.unwrap_or_default()).saturating_sub(spaces(kept.unwrap_or_default()))
    }
}

/// Where the line of a byte begins.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

fn simple_escape(kind: char) -> Option<char> {
    Some(match kind {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        ' ' | '"' | '/' | '\\' => kind,
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Kind, parse};
    use super::*;

    /// The scalar of `k: ...` in a map in a list, as tools have it.
    fn scalar(text: &str) -> Node {
        fn find(node: &Node) -> Option<&Node> {
            match &node.kind {
                Kind::Scalar(_) => None,
                Kind::List(items) => items.iter().find_map(find),
                Kind::Map(entries) => entries.iter().find_map(|(key, value)| {
                    if key.text == "k" {
                        Some(value)
                    } else {
                        find(value)
                    }
                }),
            }
        }
        let mut problems = Vec::new();
        let node = parse(text, &mut problems).unwrap_or_else(|| panic!("{text}: {problems:?}"));
        find(&node).expect("a key `k`").clone()
    }

    #[test]
    fn a_place_in_the_value_is_found_in_the_file() {
        for text in [
            "k: a {{x}} b\n",
            "k: \"a {{x}} b\"\n",
            "k: 'it''s {{x}} b'\n",
            "k: \"\\t\\u00e9 \\x41 é {{x}}\"\n",
            "k: \"a \\\n   b {{x}}\"\n",
            "k: |\n  first\n  a {{x}}\n",
            "k: |-\n  a {{x}}",
            "k: |+\n  a {{x}}\n\n\nz: 1\n",
            "k: |2\n    indented\n  a {{x}}\n",
            "k: |\n  first\n\n    more {{x}}\n  last\n",
            "k: |\n\n\n  a {{x}}\n",
            "k: >\n  folded\n  a {{x}}\n",
            "k: >\n  folded\n\n  a\n    kept\n  {{x}}\n",
            "- t:\n    k: |\n      echo é\n      rg \"{{x}}\"\n    z: 1\n",
            "- t:\n    k: plain\n      on two lines {{x}}\n    z: 1\n",
            "- t:\n    k: plain\n\n      after an empty line {{x}}\n",
            "- t:\n    k: 'single\n      on two\n\n      lines {{x}}'\n",
            "- t:\n    k: \"double\n      on two  \n\n      lines {{x}}\"\n",
            "- { k: \"{{x}}\", z: 1 }\n",
            "k: |\r\n  first\r\n  a {{x}}\r\n",
            "k: >-\r\n  first\r\n  a {{x}}\r\n",
            "k: \"one\r\n  two {{x}}\"\r\n",
            "k: &a |\n  a {{x}}\n",
            "k: !!str \"a {{x}}\"\n",
            "k: | # note\n  a {{x}}\n",
            "k: |\n  | pipe {{x}}\n",
            "k: |\n  | pipe\n  > {{x}}\n",
            "k: |4\n      indented\n    a {{x}}\n",
        ] {
            let node = scalar(text);
            let value = &node.scalar().expect("a scalar").text;
            let at = value
                .find("{{x}}")
                .unwrap_or_else(|| panic!("{text}: {value}"));
            let span = node.place_of(at..at + 5, text);
            assert_eq!(&text[span.range()], "{{x}}", "{text:?}");
        }
    }

    /// The text as a block scalar with some indentation; none where YAML has no way to write it.
    fn block(value: &str, header: char, indent: usize) -> String {
        let pad = " ".repeat(indent);
        let lines: Vec<String> = value
            .lines()
            .map(|line| {
                format!(
                    "{pad}{line}
"
                )
            })
            .collect();
        format!(
            "- a: 1\n  k: {header}{}\n{}  z: 2\n",
            indent - 2,
            lines.concat()
        )
    }

    proptest! {
        #[test]
        fn every_character_is_found_where_it_is_written(
            value in "[a-zé{}][a-zé{} ]{0,7}(\n{1,3} {0,2}[a-z\"'|>{}]{1,6}){0,4}",
            indent in 3..8usize,
            header in prop::sample::select(vec!['|', '>']),
        ) {
            let text = block(&value, header, indent);
            let node = scalar(&text);
            let read = &node.scalar().expect("a scalar").text;
            for (at, character) in read.char_indices() {
                let span = node.place_of(at..at + character.len_utf8(), &text);
                let found = &text[span.range()];
                // A line break may have been folded into a space.
                prop_assert!(
                    found == character.to_string() || character == ' ' && found == "\n",
                    "{text:?} at {at}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn an_empty_range_and_the_end_have_places() {
        let text = "k: |\n  a\n";
        let node = scalar(text);
        assert_eq!(node.place_of(0..0, text), Span::new(7, 7));
        assert_eq!(
            node.place_of(2..2, text),
            Span::new(8, 8),
            "the end of the last line"
        );
        assert_eq!(node.place_of(5..9, text), node.span, "past the end");
    }

    #[test]
    fn a_scalar_that_cannot_be_followed_is_its_own_place() {
        let text = "k: \"\\uD83D\\uDE00 {{x}}\"\n";
        let node = scalar(text);
        assert_eq!(node.place_of(5..10, text), node.span);
    }
}
