//! What `$`, backticks and `<( )` start.

use super::super::Problem;
use super::parser::{MASK, Parser};
use super::syntax::{Operation, Parameter, Part, Quoting, Word};
use super::words::push_text;

impl Parser<'_> {
    /// Whatever the `$` here starts.
    pub(super) fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), Problem> {
        let start = self.at;
        match self.peek(1) {
            Some(b'(') if self.peek(2) == Some(b'(') => {
                self.at += 1;
                let expression = self.double_parentheses(2)?;
                parts.push(Part::Arithmetic(expression));
            }
            Some(b'(') => {
                self.at += 1;
                let script = self.parentheses()?;
                parts.push(Part::Command { script, quoted });
            }
            Some(b'[') => {
                self.bash(start..start + 2, "`$[ ]`");
                self.at += 2;
                let expression = self.arithmetic_until(b"]")?;
                self.at += 1;
                parts.push(Part::Arithmetic(expression));
            }
            Some(b'{') => {
                self.at += 2;
                let parameter = self.nested(|parser| parser.braced(start, quoted))?;
                parts.push(Part::Parameter(parameter));
            }
            Some(b'\'') if !quoted => {
                self.bash(start..start + 2, "`$'...'`");
                self.at += 1;
                self.single_quotes(parts, Quoting::Ansi)?;
            }
            Some(b'"') if !quoted => {
                return Err(self.unsure("`$\"...\"` is translated before it is used"));
            }
            Some(byte) if byte.is_ascii_alphanumeric() || b"_@*#?-$!".contains(&byte) => {
                self.at += 1;
                let name = self.parameter_name()?;
                parts.push(Part::Parameter(Parameter {
                    name,
                    quoted,
                    operation: Operation::Value,
                    subscript: None,
                    operands: Vec::new(),
                    range: start..self.at,
                }));
            }
            _ => self.lone_dollar(parts)?,
        }
        Ok(())
    }

    /// A name or a special parameter.
    fn parameter_name(&mut self) -> Result<String, Problem> {
        if let Some(name) = self.name_here() {
            self.at += name.len();
            if self.looking_at("\\\n") {
                return Err(self.unsure("a line continuation in the name of a variable"));
            }
            return Ok(name);
        }
        Ok(self.character())
    }

    /// The list in the parentheses that open here.
    fn parentheses(&mut self) -> Result<super::syntax::Script, Problem> {
        let outer = std::mem::take(&mut self.pending);
        self.at += 1;
        let script = self.list()?;
        self.no_document_pending()?;
        self.pending = outer;
        if self.pass(")") {
            Ok(script)
        } else {
            Err(self.unsure("`)` is missing here"))
        }
    }

    /// `<( )` or `>( )`.
    pub(super) fn process(&mut self, word: &mut Word, start: usize) -> Result<(), Problem> {
        if start < self.at && self.bytes[start..self.at].iter().all(u8::is_ascii_digit) {
            return Err(self.unsure("this is not clear"));
        }
        self.bash(self.at..self.at + 2, "`<( )`");
        self.at += 1;
        let script = self.parentheses()?;
        word.parts.push(Part::Process(script));
        Ok(())
    }

    /// A command in backticks.
    pub(super) fn backticks(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), Problem> {
        let start = self.at;
        let rest = &self.bytes[start + 1..self.limit];
        let Some(length) = rest.iter().position(|byte| *byte == b'`') else {
            return Err(self.unsure("this backtick is not closed"));
        };
        let inside = start + 1..start + 1 + length;
        let content = &self.bytes[inside.clone()];
        let is_simple = !content.contains(&b'\\') && !content.windows(2).any(|w| w == b"<<");
        let is_plain = !quoted || !(content.contains(&b'"') || content.contains(&MASK));
        if !is_simple || !is_plain || self.in_backticks {
            return Err(self
                .unsure_at(
                    start..start + 1,
                    "these backticks can be read in more than one way",
                )
                .hint("write `$( )` instead of backticks"));
        }
        let (limit, outer) = (self.limit, std::mem::take(&mut self.pending));
        (self.at, self.limit, self.in_backticks) = (inside.start, inside.end, true);
        let script = self.list()?;
        if self.at < self.limit {
            return Err(self.unsure("this does not belong here"));
        }
        self.no_document_pending()?;
        (self.at, self.limit, self.in_backticks) = (inside.end + 1, limit, false);
        self.pending = outer;
        parts.push(Part::Command { script, quoted });
        Ok(())
    }

    /// `${...}`, after its brace.
    fn braced(&mut self, start: usize, quoted: bool) -> Result<Parameter, Problem> {
        let mut parameter = Parameter {
            name: String::new(),
            quoted,
            operation: Operation::Value,
            subscript: None,
            operands: Vec::new(),
            range: start..start,
        };
        if self.peek(0) == Some(b'#') && self.peek(1) != Some(b'}') {
            self.at += 1;
            parameter.operation = Operation::Length;
        } else if self.peek(0) == Some(b'!') && self.peek(1) != Some(b'}') {
            self.bash(start..start + 3, "`${!name}`");
            self.at += 1;
            parameter.operation = Operation::Indirect;
        }
        if self.peek(0) == Some(MASK) {
            return Err(self
                .unsure("a caller's value would name a variable here")
                .hint("choose with `case` and write the names out"));
        }
        parameter.name = self.braced_name()?;
        if self.peek(0) == Some(b'[') {
            self.bash(start..self.at + 1, "an array");
            self.at += 1;
            let subscript = self.arithmetic_until(b"]")?;
            self.at += 1;
            parameter.subscript = Some(subscript);
        }
        if parameter.operation == Operation::Value {
            self.operation(&mut parameter)?;
        } else if parameter.operation == Operation::Indirect {
            let _matches_names = self.pass("@") || self.pass("*");
        }
        if !self.pass("}") {
            return Err(self.unsure("`}` is missing here"));
        }
        parameter.range = start..self.at;
        Ok(parameter)
    }

    fn braced_name(&mut self) -> Result<String, Problem> {
        if let Some(name) = self.name_here() {
            self.at += name.len();
            return Ok(name);
        }
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start && self.peek(0).is_some_and(|byte| b"@*#?-$!".contains(&byte)) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unsure("the name of a variable is missing here"));
        }
        Ok(self.written(start..self.at))
    }

    fn operation(&mut self, parameter: &mut Parameter) -> Result<(), Problem> {
        let start = self.at;
        let colon = self.pass(":");
        let Some(byte) = self.peek(0) else {
            return Err(self.unsure("`}` is missing here"));
        };
        match byte {
            b'-' | b'+' | b'?' | b'=' => {
                self.at += 1;
                parameter.operation = if byte == b'=' {
                    Operation::Assign
                } else {
                    Operation::Default
                };
                let operand = self.operand(parameter.quoted, false, b"}")?;
                parameter.operands.push(operand);
            }
            _ if colon => {
                self.bash(start..self.at, "`${name:offset}`");
                parameter.operation = Operation::Slice;
                parameter.operands.push(self.arithmetic_until(b":}")?);
                if self.pass(":") {
                    parameter.operands.push(self.arithmetic_until(b"}")?);
                }
            }
            b'#' | b'%' | b'^' | b',' => {
                if matches!(byte, b'^' | b',') {
                    self.bash(start..start + 1, "`${name^}`");
                }
                let sign = char::from(byte).to_string();
                self.pass(&sign);
                self.pass(&sign);
                parameter.operation = Operation::Pattern;
                let operand = self.operand(parameter.quoted, true, b"}")?;
                parameter.operands.push(operand);
            }
            b'/' => {
                self.bash(start..start + 1, "`${name/pattern/text}`");
                self.pass("/");
                let _all = self.pass("/") || self.pass("#") || self.pass("%");
                parameter.operation = Operation::Pattern;
                let pattern = self.operand(parameter.quoted, true, b"/}")?;
                parameter.operands.push(pattern);
                if self.pass("/") {
                    let text = self.operand(parameter.quoted, true, b"}")?;
                    parameter.operands.push(text);
                }
            }
            b'@' => {
                self.bash(start..start + 1, "`${name@}`");
                self.at += 1;
                let is_prompt = self.peek(0) == Some(b'P');
                parameter.operation = if is_prompt {
                    Operation::Prompt
                } else {
                    Operation::Transform
                };
                self.character();
            }
            _ => {}
        }
        Ok(())
    }

    /// The operand of `${name...}`, up to one of `ends`. Inside double quotes a single quote is
    /// only a character, unless the operand is a pattern.
    fn operand(&mut self, quoted: bool, pattern: bool, ends: &[u8]) -> Result<Word, Problem> {
        let start = self.at;
        let mut word = Word::default();
        let quoting = match (pattern, quoted) {
            (true, _) => Quoting::Pattern,
            (false, true) => Quoting::Double,
            (false, false) => Quoting::Bare,
        };
        loop {
            let Some(byte) = self.peek(0) else {
                return Err(self.unsure("`}` is missing here"));
            };
            if ends.contains(&byte) {
                word.range = start..self.at;
                return Ok(word);
            }
            match byte {
                MASK => {
                    let index = self.take_placeholder(quoting)?;
                    word.parts.push(Part::Placeholder { index, quoting });
                }
                b'"' if quoted && !pattern => {
                    return Err(
                        self.unsure("quotes inside quotes are read differently by every shell")
                    );
                }
                b'\'' if quoted && pattern => {
                    return Err(
                        self.unsure("quotes inside quotes are read differently by every shell")
                    );
                }
                b'\'' if !quoted => self.single_quotes(&mut word.parts, Quoting::Single)?,
                b'"' => self.double_quotes(&mut word.parts)?,
                b'\\' if self.peek(1) == Some(b'\n') => {
                    return Err(self.unsure("a line continuation here"));
                }
                b'\\' => self.escaped(&mut word.parts)?,
                b'$' => self.dollar(&mut word.parts, quoted)?,
                b'`' => self.backticks(&mut word.parts, quoted)?,
                b'<' | b'>' if self.peek(1) == Some(b'(') => {
                    return Err(self.unsure("this is not clear"));
                }
                _ => {
                    let character = self.character();
                    push_text(&mut word.parts, &character, quoted);
                }
            }
        }
    }
}
