//! What a program with arguments takes for its program text: a script file, an argument, or what it
//! reads on its standard input.

/// Where a program finds its program text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProgramText {
    /// It is a program like any other: it has none.
    None,
    /// In the file that this argument names.
    File(usize),
    /// In its arguments, or in a module.
    Arguments,
    /// In what it reads: what is sent there runs.
    StandardInput(Language),
}

/// What runs a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// A shell, or a program that hands text to one.
    Shell,
    /// Another language or a database's prompt.
    Other,
}

/// What is known of an interpreter's options.
struct Interpreter {
    names: &'static [&'static str],
    language: Language,
    /// Options whose value, or the rest, is the program text, or a module.
    text: &'static [&'static str],
    /// Options that take a value of their own.
    valued: &'static [&'static str],
    /// Words before the script file, as in `deno run x.ts`.
    verbs: &'static [&'static str],
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"],
        language: Language::Shell,
        text: &["-c"],
        valued: &["-o", "+o", "-O", "--rcfile", "--init-file"],
        verbs: &[],
    },
    Interpreter {
        names: &["python", "pypy"],
        language: Language::Other,
        text: &["-c", "-m"],
        valued: &["-W", "-X"],
        verbs: &[],
    },
    Interpreter {
        names: &["node", "nodejs", "ts-node", "tsx", "bun", "deno"],
        language: Language::Other,
        text: &["-e", "--eval", "-p", "--print", "eval"],
        valued: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--env-file",
            "-P",
            "--project",
            "-C",
        ],
        verbs: &["run"],
    },
    Interpreter {
        names: &[
            "ruby",
            "perl",
            "lua",
            "luajit",
            "julia",
            "raku",
            "elixir",
            "groovy",
            "pwsh",
            "Rscript",
            "tclsh",
            "guile",
            "racket",
            "swift",
            "osascript",
        ],
        language: Language::Other,
        text: &["-e", "-E", "-ne", "-pe", "-c", "-Command", "--eval"],
        valued: &["-I", "-r", "-l", "-L"],
        verbs: &["-File"],
    },
    Interpreter {
        names: &["php"],
        language: Language::Other,
        text: &["-r", "-R"],
        valued: &["-d", "-c"],
        verbs: &["-f"],
    },
];

/// Programs that run what they read unless told otherwise, with the options that tell so.
const PROMPTS: &[(&[&str], &[&str])] = &[
    (
        &["psql"],
        &["-c", "--command", "-f", "--file", "-l", "--list"],
    ),
    (&["mysql", "mariadb"], &["-e", "--execute"]),
    (&["mongosh", "mongo"], &["--eval", "--file", "-f"]),
    (&["redis-cli"], &["--eval"]),
    (&["duckdb"], &["-c", "-f"]),
    (
        &[
            "irb", "ghci", "bc", "dc", "gdb", "ipython", "at", "batch", "crontab",
        ],
        &[],
    ),
];

/// Programs that start another, which stands in their arguments, with the words before it.
const LAUNCHERS: &[(&str, &[&str])] = &[
    ("env", &[]),
    ("npx", &[]),
    ("bunx", &[]),
    ("nice", &[]),
    ("nohup", &[]),
    ("uv", &["run"]),
    ("poetry", &["run"]),
    ("pipenv", &["run"]),
    ("rye", &["run"]),
    ("pdm", &["run"]),
    ("hatch", &["run"]),
    ("bundle", &["exec"]),
];

/// Where `program`, with `arguments`, finds its program text.
pub(super) fn program_text(program: &str, arguments: &[String]) -> ProgramText {
    let name = base_name(program);
    if let Some(interpreter) = interpreter(name) {
        return interpreter.program_text(arguments);
    }
    if let Some((_, verbs)) = LAUNCHERS.iter().find(|(launcher, _)| *launcher == name) {
        return launched(verbs, arguments);
    }
    if name == "ssh" {
        return ssh(arguments);
    }
    if name == "sqlite3" {
        let operands = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'))
            .count();
        return if operands >= 2 {
            ProgramText::Arguments
        } else {
            ProgramText::StandardInput(Language::Other)
        };
    }
    match PROMPTS.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, told)) if arguments.iter().any(|argument| has_option(argument, told)) => {
            ProgramText::Arguments
        }
        Some(_) => ProgramText::StandardInput(Language::Other),
        None => ProgramText::None,
    }
}

/// Whether the program is itself a script file, by its name.
pub(super) fn is_script_file(program: &str) -> bool {
    const ENDINGS: [&str; 11] = [
        "sh", "bash", "py", "rb", "pl", "js", "mjs", "ts", "php", "lua", "R",
    ];
    program.contains('/')
        && std::path::Path::new(program)
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ENDINGS.contains(&extension))
}

/// The name without its folder.
pub(super) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// The interpreter of that name; `python3.12` is `python`.
fn interpreter(name: &str) -> Option<&'static Interpreter> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS
        .iter()
        .find(|interpreter| interpreter.names.contains(&name) || interpreter.names.contains(&plain))
}

