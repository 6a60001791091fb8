//! What a command does with the text it is fed, and with code it runs in a second shell.

use super::super::programs::{Analysis, StandardInput};
use super::super::{Problem, reasons};
use super::check::{self, Checker, Source};
use super::parser;
use super::syntax::Word;
use super::taint::{Taint, is_open};

impl Checker<'_> {
    /// The constant code of a second shell: what it does with the values it is handed.
    pub(super) fn nested_code(&mut self, analysis: &Analysis, words: &[Word]) {
        let Some(code) = analysis.code.and_then(|index| words.get(index)) else {
            return;
        };
        let Some(parsed) = code.known().and_then(|text| parser::parse(&text, &[]).ok()) else {
            return;
        };
        let index = analysis.code.unwrap_or_default();
        let is_fed = words[index + 1..]
            .iter()
            .any(|word| self.source_in_word(word).is_some());
        let mut carriers = self.taint.carriers();
        carriers.extend(is_fed.then(|| "@".to_owned()));
        let taint = Taint::follow(&parsed.tree, &[], &carriers);
        let inside = check::check(&parsed.tree, &[], &taint, self.safety);
        for mut problem in inside.problems {
            problem.range = code.range.clone();
            self.push(problem);
        }
    }

    /// An alias changes what later words are, after the script was looked at.
    pub(super) fn aliases(&mut self, analysis: &Analysis, command: &Word) {
        let any_open = self.placeholders.iter().any(is_open);
        if analysis.program.as_deref() == Some("alias") && any_open {
            self.push(
                Problem::error(
                    command.range.clone(),
                    "an alias changes what the rest of the script means",
                )
                .hint("write a function"),
            );
        }
    }

    /// What a program does with what is fed to it.
    pub(super) fn standard_input(
        &mut self,
        analysis: &Analysis,
        feed: Option<&Source>,
        command: &Word,
    ) {
        let Some(feed) = feed else {
            return;
        };
        let range = feed.range.clone();
        match analysis.standard_input {
            StandardInput::Data => {}
            StandardInput::Shell => {
                let program = analysis.program.clone().unwrap_or_default();
                self.push(reasons::shell(range, &program, &feed.name));
            }
            StandardInput::Language(text) => {
                let problem = reasons::language(range, text, self.safety);
                self.push(problem);
            }
        }
        if command.known().as_deref() == Some("xargs") {
            let runs_code = analysis.standard_input != StandardInput::Data
                || analysis.program.as_deref().is_some_and(|name| {
                    matches!(
                        name,
                        "sh" | "bash"
                            | "dash"
                            | "ssh"
                            | "eval"
                            | "env"
                            | "python"
                            | "python3"
                            | "perl"
                    )
                });
            let problem = if runs_code {
                reasons::shell(feed.range.clone(), "xargs", &feed.name)
            } else {
                Problem::warning(feed.range.clone(), "`xargs` makes several arguments of one value")
                    .hint("pass the value as an argument, or use `xargs -0` with `--` before the arguments")
            };
            self.push(problem);
        }
    }
}
