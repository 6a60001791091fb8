//! Programs that read program text of a language of their own.

use super::language_table::{Language, Operands};
use super::{Analyst, Remark, StandardInput};

/// Looks at the command at `from`, which runs `language`.
pub(super) fn apply(
    analyst: &mut Analyst<'_>,
    language: &'static Language,
    base: &str,
    from: usize,
) {
    let mut reader = Reader {
        language,
        base,
        operands: 0,
        has_text: false,
        index: from + 1,
    };
    reader.read(analyst);
    let lacks_text = match language.operands {
        Operands::FileThenText => reader.operands < 2 && !reader.has_text,
        Operands::Script | Operands::Text => !reader.has_text && reader.operands == 0,
        Operands::Names => !reader.has_text,
    };
    if language.reads_input && lacks_text {
        analyst.analysis.standard_input = StandardInput::Language(language.text);
    }
}

struct Reader<'a> {
    language: &'static Language,
    base: &'a str,
    operands: usize,
    has_text: bool,
    index: usize,
}

impl Reader<'_> {
    fn read(&mut self, analyst: &mut Analyst<'_>) {
        let mut options = true;
        while let Some(word) = analyst.words.get(self.index) {
            let start = word.known_start();
            if options && word.is_static() && start == "--" {
                options = false;
                self.index += 1;
            } else if options && start.starts_with('-') && (start.len() > 1 || word.text.len() > 1)
            {
                if self.option(analyst) {
                    return;
                }
            } else {
                if options {
                    super::options::guard(analyst, self.index, self.base);
                }
                if self.operand(analyst) {
                    return;
                }
                let permutes = !matches!(self.language.operands, Operands::Script)
                    && self.language.text != "awk";
                options &= permutes;
            }
        }
    }

    /// One option; `true` when everything after it belongs to somebody else.
    fn option(&mut self, analyst: &mut Analyst<'_>) -> bool {
        let word = &analyst.words[self.index];
        let start = word.known_start().to_owned();
        let is_whole = word.is_static();
        if word.lets_choose_an_option() {
            super::options::chosen_option(analyst, self.index, self.base, true);
            self.index += 1;
            return false;
        }
        if matches!(self.language.text, "Python") && is_whole && start == "-m" {
            self.has_text = true;
            analyst.when_open(self.index + 1, Remark::Program);
            analyst.data_from(self.index + 2);
            return true;
        }
        let (option, attached) = self.split(&start, is_whole);
        let value = if attached { self.index } else { self.index + 1 };
        let next = self.index + if attached { 1 } else { 2 };
        let language = self.language;
        if language.code.contains(&option.as_str()) || language.file.contains(&option.as_str()) {
            analyst.when_open(value, Remark::Language(language.text));
            // Perl's -M and awk's -l load something beside the program.
            self.has_text |= !matches!(
                option.as_str(),
                "-M" | "-m" | "-l" | "-r" | "-L" | "--require"
            );
            self.index = next;
            if language.text == "Python" {
                analyst.data_from(next);
            }
            return language.text == "Python";
        }
        if language.pairs.contains(&option.as_str()) {
            self.index += 3;
        } else if language.valued.contains(&option.as_str()) {
            self.index = next;
        } else {
            self.index += 1;
        }
        false
    }

    /// The option in a word, and whether its value is attached to it.
    fn split(&self, start: &str, is_whole: bool) -> (String, bool) {
        if start.starts_with("--") || self.language.long_with_one_dash {
            let dashes = if self.language.long_with_one_dash {
                start.replacen("--", "-", 1)
            } else {
                start.to_owned()
            };
            return match dashes.split_once('=') {
                Some((name, _)) => (name.to_owned(), true),
                None => (dashes, !is_whole),
            };
        }
        let takes_value = |option: &str| {
            let language = self.language;
            [language.code, language.file, language.valued]
                .iter()
                .any(|list| list.contains(&option))
        };
        if takes_value(start) {
            return (start.to_owned(), !is_whole);
        }
        for (at, letter) in start.char_indices().skip(1) {
            let option = format!("-{letter}");
            if takes_value(&option) {
                let is_last = at + letter.len_utf8() == start.len();
                return (option, !(is_last && is_whole));
            }
            if letter == 'i' && matches!(self.language.text, "sed" | "Perl" | "Ruby") {
                // The rest is the ending of the backup file.
                break;
            }
        }
        (start.to_owned(), true)
    }

    /// One operand; `true` when everything after it belongs to somebody else.
    fn operand(&mut self, analyst: &mut Analyst<'_>) -> bool {
        let text = Remark::Language(self.language.text);
        let index = self.index;
        self.index += 1;
        self.operands += 1;
        match self.language.operands {
            Operands::Script => {
                analyst.data_from(index + usize::from(!self.has_text));
                if self.has_text {
                    if self.language.text == "Perl" {
                        super::options::guard_pipes(analyst, index, self.base);
                    }
                    return true;
                }
                let word = &analyst.words[index];
                let is_input = matches!(word.text.as_str(), "-" | "/dev/stdin");
                if is_input && word.is_static() {
                    analyst.analysis.standard_input = StandardInput::Language(self.language.text);
                }
                analyst.when_open(index, Remark::Program);
                self.has_text = true;
                true
            }
            Operands::Text => {
                let subcommand = self.language.text == "yq"
                    && matches!(
                        analyst.words[index].text.as_str(),
                        "eval" | "e" | "eval-all" | "ea" | "r" | "w"
                    );
                if self.has_text {
                    analyst.analysis.data_from.get_or_insert(index);
                } else if !subcommand {
                    analyst.when_open(index, text);
                    self.has_text = true;
                }
                false
            }
            Operands::FileThenText => {
                if self.operands > 1 {
                    analyst.when_open(index, text);
                }
                false
            }
            Operands::Names => false,
        }
    }
}
