//! What programs make of their arguments: which words are code, which name a program, and where a
//! leading `-` would turn a value into an option.
//!
//! This is knowledge about programs, shared by argument lists and shell text. It never looks at
//! quoting, and never at values.

mod carriers;
mod language_table;
mod languages;
mod option_tables;
mod options;
mod shells;
mod variables;
mod word;
mod wrappers;

use language_table::Language;
pub(super) use variables::is_code_variable;
pub(super) use word::{DYNAMIC, HOLE, Word};

/// What a program does with its standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StandardInput {
    /// Reads it as data, or not at all.
    #[default]
    Data,
    /// Runs it as a shell script.
    Shell,
    /// Runs it as a program of this language.
    Language(&'static str),
}

/// Why a word is worth a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// It names the program that runs.
    Program,
    /// A second shell reads it as code.
    Shell(String),
    /// It is program text of another language.
    Language(&'static str),
    /// A builtin takes it as the name of a variable.
    Name(String),
    /// Refused for a reason of its own: message and hint.
    Refused(String, String),
    /// Allowed, with a warning: message and hint.
    Warned(String, String),
    /// Allowed while the value at the call keeps the guard.
    Guarded(Guard),
}

/// What a value may not look like, because the program would read it as an option.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Guard {
    /// The program that would.
    pub(super) program: String,
    /// The characters that mean something at the start: `-`, and for `find` also `(` and `!`.
    pub(super) starts: &'static str,
    /// Whether a `|` at an end makes a file name a command, as for `perl`.
    pub(super) pipe: bool,
    /// Whether an `=` makes it an assignment, as for `make`.
    pub(super) assignment: bool,
}

/// What became of the words of one command.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    /// Remarks, each with the index of its word.
    pub(super) remarks: Vec<(usize, Remark)>,
    /// What the program that runs in the end does with its input.
    pub(super) standard_input: StandardInput,
    /// The name of that program, when it is written out.
    pub(super) program: Option<String>,
    /// Its index.
    pub(super) program_index: usize,
    /// The index of the word a second shell runs as code.
    pub(super) code: Option<usize>,
    /// From this word on everything is data, or guarded word by word, however many words there are.
    data_from: Option<usize>,
}

/// Looks at a whole command, its program first. `is_own` says which names the script defines
/// itself.
pub(super) fn analyse(words: &[Word], is_own: &dyn Fn(&str) -> bool) -> Analysis {
    let mut analyst = Analyst {
        words,
        is_own,
        analysis: Analysis::default(),
        depth: 0,
    };
    analyst.command(0);
    analyst.lists();
    analyst.analysis
}

struct Analyst<'a> {
    words: &'a [Word],
    is_own: &'a dyn Fn(&str) -> bool,
    analysis: Analysis,
    depth: usize,
}

impl Analyst<'_> {
    fn remark(&mut self, word: usize, remark: Remark) {
        self.analysis.remarks.push((word, remark));
    }

    /// Remarks on `word` when a caller has a say in it.
    fn when_open(&mut self, word: usize, remark: Remark) {
        if self.words.get(word).is_some_and(Word::is_open) {
            self.remark(word, remark);
        }
    }

    /// Remarks on every word from `from` on in which a caller has a say.
    fn each_open(&mut self, from: usize, remark: &Remark) {
        for index in from..self.words.len() {
            self.when_open(index, remark.clone());
        }
    }

    /// Refuses lists before the words whose number does not matter.
    fn lists(&mut self) {
        let data_from = self.analysis.data_from.unwrap_or(usize::MAX);
        for index in 0..self.words.len().min(data_from) {
            if self.words[index].several {
                let message = "a list here could move what stands behind it".to_owned();
                let hint =
                    "put it after the words that decide what runs, or pass one value".to_owned();
                self.remark(index, Remark::Refused(message, hint));
            }
        }
    }

    /// Notes that no word from `from` on decides what runs.
    fn data_from(&mut self, from: usize) {
        self.analysis.data_from = Some(from);
    }

    /// The command that starts at `from`.
    fn command(&mut self, from: usize) {
        self.depth += 1;
        let Some(word) = self.words.get(from) else {
            return;
        };
        if word.is_open() {
            self.remark(from, Remark::Program);
            return;
        }
        if !word.is_static() {
            if word.vanishes {
                self.after_a_vanishing_word(from + 1);
            }
            self.unknown_program(from);
            // A closed value or a quoted variable names a program nobody knows here.
            self.data_from(from + 1);
            return;
        }
        let name = word.text.clone();
        let base = name.rsplit('/').next().unwrap_or_default().to_owned();
        self.analysis.program = Some(base.clone());
        self.analysis.program_index = from;
        if (self.is_own)(&name) {
            self.data_from(from + 1);
            return;
        }
        self.known(&name, &base, from);
    }

    /// A name that is put together, and `-c` after one that is a variable.
    fn unknown_program(&mut self, from: usize) {
        let name = &self.words[from].text;
        let is_mixed = !name.contains('/') && name.chars().any(|c| c != DYNAMIC && c != HOLE);
        if is_mixed && name.contains(DYNAMIC) {
            let message =
                "the name of the program here is put together when the script runs".to_owned();
            let hint = "write the program's name out".to_owned();
            self.each_open(from + 1, &Remark::Refused(message, hint));
        }
        for index in from + 1..self.words.len() {
            if self.words[index].text == "-c" {
                self.when_open(index + 1, Remark::Language("another language's"));
            }
        }
    }

    fn after_a_vanishing_word(&mut self, next: usize) {
        let starts_like_an_option = self
            .words
            .get(next)
            .is_some_and(|word| word.text.starts_with('-'));
        if !starts_like_an_option {
            self.command(next);
        }
    }

    /// A command whose name is written out.
    fn known(&mut self, name: &str, base: &str, from: usize) {
        if wrappers::apply(self, base, from)
            || shells::apply(self, base, from)
            || carriers::apply(self, base, from)
        {
            return;
        }
        if let Some(language) = Language::of(base) {
            languages::apply(self, language, base, from);
            return;
        }
        options::apply(self, name, base, from);
    }
}
