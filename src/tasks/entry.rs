//! A task that is under way here, and its end.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::task::{Ending, Task};
use crate::tool::OutputId;

/// The longest message of a task, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// How long an end that could not be written down waits for another attempt, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A task that is under way. Dropped without an end it stays as it is until this runner has gone, and is then one of
/// those that were under way when their runner died.
#[derive(Debug)]
pub struct Entry {
    ledger: Ledger,
    task: Task,
    called_off: CancellationToken,
}

impl Entry {
    pub(super) const fn new(ledger: Ledger, task: Task, called_off: CancellationToken) -> Self {
        Self {
            ledger,
            task,
            called_off,
        }
    }

    /// The task as it was created.
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// Cancelled when the task's client calls it off.
    pub const fn called_off(&self) -> &CancellationToken {
        &self.called_off
    }

    /// Says how far the task is.
    pub fn tell(&self, message: &str) {
        self.ledger.tell(
            &self.task.id,
            message.chars().take(LONGEST_MESSAGE).collect(),
        );
    }

    /// Writes the end down, and waits until it is safe. `output` is the stored one that the result points to. Where the
    /// disk is full or fails it is tried again for as long as the runner runs.
    pub async fn end(self, ending: Ending, message: Option<&str>, output: Option<&OutputId>) {
        let message: Option<String> =
            message.map(|message| message.chars().take(LONGEST_MESSAGE).collect());
        let mut wait = FIRST_WAIT;
        loop {
            let id = &self.task.id;
            let ended = self.ledger.end(id, &ending, message.as_deref(), output);
            let Err(error) = ended.await else { return };
            tracing::error!(task = ?id, %error, "the end of a task could not be written down; it is tried again");
            tokio::select! {
                () = sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                () = self.ledger.closing() => return,
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ledger.forget(&self.task.id);
    }
}
