//! What stands between a call's place in the queue and its start.

use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFuture};

/// Tells that a call has its place in the queue, and holds its start back until it is opened: what has to be
/// written down before a call runs is written in between. A call that is refused is never taken. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    taken: CancellationToken,
    open: CancellationToken,
}

impl Gate {
    /// Says that the call waits for its turn, or has it.
    pub(super) fn take(&self) {
        self.taken.cancel();
    }

    /// Waits until the call has its place.
    pub fn taken(&self) -> WaitForCancellationFuture<'_> {
        self.taken.cancelled()
    }

    /// Lets the call start when its turn comes. So does dropping what this returns, whatever happened before: others
    /// may wait for the same call.
    #[must_use]
    pub fn opener(&self) -> DropGuard {
        self.open.clone().drop_guard()
    }

    /// Waits until the call may start.
    pub(super) fn opened(&self) -> WaitForCancellationFuture<'_> {
        self.open.cancelled()
    }
}
