//! Builtins of the shell that take names, expressions or operators.

use super::super::placeholder::{Filter, Placeholder};
use super::super::programs::{Analysis, is_code_variable};
use super::super::{Problem, reasons};
use super::check::Checker;
use super::syntax::{Part, Word};
use crate::tool::ParameterType;

/// Variables that bash evaluates when they are set.
const INTEGERS: [&str; 9] = [
    "RANDOM", "SRANDOM", "SECONDS", "LINENO", "HISTCMD", "OPTIND", "BASHPID", "TMOUT", "HISTSIZE",
];

/// Looks at the words of a builtin.
pub(super) fn check(checker: &mut Checker<'_>, analysis: &Analysis, words: &[Word]) {
    let Some(program) = analysis.program.as_deref() else {
        return;
    };
    let words = &words[analysis.program_index..];
    match program {
        "let" => words[1..]
            .iter()
            .for_each(|word| numbers_only(checker, word)),
        "unset" => words[1..]
            .iter()
            .for_each(|word| name(checker, "unset", word)),
        "read" => read(checker, words),
        "export" | "readonly" | "local" | "declare" | "typeset" => declare(checker, program, words),
        "set" => set(checker, words),
        "[" | "test" => brackets(checker, program, words),
        _ => {}
    }
}

/// A variable whose assignments are evaluated takes integers only.
pub(super) fn evaluated_variable(checker: &mut Checker<'_>, variable: &str, value: &Word) {
    if INTEGERS.contains(&variable) || checker.taint.evaluated.contains(variable) {
        numbers_only(checker, value);
    }
}

fn numbers_only(checker: &mut Checker<'_>, word: &Word) {
    for index in placeholders_in(word) {
        checker.integer_only(index);
    }
    let Some(source) = checker.source_in_word(word) else {
        for part in &word.parts {
            if let Part::Text { text, .. } = part {
                checker.names_in(text, word.range.clone());
            }
        }
        return;
    };
    if source.carried {
        checker.carried_warning(source.range, &source.name, "is evaluated here");
    } else {
        let problem = Problem::error(source.range, "a caller's value is evaluated here")
            .hint(format!("declare `{}` with `type: integer`", source.name));
        checker.push(problem);
    }
}

fn placeholders_in(word: &Word) -> Vec<usize> {
    let direct = word.parts.iter().filter_map(|part| match part {
        Part::Placeholder { index, .. } => Some(*index),
        _ => None,
    });
    direct.collect()
}

