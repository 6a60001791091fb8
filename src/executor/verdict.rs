//! From how a process ended to a result or a failure.

use std::io;
use std::time::Duration;

use super::output::{excerpt, interpret, not_whole, with_items};
#[cfg(unix)]
use super::process::BirthError;
use super::process::{End, Ended, Exit, Launch, Leftovers, Why};
use crate::tool::{Call, Failure, FailureCode, Output, ToolName, remedy, spoken};

/// The part of standard error that goes into a failure: a little of its beginning, more of its end.
const STDERR_SHOWN: (usize, usize) = (1024, 15 * 1024);

/// The share of the timeout, in percent, past which a call is warned about.
const WARN_ABOVE_PERCENT: u32 = 80;

/// What a process was given, as far as the verdict needs it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// How long it was allowed to run.
    pub(super) timeout: Duration,
    /// How long in all, where progress puts the timeout off.
    pub(super) extends_to: Option<Duration>,
    /// Whether the caller's budget allowed less than the tool's own timeout.
    pub(super) is_callers: bool,
    /// The program and the folder, for the message when it cannot be started.
    pub(super) program: std::path::PathBuf,
    /// See `program`.
    pub(super) working_dir: std::path::PathBuf,
}

impl Terms {
    pub(super) fn new(
        launch: &Launch,
        timeout: Duration,
        extends_to: Option<Duration>,
        is_callers: bool,
    ) -> Self {
        Self {
            timeout,
            extends_to,
            is_callers,
            program: launch.program.clone(),
            working_dir: launch.working_dir.clone(),
        }
    }

    fn longest(&self) -> Duration {
        self.extends_to.unwrap_or(self.timeout)
    }
}

/// The result of a call whose process has ended, and what deserves a look. Blocks for as long as
/// reading the output takes, and may look at the file system when a program could not be started.
pub(super) fn verdict(
    call: &Call,
    terms: &Terms,
    ended: &Ended,
) -> (Result<Output, Failure>, Vec<String>) {
    let mut warnings = ended.warnings.clone();
    warnings.extend(leftovers(ended.leftovers));
    warnings.extend(swept(ended.swept));
    let tool = &call.tool.name;
    let failure = match &ended.end {
        End::Exited(Exit::Code(0)) => {
            warnings.extend(near_timeout(call, ended.ran, terms.longest()));
            let (lines, rules) = (ended.lines.as_ref(), &call.tool.output);
            let interpreted = interpret(&ended.stdout, &ended.kept, lines, rules);
            warnings.extend(interpreted.warnings);
            let said = excerpt(&ended.stderr, STDERR_SHOWN.0, STDERR_SHOWN.1);
            let result = interpreted
                .result
                .map_err(|failure| failure.with("stderr", said.text));
            return (result, warnings);
        }
        End::NotStarted(error) => {
            let mut failure = not_started(tool, terms, error);
            if ended.stderr.total > 0 {
                let said = excerpt(&ended.stderr, STDERR_SHOWN.0, STDERR_SHOWN.1);
                failure = failure.with("stderr", said.text);
            }
            return (Err(failure), warnings);
        }
        End::Exited(Exit::Code(code)) => {
            warnings.extend(near_timeout(call, ended.ran, terms.longest()));
            exit_status(tool, *code, ended.stderr.total > 0)
        }
        End::Exited(Exit::Signal(signal)) => Failure::new(
            FailureCode::KilledBySignal,
            format!("`{tool}` was ended by {}", signal_name(*signal)),
        )
        .remediation(after_signal(*signal))
        .with("signal", *signal),
        End::Exited(Exit::Orphaned) => Failure::new(
            FailureCode::KilledBySignal,
            format!("`{tool}` was ended: the warm interpreter it was forked from died"),
        )
        .remediation("call again; if it happens again, see whether memory is short or a script ends its parent"),
        End::Exited(Exit::Unknown) => Failure::new(
            FailureCode::Internal,
            format!("how `{tool}` ended is not known: its status was taken by somebody else"),
        ),
        End::Broken(broken) => super::broken::failure(tool, broken),
        End::Stopped(why, exit) => stopped(call, terms, *why, *exit, ended),
    };
    warnings.extend(not_whole(&ended.kept));
    (Err(with_output(failure, call, ended)), warnings)
}

