//! What the program says about itself, on standard error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::telemetry::{Lines, timestamp};

/// How long the last lines may take to go out.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a busy log gathers lines: a write for each would cost more than the calls they tell of.
const PAUSE: Duration = Duration::from_millis(5);

/// Whether all that is said on standard error is a line of JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

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

/// Makes all that is said on standard error from now on a line of the log in JSON, what the runner says of itself and the
/// message of a bug included. To be called before anything is said.
pub(super) fn say_all_in_json() {
    IS_JSON.store(true, Ordering::Relaxed);
    std::panic::set_hook(Box::new(|bug| {
        let trace = Backtrace::capture();
        let text = match trace.status() {
            BacktraceStatus::Captured => format!("{bug}\n{trace}"),
            _ => bug.to_string(),
        };
        // It may be the log's own thread that ends.
        say_at_once(&format!("error: {text}"));
    }));
}

/// Whether all that is said is a line of JSON.
pub(super) fn is_all_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Takes what is said to people into the log, where all of that is JSON. Whether it was taken.
pub(super) fn takes(text: &str) -> bool {
    let is_json = is_all_json();
    if is_json {
        // Nothing is to be done when nobody listens.
        drop(writer().write_all(&record(text)));
    }
    is_json
}

/// Says something without the log's thread, for processes that have no threads.
pub(super) fn say_at_once(text: &str) {
    let line = if is_all_json() {
        record(text)
    } else {
        format!("{text}\n").into_bytes()
    };
    drop(io::stderr().write_all(&line));
}

/// A line as the log's own are, with the level that the text begins with.
fn record(text: &str) -> Vec<u8> {
    let text = text.trim();
    let level = match text {
        _ if text.starts_with("error") => "ERROR",
        _ if text.starts_with("warning") => "WARN",
        _ => "INFO",
    };
    let line = json!({
        "timestamp": timestamp(SystemTime::now()),
        "level": level,
        "fields": {"message": text},
        "target": env!("CARGO_PKG_NAME"),
    });
    format!("{line}\n").into_bytes()
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_said_to_people_is_a_line_with_its_level() {
        for (text, level, message) in [
            ("warning: a\nb\n", "WARN", "warning: a\nb"),
            ("error: c", "ERROR", "error: c"),
            ("\nhint: d", "INFO", "hint: d"),
        ] {
            let line = String::from_utf8(record(text)).unwrap();
            assert_eq!(line.matches('\n').count(), 1);
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(
                (&line["level"], &line["fields"]["message"], &line["target"]),
                (&json!(level), &json!(message), &json!("runner"))
            );
        }
    }
}
