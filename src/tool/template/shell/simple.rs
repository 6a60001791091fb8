//! Simple commands: assignments and words.

use super::super::Problem;
use super::parser::Parser;
use super::syntax::{Assignment, Body, Command, Part, Word};

impl Parser<'_> {
    pub(super) fn simple(&mut self) -> Result<Command, Problem> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        let start = self.at;
        loop {
            self.blanks()?;
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            match self.peek(0) {
                None | Some(b'\n' | b';' | b'&' | b'|' | b')') => break,
                Some(b'(') => {
                    let name = words.first().and_then(Word::known);
                    match name {
                        Some(name) if words.len() == 1 && assignments.is_empty() => {
                            self.at += 1;
                            self.blanks()?;
                            self.close(")")?;
                            let body = self.function_body(name)?;
                            return Ok(Command { body, redirects });
                        }
                        _ => return Err(self.unsure("a parenthesis does not belong here")),
                    }
                }
                _ => {}
            }
            if words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                assignments.push(assignment);
                continue;
            }
            words.push(self.argument(&words)?);
        }
        if words.is_empty() && assignments.is_empty() && redirects.is_empty() {
            return Err(self.unsure_at(start..start + 1, "a command is missing here"));
        }
        if let Some(what) = only_in_bash(&words) {
            self.bash(start..self.at, what);
        }
        Ok(Command {
            body: Body::Simple { assignments, words },
            redirects,
        })
    }

    /// A word of a simple command; `before` are those that came already.
    fn argument(&mut self, before: &[Word]) -> Result<Word, Problem> {
        let declares = before.first().and_then(Word::known).is_some_and(|name| {
            matches!(
                name.as_str(),
                "declare" | "typeset" | "local" | "readonly" | "export"
            )
        });
        if declares && let Some(name) = self.name_here() {
            let start = self.at;
            self.at += name.len();
            self.pass("+");
            if self.pass("=") && self.peek(0) == Some(b'(') {
                let mut word = self.list_value(start)?;
                word.range = start..self.at;
                return Ok(word);
            }
            self.at = start;
        }
        let word = self.word()?;
        if word.continued && before.is_empty() {
            return Err(self.unsure_at(word.range, "a line continuation in the middle of a word"));
        }
        Ok(word)
    }

    /// `declare name=( )`, as one word in which every placeholder stands in a list.
    fn list_value(&mut self, start: usize) -> Result<Word, Problem> {
        self.bash(start..self.at, "an array");
        let text = self.written(start..self.at);
        let mut whole = Word::default();
        whole.parts.push(Part::Text {
            text: format!("{text}("),
            quoted: false,
        });
        for value in self.array_values()? {
            whole.parts.extend(value.parts);
        }
        Ok(whole)
    }

    /// An assignment, when one starts here.
    fn assignment(&mut self) -> Result<Option<Assignment>, Problem> {
        let Some(name) = self.name_here() else {
            return Ok(None);
        };
        let start = self.at;
        self.at += name.len();
        let mut subscript = None;
        if self.peek(0) == Some(b'[') {
            let closing = self.bytes[self.at..self.limit]
                .windows(2)
                .any(|w| w == b"]=")
                || self.bytes[self.at..self.limit]
                    .windows(3)
                    .any(|w| w == b"]+=");
            if !closing {
                self.at = start;
                return Ok(None);
            }
            self.bash(start..self.at, "an array");
            self.at += 1;
            subscript = Some(self.arithmetic_until(b"]")?);
            self.at += 1;
        }
        if self.looking_at("+=") {
            self.bash(start..self.at + 2, "`+=`");
            self.at += 1;
        }
        if !self.pass("=") {
            if subscript.is_some() {
                return Err(self.unsure_at(start..self.at, "this is not clear"));
            }
            self.at = start;
            return Ok(None);
        }
        let is_list = self.peek(0) == Some(b'(');
        let values = if is_list {
            self.bash(start..self.at + 1, "an array");
            self.array_values()?
        } else if matches!(
            self.peek(0),
            None | Some(b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' | b'<' | b'>')
        ) {
            Vec::new()
        } else {
            vec![self.word()?]
        };
        Ok(Some(Assignment {
            name,
            subscript,
            values,
            is_list,
        }))
    }

    fn array_values(&mut self) -> Result<Vec<Word>, Problem> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.newlines()?;
            if self.pass(")") {
                return Ok(values);
            }
            if self.peek(0) == Some(b'[') {
                self.at += 1;
                values.push(self.subscript_word()?);
            }
            if matches!(
                self.peek(0),
                None | Some(b';' | b'&' | b'|' | b'(' | b'<' | b'>')
            ) {
                return Err(self.unsure("a list is not closed here"));
            }
            if !matches!(self.peek(0), Some(b' ' | b'\t' | b'\n' | b')')) {
                values.push(self.word()?);
            }
        }
    }

    /// The `[subscript]=` of a list's element, as a word that holds arithmetic.
    fn subscript_word(&mut self) -> Result<Word, Problem> {
        let start = self.at;
        let inside = self.arithmetic_until(b"]")?;
        self.at += 1;
        if !self.pass("=") && !self.pass("+=") {
            return Err(self.unsure("`=` is missing here"));
        }
        Ok(Word {
            parts: vec![Part::Arithmetic(inside)],
            range: start..self.at,
            continued: false,
        })
    }
}

/// What only bash has among builtins and their options.
fn only_in_bash(words: &[Word]) -> Option<&'static str> {
    let mut known = words.iter().map(|word| word.known().unwrap_or_default());
    let name = known.next()?;
    let rest: Vec<String> = known.collect();
    let has = |wanted: &str| rest.iter().any(|word| word == wanted);
    let option = |letters: &[char]| {
        rest.first()
            .is_some_and(|word| word.starts_with('-') && word.contains(letters))
    };
    match name.as_str() {
        "[" | "test" if has("==") => Some("`==` in `[ ]`"),
        "set" if has("pipefail") => Some("`set -o pipefail`"),
        "echo" if option(&['e']) && rest[0].len() < 4 => Some("`echo -e`"),
        "read" if option(&['a', 'd', 'n', 'N', 'p', 't', 'u', 's', 'i']) => {
            Some("an option of `read`")
        }
        "printf" if option(&['v']) => Some("`printf -v`"),
        "source" => Some("`source`"),
        "declare" | "typeset" => Some("`declare`"),
        "shopt" => Some("`shopt`"),
        "mapfile" | "readarray" => Some("`mapfile`"),
        "let" => Some("`let`"),
        "pushd" | "popd" => Some("`pushd`"),
        _ => None,
    }
}
