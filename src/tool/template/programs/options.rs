//! Where a leading `-` would turn a caller's value into an option.

use super::option_tables::{
    GIT_SHELLS, GUARDED, PIPES, PLAIN, PLUS, PROGRAM_OPTIONS, SUBCOMMANDS, VALUED,
};
use super::{Analyst, Guard, Remark};

/// The usual command: its words are data, unless one of them could be taken for an option.
pub(super) fn apply(analyst: &mut Analyst<'_>, name: &str, base: &str, from: usize) {
    let chooses = SUBCOMMANDS.contains(&base);
    if !chooses
        || analyst
            .words
            .get(from + 1)
            .is_some_and(super::Word::is_static)
    {
        analyst.data_from(from + 1 + usize::from(chooses));
    }
    match base {
        "printf" => return printf(analyst, from),
        "test" | "[" | "xargs" => return,
        "read" | "export" | "readonly" | "local" | "declare" | "typeset" | "unset" | "let" => {
            return;
        }
        "git" if git(analyst, from) => return,
        "make" | "gmake" => {
            for index in from + 1..analyst.words.len() {
                assignment_guard(analyst, index, base);
            }
        }
        _ => {}
    }
    if PLAIN.contains(&base) || (name.contains('/') && !name.starts_with('/')) {
        return;
    }
    if PIPES.contains(&base) {
        guard_pipes(analyst, from + 1, base);
    }
    if let Some(inner) = carried_shell(analyst, from + 1) {
        return analyst.command(inner);
    }
    let is_guarded = GUARDED.contains(&base);
    let mut index = from + 1;
    while let Some(word) = analyst.words.get(index) {
        let start = word.known_start().to_owned();
        if word.is_static() && start == "--" {
            return;
        }
        let runs = listed(
            &PROGRAM_OPTIONS,
            base,
            start.split('=').next().unwrap_or_default(),
        );
        if runs && (start.contains('=') || !word.is_static()) {
            analyst.when_open(index, Remark::Program);
        } else if runs && word.is_static() {
            analyst.when_open(index + 1, Remark::Program);
            index += 1;
        } else if word.lets_choose_an_option() {
            chosen_option(analyst, index, base, is_guarded);
        } else if word.is_static() && takes_next(base, &start, is_guarded) {
            file_of_curl(analyst, index + 1, base, &start);
            index += 1;
        } else if is_guarded {
            guard(analyst, index, base);
        } else {
            warn(analyst, index, base);
        }
        index += 1;
    }
}

/// Where a shell or an interpreter with an option for code stands among the arguments of a program
/// that is not known: it may well run what follows.
fn carried_shell(analyst: &Analyst<'_>, from: usize) -> Option<usize> {
    (from..analyst.words.len().saturating_sub(2)).find(|index| {
        let (word, next) = (&analyst.words[*index], &analyst.words[index + 1]);
        let name = word.text.rsplit('/').next().unwrap_or_default();
        let option = next.text.as_str();
        let takes_code = option.starts_with('-')
            && !option.starts_with("--")
            && (option.ends_with('c') || (option == "-e" && !super::shells::is_shell(name)));
        let is_interpreter = super::shells::is_shell(name) || super::Language::of(name).is_some();
        word.is_static() && next.is_static() && takes_code && is_interpreter
    })
}

/// Whether the word after this option is the option's value. Of programs that are not guarded any
/// long option is believed to take one: a warning is not worth a guess.
fn takes_next(base: &str, option: &str, is_guarded: bool) -> bool {
    let is_long = option.len() > 2 && option.starts_with("--") && !option.contains('=');
    listed(&VALUED, base, option) || (is_long && !is_guarded)
}

fn listed(table: &[(&str, &str)], base: &str, option: &str) -> bool {
    let base = base.trim_start_matches("bsd");
    !option.is_empty()
        && table.iter().any(|(program, options)| {
            *program == base && options.split(' ').any(|known| known == option)
        })
}

/// A value whose start is looked at in every call.
pub(super) fn guard(analyst: &mut Analyst<'_>, index: usize, base: &str) {
    let starts = if PLUS.contains(&base) { "-+" } else { "-" };
    push_guard(analyst, index, base, starts);
}

/// The same for a word of a program that carries a command.
pub(super) fn guard_plain(analyst: &mut Analyst<'_>, index: usize, base: &str) {
    let after_option = analyst.words[index - 1].is_static()
        && takes_next(base, &analyst.words[index - 1].text, true);
    if !after_option {
        guard(analyst, index, base);
    }
}

/// The same for `find`, whose operands are an expression.
pub(super) fn guard_expression(analyst: &mut Analyst<'_>, index: usize, base: &str) {
    push_guard(analyst, index, base, "-(!,)");
}

