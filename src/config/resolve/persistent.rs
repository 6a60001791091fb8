//! `worker` with `mode: persistent`: how many processes, how long each lives, and what such a script cannot be given.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::config::decode::{Given, Problems};
use crate::config::document::{ScriptAction, Tool, Worker as Declared, WorkerMode};
use crate::config::quantity::{Count, Time};
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::PersistentWorker;

/// The most processes of one tool.
const MOST_PROCESSES: u32 = 256;

/// The most processes of a tool that does not say how many.
const MOST_BY_DEFAULT: u32 = 8;

/// The most calls one process answers at once.
const MOST_MULTIPLEXED: u32 = 1000;

const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_mins(10);
const DEFAULT_START_TIMEOUT: Duration = Duration::from_mins(1);

/// Less memory than an interpreter has when it has loaded nothing but itself, in bytes.
const LESS_THAN_AN_INTERPRETER: usize = 8 * 1024 * 1024;

/// What `worker` says, all of it effective.
pub(super) struct Settings {
    size: NonZeroU32,
    multiplex: NonZeroU32,
    max_calls: Option<NonZeroU32>,
    max_rss: Option<u64>,
    idle_timeout: Duration,
    start_timeout: Duration,
}

impl Settings {
    /// The worker, of an interpreter with so many options.
    pub(super) fn worker(self, options: usize, preload: Vec<String>) -> PersistentWorker {
        PersistentWorker {
            options,
            size: self.size,
            multiplex: self.multiplex,
            max_calls: self.max_calls,
            max_rss: self.max_rss,
            idle_timeout: self.idle_timeout,
            start_timeout: self.start_timeout,
            preload,
        }
    }
}

/// What `worker` says; `None` when a part of it cannot be, which has been reported.
pub(super) fn settings(
    tool: &Tool,
    declared: &Declared,
    problems: &mut Problems,
) -> Option<Settings> {
    let before = problems.len();
    let (size, multiplex) = shape(tool, declared);
    at_most("size", declared.size.as_ref(), MOST_PROCESSES, problems);
    at_most(
        "multiplex",
        declared.multiplex.as_ref(),
        MOST_MULTIPLEXED,
        problems,
    );
    above_zero("idle_timeout", declared.idle_timeout.as_ref(), problems);
    above_zero("start_timeout", declared.start_timeout.as_ref(), problems);
    let is_sound = problems.len() == before;
    if is_sound {
        warn_of_too_many_places(tool, declared, problems);
    }
    Some(Settings {
        size,
        multiplex,
        max_calls: declared.max_calls.as_ref().map(|given| given.0),
        max_rss: max_rss(declared, problems),
        idle_timeout: declared
            .idle_timeout
            .as_ref()
            .map_or(DEFAULT_IDLE_TIMEOUT, |given| given.0),
        start_timeout: declared
            .start_timeout
            .as_ref()
            .map_or(DEFAULT_START_TIMEOUT, |given| given.0),
    })
    .filter(|_| is_sound)
}

/// Calls that the workers of `tool` answer at once, and where the file says so; `None` where it has no such workers.
pub(super) fn places(tool: &Tool) -> Option<(NonZeroU32, Option<Span>)> {
    let declared = &tool.script.as_ref()?.worker.as_ref()?.value;
    let mode = declared.mode.as_ref()?;
    if mode.value != WorkerMode::Persistent {
        return None;
    }
    let (size, multiplex) = shape(tool, declared);
    let given = declared.size.as_ref().or(declared.multiplex.as_ref());
    Some((size.saturating_mul(multiplex), given.map(|given| given.key)))
}

/// How many processes there may be, and how many calls each answers at once.
fn shape(tool: &Tool, declared: &Declared) -> (NonZeroU32, NonZeroU32) {
    let multiplex = declared
        .multiplex
        .as_ref()
        .map_or(NonZeroU32::MIN, |given| given.0);
    let size = declared.size.as_ref().map(|given| given.0);
    let size = size.unwrap_or_else(|| {
        let wanted = match max_parallel(tool) {
            Some(calls) => calls.get().div_ceil(multiplex.get()),
            None => std::thread::available_parallelism()
                .ok()
                .and_then(|cores| u32::try_from(NonZeroUsize::get(cores)).ok())
                .unwrap_or(1),
        };
        NonZeroU32::new(wanted.min(MOST_BY_DEFAULT)).unwrap_or(NonZeroU32::MIN)
    });
    (size, multiplex)
}

