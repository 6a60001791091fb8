//! Second shells: programs and builtins that read an argument as shell code.

use super::{Analyst, Remark, StandardInput};

const SHELLS: [&str; 20] = [
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "mksh",
    "ksh93",
    "yash",
    "rbash",
    "fish",
    "csh",
    "tcsh",
    "pwsh",
    "powershell",
    "hush",
    "elvish",
    "nu",
    "xonsh",
    "cmd",
];

/// Builtins and programs of which every argument may be evaluated again.
const EVALUATING: [&str; 25] = [
    "eval",
    "trap",
    "alias",
    ".",
    "source",
    "compgen",
    "complete",
    "compopt",
    "bind",
    "enable",
    "fc",
    "history",
    "watch",
    "parallel",
    "tmux",
    "screen",
    "expect",
    "at",
    "crontab",
    "entr",
    "su",
    "script",
    "runuser",
    "hyperfine",
    "concurrently",
];

/// Builtins of which no argument can come from a caller, though none of them is a shell.
const REFUSING: [&str; 11] = [
    "wait",
    "jobs",
    "fg",
    "bg",
    "suspend",
    "shopt",
    "caller",
    "hash",
    "getopts",
    "mapfile",
    "readarray",
];

/// Whether `name` is a shell.
pub(super) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// Looks at the command at `from` when it is a second shell.
pub(super) fn apply(analyst: &mut Analyst<'_>, base: &str, from: usize) -> bool {
    if EVALUATING.contains(&base) {
        analyst.each_open(from + 1, &Remark::Shell(base.to_owned()));
        if matches!(
            base,
            "at" | "crontab" | "parallel" | "su" | "runuser" | "expect"
        ) {
            analyst.analysis.standard_input = StandardInput::Shell;
        }
        let file = analyst.words.get(from + 1).map(|word| word.text.as_str());
        if matches!(base, "." | "source") && file.is_some_and(is_standard_input) {
            analyst.analysis.standard_input = StandardInput::Shell;
        }
        return true;
    }
    if REFUSING.contains(&base) {
        let message = format!("`{base}` evaluates what it is given");
        let hint = "choose with `case` and write the operands out".to_owned();
        analyst.each_open(from + 1, &Remark::Refused(message, hint));
        return true;
    }
    if base == "ssh" || base == "mosh" || base == "slogin" {
        ssh(analyst, base, from);
        return true;
    }
    if !is_shell(base) {
        return false;
    }
    shell(analyst, base, from);
    true
}

fn shell(analyst: &mut Analyst<'_>, base: &str, from: usize) {
    let reads_as_code = Remark::Shell(base.to_owned());
    let mut index = from + 1;
    let mut wants_code = false;
    let mut reads_input = false;
    while let Some(word) = analyst.words.get(index) {
        let start = word.known_start();
        if !word.is_static() && start.starts_with(['-', '+']) {
            // What the option is depends on a variable, so any word behind it can be code.
            analyst.each_open(index, &reads_as_code);
            return;
        }
        let is_option = start.starts_with(['-', '+']) && start.len() > 1;
        if word.is_static() && start == "--" {
            index += 1;
            break;
        }
        if !is_option && (!word.vanishes || word.is_open()) {
            break;
        }
        let letters = start.trim_start_matches(['-', '+']);
        let is_long = start.starts_with("--");
        wants_code |=
            !is_long && (letters.contains('c') || letters.eq_ignore_ascii_case("command"));
        reads_input |= !is_long && letters.contains('s') && !wants_code;
        let takes_next = (!is_long && letters.ends_with(['o', 'O']))
            || matches!(start, "--rcfile" | "--init-file");
        if takes_next {
            analyst.when_open(index + 1, Remark::Program);
        }
        index += 1 + usize::from(takes_next);
    }
    if wants_code {
        analyst.when_open(index, reads_as_code);
        analyst.analysis.code = Some(index);
        analyst.data_from(index + 1);
        return;
    }
    if reads_input || analyst.words.get(index).is_none() {
        analyst.analysis.standard_input = StandardInput::Shell;
        super::options::guard(analyst, index, base);
        return;
    }
    let operand = &analyst.words[index];
    if is_standard_input(&operand.text) {
        analyst.analysis.standard_input = StandardInput::Shell;
    }
    if !operand.is_static() && !operand.is_open() {
        // What an author's variable holds is not known: code may follow it.
        code_somewhere(analyst, index + 1, base);
    }
    analyst.when_open(index, Remark::Program);
    analyst.data_from(index + 1);
}

fn is_standard_input(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// Looks for `-c` in words whose structure is not known.
fn code_somewhere(analyst: &mut Analyst<'_>, from: usize, base: &str) {
    for index in from..analyst.words.len() {
        let start = analyst.words[index].known_start();
        if start.starts_with('-') && !start.starts_with("--") && start.contains('c') {
            analyst.when_open(index + 1, Remark::Shell(base.to_owned()));
        }
    }
}

/// `ssh` joins all words after the host and hands them to a shell there.
fn ssh(analyst: &mut Analyst<'_>, base: &str, from: usize) {
    const VALUED: &str = "BbcDEeFIiJLlmOoPpQRSWw";
    let mut index = from + 1;
    while let Some(word) = analyst.words.get(index) {
        let start = word.known_start().to_owned();
        if start == "--" && word.is_static() {
            index += 1;
            break;
        }
        if !start.starts_with('-') || start.len() < 2 {
            break;
        }
        let valued = start[1..].find(|letter| VALUED.contains(letter));
        let (value, next) = match valued {
            Some(at) if at + 2 == start.len() && word.text.len() == start.len() => {
                (index + 1, index + 2)
            }
            _ => (index, index + 1),
        };
        let letter = valued.and_then(|at| start[1 + at..].chars().next());
        if matches!(letter, Some('o' | 'F' | 'I' | 'S' | 'J'))
            || (valued.is_none() && word.is_open())
        {
            analyst.when_open(value, Remark::Program);
        }
        index = next;
    }
    super::options::guard(analyst, index, base);
    analyst.each_open(index + 1, &Remark::Shell(base.to_owned()));
    let command = analyst.words.get(index + 1).map(|word| word.text.clone());
    let first = command
        .as_deref()
        .and_then(|text| text.split_whitespace().next());
    if first.is_none_or(|name| is_shell(name.rsplit('/').next().unwrap_or_default())) {
        analyst.analysis.standard_input = StandardInput::Shell;
    } else if let Some(language) = first.and_then(super::Language::of) {
        analyst.analysis.standard_input = StandardInput::Language(language.text);
    }
}
