//! What the program says about itself, on standard error.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::telemetry::Lines;

/// How long the last lines may take to go out.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a busy log gathers lines: a write for each would cost more than the calls they tell of.
const PAUSE: Duration = Duration::from_millis(5);

/// What lines of the log are written by.
static LINES: OnceLock<Option<Lines>> = OnceLock::new();

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text on a terminal, JSON in a pipe
    #[default]
    Auto,
    /// A line of text each
    Text,
    /// A JSON object each
    Json,
}

/// Sets up logging: text on a terminal, JSON lines in a pipe. `RUNNER_LOG` takes a filter such as
/// `debug` or `runner=debug,rmcp=info`; without one, `default` holds. The SDK logs whole requests below
/// `warn`, arguments included, and at `warn` a line of the client's words for each request it refuses, so only
/// its errors are logged unless it is asked for by name.
pub(super) fn start(default: &str) {
    start_as(default, LogFormat::Auto);
}

/// The same in a format that was asked for.
pub(super) fn start_as(default: &str, format: LogFormat) {
    let wanted = std::env::var("RUNNER_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(format!("rmcp=error,{wanted}"))
        .unwrap_or_else(|_| EnvFilter::new(format!("rmcp=error,{default}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let is_text = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let started = if is_text {
        let has_colour = io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_target(false).with_ansi(has_colour).try_init()
    } else {
        builder.json().try_init()
    };
    // Only a second call in one process fails, and the first one's set-up is as good.
    drop(started);
}

/// Waits a moment for the last lines to go out.
pub(super) fn finish() {
    if let Some(Some(lines)) = LINES.get() {
        // A reader that is stuck must not keep the program from ending.
        lines.flush(LAST_WORDS);
    }
}

/// A reader of standard error that reads no more must not hold up calls, so a thread of its own writes to it. Where
/// the system has none left, lines are written at once.
fn writer() -> Box<dyn io::Write> {
    let lines = LINES.get_or_init(|| {
        let sink = io::BufWriter::new(io::stderr());
        Lines::start_pausing("log", sink, PAUSE, |_| {}).ok()
    });
    match lines {
        Some(lines) => Box::new(Handed(lines)),
        None => Box::new(io::stderr()),
    }
}

/// Hands each line over as a whole: the log writes one at a time.
struct Handed(&'static Lines);

impl io::Write for Handed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
