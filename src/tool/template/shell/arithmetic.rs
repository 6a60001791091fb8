//! Arithmetic: the one place where a shell evaluates what it has already expanded.

use super::super::Problem;
use super::parser::{MASK, Parser};
use super::syntax::{Part, Quoting, Word};
use super::words::push_text;

impl Parser<'_> {
    /// `(( ))`, whose `width` opening parentheses start here.
    pub(super) fn double_parentheses(&mut self, width: usize) -> Result<Word, Problem> {
        let start = self.at;
        self.at += width;
        let expression = self.nested(|parser| parser.arithmetic_until(b")"))?;
        if !self.pass("))") {
            return Err(self
                .unsure_at(start..start + width, "this can be arithmetic or two groups")
                .hint("write a blank between the parentheses when it is no arithmetic"));
        }
        Ok(expression)
    }

    /// An expression up to one of `ends`, which is not passed.
    pub(super) fn arithmetic_until(&mut self, ends: &[u8]) -> Result<Word, Problem> {
        let start = self.at;
        let mut word = Word::default();
        let mut open: Vec<u8> = Vec::new();
        loop {
            let Some(byte) = self.peek(0) else {
                return Err(self.unsure_at(start..start, "this is not closed"));
            };
            if open.is_empty() && ends.contains(&byte) {
                word.range = start..self.at;
                return Ok(word);
            }
            match byte {
                MASK => {
                    self.stands_alone(ends)?;
                    let quoting = Quoting::Arithmetic;
                    let index = self.take_placeholder(quoting)?;
                    word.parts.push(Part::Placeholder { index, quoting });
                }
                b'(' | b'[' => {
                    open.push(if byte == b'(' { b')' } else { b']' });
                    self.plain(&mut word.parts, false);
                }
                b')' | b']' => {
                    if open.pop() != Some(byte) {
                        return Err(self.unsure("this does not belong here"));
                    }
                    self.plain(&mut word.parts, false);
                }
                b'$' => self.dollar(&mut word.parts, true)?,
                b'`' => self.backticks(&mut word.parts, true)?,
                b'"' | b'\'' => self.quotes_in_arithmetic(byte, &mut word)?,
                b'\\' | b'{' | b'}' => return Err(self.unsure("this has no place in arithmetic")),
                _ => {
                    let character = self.character();
                    push_text(&mut word.parts, &character, false);
                }
            }
        }
    }

    /// Quotes, as in `${map["key"]}`; what stands in them is evaluated all the same.
    fn quotes_in_arithmetic(&mut self, quote: u8, word: &mut Word) -> Result<(), Problem> {
        let start = self.at;
        if quote == b'"' {
            self.double_quotes(&mut word.parts)?;
        } else {
            self.single_quotes(&mut word.parts, Quoting::Single)?;
        }
        if self.bytes[start..self.at].contains(&MASK) {
            return Err(self
                .unsure_at(start..self.at, "a placeholder in quotes inside arithmetic")
                .hint("write it without the quotes; it takes an integer"));
        }
        Ok(())
    }

    /// A reference in arithmetic is a bare name: it must not grow together with what is beside it,
    /// and nothing may be assigned to it.
    fn stands_alone(&self, ends: &[u8]) -> Result<(), Problem> {
        const SIGNS: &[u8] = b" \t\n()+-*/%<>=!&|^~?:,;[]";
        let end = self
            .placeholder_here()
            .map_or(self.at, |index| self.placeholders[index].range.end);
        let before = self.at.checked_sub(1).map(|at| self.bytes[at]);
        let after: Vec<u8> = self.bytes[end..self.limit]
            .iter()
            .copied()
            .take(4)
            .collect();
        let fits_before = before.is_none_or(|byte| SIGNS.contains(&byte));
        let fits_after = after
            .first()
            .is_none_or(|byte| SIGNS.contains(byte) || ends.contains(byte));
        let doubled = |pair: &[u8]| pair == b"++" || pair == b"--";
        let changed_before = self.at >= 2 && doubled(&self.bytes[self.at - 2..self.at]);
        let rest = &self.bytes[end..self.limit];
        let blanks = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if fits_before && fits_after && !changed_before && !assigns(&rest[blanks..]) {
            return Ok(());
        }
        Err(self
            .unsure(
                "a placeholder in arithmetic has to stand alone, and nothing can be assigned to it",
            )
            .hint("put blanks or operators around it"))
    }
}

/// Whether an operator that changes its left side comes first.
fn assigns(rest: &[u8]) -> bool {
    let starts = |text: &str| rest.starts_with(text.as_bytes());
    let compares = starts("==") || starts("<=") || starts(">=") || starts("!=");
    let sign = rest
        .iter()
        .take_while(|byte| b"+-*/%&|^<>".contains(byte))
        .count();
    let plain = !compares
        && sign <= 2
        && rest.get(sign) == Some(&b'=')
        && rest.get(sign + 1) != Some(&b'=');
    plain || starts("++") || starts("--")
}
