//! Exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It did what was asked: 0.
    Done,
    /// It ran, and the answer is no: a tool failed, a file is not sound: 1.
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

/// Prints what is wrong with the command line, or the help that was asked for.
pub(super) fn of_usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to do when the terminal itself is gone.
    drop(error.print());
    if error.use_stderr() {
        Exit::Usage.into()
    } else {
        Exit::Done.into()
    }
}