/// Adds what was printed until then, and the figures.
fn with_output(failure: Failure, call: &Call, ended: &Ended) -> Failure {
    let inline = call.tool.output.inline_bytes;
    let stdout = excerpt(&ended.stdout, inline - inline / 2, inline / 2);
    let stderr = excerpt(&ended.stderr, STDERR_SHOWN.0, STDERR_SHOWN.1);
    let failure = failure
        .stored(ended.kept.output().cloned())
        .with("timeout_ms", millis(ended.allowed))
        .with("elapsed_ms", millis(ended.ran))
        .with("stdout", stdout.text)
        .with("stderr", stderr.text);
    match &ended.lines {
        Some(lines) => with_items(failure, lines, &ended.stdout, &call.tool.output),
        None => failure,
    }
}

fn stopped(call: &Call, terms: &Terms, why: Why, exit: Option<Exit>, ended: &Ended) -> Failure {
    let tool = &call.tool.name;
    let ran = ended.ran;
    let timeout = spoken(terms.timeout);
    let failure = match why {
        Why::Timeout if terms.is_callers => Failure::new(
            FailureCode::Timeout,
            format!("`{tool}` was ended after {timeout}, all that the caller granted"),
        )
        .remediation(remedy::larger_budget(call)),
        Why::Timeout if ended.allowed > terms.timeout => late(tool, terms, ended.allowed),
        Why::Timeout => Failure::new(
            FailureCode::Timeout,
            format!("`{tool}` was ended after its timeout of {timeout}"),
        )
        .remediation(remedy::more_time(call)),
        Why::Cancelled | Why::Abandoned => Failure::new(
            FailureCode::Cancelled,
            format!("`{tool}` was called off after {}", spoken(ran)),
        )
        .remediation(
            "`stdout` has what it printed until then; call again if the answer is still wanted",
        ),
        Why::Draining { .. } => Failure::new(
            FailureCode::Cancelled,
            format!(
                "`{tool}` was ended after {}: the runner is stopping",
                spoken(ran)
            ),
        )
        .remediation("`stdout` has what it printed until then; call again when the runner is back"),
    };
    match exit {
        Some(Exit::Code(code)) => failure.with("exit_code", code),
        Some(Exit::Signal(signal)) => failure.with("signal", signal),
        Some(Exit::Unknown | Exit::Orphaned) | None => failure,
    }
}

/// The timeout of a script whose progress had put it off.
fn late(tool: &ToolName, terms: &Terms, allowed: Duration) -> Failure {
    let timeout = spoken(terms.timeout);
    if allowed < terms.longest() {
        return Failure::new(
            FailureCode::Timeout,
            format!("`{tool}` was ended {timeout} after it last told of progress"),
        )
        .remediation(format!(
            "raise `timeout` of tool `{tool}` (now {timeout}), let it tell of progress more often, or ask for less in one call"
        ));
    }
    let longest = spoken(terms.longest());
    Failure::new(
        FailureCode::Timeout,
        format!("`{tool}` was ended after {longest}, the most that progress could put its timeout off to"),
    )
    .remediation(format!(
        "raise `progress_extends_timeout.max` of tool `{tool}`, grant more time, or ask for less in one call"
    ))
}

/// What to do when a signal that the runner did not send ended a script.
fn after_signal(signal: i32) -> &'static str {
    match signal {
        9 => "memory may be short: ask for less in one call, or give the machine more of it",
        4 | 6 | 7 | 8 | 11 => {
            "the program crashed: `stderr` may say where; call again with other arguments"
        }
        _ => FailureCode::KilledBySignal.remedy(),
    }
}

fn exit_status(tool: &ToolName, code: i32, has_said_why: bool) -> Failure {
    let failure = Failure::new(
        FailureCode::ExitStatus,
        format!("`{tool}` ended with exit status {code}"),
    )
    .with("exit_code", code);
    match code {
        126 => failure.remediation("a program the script calls may not be executed: see `stderr`"),
        127 => failure.remediation("a program the script calls was not found: see `stderr`, and the `PATH` the tool is given"),
        129..=192 => failure.remediation(format!(
            "by custom, {code} is a shell's word for a program in the script that was ended by {}",
            signal_name(code - 128)
        )),
        _ if has_said_why => failure.remediation("`stderr` has what the script said about it: where it names the arguments, mend them and call again"),
        _ => failure,
    }
}

