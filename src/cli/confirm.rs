//! A person's word on the terminal: `runner call` asks, `--yes` is the word.

use std::io::{self, IsTerminal};

use clap::Args;
use tokio::sync::oneshot;

use super::terminal::Terminal;
use crate::tool::{Call, Catalog, ConfirmFallback, Failure, FailureCode, Tool};

#[derive(Debug, Args)]
pub(super) struct YesOption {
    /// Say yes to the questions of tools with `confirm`
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl YesOption {
    /// Lets `call` have the word it needs: given on the command line, or by the person at the terminal. Where
    /// nobody can be asked, the call goes on without it.
    ///
    /// # Errors
    /// When the person says no, and when nobody can be asked and the file does not allow that.
    pub(super) async fn ask(&self, call: &mut Call, terminal: &Terminal) -> Result<(), Failure> {
        let Some(confirmation) = call.confirmation() else {
            return Ok(());
        };
        if self.yes {
            call.context.is_confirmed = true;
            return Ok(());
        }
        if !(terminal.is_interactive() && io::stdin().is_terminal()) {
            return match confirmation.fallback {
                ConfirmFallback::Allow => Ok(()),
                ConfirmFallback::Refuse => Err(nobody(&call.tool)),
            };
        }
        let question = confirmation
            .question
            .render(&call.arguments)
            .map_err(|error| Failure::new(FailureCode::InvalidArguments, error.to_string()))?;
        terminal.ask(&format!("{question} [y/N] "));
        if is_yes(&answer().await) {
            call.context.is_confirmed = true;
            return Ok(());
        }
        let message = format!("you did not say yes: `{}` was not run", call.tool.name);
        Err(Failure::new(FailureCode::ConfirmationDeclined, message))
    }

    /// Why calls of these tools cannot be run one after the other: one of them asks a person, and many calls are
    /// not asked about one by one.
    pub(super) fn refusal<'a>(
        &self,
        catalog: &Catalog,
        tools: impl Iterator<Item = &'a str>,
    ) -> Option<Failure> {
        if self.yes {
            return None;
        }
        tools
            .filter_map(|name| catalog.get(name))
            .find(|tool| needs_a_word(tool))
            .map(|tool| nobody(tool))
    }
}

fn needs_a_word(tool: &Tool) -> bool {
    let confirmation = tool.confirmation.as_ref();
    confirmation.is_some_and(|confirmation| confirmation.fallback == ConfirmFallback::Refuse)
}

fn nobody(tool: &Tool) -> Failure {
    let tool = &tool.name;
    Failure::new(
        FailureCode::ConfirmationRequired,
        format!("`{tool}` runs only after a person has said yes, and nobody can be asked here: nothing was run"),
    )
    .remediation("`--yes` says yes; `runner call` asks on a terminal")
}

/// The next line of standard input. The thread that waits for it ends with the program.
async fn answer() -> String {
    let (told, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // Without an answer the line is empty, which is no yes.
        drop(io::stdin().read_line(&mut line));
        drop(told.send(line));
    });
    answer.await.unwrap_or_default()
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for yes in ["y\n", "Yes\r\n", " YES "] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n", "no", "yep", "y e s", "ja"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
