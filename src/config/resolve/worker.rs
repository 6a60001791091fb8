//! `worker`: how a Python script is kept warm.

use super::interpreter::base_name;
use super::persistent;
use crate::config::decode::Problems;
use crate::config::document::{ScriptAction, Tool, Worker as Declared, WorkerMode};
use crate::config::schema::Wire;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{ForkWorker, Worker};

/// Options of the interpreter that stand alone and that a warm one can be given; several may stand in one word.
const PLAIN_OPTIONS: &str = "BbdOPqRsu";

/// The same for a process that loads the script by itself, which needs nothing of an interpreter.
const PLAIN_OPTIONS_OF_PERSISTENT: &str = "BbdEIOPqRSsuv";

/// How the script is kept warm; `None` when it is not, which has been said unless nobody asks for it.
pub(super) fn resolve(
    tool: &Tool,
    script: &ScriptAction,
    problems: &mut Problems,
) -> Option<Worker> {
    let given = script.worker.as_ref()?;
    let declared = &given.value;
    if cfg!(not(unix)) {
        problems.push(
            Diagnostic::error(given.key, "`worker` needs Linux or macOS")
                .hint("leave it out: each call starts a process of its own"),
        );
        return None;
    }
    let Some(mode) = &declared.mode else {
        if declared.lacks("mode") {
            problems.push(
                Diagnostic::error(given.key, "`worker` needs a `mode`")
                    .hint("for example `worker: { mode: fork }`"),
            );
        }
        return None;
    };
    let preload = preload(declared, problems);
    let line = line(script, given.key, mode.value, problems);
    match mode.value {
        WorkerMode::Fork => {
            let line = line?;
            refuse_others(declared, problems);
            Some(Worker::Fork(ForkWorker {
                options: line.options,
                fixed: line.fixed,
                preload: preload?,
            }))
        }
        WorkerMode::Persistent => {
            let settings = persistent::settings(tool, declared, problems);
            let line = line?;
            let is_sound = persistent::refuse_input(script, line.fixed, problems);
            let worker = settings?.worker(line.options, preload?);
            is_sound.then_some(Worker::Persistent(worker))
        }
    }
}

/// Keys that mean nothing for a process that answers one call.
fn refuse_others(declared: &Declared, problems: &mut Problems) {
    let keys = [
        ("size", declared.size.as_ref().map(|given| given.key)),
        (
            "max_calls",
            declared.max_calls.as_ref().map(|given| given.key),
        ),
        ("max_rss", declared.max_rss.as_ref().map(|given| given.key)),
        (
            "multiplex",
            declared.multiplex.as_ref().map(|given| given.key),
        ),
        (
            "idle_timeout",
            declared.idle_timeout.as_ref().map(|given| given.key),
        ),
        (
            "start_timeout",
            declared.start_timeout.as_ref().map(|given| given.key),
        ),
    ];
    for (name, key) in keys {
        if let Some(key) = key {
            problems.push(
                Diagnostic::error(key, format!("`{name}` is for `mode: persistent`"))
                    .hint("with `mode: fork` each call has a process of its own"),
            );
        }
    }
}

/// The modules to import; `None` when one is no module's name.
fn preload(declared: &Declared, problems: &mut Problems) -> Option<Vec<String>> {
    let names = declared.preload.iter().flat_map(|given| &given.value.0);
    let mut modules = Vec::new();
    let mut is_sound = true;
    for name in names {
        if is_module(&name.text) {
            modules.push(name.text.clone());
        } else {
            is_sound = false;
            problems.push(
                Diagnostic::error(
                    name.span,
                    format!("`{}` is not the name of a module", name.text),
                )
                .hint("write it as in `import`: `preload: [json, xml.dom]`"),
            );
        }
    }
    is_sound.then_some(modules)
}

