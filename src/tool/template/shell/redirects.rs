//! Redirections, and `[[ ]]`, in which the same characters are operators.

use super::super::Problem;
use super::parser::Parser;
use super::syntax::{Body, Part, Redirect, Word};

impl Parser<'_> {
    /// A redirection, when one starts here.
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, Problem> {
        const OPERATORS: [&str; 13] = [
            "<<<", "<<-", "<<", "<&", "<>", "<", "&>>", "&>", ">>", ">&", ">|", ">", "",
        ];
        let start = self.at;
        let digits = self.bytes[start..self.limit]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        self.at += digits;
        let is_process = self.looking_at("<(") || self.looking_at(">(");
        let operator = OPERATORS
            .iter()
            .find(|known| self.looking_at(known))
            .copied()
            .unwrap_or("");
        if operator.is_empty() || (is_process && digits == 0) {
            self.at = start;
            return Ok(None);
        }
        if is_process || (digits > 0 && operator.starts_with('&')) {
            self.at = start;
            return if is_process {
                Err(self.unsure("this is not clear"))
            } else {
                Ok(None)
            };
        }
        self.at += operator.len();
        match operator {
            "<<<" => self.bash(start..self.at, "`<<<`"),
            "&>" | "&>>" => self.bash(start..self.at, "`&>`"),
            _ => {}
        }
        self.blanks()?;
        if operator == "<<" || operator == "<<-" {
            return self.document_redirect(operator).map(Some);
        }
        let target = self.word()?;
        if operator == ">&" {
            let plain = target
                .known()
                .is_some_and(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
            if !plain && target.known().is_some() {
                self.bash(start..self.at, "`>&` with a file");
            }
        }
        Ok(Some(Redirect {
            operator: operator.to_owned(),
            target,
            document: None,
        }))
    }

    /// `[[ ]]`, as a row of words.
    pub(super) fn test(&mut self) -> Result<Body, Problem> {
        self.bash(self.at..self.at + 2, "`[[ ]]`");
        self.at += 2;
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.newlines()?;
            let start = self.at;
            if self.reserved() == Some("]]") {
                self.at += 2;
                return Ok(Body::Test(words));
            }
            let operator = ["&&", "||", "(", ")", "<", ">"]
                .iter()
                .find(|known| self.looking_at(known));
            let after_match = words.last().and_then(Word::known).as_deref() == Some("=~");
            if let Some(operator) = operator.filter(|known| !(after_match && **known == "(")) {
                self.at += operator.len();
                words.push(Word {
                    parts: vec![Part::Text {
                        text: (*operator).to_owned(),
                        quoted: false,
                    }],
                    range: start..self.at,
                    continued: false,
                });
                continue;
            }
            if self.peek(0).is_none() || matches!(self.peek(0), Some(b';' | b'&' | b'|')) {
                return Err(self.unsure("`]]` is missing here"));
            }
            let word = if after_match {
                self.regular_expression()?
            } else {
                self.word()?
            };
            words.push(word);
        }
    }
}