/// A word that names a variable: only names the author listed.
fn name(checker: &mut Checker<'_>, builtin: &str, word: &Word) {
    let listed = |placeholder: &Placeholder| {
        let names = placeholder.allowed.as_ref();
        placeholder.filter == Filter::Raw
            || names.is_some_and(|names| {
                names
                    .iter()
                    .all(|name| name.as_str().is_some_and(is_plain_name))
            })
    };
    let unlisted = placeholders_in(word)
        .into_iter()
        .find(|index| !listed(&checker.placeholders[*index]));
    if let Some(index) = unlisted {
        let range = checker.placeholders[index].range.clone();
        checker.push(reasons::variable_name(range, builtin));
    } else if let Some(source) = checker.source_in_word(word) {
        if source.carried {
            checker.carried_warning(source.range, &source.name, "names a variable here");
        } else {
            checker.push(reasons::variable_name(source.range, builtin));
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !is_code_variable(name)
}

fn start_of(word: &Word) -> String {
    word.parts
        .iter()
        .map_while(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn read(checker: &mut Checker<'_>, words: &[Word]) {
    let mut index = 1;
    while let Some(word) = words.get(index) {
        let start = start_of(word);
        let is_option = start.len() > 1 && start.starts_with('-');
        let takes_next = start.len() == 2 && start.ends_with(['p', 'd', 't', 'n', 'N', 'u', 'i']);
        if is_option {
            let names_a_list = start.contains('a');
            if names_a_list && word.known().is_none() {
                name(checker, "read", word);
            }
            index += 1 + usize::from(takes_next && word.known().is_some());
        } else {
            name(checker, "read", word);
            if checker.taint.carries(&start) {
                checker.carried_name(&start, word);
            }
            index += 1;
        }
    }
}

/// `declare` and its like: `name=value`, or a name.
fn declare(checker: &mut Checker<'_>, builtin: &str, words: &[Word]) {
    let options: String = words[1..]
        .iter()
        .map(start_of)
        .filter(|start| start.starts_with(['-', '+']))
        .collect();
    // To `export` and `readonly` these letters mean something else, or nothing.
    let has = |letter: char| options.contains(letter) && !matches!(builtin, "export" | "readonly");
    let is_list = options.contains(['a', 'A']) && builtin != "export";
    for word in &words[1..] {
        let start = start_of(word);
        let value_of = start
            .split_once('=')
            .map(|(before, _)| before.trim_end_matches('+'));
        match value_of.filter(|variable| is_identifier(variable)) {
            Some(variable) => {
                let is_list = is_list || start.contains("=(");
                let known_list = checker.taint.evaluated.contains(&format!("{variable}[]"));
                if is_list || known_list {
                    refuse_list(checker, builtin, word);
                } else if has('n') {
                    name(checker, builtin, word);
                } else if has('i') {
                    numbers_only(checker, word);
                } else {
                    evaluated_variable(checker, variable, word);
                }
                checker.code_variable(variable, word);
            }
            None => name(checker, builtin, word),
        }
    }
}

fn refuse_list(checker: &mut Checker<'_>, builtin: &str, word: &Word) {
    if let Some(source) = checker
        .source_in_word(word)
        .filter(|source| !source.carried)
    {
        let problem = Problem::error(
            source.range,
            format!("`{builtin}` reads the value of a list once more"),
        )
        .hint("assign without it: `name=(\"{{value}}\")`");
        checker.push(problem);
    }
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `set` without `--` takes a value that starts with `-` or `+` for options of the shell.
fn set(checker: &mut Checker<'_>, words: &[Word]) {
    for word in &words[1..] {
        if word.known().as_deref() == Some("--") {
            return;
        }
        if let Some(source) = checker.source_in_word(word) {
            let problem = Problem::error(
                source.range,
                "a caller's value could set options of the shell",
            )
            .hint("write `set -- \"{{name}}\"`");
            checker.push(problem);
            return;
        }
    }
}

/// `[ ]` and `test`: a value is an operand, and never where an operator could be.
fn brackets(checker: &mut Checker<'_>, program: &str, words: &[Word]) {
    let mut operands = &words[1..];
    if program == "[" && operands.last().and_then(Word::known).as_deref() == Some("]") {
        operands = &operands[..operands.len() - 1];
    }
    let known: Vec<Option<String>> = operands.iter().map(Word::known).collect();
    let joins = |text: &Option<String>| matches!(text.as_deref(), Some("-a" | "-o"));
    let is_joined = known.len() > 3 && known.iter().any(joins);
    let mut start = 0;
    for end in 0..=known.len() {
        let at_joint = end < known.len() && is_joined && joins(&known[end]);
        if end == known.len() || at_joint {
            comparison(checker, &operands[start..end], &known[start..end], program);
            start = end + 1;
        }
    }
    if is_joined
        && let Some(source) = operands
            .iter()
            .find_map(|word| checker.source_in_word(word))
            .filter(|source| !source.carried)
    {
        let problem = Problem::warning(
            source.range,
            "with `-a` and `-o` a value like `(` or `!` changes what is compared",
        )
        .hint("write `[ ... ] && [ ... ]`");
        checker.push(problem);
    }
}

/// One comparison of `[ ]`.
fn comparison(
    checker: &mut Checker<'_>,
    mut operands: &[Word],
    mut known: &[Option<String>],
    program: &str,
) {
    while known
        .first()
        .is_some_and(|text| matches!(text.as_deref(), Some("!" | "(")))
        && known.len() > 1
    {
        (operands, known) = (&operands[1..], &known[1..]);
    }
    while known
        .last()
        .is_some_and(|text| text.as_deref() == Some(")"))
        && known.len() > 1
    {
        (operands, known) = (&operands[..operands.len() - 1], &known[..known.len() - 1]);
    }
    let operator = match known.len() {
        0 | 1 => return,
        2 => 0,
        _ => 1,
    };
    let is_unary_name = known.len() == 2 && matches!(known[0].as_deref(), Some("-v" | "-R"));
    if is_unary_name {
        name(checker, program, &operands[1]);
        return;
    }
    let starts_with_dash =
        |text: &str| text.starts_with('-') || matches!(text, "=" | "==" | "!=" | "<" | ">" | "=~");
    let is_operator = known[operator].as_deref().is_some_and(starts_with_dash);
    let has_list = operands.iter().any(|word| {
        word.bare_placeholder()
            .is_some_and(|index| checker.placeholders[index].kind == ParameterType::Array)
    });
    if is_operator && known.len() <= 3 && !has_list {
        return;
    }
    let found = operands
        .iter()
        .find_map(|word| checker.source_in_word(word))
        .filter(|source| !source.carried);
    if let Some(source) = found {
        let problem = Problem::error(source.range, "a caller's value could be an operator here")
            .hint("compare with an operator that is written out, as in `[ \"{{name}}\" = yes ]`");
        checker.push(problem);
    }
}

/// `[[ ]]`: arithmetic comparisons evaluate, `-v` and `-R` take names.
pub(super) fn double_brackets(checker: &mut Checker<'_>, words: &[Word]) {
    for (index, word) in words.iter().enumerate() {
        match word.known().as_deref() {
            Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") => {
                let before = index.checked_sub(1).and_then(|before| words.get(before));
                for operand in [before, words.get(index + 1)].into_iter().flatten() {
                    numbers_only(checker, operand);
                }
            }
            Some("-v" | "-R") => {
                if let Some(operand) = words.get(index + 1) {
                    name(checker, "[[ -v ]]", operand);
                }
            }
            _ => {}
        }
    }
}
