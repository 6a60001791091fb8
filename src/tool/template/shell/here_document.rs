//! Here-documents.
//!
//! With a plain delimiter the body is like a text in double quotes. With a quoted one nothing in it
//! is special, so a placeholder needs the delimiter to become plain: a fresh one that no line
//! equals, with everything protected that means something in a plain body.

use super::super::Problem;
use super::parser::{Edit, MASK, Parser, Pending};
use super::syntax::{Part, Quoting, Redirect, Word};

impl Parser<'_> {
    /// The rest of `<<` or `<<-`: its delimiter.
    pub(super) fn document_redirect(&mut self, operator: &str) -> Result<Redirect, Problem> {
        let word = self.word()?;
        let written = self.written(word.range.clone());
        let Some(delimiter) = word.known().filter(|_| !written.contains(['$', '`', '\n'])) else {
            return Err(self.unsure_at(
                word.range,
                "the delimiter of a here-document has to be plain",
            ));
        };
        if delimiter.is_empty() || self.in_backticks {
            return Err(self.unsure_at(word.range, "a here-document is not clear here"));
        }
        let number = self.documents.len();
        self.documents.push(Word::default());
        self.pending.push(Pending {
            number,
            delimiter,
            written: word.range.clone(),
            quoted: written.contains(['\'', '"', '\\']),
            strips_tabs: operator == "<<-",
        });
        Ok(Redirect {
            operator: operator.to_owned(),
            target: Word {
                range: word.range,
                ..Word::default()
            },
            document: Some(number),
        })
    }

    /// Refuses a here-document that has not come when its commands end.
    pub(super) fn no_document_pending(&self) -> Result<(), Problem> {
        match self.pending.first() {
            None => Ok(()),
            Some(pending) => Err(self.unsure_at(
                pending.written.clone(),
                format!(
                    "the here-document that ends with `{}` is missing",
                    pending.delimiter
                ),
            )),
        }
    }

    /// Reads the bodies that begin here.
    pub(super) fn read_documents(&mut self) -> Result<(), Problem> {
        for pending in std::mem::take(&mut self.pending) {
            let (body, end_line) = self.body_of(&pending)?;
            let word = if pending.quoted {
                self.quoted_body(&pending, body.clone(), end_line.clone())?
            } else {
                self.plain_body(body.clone())?
            };
            self.documents[pending.number] = word;
            // The line end after the delimiter is left for the list that goes on.
            self.at = end_line.end;
        }
        Ok(())
    }

    /// The bytes of the body, and of the delimiter on its last line.
    fn body_of(
        &self,
        pending: &Pending,
    ) -> Result<(std::ops::Range<usize>, std::ops::Range<usize>), Problem> {
        let start = if self.bytes.get(self.at) == Some(&b'\n')
            && self.at > 0
            && self.bytes[self.at - 1] != b'\n'
        {
            // A second document begins after the line end that the first one left.
            self.at + 1
        } else {
            self.at
        };
        let mut line = start;
        while line < self.limit {
            let length = self.bytes[line..self.limit]
                .iter()
                .position(|byte| *byte == b'\n');
            let end = length.map_or(self.limit, |length| line + length);
            let tabs = self.bytes[line..end]
                .iter()
                .take_while(|byte| **byte == b'\t')
                .count();
            let text = line + if pending.strips_tabs { tabs } else { 0 };
            if &self.bytes[text..end] == pending.delimiter.as_bytes() {
                let joined = !pending.quoted && ends_in_backslash(&self.bytes[start..line]);
                if joined {
                    return Err(self.unsure_at(
                        text..end,
                        "a line continuation before the end of a here-document",
                    ));
                }
                return Ok((start..line, text..end));
            }
            line = end + 1;
        }
        Err(self.unsure_at(
            pending.written.clone(),
            format!("no line `{}` ends this here-document", pending.delimiter),
        ))
    }

    fn plain_body(&mut self, body: std::ops::Range<usize>) -> Result<Word, Problem> {
        let limit = self.limit;
        (self.at, self.limit) = (body.start, body.end);
        let mut word = Word {
            range: body,
            ..Word::default()
        };
        while self.peek(0).is_some() {
            if self.looking_at("\\\"") {
                // A quote is not special here, so the backslash stays.
                self.plain(&mut word.parts, true);
            } else {
                self.quoted_part(&mut word.parts)?;
            }
        }
        let in_pattern = word.parts.iter().any(holds_a_pattern);
        if in_pattern {
            return Err(self
                .unsure_at(
                    word.range,
                    "a placeholder in a pattern inside a here-document",
                )
                .hint("put the result into a variable first"));
        }
        self.limit = limit;
        Ok(word)
    }

    fn quoted_body(
        &mut self,
        pending: &Pending,
        body: std::ops::Range<usize>,
        end_line: std::ops::Range<usize>,
    ) -> Result<Word, Problem> {
        let limit = self.limit;
        let has_placeholder = self.bytes[body.clone()].contains(&MASK);
        (self.at, self.limit) = (body.start, body.end);
        let mut word = Word {
            range: body.clone(),
            ..Word::default()
        };
        while let Some(byte) = self.peek(0) {
            if byte == MASK {
                let quoting = Quoting::QuotedDocument;
                let index = self.take_placeholder(quoting)?;
                word.parts.push(Part::Placeholder { index, quoting });
                continue;
            }
            if has_placeholder && matches!(byte, b'\\' | b'$' | b'`') {
                self.parsed.edits.push(Edit {
                    range: self.at..self.at,
                    text: "\\".to_owned(),
                });
            }
            self.plain(&mut word.parts, true);
        }
        self.limit = limit;
        if has_placeholder {
            let fresh = self.fresh_delimiter(pending.number);
            for range in [pending.written.clone(), end_line] {
                self.parsed.edits.push(Edit {
                    range,
                    text: fresh.clone(),
                });
            }
        }
        Ok(word)
    }

    /// A delimiter that occurs nowhere in the text.
    fn fresh_delimiter(&self, number: usize) -> String {
        let text = self.written(0..self.bytes.len());
        let mut fresh = format!("RUNNER_END_{number}");
        while text.contains(&fresh) {
            fresh.push('_');
        }
        fresh
    }
}

fn ends_in_backslash(body: &[u8]) -> bool {
    let Some(body) = body.strip_suffix(b"\n") else {
        return false;
    };
    body.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether a placeholder stands in a pattern of a parameter in this part.
fn holds_a_pattern(part: &Part) -> bool {
    let Part::Parameter(parameter) = part else {
        return false;
    };
    parameter
        .operands
        .iter()
        .flat_map(|operand| &operand.parts)
        .any(|part| {
            matches!(
                part,
                Part::Placeholder {
                    quoting: Quoting::Pattern,
                    ..
                }
            ) || holds_a_pattern(part)
        })
}
