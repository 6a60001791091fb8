//! The right to run, for as long as it is held.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::call::Ticket;
use super::face::Shared;

/// The right of one call to run. Dropping it returns every place it holds.
#[must_use = "a permit that is dropped at once returns its places at once"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Ticket,
    arrived: Instant,
    queued: Duration,
    /// Whether the call has yet to be told that it runs: until then, to drop it is to call it off.
    waits: bool,
}

impl Permit {
    pub(super) const fn new(
        shared: Arc<Shared>,
        ticket: Ticket,
        arrived: Instant,
        waits: bool,
    ) -> Self {
        Self {
            shared,
            ticket,
            arrived,
            queued: Duration::ZERO,
            waits,
        }
    }

    pub(super) fn started(mut self) -> Self {
        self.waits = false;
        self.queued = self.arrived.elapsed();
        self
    }

    /// How long the call waited.
    pub const fn queued(&self) -> Duration {
        self.queued
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let ticket = self.ticket;
        if self.waits {
            self.shared.with(|core, now| core.cancel(now, ticket));
        } else {
            self.shared.with(|core, now| core.finish(now, ticket));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}
