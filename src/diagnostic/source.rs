//! The text of a file, and places in it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mask::masked;

/// A range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The same as a standard range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place as editors show it, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A file as it was read: the path to show and the text.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    text: Arc<str>,
    line_starts: Arc<[usize]>,
}

impl Source {
    /// A source with the path that messages show and its whole text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            path: path.into(),
            text,
            line_starts,
        }
    }

    /// The path as the user wrote it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with its secrets hidden, each place where it was.
    pub(super) fn masked(&self) -> Self {
        Self {
            text: masked(&self.text).into(),
            ..self.clone()
        }
    }

    /// The byte itself, or the first of the character it lies in; the end when past it.
    pub fn character_start(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte)
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or(0)
    }

    /// The whole lines that `span` touches, without the end of the last one.
    pub fn lines_around(&self, span: Span) -> Span {
        let start = self.line_starts[self.position(span.start).line - 1];
        let last = self.position(span.end).line;
        let end = self
            .line_starts
            .get(last)
            .map_or(self.text.len(), |next| next - 1);
        let line = &self.text[start..end];
        Span::new(start, end - usize::from(line.ends_with('\r')))
    }

    /// Line and column of a byte; a byte past the end is the end, one inside a
    /// character is that character.
    pub fn position(&self, byte: usize) -> Position {
        let byte = byte.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        let column = self.text[start..]
            .char_indices()
            .take_while(|(at, character)| start + at + character.len_utf8() <= byte)
            .count();
        Position {
            line,
            column: column + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("x.yaml", "ab\né=1\n");
        let at = |byte| {
            let position = source.position(byte);
            (position.line, position.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(4), (2, 1), "inside the é");
        assert_eq!(at(5), (2, 2));
        assert_eq!(at(99), (3, 1));
    }
}
