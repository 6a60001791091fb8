//! Words and the quotes in them.

use super::super::Problem;
use super::parser::{Edit, MASK, Parser};
use super::syntax::{Part, Quoting, Word};

/// Characters on both sides of which a line continuation joins a word and nothing else.
fn joins(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_./,:%+@-=#\0\"'".contains(&byte))
}

impl Parser<'_> {
    /// The word that starts here.
    pub(super) fn word(&mut self) -> Result<Word, Problem> {
        self.word_in(false)
    }

    /// The right side of `=~`, where parentheses and bars belong to the word.
    pub(super) fn regular_expression(&mut self) -> Result<Word, Problem> {
        self.word_in(true)
    }

    fn word_in(&mut self, regular_expression: bool) -> Result<Word, Problem> {
        let start = self.at;
        let waiting = self.pending.len();
        let mut word = Word::default();
        let mut groups = 0_usize;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'(' if regular_expression => {
                    groups += 1;
                    push_text(&mut word.parts, "(", false);
                    self.at += 1;
                }
                b')' if groups > 0 => {
                    groups -= 1;
                    push_text(&mut word.parts, ")", false);
                    self.at += 1;
                }
                b'|' if groups > 0 || (regular_expression && !self.looking_at("||")) => {
                    push_text(&mut word.parts, "|", false);
                    self.at += 1;
                }
                b'<' | b'>' if self.peek(1) == Some(b'(') => self.process(&mut word, start)?,
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
                _ => {
                    if !self.unquoted_part(byte, &mut word)? {
                        break;
                    }
                }
            }
        }
        word.range = start..self.at;
        if word.parts.is_empty() {
            return Err(self.unsure("a word is missing here"));
        }
        if waiting > 0 && self.bytes[start..self.at].contains(&b'\n') {
            return Err(self.unsure_at(start..self.at, "a line end in a word after `<<`"));
        }
        self.refuse_ranges(&word)?;
        Ok(word)
    }

    /// One part outside of quotes; `false` when the word ends before it.
    fn unquoted_part(&mut self, byte: u8, word: &mut Word) -> Result<bool, Problem> {
        match byte {
            MASK => {
                let index = self.take_placeholder(Quoting::Bare)?;
                word.parts.push(Part::Placeholder {
                    index,
                    quoting: Quoting::Bare,
                });
            }
            b'\'' => self.single_quotes(&mut word.parts, Quoting::Single)?,
            b'"' => self.double_quotes(&mut word.parts)?,
            b'\\' => return self.backslash(word),
            b'$' => self.dollar(&mut word.parts, false)?,
            b'`' => self.backticks(&mut word.parts, false)?,
            _ => self.plain(&mut word.parts, false),
        }
        Ok(true)
    }

    /// A backslash outside of quotes; `false` when a continuation ends the word.
    fn backslash(&mut self, word: &mut Word) -> Result<bool, Problem> {
        match self.peek(1) {
            Some(b'\n') => {
                if matches!(self.peek(2), None | Some(b' ' | b'\t' | b'\n')) {
                    return Ok(false);
                }
                if !(joins(self.previous()) && joins(self.peek(2))) {
                    if self.previous().is_some_and(|byte| b" \t\n".contains(&byte)) {
                        return Ok(false);
                    }
                    return Err(self.unsure("a line continuation in the middle of a word"));
                }
                word.continued = true;
                self.at += 2;
            }
            _ => self.escaped(&mut word.parts)?,
        }
        Ok(true)
    }

    /// A backslash and the character it protects.
    pub(super) fn escaped(&mut self, parts: &mut Vec<Part>) -> Result<(), Problem> {
        self.at += 1;
        match self.peek(0) {
            None => return Err(self.unsure("a backslash at the end")),
            Some(MASK) => return Err(self.backslash_before_placeholder()),
            Some(_) => {}
        }
        let character = self.character();
        push_text(parts, &character, true);
        Ok(())
    }

    pub(super) fn backslash_before_placeholder(&self) -> Problem {
        self.unsure("a backslash right before a placeholder")
            .hint("the backslash would protect the reference instead of a character; leave it out or write `\\\\`")
    }

    /// Passes one whole character.
    pub(super) fn character(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while self.peek(0).is_some_and(|byte| byte & 0xC0 == 0x80) {
            self.at += 1;
        }
        self.written(start..self.at)
    }

    /// One character that means nothing here.
    pub(super) fn plain(&mut self, parts: &mut Vec<Part>, quoted: bool) {
        let character = self.character();
        push_text(parts, &character, quoted);
    }

    /// `'...'`.
    pub(super) fn single_quotes(
        &mut self,
        parts: &mut Vec<Part>,
        quoting: Quoting,
    ) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        push_text(parts, "", true);
        loop {
            match self.peek(0) {
                None => return Err(self.unsure_at(start..start + 1, "this quote is not closed")),
                Some(b'\'') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(MASK) => {
                    let index = self.take_placeholder(quoting)?;
                    parts.push(Part::Placeholder { index, quoting });
                }
                Some(b'\\') if quoting == Quoting::Ansi => self.escaped(parts)?,
                Some(_) => self.plain(parts, true),
            }
        }
    }

    /// `"..."`.
    pub(super) fn double_quotes(&mut self, parts: &mut Vec<Part>) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        push_text(parts, "", true);
        loop {
            match self.peek(0) {
                None => return Err(self.unsure_at(start..start + 1, "this quote is not closed")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.quoted_part(parts)?,
            }
        }
    }

    /// One part inside double quotes or a plain here-document.
    pub(super) fn quoted_part(&mut self, parts: &mut Vec<Part>) -> Result<(), Problem> {
        match self.peek(0) {
            Some(MASK) => {
                let quoting = Quoting::Double;
                let index = self.take_placeholder(quoting)?;
                parts.push(Part::Placeholder { index, quoting });
            }
            Some(b'\\') => match self.peek(1) {
                Some(MASK) => return Err(self.backslash_before_placeholder()),
                Some(b'\n') => self.at += 2,
                Some(b'$' | b'`' | b'"' | b'\\') => self.escaped(parts)?,
                _ => self.plain(parts, true),
            },
            Some(b'$') => self.dollar(parts, true)?,
            Some(b'`') => self.backticks(parts, true)?,
            _ => self.plain(parts, true),
        }
        Ok(())
    }

    /// A dollar that is only a dollar. Right before a placeholder it is protected, since it would
    /// take the reference for more.
    pub(super) fn lone_dollar(&mut self, parts: &mut Vec<Part>) -> Result<(), Problem> {
        if self.looking_at("$\\\n") {
            return Err(self.unsure("a line continuation after `$`"));
        }
        if self.peek(1) == Some(MASK) {
            self.parsed.edits.push(Edit {
                range: self.at..self.at,
                text: "\\".to_owned(),
            });
        }
        self.plain(parts, true);
        Ok(())
    }

    /// `{1..{{n}}}`: a shell makes ranges before it knows any value.
    fn refuse_ranges(&self, word: &Word) -> Result<(), Problem> {
        let mut shape = String::new();
        for part in &word.parts {
            match part {
                Part::Text {
                    text,
                    quoted: false,
                } => shape.push_str(text),
                Part::Placeholder {
                    quoting: Quoting::Bare,
                    ..
                } => shape.push('\0'),
                _ => shape.push('"'),
            }
        }
        let range = shape.find('{').map(|at| &shape[at..]);
        if range
            .is_some_and(|rest| rest.contains("..") && rest.contains('\0') && rest.contains('}'))
        {
            let problem = self.unsure_at(
                word.range.clone(),
                "a shell makes ranges in braces before it knows a value",
            );
            return Err(problem.hint("write `$(seq 1 {{n}})`"));
        }
        Ok(())
    }
}

/// Adds text, together with what stands before it when both are quoted alike.
pub(super) fn push_text(parts: &mut Vec<Part>, text: &str, quoted: bool) {
    if let Some(Part::Text {
        text: last,
        quoted: same,
    }) = parts.last_mut()
        && *same == quoted
    {
        last.push_str(text);
        return;
    }
    parts.push(Part::Text {
        text: text.to_owned(),
        quoted,
    });
}