fn is_module(name: &str) -> bool {
    name.split('.').all(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

/// The part of a command line that names the script.
struct Line {
    options: usize,
    fixed: usize,
}

/// Why there is no such part.
enum Trouble {
    /// The interpreter would read its program.
    NoScript,
    /// A caller would choose what runs.
    Placeholder,
    /// A warm interpreter cannot be started with this option.
    Option(String),
}

fn line(
    script: &ScriptAction,
    key: Span,
    mode: WorkerMode,
    problems: &mut Problems,
) -> Option<Line> {
    let Some(command) = &script.command else {
        if script.shell.is_some() {
            problems.push(
                Diagnostic::error(
                    key,
                    "`worker` is for Python scripts, and `shell` runs a shell",
                )
                .hint("write `command: python3` and `args: [SCRIPT]`, or leave `worker` out"),
            );
        }
        return None;
    };
    if !is_python(&command.text) {
        problems.push(
            Diagnostic::error(
                key,
                format!(
                    "`worker` is for Python scripts, and `{}` is not Python",
                    command.text
                ),
            )
            .hint("write `command: python3` and `args: [SCRIPT]`, or leave `worker` out"),
        );
        return None;
    }
    let options = match mode {
        WorkerMode::Fork => PLAIN_OPTIONS,
        WorkerMode::Persistent => PLAIN_OPTIONS_OF_PERSISTENT,
    };
    match parse(&arguments(script), options) {
        Ok(line) => Some(line),
        Err(Trouble::NoScript) => {
            problems.push(
                Diagnostic::error(key, "`worker` needs a script, and `args` names none")
                    .hint("for example `args: [\"script.py\"]`"),
            );
            None
        }
        Err(Trouble::Placeholder) => {
            problems.push(
                Diagnostic::error(key, "`worker` needs one script for all calls, and here a placeholder has a say in it")
                    .hint("write the script and what stands before it without placeholders"),
            );
            None
        }
        Err(Trouble::Option(option)) if mode == WorkerMode::Persistent => {
            problems.push(
                Diagnostic::error(
                    key,
                    format!("`worker` cannot start an interpreter with `{option}`"),
                )
                .hint("leave the option out"),
            );
            None
        }
        Err(Trouble::Option(option)) => {
            problems.push(
                Diagnostic::warning(
                    key,
                    format!(
                        "`worker` has no effect beside `{option}`: each call starts an interpreter"
                    ),
                )
                .hint("leave one of the two out"),
            );
            None
        }
    }
}

/// Whether a script that is not kept warm could be.
pub(super) fn could_be(script: &ScriptAction) -> bool {
    let python = script
        .command
        .as_ref()
        .is_some_and(|command| is_python(&command.text));
    cfg!(unix)
        && script.worker.is_none()
        && python
        && parse(&arguments(script), PLAIN_OPTIONS).is_ok()
}

fn arguments(script: &ScriptAction) -> Vec<&str> {
    let arguments = script.args.iter().flat_map(|args| &args.0);
    arguments.map(|argument| argument.0.text.as_str()).collect()
}

/// Whether a program is Python as its makers build it, by its name: `python`, `python3`, `/usr/bin/python3.12`.
fn is_python(command: &str) -> bool {
    base_name(command)
        .strip_prefix("python")
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn parse(arguments: &[&str], plain_options: &str) -> Result<Line, Trouble> {
    let mut index = 0;
    loop {
        let argument = *arguments.get(index).ok_or(Trouble::NoScript)?;
        if argument.contains("{{") {
            return Err(Trouble::Placeholder);
        }
        let Some(letters) = argument.strip_prefix('-').filter(|_| !argument.is_empty()) else {
            return Ok(Line {
                options: index,
                fixed: index + 1,
            });
        };
        let takes_next = matches!(letters, "W" | "X" | "m" | "c");
        if takes_next {
            let value = arguments.get(index + 1).ok_or(Trouble::NoScript)?;
            if value.contains("{{") {
                return Err(Trouble::Placeholder);
            }
        }
        match letters {
            "" => return Err(Trouble::NoScript),
            "m" | "c" => {
                return Ok(Line {
                    options: index,
                    fixed: index + 2,
                });
            }
            "W" | "X" => index += 2,
            _ if letters.starts_with(['W', 'X']) => index += 1,
            _ if letters.chars().all(|letter| plain_options.contains(letter)) => index += 1,
            _ => return Err(Trouble::Option(argument.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(usize, usize), &'static str> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        match parse(&words, PLAIN_OPTIONS) {
            Ok(line) => Ok((line.options, line.fixed)),
            Err(Trouble::NoScript) => Err("no script"),
            Err(Trouble::Placeholder) => Err("a placeholder"),
            Err(Trouble::Option(_)) => Err("an option"),
        }
    }

    #[test]
    fn the_script_stands_after_the_options() {
        assert_eq!(parsed("s.py a b"), Ok((0, 1)));
        assert_eq!(parsed("-u -X dev -Wd -OB s.py {{x}}"), Ok((5, 6)));
        assert_eq!(parsed("-u -m tool -x"), Ok((1, 3)));
        assert_eq!(parsed("-c pass"), Ok((0, 2)));
    }

    #[test]
    fn what_cannot_be_warm_is_told_apart() {
        for none in ["", "-u", "-", "-m", "-X"] {
            assert_eq!(parsed(none), Err("no script"), "{none}");
        }
        for open in ["{{script}}", "-m {{module}}", "-X {{x}} s.py", "{{a}} s.py"] {
            assert_eq!(parsed(open), Err("a placeholder"), "{open}");
        }
        for option in [
            "-I s.py", "-uE s.py", "-S s.py", "-i s.py", "-v s.py", "-- s.py",
        ] {
            assert_eq!(parsed(option), Err("an option"), "{option}");
        }
    }

    #[test]
    fn python_is_known_by_its_name() {
        for name in [
            "python",
            "python3",
            "/opt/x/bin/python3.12",
            ".venv/bin/python",
        ] {
            assert!(is_python(name), "{name}");
        }
        for name in ["pypy3", "ipython", "python3-config", "pythonista", "uv"] {
            assert!(!is_python(name), "{name}");
        }
        assert!(is_module("xml.dom") && is_module("_x1"));
        assert!(!is_module("xml..dom") && !is_module("1x") && !is_module("a b") && !is_module(""));
    }
}
