//! The reasons for which a place takes no caller's value, and what to write instead.

use super::programs::{Guard, Remark};
use super::{Problem, Safety, ValueError};
use std::ops::Range;

/// A caller's value where a program is named.
pub(super) fn program(range: Range<usize>, written: &str) -> Problem {
    Problem::error(range, "a caller's value would be run as a program").hint(format!(
        "name the program in the file and pass the value as an argument; {written} pastes it as code"
    ))
}

/// A caller's value in the code of a second shell.
pub(super) fn shell(range: Range<usize>, program: &str, name: &str) -> Problem {
    Problem::error(
        range,
        format!("`{program}` would read a caller's value as shell code"),
    )
    .hint(format!(
        "keep the code constant and hand the value over as an argument: `sh -c '... \"$1\"' _ {{{{{name}}}}}`"
    ))
}

/// A caller's value in the program text of another language.
pub(super) fn language(range: Range<usize>, language: &str, safety: Safety) -> Problem {
    let message = format!("a caller's value becomes part of {language} program text");
    let problem = match safety {
        Safety::Strict => Problem::error(range, message),
        Safety::Compat => Problem::warning(range, message),
    };
    problem.hint(match language {
        "SQL" => {
            "make it a `sql:` tool, where values are bound; or hand the value over as an argument \
             or on standard input; `safety: compat` lets it through with a warning"
        }
        "jq" => {
            "hand the value over with `--arg name {{value}}` and write `$name`; \
             `safety: compat` lets it through with a warning"
        }
        "awk" => {
            "hand the value over in the environment and read it with `ENVIRON`; \
             `safety: compat` lets it through with a warning"
        }
        _ => {
            "keep the program constant and hand the value over as an argument or on standard \
             input; `safety: compat` lets it through with a warning"
        }
    })
}

/// A caller's value in a variable that programs treat as code.
pub(super) fn code_variable(name: &str) -> Remark {
    Remark::Refused(
        format!("the value of `{name}` decides what code runs"),
        "set it to a constant, or under `environment`".to_owned(),
    )
}

/// The problem a remark on a word makes; `None` for a guard, which only a value can break.
pub(super) fn of_remark(
    remark: &Remark,
    range: Range<usize>,
    name: &str,
    safety: Safety,
) -> Option<Problem> {
    Some(match remark {
        Remark::Program => program(range, &format!("`{{{{{name} | raw}}}}`")),
        Remark::Shell(by) => shell(range, by, name),
        Remark::Language(text) => language(range, text, safety),
        Remark::Name(by) => variable_name(range, by),
        Remark::Refused(message, hint) => Problem::error(range, message).hint(hint),
        Remark::Warned(message, hint) => Problem::warning(range, message).hint(hint),
        Remark::Guarded(_) => return None,
    })
}

/// A caller's value where a variable is named.
pub(super) fn variable_name(range: Range<usize>, by: &str) -> Problem {
    Problem::error(
        range,
        format!("a caller's value would name a variable for `{by}`"),
    )
    .hint("write the name out, or give the parameter an `enum` of names")
}

/// A caller's value in JSON that was written by hand.
pub(super) fn json_by_hand(range: Range<usize>, name: &str) -> Problem {
    Problem::warning(range, "a quote in the value breaks the JSON around it")
        .hint(format!("write `{{{{{name} | json}}}}`"))
}

/// `| raw`.
pub(super) fn raw(range: Range<usize>, name: &str) -> Problem {
    Problem::warning(
        range,
        format!("`{{{{{name} | raw}}}}` is pasted as code: a caller can run anything"),
    )
    .hint("pass the value as an argument of a program the file names")
}

/// Refuses a value that the guarded program would take for an option.
pub(super) fn keep_guard(guard: &Guard, parameter: &str, text: &str) -> Result<(), ValueError> {
    let program = &guard.program;
    let refused = |what: String| Err(ValueError::new(parameter, what));
    if guard.starts.contains('-') && text.starts_with('-') && text.len() > 1 {
        return refused(format!(
            "starts with `-`, which `{program}` would take as an option (a path can start with `./`)"
        ));
    }
    let first = text
        .chars()
        .next()
        .filter(|first| *first != '-' || guard.starts.len() > 2);
    if let Some(first) = first.filter(|first| guard.starts.contains(*first)) {
        return refused(format!(
            "starts with `{first}`, which `{program}` would take as an operator"
        ));
    }
    if guard.pipe && (text.trim().starts_with('|') || text.trim().ends_with('|')) {
        return refused(format!(
            "has a `|` at one end, which `{program}` would take as a command"
        ));
    }
    if guard.assignment && text.contains('=') {
        return refused(format!(
            "has a `=`, which `{program}` would take as an assignment"
        ));
    }
    Ok(())
}
