//! Commands: how words, redirections and reserved words make a script.

use super::super::Problem;
use super::parser::Parser;
use super::syntax::{Body, Command, Pipeline, Script};

/// Words that end a list where a command could begin.
const CLOSERS: [&str; 8] = ["then", "do", "done", "fi", "elif", "else", "esac", "}"];

impl Parser<'_> {
    /// Commands up to whatever closes them.
    pub(super) fn list(&mut self) -> Result<Script, Problem> {
        self.nested(|parser| {
            let mut script = Script::default();
            loop {
                parser.newlines()?;
                if parser.at_end_of_list() {
                    return Ok(script);
                }
                let pipeline = parser.pipeline()?;
                script.pipelines.push(pipeline);
                parser.blanks()?;
                if parser.pass("&&") || parser.pass("||") {
                    parser.newlines()?;
                    if parser.at_end_of_list() {
                        return Err(parser.unsure("a command is missing here"));
                    }
                } else if parser.looking_at(";;") || parser.looking_at(";&") {
                    return Ok(script);
                } else if parser.peek(0) == Some(b'\n') {
                    parser.line_end()?;
                } else if !parser.pass(";") && !parser.pass("&") {
                    return Ok(script);
                }
            }
        })
    }

    fn at_end_of_list(&self) -> bool {
        match self.peek(0) {
            None | Some(b')') => true,
            Some(b';') => self.looking_at(";;") || self.looking_at(";&"),
            _ => self.reserved().is_some_and(|word| CLOSERS.contains(&word)),
        }
    }

    /// The plain word here, when nothing but its letters could make it a reserved one.
    pub(super) fn reserved(&self) -> Option<&str> {
        let rest = &self.bytes[self.at..self.limit];
        let length = rest
            .iter()
            .take_while(|b| !b" \t\n;&|()<>".contains(b))
            .count();
        let word = &rest[..length];
        let plain = word
            .iter()
            .all(|b| b.is_ascii_alphabetic() || b"{}![]".contains(b));
        (plain && length > 0)
            .then(|| str::from_utf8(word).ok())
            .flatten()
    }

    /// Passes a reserved word that has to stand here.
    fn expect(&mut self, word: &str) -> Result<(), Problem> {
        if self.reserved() == Some(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.unsure(format!("`{word}` is missing here")))
    }

    fn pipeline(&mut self) -> Result<Pipeline, Problem> {
        let mut commands = Vec::new();
        loop {
            self.blanks()?;
            match self.reserved() {
                Some("!") => {
                    self.at += 1;
                    continue;
                }
                Some("time") => {
                    self.at += 4;
                    self.blanks()?;
                    self.pass("-p ");
                    continue;
                }
                _ => {}
            }
            commands.push(self.command()?);
            self.blanks()?;
            if self.looking_at("||") || !self.pass("|") {
                return Ok(Pipeline { commands });
            }
            if self.peek(0) == Some(b'&') {
                self.bash(self.at - 1..self.at + 1, "`|&`");
                self.at += 1;
            }
            self.newlines()?;
            if self.at_end_of_list() {
                return Err(self.unsure("a command is missing here"));
            }
        }
    }

    fn command(&mut self) -> Result<Command, Problem> {
        let Some(body) = self.compound()? else {
            return self.simple();
        };
        let mut redirects = Vec::new();
        loop {
            self.blanks()?;
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(Command { body, redirects }),
            }
        }
    }

    /// A command that a reserved word or a parenthesis opens.
    fn compound(&mut self) -> Result<Option<Body>, Problem> {
        let start = self.at;
        if self.looking_at("((") {
            self.bash(start..start + 2, "`(( ))`");
            let expression = self.double_parentheses(2)?;
            let body = Script::default();
            return Ok(Some(Body::Arithmetic { expression, body }));
        }
        if self.pass("(") {
            let outer = std::mem::take(&mut self.pending);
            if !outer.is_empty() {
                return Err(self.unsure("a group on the line of a here-document"));
            }
            let inside = self.list()?;
            self.no_document_pending()?;
            self.close(")")?;
            return Ok(Some(Body::Lists(vec![inside])));
        }
        let Some(word) = self.reserved() else {
            return Ok(None);
        };
        let body = match word {
            "{" => {
                self.at += 1;
                let inside = self.list()?;
                self.expect("}")?;
                Body::Lists(vec![inside])
            }
            "if" => self.conditional()?,
            "while" | "until" => {
                self.at += 5;
                let condition = self.list()?;
                let body = self.loop_body()?;
                Body::Lists(vec![condition, body])
            }
            "for" => self.for_loop(3)?,
            "select" => {
                self.bash(start..start + 6, "`select`");
                self.for_loop(6)?
            }
            "case" => self.case()?,
            "[[" => self.test()?,
            "function" => self.function_with_keyword()?,
            "coproc" => return Err(self.unsure("`coproc` starts a command on its own")),
            word if CLOSERS.contains(&word) || matches!(word, "in" | "]]") => {
                return Err(self.unsure(format!("`{word}` does not belong here")));
            }
            _ => return Ok(None),
        };
        Ok(Some(body))
    }

    pub(super) fn close(&mut self, text: &str) -> Result<(), Problem> {
        if self.pass(text) {
            Ok(())
        } else {
            Err(self.unsure(format!("`{text}` is missing here")))
        }
    }

    fn conditional(&mut self) -> Result<Body, Problem> {
        self.at += 2;
        let mut lists = vec![self.list()?];
        loop {
            self.expect("then")?;
            lists.push(self.list()?);
            match self.reserved() {
                Some("elif") => {
                    self.at += 4;
                    lists.push(self.list()?);
                }
                Some("else") => {
                    self.at += 4;
                    lists.push(self.list()?);
                    self.expect("fi")?;
                    return Ok(Body::Lists(lists));
                }
                _ => {
                    self.expect("fi")?;
                    return Ok(Body::Lists(lists));
                }
            }
        }
    }

    fn loop_body(&mut self) -> Result<Script, Problem> {
        self.newlines()?;
        self.expect("do")?;
        let body = self.list()?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_loop(&mut self, keyword: usize) -> Result<Body, Problem> {
        self.at += keyword;
        self.blanks()?;
        if self.looking_at("((") {
            self.bash(self.at..self.at + 2, "`for (( ))`");
            let expression = self.double_parentheses(2)?;
            self.blanks()?;
            self.pass(";");
            let body = self.loop_body()?;
            return Ok(Body::Arithmetic { expression, body });
        }
        let Some(name) = self.name_here() else {
            return Err(self
                .unsure("a `for` loop needs the name of a variable here")
                .hint("write the name out"));
        };
        self.at += name.len();
        let mut words = Vec::new();
        self.newlines()?;
        if self.reserved() == Some("in") {
            self.at += 2;
            loop {
                self.blanks()?;
                if matches!(self.peek(0), None | Some(b';' | b'\n')) {
                    break;
                }
                words.push(self.word()?);
            }
        }
        self.blanks()?;
        self.pass(";");
        let body = self.loop_body()?;
        Ok(Body::For { name, words, body })
    }

    fn case(&mut self) -> Result<Body, Problem> {
        self.at += 4;
        self.blanks()?;
        let subject = self.word()?;
        self.newlines()?;
        self.expect("in")?;
        let (mut patterns, mut bodies) = (Vec::new(), Vec::new());
        loop {
            self.newlines()?;
            if self.reserved() == Some("esac") {
                self.at += 4;
                return Ok(Body::Case {
                    subject,
                    patterns,
                    bodies,
                });
            }
            self.pass("(");
            loop {
                self.blanks()?;
                patterns.push(self.word()?);
                self.blanks()?;
                if !self.pass("|") {
                    break;
                }
            }
            self.close(")")?;
            bodies.push(self.list()?);
            if self.looking_at(";;&") || self.looking_at(";&") {
                self.bash(self.at..self.at + 2, "`;&`");
            }
            let ended = self.pass(";;&") || self.pass(";;") || self.pass(";&");
            if !ended && self.reserved() != Some("esac") {
                return Err(self.unsure("`;;` is missing here"));
            }
        }
    }

    fn function_with_keyword(&mut self) -> Result<Body, Problem> {
        self.bash(self.at..self.at + 8, "`function`");
        self.at += 8;
        self.blanks()?;
        let name = self.word()?;
        let Some(name) = name.known() else {
            return Err(self.unsure_at(name.range, "a function needs a plain name"));
        };
        self.blanks()?;
        if self.pass("(") {
            self.blanks()?;
            self.close(")")?;
        }
        self.function_body(name)
    }

    pub(super) fn function_body(&mut self, name: String) -> Result<Body, Problem> {
        self.newlines()?;
        let start = self.at;
        let body = Box::new(self.nested(Self::command)?);
        if matches!(body.body, Body::Simple { .. }) {
            return Err(self.unsure_at(start..start, "a function needs a body in braces"));
        }
        Ok(Body::Function { name, body })
    }
}
