//! A run that several equal calls wait for.

use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use tokio_util::sync::CancellationToken;

use crate::runner::answer::Answer;

/// A run whose answer several calls share. Whoever waits drives it; it ends when nobody does.
pub(super) type Pending = Shared<BoxFuture<'static, Arc<Answer>>>;

/// A run under way, as those who come later find it.
pub(super) struct Flight {
    /// Tells it from an earlier one with the same key.
    pub(super) number: u64,
    /// Its answer.
    pub(super) pending: Pending,
    /// Calls that wait for it.
    pub(super) waiting: usize,
    /// Ends it.
    pub(super) cancel: CancellationToken,
}

/// Calls that follow one run at most. Those that come later run for themselves, which the queues bound.
pub(super) const MOST_WAITING: usize = 1000;
