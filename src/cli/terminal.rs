//! Where commands print.

use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::logging;

/// Back to the line's beginning, and all of it erased (ECMA-48, EL).
const ERASED_LINE: &str = "\r\x1b[2K";

/// How much of a line is spelled out at once, in bytes.
const LONGEST_PIECE: u64 = 64 * 1024;

/// Standard output for results, standard error for everything else. A reader that has gone away, as `head`
/// does, is no error; anything else that keeps a result from being written is remembered, see [`Terminal::lost`].
///
/// What scripts print and what files say may hold control sequences, which can rewrite what a terminal shows or
/// type for its user. A terminal gets them spelled out; a pipe or a file gets every byte as it is.
pub(super) struct Terminal {
    color: bool,
    spells_out_results: bool,
    is_interactive: bool,
    /// Whether a status line is on the screen.
    has_status: AtomicBool,
    /// Why no result is written any more: what comes after a hole would pass for the whole.
    broken: OnceLock<io::Error>,
}

impl Terminal {
    /// The terminal as the environment describes it: `NO_COLOR` and a pipe turn colour off.
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let is_interactive = io::stderr().is_terminal();
        Self {
            color: wanted && is_interactive,
            is_interactive,
            has_status: AtomicBool::new(false),
            broken: OnceLock::new(),
            spells_out_results: io::stdout().is_terminal(),
        }
    }

    /// Whether messages may be coloured.
    pub(super) fn color(&self) -> bool {
        self.color && !logging::is_all_json()
    }

    /// Whether a person looks at standard error.
    pub(super) const fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Whether a person looks at the results.
    pub(super) const fn shows_results(&self) -> bool {
        self.spells_out_results
    }

    /// Shows one line in the place of the one before, until it is erased.
    pub(super) fn status(&self, text: &str) {
        if self.is_interactive {
            let mut stderr = io::stderr().lock();
            self.has_status.store(!text.is_empty(), Ordering::Relaxed);
            let text = shown(text, true);
            drop(write!(stderr, "{ERASED_LINE}{text}").and_then(|()| stderr.flush()));
        }
    }

    /// Erases the line that [`Terminal::status`] shows.
    pub(super) fn erase_status(&self) {
        if self.has_status.load(Ordering::Relaxed) {
            self.status("");
        }
    }

    /// Prints a line of the result.
    pub(super) fn line(&self, text: &str) {
        self.print(text);
        self.print("\n");
    }

    /// Prints a part of the result.
    pub(super) fn print(&self, text: &str) {
        let text = shown(text, self.spells_out_results);
        self.write(|stdout| stdout.write_all(text.as_bytes()));
    }

    /// Prints a part of the result as `source` has it.
    pub(super) fn copy(&self, mut source: impl io::Read) {
        self.write(|stdout| {
            if self.spells_out_results {
                spell_out(source, stdout)
            } else {
                io::copy(&mut source, stdout).map(|_| ())
            }
        });
    }

    /// Notes what came of writing a result in some other way.
    pub(super) fn written(&self, written: io::Result<()>) {
        if let Err(error) = written.and_then(|()| io::stdout().flush()) {
            // The first error is the one to tell.
            drop(self.broken.set(error));
        }
    }

    /// Why results are lost, where a part of them could not be written though somebody waits for it.
    pub(super) fn lost(&self) -> Option<&io::Error> {
        let error = self.broken.get();
        error.filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }

    fn write(&self, write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>) {
        if self.broken.get().is_none() {
            let mut stdout = io::stdout().lock();
            self.written(write(&mut stdout));
        }
    }

    /// Prints a line for the person; where the whole log is JSON, it is a line of that.
    pub(super) fn error(&self, text: &str) {
        self.rendered(&shown(text, self.is_interactive));
    }

    /// Asks the person: the answer is typed behind it.
    pub(super) fn ask(&self, question: &str) {
        let mut stderr = io::stderr().lock();
        let question = shown(question, self.is_interactive);
        drop(write!(stderr, "{question}").and_then(|()| stderr.flush()));
    }

    /// Prints what was made for the terminal, colours included: nobody else's text may be in it unchecked.
    #[expect(
        clippy::unused_self,
        reason = "printing goes through the terminal, whoever asks"
    )]
    pub(super) fn rendered(&self, text: &str) {
        if logging::takes(text) {
            return;
        }
        let mut stderr = io::stderr().lock();
        drop(writeln!(stderr, "{}", text.trim_end()));
    }
}

/// Writes what `source` has, for the eyes of a person.
fn spell_out(source: impl io::Read, stdout: &mut impl Write) -> io::Result<()> {
    let mut lines = io::BufReader::new(source);
    let mut line = Vec::new();
    // A line without an end is taken in pieces, so that none is held whole.
    while (&mut lines)
        .take(LONGEST_PIECE)
        .read_until(b'\n', &mut line)?
        > 0
    {
        let text = String::from_utf8_lossy(&line);
        stdout.write_all(shown(&text, true).as_bytes())?;
        line.clear();
    }
    Ok(())
}

fn shown(text: &str, spells_out: bool) -> Cow<'_, str> {
    if spells_out {
        spelled_out(text)
    } else {
        Cow::Borrowed(text)
    }
}

/// The text with its control characters as escapes, but for tabs and line breaks.
fn spelled_out(text: &str) -> Cow<'_, str> {
    let is_harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(spelled_out("plain\n\ttext\r\n é"), "plain\n\ttext\n é");
        assert_eq!(
            spelled_out("\u{1b}]0;title\u{7} over\rwritten \u{9b}2J"),
            "\\u{1b}]0;title\\u{7} over\\rwritten \\u{9b}2J"
        );
    }
}