impl Interpreter {
    fn program_text(&self, arguments: &[String]) -> ProgramText {
        let mut index = 0;
        let mut verbs_allowed = true;
        while let Some(argument) = arguments.get(index) {
            let argument = argument.as_str();
            if has_option(argument, self.text) || self.clustered(argument) {
                return ProgramText::Arguments;
            }
            if argument == "-" || argument == "-s" && self.language == Language::Shell {
                break;
            }
            if argument == "--" {
                verbs_allowed = false;
            } else if self.valued.contains(&argument) {
                index += 1;
            } else if verbs_allowed && self.verbs.contains(&argument) {
                verbs_allowed = false;
            } else if !argument.starts_with(['-', '+']) || argument.is_empty() {
                // A placeholder here would let a caller choose the script.
                return if argument.contains("{{") {
                    ProgramText::Arguments
                } else {
                    ProgramText::File(index)
                };
            }
            index += 1;
        }
        ProgramText::StandardInput(self.language)
    }

    /// Whether short options in one word, as in `bash -euc`, end in the one for program text.
    fn clustered(&self, argument: &str) -> bool {
        self.language == Language::Shell
            && argument.starts_with('-')
            && !argument.starts_with("--")
            && argument.ends_with('c')
    }
}

fn launched(verbs: &[&str], arguments: &[String]) -> ProgramText {
    let mut skipped = 0;
    for argument in arguments {
        let assignment = argument
            .split_once('=')
            .is_some_and(|(name, _)| crate::config::env::is_variable_name(name));
        if argument.starts_with('-') || assignment || verbs.contains(&argument.as_str()) {
            skipped += 1;
        } else {
            break;
        }
    }
    let Some(program) = arguments.get(skipped) else {
        return ProgramText::None;
    };
    // `uv run x.py` starts the script itself.
    if std::path::Path::new(program)
        .extension()
        .is_some_and(|extension| extension == "py")
    {
        return ProgramText::File(skipped);
    }
    match program_text(program, &arguments[skipped + 1..]) {
        ProgramText::File(index) => ProgramText::File(skipped + 1 + index),
        other => other,
    }
}

/// With a host alone a shell at the other end reads; with a command that command does.
fn ssh(arguments: &[String]) -> ProgramText {
    const VALUED: [&str; 12] = [
        "-i", "-p", "-l", "-o", "-F", "-L", "-R", "-D", "-J", "-c", "-E", "-b",
    ];
    let mut operands = 0;
    let mut index = 0;
    while let Some(argument) = arguments.get(index) {
        if VALUED.contains(&argument.as_str()) {
            index += 1;
        } else if operands > 0 || !argument.starts_with('-') {
            operands += 1;
        }
        index += 1;
    }
    if operands >= 2 {
        ProgramText::Arguments
    } else {
        ProgramText::StandardInput(Language::Shell)
    }
}

/// Whether an argument is one of the options, alone, with `=value`, or with its value attached.
fn has_option(argument: &str, options: &[&str]) -> bool {
    options.iter().any(|option| {
        argument == *option
            || argument.strip_prefix(option).is_some_and(|rest| {
                rest.starts_with('=')
                    || (option.len() == 2
                        && option.starts_with('-')
                        && !option.starts_with("--")
                        && !rest.is_empty())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(line: &str) -> ProgramText {
        let mut words = line.split(' ').map(str::to_owned);
        let program = words.next().expect("a program");
        program_text(&program, &words.collect::<Vec<_>>())
    }

    #[test]
    fn a_script_file_is_the_first_operand() {
        for (line, index) in [
            ("python3 x.py", 0),
            ("python3.12 -u -W error x.py -c", 3),
            ("/usr/bin/python x.py a", 0),
            ("node --require ./a.js x.js", 2),
            ("deno run --allow-net x.ts", 2),
            ("npx ts-node tools/chat.ts", 1),
            ("uv run --quiet x.py", 2),
            ("poetry run python x.py", 2),
            ("env A=b python3 x.py", 2),
            ("bash -e x.sh", 1),
            ("ruby -I lib x.rb", 2),
            ("php -f x.php", 1),
        ] {
            assert_eq!(text_of(line), ProgramText::File(index), "{line}");
        }
    }

    #[test]
    fn text_in_an_argument_leaves_standard_input_alone() {
        for line in [
            "python3 -c pass",
            "python3 -m json.tool",
            "bash -c ls",
            "bash -euc ls",
            "node -e 1",
            "perl -ne print",
            "psql -c select",
            "psql --command=select",
            "sqlite3 x.db select",
            "ssh host ls",
            "ssh -p 22 host ls",
            "python3 {{code}}",
        ] {
            assert_eq!(text_of(line), ProgramText::Arguments, "{line}");
        }
    }

    #[test]
    fn what_reads_its_program_is_known() {
        for line in [
            "bash",
            "sh -s a",
            "sh -",
            "ssh host",
            "ssh -p 22 host",
            "env bash",
        ] {
            assert_eq!(
                text_of(line),
                ProgramText::StandardInput(Language::Shell),
                "{line}"
            );
        }
        for line in [
            "python3",
            "python3 -u",
            "python3 -",
            "node",
            "psql db",
            "sqlite3 x.db",
            "mysql",
            "bc -l",
        ] {
            assert_eq!(
                text_of(line),
                ProgramText::StandardInput(Language::Other),
                "{line}"
            );
        }
        for line in ["jq .", "cat", "dotnet run", "npm test"] {
            assert_eq!(text_of(line), ProgramText::None, "{line}");
        }
    }
}