fn not_started(tool: &ToolName, terms: &Terms, error: &io::Error) -> Failure {
    let program = terms.program.display();
    let failure = Failure::new(
        FailureCode::SpawnFailed,
        format!("`{tool}` could not start `{program}`: {error}"),
    );
    if !terms.working_dir.is_dir() {
        return failure.remediation(format!(
            "`working_dir` is no folder: create `{}` or name another",
            terms.working_dir.display()
        ));
    }
    #[cfg(unix)]
    if let Some(why) = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<BirthError>())
    {
        return failure.remediation(match why {
            BirthError::NotLoaded { .. } => {
                "see that the script loads and defines `main(arguments)`: `stderr` has what it said"
            }
            _ => "see that the modules of `worker.preload` can be imported, or leave `worker` out",
        });
    }
    failure.remediation(match error.kind() {
        io::ErrorKind::NotFound if terms.program.exists() => {
            format!("the interpreter in the first line of `{program}` does not exist: install it or mend the line")
        }
        io::ErrorKind::NotFound => format!("install `{program}`, or name another program in the file"),
        io::ErrorKind::PermissionDenied => format!("make it executable: `chmod +x {program}`"),
        io::ErrorKind::ArgumentListTooLong => {
            "the arguments are too large for a command line: let the script read them with `stdin: json`".to_owned()
        }
        _ if error.raw_os_error() == Some(NO_EXECUTABLE_FORMAT) => {
            format!("the system does not know how to run `{program}`: give it a first line such as `#!/bin/sh`")
        }
        _ => "the machine may be short of processes, memory or open files: try again with fewer calls at once".to_owned(),
    })
}

/// `ENOEXEC`, the same on Linux, macOS and the BSDs; Windows has another error with this number, never from a start.
const NO_EXECUTABLE_FORMAT: i32 = 8;

fn leftovers(leftovers: Leftovers) -> Vec<String> {
    let warning = match leftovers {
        Leftovers::None => return Vec::new(),
        Leftovers::Killed => "left processes running that held its output; they were ended with it",
        Leftovers::Escaped => {
            "a process it started outside its process group still held its output, which was closed"
        }
        Leftovers::Stuck => "its processes were killed and live on; they keep their running place",
    };
    vec![warning.to_owned()]
}

fn swept(processes: u32) -> Option<String> {
    match processes {
        0 => None,
        1 => Some("ended 1 process that the script left behind".to_owned()),
        more => Some(format!(
            "ended {more} processes that the script left behind"
        )),
    }
}

/// The warning of a run that almost took too long.
pub(super) fn near_timeout(call: &Call, ran: Duration, timeout: Duration) -> Option<String> {
    (ran > timeout * WARN_ABOVE_PERCENT / 100).then(|| {
        format!(
            "used {} of its {} timeout, more than {WARN_ABOVE_PERCENT} %: {}",
            spoken(ran),
            spoken(timeout),
            remedy::more_headroom(call)
        )
    })
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The signals that end scripts, by the numbers they have on every Unix.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL, as the kernel does when memory is short",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::{LoadOptions, load_text};
    use crate::tool::{Arguments, CallContext, CallId};

    fn call(keys: &str, arguments: &str) -> Call {
        let text = format!(
            "tools: [{{ name: t, description: T, timeout: 30, {keys} script: {{ command: sleep }} }}]"
        );
        let options = LoadOptions::default();
        let loaded = load_text(Path::new("f"), text, Path::new("/"), &options).unwrap();
        let tool = loaded.catalog.get("t").unwrap();
        let given = serde_json::from_str(arguments).unwrap();
        Call {
            id: CallId::random(),
            tool: tool.clone(),
            arguments: Arguments::parse(tool, given).unwrap(),
            page: None,
            context: CallContext::default(),
            cancel: CancellationToken::new(),
        }
    }

    #[test]
    fn a_call_near_its_timeout_is_told_so() {
        let said = |call: &Call, millis| {
            near_timeout(call, Duration::from_millis(millis), call.timeout()).unwrap_or_default()
        };
        let plain = call("", "{}");
        assert_eq!(said(&plain, 24_000), "");
        assert_eq!(
            said(&plain, 27_100),
            "used 27.1 s of its 30 s timeout, more than 80 %: ask for less in one call, such as fewer items or a narrower query"
        );
        let choosing = call("max_timeout: 120,", "{}");
        assert_eq!(
            said(&choosing, 27_100),
            "used 27.1 s of its 30 s timeout, more than 80 %: give the next `timeout_seconds` of up to 120, or ask for less \
             in one call, such as fewer items or a narrower query"
        );
        let asked = call("max_timeout: 120,", r#"{"timeout_seconds": 120}"#);
        assert_eq!(said(&asked, 27_100), "");
        assert!(
            said(&asked, 110_000)
                .starts_with("used 110 s of its 120 s timeout, more than 80 %: ask for less")
        );
    }
}
