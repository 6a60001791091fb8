//! Calls of scripts written in the test, and looks at the processes they leave.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runner::executor::{Execution, ScriptExecutor};
use runner::store::Store;
use runner::tool::template::{ArgvTemplate, Safety, Shell, ShellTemplate};
use runner::tool::{
    Action, Annotations, Arguments, Call, CallContext, CallId, Environment, Invocation, OnOverflow,
    Origins, OutputFormat, OutputRules, Parameter, ParameterType, Parameters, Program, Script,
    Stdin, Tool, ToolLimits, ToolName, Worker,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A call in the making: a shell script, with generous limits.
pub(crate) struct Draft {
    pub(crate) invocation: Invocation,
    pub(crate) stdin: Stdin,
    pub(crate) working_dir: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) worker: Option<Worker>,
    pub(crate) output: OutputRules,
    pub(crate) timeout: Duration,
    pub(crate) progress_extends_timeout: Option<Duration>,
    pub(crate) kill_grace: Duration,
    pub(crate) parameters: Parameters,
    pub(crate) arguments: Value,
    pub(crate) context: CallContext,
    pub(crate) cancel: CancellationToken,
}

pub(crate) fn none() -> Parameters {
    Parameters::new([], json!({"type": "object"}))
}

/// One required parameter `name`, a string.
pub(crate) fn one(name: &str) -> Parameters {
    let parameter = Parameter {
        name: name.to_owned(),
        kind: ParameterType::String,
        required: true,
        default: None,
        allowed: None,
    };
    let schema = json!({"type": "object", "properties": {name: {"type": "string"}}});
    Parameters::new([parameter], schema)
}

/// `interpreter -c script`.
pub(crate) fn shell(interpreter: &str, script: &str) -> Draft {
    let dialect = if interpreter.ends_with("bash") {
        Shell::Bash
    } else {
        Shell::Posix
    };
    let compiled = ShellTemplate::compile(script, dialect, &none(), Safety::Strict);
    draft(Invocation::Shell {
        interpreter: program(interpreter),
        script: compiled.expect("no placeholders").template,
    })
}

pub(crate) fn sh(script: &str) -> Draft {
    shell("/bin/sh", script)
}

pub(crate) fn bash(script: &str) -> Draft {
    shell("/bin/bash", script)
}

/// A program with its arguments, no shell between.
pub(crate) fn argv(name: &str, arguments: &[&str]) -> Draft {
    let elements: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let compiled = ArgvTemplate::compile(name, &elements, &none(), Safety::Strict);
    draft(Invocation::Argv {
        program: program(name),
        arguments: compiled.expect("no placeholders").template,
    })
}

pub(crate) fn python(script: &str) -> Draft {
    argv("/usr/bin/python3", &["-c", script])
}

fn program(path: &str) -> Program {
    Program {
        written: path.to_owned(),
        resolved: Ok(PathBuf::from(path)),
    }
}

fn draft(invocation: Invocation) -> Draft {
    let mut environment = Environment::default();
    environment.set("PATH", "/usr/local/bin:/usr/bin:/bin");
    Draft {
        invocation,
        stdin: Stdin::None,
        working_dir: std::env::temp_dir(),
        environment,
        worker: None,
        output: OutputRules {
            format: OutputFormat::Auto,
            schema: None,
            max_bytes: 1 << 20,
            inline_bytes: 64 << 10,
            on_overflow: OnOverflow::Truncate,
            is_paged: false,
        },
        timeout: Duration::from_secs(30),
        progress_extends_timeout: None,
        kill_grace: Duration::from_secs(5),
        parameters: none(),
        arguments: json!({}),
        context: CallContext::default(),
        cancel: CancellationToken::new(),
    }
}

impl Draft {
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.kill_grace = grace;
        self
    }

    pub(crate) fn call(self) -> Call {
        let tool = Tool {
            name: ToolName::parse("subject").expect("a sound name"),
            title: None,
            description: "a test".to_owned(),
            annotations: Annotations::default(),
            icons: Vec::new(),
            parameters: self.parameters,
            limits: ToolLimits {
                max_parallel: 8.try_into().expect("not zero"),
                buckets: Vec::new(),
                group: None,
                queue_size: 10,
                queue_timeout: Duration::from_secs(30),
                per_key: None,
                timeout: self.timeout,
                max_timeout: None,
                connect: None,
                progress_extends_timeout: self.progress_extends_timeout,
                total: None,
                kill_grace: self.kill_grace,
            },
            retry: None,
            circuit_breaker: None,
            confirmation: None,
            cache: None,
            paging: None,
            task: runner::tool::TaskRules::default(),
            action: Action::Script(Script {
                invocation: self.invocation,
                stdin: self.stdin,
                working_dir: Ok(self.working_dir),
                environment: self.environment,
                worker: self.worker,
                could_be_warm: false,
            }),
            output: self.output,
            tests: Vec::new(),
            origins: Origins::default(),
        };
        let arguments = self
            .arguments
            .as_object()
            .expect("arguments are an object")
            .clone();
        Call {
            id: CallId::random(),
            tool: Arc::new(tool),
            arguments: Arguments::from_checked(arguments),
            page: None,
            context: self.context,
            cancel: self.cancel,
        }
    }

    /// Stores in `store` what the answer cannot hold, and runs.
    pub(crate) async fn run_storing(mut self, store: Store) -> Execution {
        self.output.on_overflow = OnOverflow::Spill;
        ScriptExecutor::storing(store).run(&self.call(), ()).await
    }

    pub(crate) async fn run(self) -> Execution {
        ScriptExecutor::new().run(&self.call(), ()).await
    }
}

/// A text that no other process has on its command line: the arguments of `sleep`.
pub(crate) fn mark() -> String {
    let random = CallId::random().to_string();
    let number = u64::from_str_radix(&random[..11], 16).expect("hexadecimal");
    format!("3600.{number}")
}

/// Living processes with `mark` on their command line; zombies have none.
pub(crate) fn alive(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let has_mark = |path: &Path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.windows(mark.len()).any(|part| part == mark.as_bytes())
    };
    processes
        .filter(|process| has_mark(&process.path()))
        .count()
}

/// Running `sleep MARK`s: a script that has come to its sleep has done what stands before it.
pub(crate) fn sleeping(mark: &str) -> usize {
    let wanted = format!("sleep\0{mark}\0");
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    processes
        .filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            line == wanted.as_bytes()
        })
        .count()
}

/// Waits until `condition` holds; fails when it does not within ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Ends what a test has let escape on purpose.
pub(crate) fn kill_marked(mark: &str) {
    for process in std::fs::read_dir("/proc").expect("Linux").flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let pid = process.file_name().to_string_lossy().parse::<i32>();
        if line.windows(mark.len()).any(|part| part == mark.as_bytes())
            && let Some(pid) = pid.ok().and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}
