//! A run that several equal calls wait for.

use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use tokio_util::sync::CancellationToken;

use crate::runner::answer::Answer;
use crate::tool::{Call, CallContext, Progress, ProgressReports, ProgressSink, Tape};

/// A run whose answer several calls share. Whoever waits drives it; it ends when nobody does.
pub(super) type Pending = Shared<BoxFuture<'static, Arc<Answer>>>;

/// A run under way, as those who come later find it.
pub(super) struct Flight {
    /// Tells it from an earlier one with the same key.
    pub(super) number: u64,
    /// Its answer.
    pub(super) pending: Pending,
    /// What is known of it before.
    pub(super) news: News,
    /// Calls that wait for it.
    pub(super) waiting: usize,
    /// Ends it.
    pub(super) cancel: CancellationToken,
}

/// Calls that follow one run at most. Those that come later run for themselves, which the queues bound.
pub(super) const MOST_WAITING: usize = 1000;

/// What is known of a run before its answer, for all who wait for it.
#[derive(Clone)]
pub(super) struct News {
    progress: ProgressReports,
    handed_on: Option<Progress>,
    tape: Tape,
}

impl News {
    /// The news of `call`, which runs for others, too: it tells them here from now on, and not its first caller alone.
    pub(super) fn of(call: &mut Call) -> Self {
        let (sink, progress) = ProgressSink::new();
        let context = &mut call.context;
        context.progress = sink;
        // Followers may want to know where the first caller does not.
        context.tape = if call.tool.task.makes_tasks() {
            Tape::new()
        } else {
            Tape::default()
        };
        Self {
            progress,
            handed_on: None,
            tape: context.tape.clone(),
        }
    }

    /// Lets who waits see what is printed, what was printed before included.
    pub(super) fn show(&self, to: &CallContext) {
        to.tape.follow(&self.tape);
    }

    /// Hands progress on for as long as it is polled.
    pub(super) async fn hand_on(&mut self, to: &CallContext) {
        while self.progress.changed().await.is_ok() {
            self.catch_up(to);
        }
        std::future::pending::<()>().await;
    }

    /// Hands on what was not handed on yet.
    pub(super) fn catch_up(&mut self, to: &CallContext) {
        let latest = self.progress.borrow_and_update().clone();
        if latest != self.handed_on {
            self.handed_on.clone_from(&latest);
            if let Some(progress) = latest {
                to.progress.report(progress);
            }
        }
    }
}