fn push_guard(analyst: &mut Analyst<'_>, index: usize, base: &str, starts: &'static str) {
    let Some(word) = analyst.words.get(index) else {
        return;
    };
    if word.lets_choose_an_option() {
        chosen_option(analyst, index, base, true);
    } else if word.starts_open() {
        let guard = Guard {
            program: base.to_owned(),
            starts,
            pipe: false,
            assignment: false,
        };
        analyst.remark(index, Remark::Guarded(guard));
    }
}

/// A file name that a program would run when it starts or ends with `|`.
pub(super) fn guard_pipes(analyst: &mut Analyst<'_>, from: usize, base: &str) {
    for index in from..analyst.words.len() {
        if analyst.words[index].open {
            let guard = Guard {
                program: base.to_owned(),
                starts: "",
                pipe: true,
                assignment: false,
            };
            analyst.remark(index, Remark::Guarded(guard));
        }
    }
}

/// `make` takes `NAME=value` anywhere among its targets as an assignment, which can hold code.
fn assignment_guard(analyst: &mut Analyst<'_>, index: usize, base: &str) {
    let word = &analyst.words[index];
    let has_name = word.known_start().contains('=');
    if word.open && word.may_start && !has_name {
        let guard = Guard {
            program: base.to_owned(),
            starts: "-",
            pipe: false,
            assignment: true,
        };
        analyst.remark(index, Remark::Guarded(guard));
    } else if has_name && word.is_open() {
        let message = "`make` expands a caller's value as its own code".to_owned();
        let hint = "hand the value over in the environment and read it in the recipe".to_owned();
        analyst.remark(index, Remark::Refused(message, hint));
    }
}

/// A dash the author wrote, and an option the caller chooses.
pub(super) fn chosen_option(analyst: &mut Analyst<'_>, index: usize, base: &str, refuse: bool) {
    let message = format!("the caller would choose an option of `{base}`");
    let hint = "write the option out, or let any through with `| option`".to_owned();
    let remark = if refuse {
        Remark::Refused(message, hint)
    } else {
        Remark::Warned(message, hint)
    };
    analyst.remark(index, remark);
}

fn warn(analyst: &mut Analyst<'_>, index: usize, base: &str) {
    if analyst.words[index].starts_open() {
        analyst.remark(
            index,
            Remark::Warned(
                format!("`{base}` takes a value that starts with `-` as an option"),
                "write `--` before it, or mark it with `| option` if that is meant".to_owned(),
            ),
        );
    }
}

/// `curl -d` reads a file when its value starts with `@`.
fn file_of_curl(analyst: &mut Analyst<'_>, index: usize, base: &str, option: &str) {
    let reads = matches!(option, "-d" | "--data" | "--data-binary" | "-T");
    if base == "curl"
        && reads
        && analyst
            .words
            .get(index)
            .is_some_and(super::Word::starts_open)
    {
        analyst.remark(
            index,
            Remark::Warned(
                format!("`curl {option}` sends a file when the value starts with `@`"),
                "write `--data-raw` instead".to_owned(),
            ),
        );
    }
}

fn printf(analyst: &mut Analyst<'_>, from: usize) {
    let mut index = from + 1;
    if analyst
        .words
        .get(index)
        .is_some_and(|word| word.text == "-v")
    {
        analyst.when_open(index + 1, Remark::Name("printf -v".to_owned()));
        index += 2;
    } else if analyst
        .words
        .get(index)
        .is_some_and(|word| word.text.starts_with("-v"))
    {
        analyst.when_open(index, Remark::Name("printf -v".to_owned()));
    }
    if analyst
        .words
        .get(index)
        .is_some_and(|word| word.text == "--")
    {
        index += 1;
    }
    if analyst.words.get(index).is_some_and(|word| word.open) {
        analyst.remark(
            index,
            Remark::Refused(
                "a caller's value would be the format of `printf`".to_owned(),
                "write `printf '%s\\n' \"{{name}}\"`".to_owned(),
            ),
        );
    }
}

/// The words of `git` that run something; `true` when nothing else is left to look at.
fn git(analyst: &mut Analyst<'_>, from: usize) -> bool {
    let texts: Vec<&str> = analyst.words[from + 1..]
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    let hands_over = GIT_SHELLS
        .iter()
        .any(|(verb, word)| texts.contains(verb) && (word.is_empty() || texts.contains(word)));
    if hands_over {
        analyst.each_open(from + 1, &Remark::Shell("git".to_owned()));
        return true;
    }
    for index in from + 1..analyst.words.len() {
        let is_setting = analyst.words[index - 1].text == "-c" && index >= from + 2;
        if is_setting && !is_harmless_setting(analyst.words[index].known_start()) {
            analyst.when_open(index, Remark::Program);
        }
    }
    false
}

/// Whether a `key=` of git's configuration runs nothing.
fn is_harmless_setting(start: &str) -> bool {
    const HARMLESS: [&str; 6] = [
        "user.",
        "color.",
        "log.",
        "i18n.",
        "advice.",
        "core.quotepath",
    ];
    start.contains('=')
        && HARMLESS
            .iter()
            .any(|known| start.to_lowercase().starts_with(known))
}