fn max_parallel(tool: &Tool) -> Option<NonZeroU32> {
    given_max_parallel(tool).map(|given| given.0)
}

fn given_max_parallel(tool: &Tool) -> Option<&Given<Count>> {
    tool.concurrency.as_ref()?.value.max_parallel.as_ref()
}

fn at_most(name: &str, given: Option<&Given<Count>>, most: u32, problems: &mut Problems) {
    if let Some(given) = given.filter(|given| given.0.get() > most) {
        let figure = given.0;
        problems.push(
            Diagnostic::error(
                given.span,
                format!("`{name}` is out of range: {figure} is above {most}"),
            )
            .hint(format!("for example `{name}: 4`")),
        );
    }
}

fn above_zero(name: &str, given: Option<&Given<Time>>, problems: &mut Problems) {
    if let Some(given) = given.filter(|given| given.0.is_zero()) {
        problems.push(
            Diagnostic::error(given.span, format!("`{name}` must be longer than nothing"))
                .hint(format!("for example `{name}: 60s`")),
        );
    }
}

fn max_rss(declared: &Declared, problems: &mut Problems) -> Option<u64> {
    let given = declared.max_rss.as_ref()?;
    if !cfg!(target_os = "linux") {
        problems.push(
            Diagnostic::warning(given.key, "`max_rss` has no effect on this system")
                .hint("`max_calls` replaces a process after so many calls"),
        );
        return None;
    }
    if given.0 < LESS_THAN_AN_INTERPRETER {
        problems.push(
            Diagnostic::warning(
                given.span,
                "an interpreter alone takes more than `max_rss`, so each call ends its process",
            )
            .hint("for example `max_rss: 512MiB`"),
        );
    }
    u64::try_from(given.0).ok()
}

/// Calls past those that the workers answer at once would have a place and wait in it.
fn warn_of_too_many_places(tool: &Tool, declared: &Declared, problems: &mut Problems) {
    let Some(given) = given_max_parallel(tool) else {
        return;
    };
    let (size, multiplex) = shape(tool, declared);
    let places = size.saturating_mul(multiplex);
    if given.0 <= places {
        return;
    }
    let workers = if multiplex.get() == 1 {
        format!("`size` is {size}")
    } else {
        format!("`size` is {size} and `multiplex` {multiplex}")
    };
    problems.push(
        Diagnostic::warning(
            given.span,
            format!(
                "`max_parallel` is {}, and the workers answer {places} at once ({workers}): the others wait for a worker",
                given.0
            ),
        )
        .hint("raise `size`, or leave `max_parallel` out: it is then what the workers can do"),
    );
}

/// What a script that is called by its `main` cannot be given. `fixed` arguments name it.
pub(super) fn refuse_input(script: &ScriptAction, fixed: usize, problems: &mut Problems) -> bool {
    let before = problems.len();
    if let Some(stdin) = &script.stdin {
        problems.push(
            Diagnostic::error(
                stdin.key,
                "`stdin` is not for `mode: persistent`: a worker reads nothing there",
            )
            .hint("leave it out: `main(arguments)` gets the arguments as an object"),
        );
    }
    let arguments = script.args.iter().flat_map(|args| &args.0).skip(fixed);
    for argument in arguments.filter(|argument| argument.0.text.contains("{{")) {
        problems.push(
            Diagnostic::error(
                argument.span,
                "with `mode: persistent` no placeholder stands in `args`: the script is started once for many calls",
            )
            .hint("leave it out: `main(arguments)` gets the arguments as an object"),
        );
    }
    if fixed >= 2
        && let Some(option) = script.args.iter().flat_map(|args| &args.0).nth(fixed - 2)
        && option.0.text == "-c"
    {
        problems.push(
            Diagnostic::error(
                option.span,
                "`mode: persistent` needs a script file or a module, and `-c` gives a text",
            )
            .hint("write the text into a file that defines `main(arguments)`: `args: [\"script.py\"]`"),
        );
    }
    problems.len() == before
}
