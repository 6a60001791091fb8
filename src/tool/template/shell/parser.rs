//! The state of parsing, and the small steps everything else is made of.
//!
//! The parser reads a copy of the text in which every byte of a placeholder is a NUL. It stops at
//! the first thing it is not sure about: being strict here is what makes the rest an allow list.

use std::ops::Range;

use super::super::Problem;
use super::super::placeholder::Placeholder;
use super::syntax::{Quoting, Tree, Word};

/// Stands for every byte of a placeholder.
pub(super) const MASK: u8 = 0;

/// A change of the author's text that a placeholder makes necessary.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// A here-document whose body has not come yet.
pub(super) struct Pending {
    pub(super) number: usize,
    pub(super) delimiter: String,
    pub(super) written: Range<usize>,
    pub(super) quoted: bool,
    pub(super) strips_tabs: bool,
}

/// What parsing gives beside the tree.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    /// The quoting around each placeholder.
    pub(super) slots: Vec<Option<Quoting>>,
    pub(super) edits: Vec<Edit>,
    /// The first thing only bash understands.
    pub(super) bash: Option<(Range<usize>, &'static str)>,
}

pub(super) struct Parser<'a> {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
    pub(super) limit: usize,
    pub(super) placeholders: &'a [Placeholder],
    pub(super) pending: Vec<Pending>,
    pub(super) documents: Vec<Word>,
    pub(super) in_backticks: bool,
    pub(super) depth: usize,
    pub(super) parsed: Parsed,
}

/// How deep a script may nest; far deeper than people write, far shallower than the stack.
const DEEPEST: usize = 60;

/// Parses `text`, in which `placeholders` stand.
pub(super) fn parse(text: &str, placeholders: &[Placeholder]) -> Result<Parsed, Problem> {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(at) = bytes.iter().position(|byte| *byte == MASK) {
        return Err(Problem::error(at..at + 1, "a NUL byte in a script"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == b'\r') {
        return Err(Problem::error(
            at..at + 1,
            "a carriage return in a script with placeholders",
        )
        .hint("save the file with plain line ends"));
    }
    for placeholder in placeholders {
        bytes[placeholder.range.clone()].fill(MASK);
    }
    let mut parser = Parser {
        limit: bytes.len(),
        bytes,
        at: 0,
        placeholders,
        pending: Vec::new(),
        documents: Vec::new(),
        in_backticks: false,
        depth: 0,
        parsed: Parsed {
            slots: vec![None; placeholders.len()],
            ..Parsed::default()
        },
    };
    let script = parser.list()?;
    if parser.at < parser.limit {
        return Err(parser.unsure("this does not belong here"));
    }
    parser.no_document_pending()?;
    let mut parsed = parser.parsed;
    parsed.tree = Tree {
        script,
        documents: parser.documents,
    };
    Ok(parsed)
}

impl Parser<'_> {
    /// The byte at `ahead` from here.
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.limit).then(|| self.bytes[at])
    }

    /// The byte right before here.
    pub(super) fn previous(&self) -> Option<u8> {
        self.at.checked_sub(1).map(|at| self.bytes[at])
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        self.bytes[self.at..self.limit].starts_with(text.as_bytes())
    }

    /// Passes `text` when it stands here.
    pub(super) fn pass(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// The placeholder that starts here.
    pub(super) fn placeholder_here(&self) -> Option<usize> {
        let found = self
            .placeholders
            .binary_search_by_key(&self.at, |known| known.range.start);
        found.ok()
    }

    /// Passes the placeholder that starts here and notes the quoting around it.
    pub(super) fn take_placeholder(&mut self, quoting: Quoting) -> Result<usize, Problem> {
        let Some(index) = self.placeholder_here() else {
            return Err(self.unsure("this place is not clear"));
        };
        self.parsed.slots[index] = Some(quoting);
        self.at = self.placeholders[index].range.end;
        Ok(index)
    }

    /// Notes that only bash understands what stands in `range`.
    pub(super) fn bash(&mut self, range: Range<usize>, what: &'static str) {
        self.parsed.bash.get_or_insert((range, what));
    }

    /// An error at this place, for what the grammar does not know.
    pub(super) fn unsure(&self, message: impl Into<String>) -> Problem {
        let end = (self.at + 1).min(self.bytes.len()).max(self.at);
        self.unsure_at(self.widened(self.at..end), message)
    }

    pub(super) fn unsure_at(&self, range: Range<usize>, message: impl Into<String>) -> Problem {
        Problem::error(self.widened(range), message).hint(
            "a script with placeholders must be plain enough to know what the shell makes of each; \
             write this part in a simpler way, or move it to a script file that `command` runs",
        )
    }

    /// The range, moved outward to whole characters.
    fn widened(&self, range: Range<usize>) -> Range<usize> {
        let is_inside = |at: usize| self.bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let (mut start, mut end) = (range.start, range.end);
        if let Some(covering) = self
            .placeholders
            .iter()
            .find(|known| known.range.contains(&start))
        {
            return covering.range.clone();
        }
        while is_inside(start) {
            start -= 1;
        }
        while is_inside(end) {
            end += 1;
        }
        start..end
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.depth >= DEEPEST {
            return Err(self.unsure("this nests too deep"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Passes blanks, line continuations and a comment.
    pub(super) fn blanks(&mut self) -> Result<(), Problem> {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\\') if self.peek(1) == Some(b'\n') => self.continuation()?,
                Some(b'#') if self.starts_a_token() => self.comment(),
                _ => return Ok(()),
            }
        }
    }

    fn starts_a_token(&self) -> bool {
        let before = self.previous();
        before.is_none_or(|byte| b" \t\n;&|()<>`".contains(&byte))
    }

    /// A continuation between tokens: the shell joins what stands on both sides, so one side has
    /// to be blank for the tokens to stay what they look like.
    fn continuation(&mut self) -> Result<(), Problem> {
        let before = self.previous().is_none_or(|byte| b" \t\n".contains(&byte));
        let after = self.peek(2).is_none_or(|byte| b" \t\n".contains(&byte));
        if !before && !after {
            return Err(self.unsure("a line continuation in the middle of a word"));
        }
        self.at += 2;
        Ok(())
    }

    fn comment(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'\n' {
                return;
            }
            match self.placeholder_here() {
                Some(index) => {
                    self.parsed.slots[index] = Some(Quoting::Comment);
                    self.at = self.placeholders[index].range.end;
                }
                None => self.at += 1,
            }
        }
    }

    /// Passes blanks, comments and line ends.
    pub(super) fn newlines(&mut self) -> Result<(), Problem> {
        loop {
            self.blanks()?;
            if self.peek(0) != Some(b'\n') {
                return Ok(());
            }
            self.line_end()?;
        }
    }

    /// Passes a line end and the here-documents that begin after it.
    pub(super) fn line_end(&mut self) -> Result<(), Problem> {
        self.at += 1;
        self.read_documents()
    }

    /// The name of a variable that starts here, without passing it.
    pub(super) fn name_here(&self) -> Option<String> {
        let rest = &self.bytes[self.at..self.limit];
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        if length == 0 || rest[0].is_ascii_digit() {
            return None;
        }
        Some(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    /// The text between two places, as written.
    pub(super) fn written(&self, range: Range<usize>) -> String {
        String::from_utf8_lossy(&self.bytes[range]).into_owned()
    }
}
