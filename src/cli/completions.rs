//! `runner completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit::Exit;
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell to complete in
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut super::Cli::command(),
            "runner",
            &mut script,
        );
        terminal.print(&String::from_utf8(script)?);
        Ok(Exit::Done)
    }
}
