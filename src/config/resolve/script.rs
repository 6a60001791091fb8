//! `script`: the process a tool runs.

use std::path::{Path, PathBuf};

use super::environment::refuse_placeholder;
use super::interpreter::{Language, ProgramText, base_name, is_script_file, program_text};
use super::{Context, both, template};
use crate::config::decode::{Given, Problems};
use crate::config::document::{ScriptAction, Tool};
use crate::config::schema::Wire;
use crate::config::text::{AnyText, Text};
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::template::{
    ArgvTemplate, Safety, Shell, ShellTemplate, TextSurface, TextTemplate,
};
use crate::tool::{Environment, Invocation, MissingVariable, Parameters, Program, Script, Stdin};

/// A script on its way to being resolved.
struct Job<'a> {
    context: &'a Context<'a>,
    script: &'a ScriptAction,
    key: Span,
    parameters: &'a Parameters,
    environment: Environment,
    working_dir: Result<PathBuf, MissingVariable>,
}

/// The process a tool runs; `None` when it cannot be told, which has been reported.
pub(super) fn resolve(
    context: &Context<'_>,
    tool: &Tool,
    script: &Given<ScriptAction>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<Script> {
    let mut job = Job {
        context,
        script: &script.value,
        key: script.key,
        parameters,
        environment: context.environments.of(tool.environment.as_ref(), problems),
        working_dir: working_dir(context, &script.value, problems),
    };
    let mut invocation = job.invocation(problems);
    if let Some(Invocation::Argv { program, .. }) = &mut invocation {
        job.look_behind_shim(program, problems);
    }
    let stdin = job.stdin(problems);
    let worker = super::worker::resolve(tool, job.script, problems);
    Some(Script {
        invocation: invocation?,
        stdin: stdin?,
        working_dir: job.working_dir,
        environment: job.environment,
        could_be_warm: worker.is_none() && super::worker::could_be(job.script),
        worker,
    })
}

/// The folder the script runs in: the file's, unless set.
fn working_dir(
    context: &Context<'_>,
    script: &ScriptAction,
    problems: &mut Problems,
) -> Result<PathBuf, MissingVariable> {
    let Some(given) = &script.working_dir else {
        return Ok(context.folder.to_owned());
    };
    refuse_placeholder(&given.value, "working_dir", problems);
    let expanded = context
        .options
        .env
        .expand(&given.text)
        .inspect_err(|missing| {
            let missing = &missing.0;
            problems.push(
                Diagnostic::warning(
                    given.span,
                    format!("the variable `{missing}` is not set, so calls of this tool fail"),
                )
                .hint(format!("set it, or give a default: `${{{missing}:-...}}`")),
            );
        })?;
    let folder = context.folder.join(expanded);
    if !folder.is_dir() && !given.text.contains("{{") {
        problems.push(
            Diagnostic::warning(given.span, format!("the working directory `{}` does not exist", given.text))
                .hint("a relative one is taken from the folder of this file; calls fail until it is there"),
        );
    }
    Ok(folder)
}

impl Job<'_> {
    fn invocation(&self, problems: &mut Problems) -> Option<Invocation> {
        match (&self.script.command, &self.script.shell) {
            (Some(command), Some(shell)) => {
                both(("command", command), ("shell", shell), problems);
                None
            }
            (Some(command), None) => self.argv(command, problems),
            (None, Some(shell)) => self.shell(shell, problems),
            (None, None) if !(self.script.lacks("command") && self.script.lacks("shell")) => None,
            (None, None) => {
                problems.push(
                    Diagnostic::error(self.key, "`script` needs a `command` or a `shell`")
                        .hint("for example `command: python3` with `args: [\"script.py\"]`, or `shell: ls -l`"),
                );
                None
            }
        }
    }

    fn argv(&self, command: &Given<Text>, problems: &mut Problems) -> Option<Invocation> {
        if let Some(interpreter) = &self.script.interpreter {
            problems.push(
                Diagnostic::warning(
                    interpreter.key,
                    "`interpreter` has no effect beside `command`",
                )
                .hint("it is for `shell`; with `command`, the command itself is the interpreter"),
            );
        }
        if command.text.trim().is_empty() {
            problems.push(Diagnostic::error(
                command.span,
                "`command` must not be empty",
            ));
            return None;
        }
        refuse_placeholder(&command.value, "command", problems);
        let program = self.program(command, problems);
        let given = self.arguments();
        let elements: Vec<String> = given
            .iter()
            .map(|argument| argument.0.text.clone())
            .collect();
        let nodes: Vec<&_> = given.iter().map(|argument| &argument.0.node).collect();
        self.warn_of_missing_script(command, &given, &elements, problems);
        let compiled = ArgvTemplate::compile(
            &command.text,
            &elements,
            self.parameters,
            self.context.safety,
        );
        let arguments = template::checked_list(self.context, &nodes, compiled, problems)?;
        Some(Invocation::Argv { program, arguments })
    }

    fn arguments(&self) -> Vec<&Given<AnyText>> {
        self.script.args.iter().flat_map(|args| &args.0).collect()
    }

    fn folder(&self) -> Option<&Path> {
        self.working_dir.as_deref().ok()
    }

    /// The program, looked up; `python` is `python3` where only that is there.
    fn program(&self, command: &Given<Text>, problems: &mut Problems) -> Program {
        let mut program =
            self.context
                .programs
                .resolve(&command.text, &self.environment, self.folder());
        if program.resolved.is_ok() || command.text.contains("{{") {
            return program;
        }
        if command.text == "python" {
            let three = self
                .context
                .programs
                .resolve("python3", &self.environment, self.folder());
            if three.resolved.is_ok() {
                problems.push(
                    Diagnostic::warning(
                        command.span,
                        "`python` is not installed here, so `python3` runs instead",
                    )
                    .hint("write `command: python3`"),
                );
                program.resolved = three.resolved;
                return program;
            }
        }
        self.warn_of_missing_program(command.span, &program, problems);
        program
    }

    /// What a version manager's shim starts is started without it.
    fn look_behind_shim(&mut self, program: &mut Program, problems: &mut Problems) {
        let (Ok(folder), Some(command)) = (&self.working_dir, &self.script.command) else {
            return;
        };
        let shims = &self.context.shims;
        if let Err(reason) = shims.look_behind(program, &mut self.environment, folder) {
            problems.push(reason.diagnostic(&program.written, command.span));
        }
    }

    fn warn_of_missing_program(&self, span: Span, program: &Program, problems: &mut Problems) {
        let Err(why) = &program.resolved else {
            return;
        };
        // Where the working directory is not known, the reason has been told.
        if self.working_dir.is_err() {
            return;
        }
        let is_file = |folder: &PathBuf| folder.join(&program.written).is_file();
        let hint = if program.written.contains('/') && self.working_dir.as_ref().is_ok_and(is_file)
        {
            "make it executable with `chmod +x`, or name its interpreter as the program: `command: sh`, `args: [FILE]`"
        } else if program.written.contains(' ') {
            "name the program alone and put its arguments into `args`, or write the line as `shell`"
        } else {
            "install the program, or name it with its folder"
        };
        problems.push(
            Diagnostic::warning(span, format!("{why}, so calls of this tool fail")).hint(hint),
        );
    }

    fn warn_of_missing_script(
        &self,
        command: &Given<Text>,
        given: &[&Given<AnyText>],
        elements: &[String],
        problems: &mut Problems,
    ) {
        let (ProgramText::File(index), Some(folder)) =
            (program_text(&command.text, elements), self.folder())
        else {
            return;
        };
        let (Some(written), Some(argument)) = (elements.get(index), given.get(index)) else {
            return;
        };
        if !folder.join(written).exists() {
            problems.push(
                Diagnostic::warning(
                    argument.span,
                    format!("the script `{written}` does not exist, so calls of this tool fail"),
                )
                .hint(self.looked_for()),
            );
        }
    }

    /// Where relative files are looked for. The folder itself may come from the environment, whose
    /// values are not shown.
    fn looked_for(&self) -> String {
        match &self.script.working_dir {
            Some(given) => format!(
                "it is looked for in the working directory, `{}`",
                given.text
            ),
            None => "it is looked for in the folder of this file".to_owned(),
        }
    }

    fn shell(&self, shell: &Given<Text>, problems: &mut Problems) -> Option<Invocation> {
        if let Some(args) = &self.script.args {
            problems.push(
                Diagnostic::warning(args.key, "`args` has no effect beside `shell`").hint(
                    "put placeholders into the text of the script: `shell: ls -- \"{{path}}\"`",
                ),
            );
        }
        let interpreter = self.interpreter(problems)?;
        let dialect = dialect(&interpreter.written);
        let safety = self.context.safety;
        let compiled = ShellTemplate::compile(&shell.text, dialect, self.parameters, safety);
        let script = template::checked(self.context, &shell.node, compiled, problems)?;
        if !script.needs_bash() {
            return Some(Invocation::Shell {
                interpreter,
                script,
            });
        }
        let interpreter = self
            .context
            .programs
            .resolve("bash", &self.environment, self.folder());
        if interpreter.resolved.is_err() {
            problems.push(
                Diagnostic::error(
                    shell.span,
                    "this script needs bash, which is not installed here",
                )
                .hint("install bash, or write the script for a POSIX shell"),
            );
            return None;
        }
        Some(Invocation::Shell {
            interpreter,
            script,
        })
    }

    /// The shell: `/bin/sh` unless set.
    fn interpreter(&self, problems: &mut Problems) -> Option<Program> {
        let Some(given) = &self.script.interpreter else {
            return Some(self.context.programs.resolve(
                "/bin/sh",
                &self.environment,
                self.folder(),
            ));
        };
        refuse_placeholder(&given.value, "interpreter", problems);
        if base_name(&given.text) == "busybox"
            || given.text.trim().is_empty()
            || given.text.contains(' ')
        {
            problems.push(
                Diagnostic::error(
                    given.span,
                    format!("`{}` is not the name of one shell", given.text),
                )
                .hint("for example `interpreter: bash`, or `ash` for busybox"),
            );
            return None;
        }
        let program = self
            .context
            .programs
            .resolve(&given.text, &self.environment, self.folder());
        if !given.text.contains("{{") {
            self.warn_of_missing_program(given.span, &program, problems);
        }
        Some(program)
    }

    /// What the script reads. By default the arguments as JSON, for a script file; nothing otherwise.
    fn stdin(&self, problems: &mut Problems) -> Option<Stdin> {
        let elements: Vec<String> = self
            .arguments()
            .iter()
            .map(|argument| argument.0.text.clone())
            .collect();
        let text = match &self.script.command {
            Some(command) => program_text(&command.text, &elements),
            None => ProgramText::None,
        };
        let Some(given) = &self.script.stdin else {
            let itself = self
                .script
                .command
                .as_ref()
                .is_some_and(|command| is_script_file(&command.text));
            let json = itself || matches!(text, ProgramText::File(_));
            return Some(if json { Stdin::Json } else { Stdin::None });
        };
        match (given.text.as_str(), text) {
            ("none", _) => Some(Stdin::None),
            ("json", ProgramText::StandardInput(_)) => {
                problems.push(self.would_run(given, "the arguments"));
                None
            }
            ("json", _) => Some(Stdin::Json),
            (_, text) => self.stdin_text(given, text, problems),
        }
    }

    fn stdin_text(
        &self,
        given: &Given<Text>,
        text: ProgramText,
        problems: &mut Problems,
    ) -> Option<Stdin> {
        if let ProgramText::StandardInput(language) = text
            && given.text.contains("{{")
        {
            let mut problem = self.would_run(given, "a value");
            if language == Language::Other && self.context.safety == Safety::Compat {
                problem.severity = crate::diagnostic::Severity::Warning;
                problems.push(problem);
            } else {
                problems.push(problem);
                return None;
            }
        }
        let compiled = TextTemplate::compile(&given.text, TextSurface::Stdin, self.parameters);
        template::checked(self.context, &given.node, compiled, problems).map(Stdin::Text)
    }

    fn would_run(&self, given: &Given<Text>, what: &str) -> Diagnostic {
        let command = self
            .script
            .command
            .as_ref()
            .map_or("the program", |command| command.text.as_str());
        Diagnostic::error(
            given.span,
            format!("`{command}` runs what it reads, so {what} sent there would be run"),
        )
        .hint("name a script file in `args` and let that read its standard input")
    }
}

/// The shell's grammar, by the name of its program.
fn dialect(interpreter: &str) -> Shell {
    match base_name(interpreter) {
        "sh" | "dash" | "ash" => Shell::Posix,
        "bash" => Shell::Bash,
        _ => Shell::Other,
    }
}
