//! Exit codes.

use std::process::ExitCode;

use super::terminal::Terminal;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It did what was asked: 0.
    Done,
    /// It ran, and the answer is no: a tool failed, a file is not sound, or a part of the output is lost: 1.
    Failed,
    /// It could not run: a mistake on the command line or in the configuration: 2.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

impl Exit {
    /// How the command ended that would have ended so, had all of its output been written; says what was not.
    pub(super) fn having_printed(self, terminal: &Terminal) -> Self {
        let Some(error) = terminal.lost() else {
            return self;
        };
        terminal.error(&format!(
            "error: the output could not be written: {error}\n\nhint: make room where it goes, or send it elsewhere; \
             a tool that was called has run all the same"
        ));
        if self == Self::Done {
            Self::Failed
        } else {
            self
        }
    }
}

/// Prints what is wrong with the command line, or the help that was asked for.
pub(super) fn of_usage(error: &clap::Error, terminal: &Terminal) -> Exit {
    let printed = error.print();
    if error.use_stderr() {
        // Nothing is left to do when the terminal itself is gone.
        return Exit::Usage;
    }
    terminal.written(printed);
    Exit::Done.having_printed(terminal)
}
