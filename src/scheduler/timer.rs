//! One task for all that time alone decides: tokens that come, deadlines that pass.

use std::sync::Arc;

use super::Nanos;
use super::core::Core;
use super::face::{Shared, State};

/// Whether the task runs, and until when it sleeps. It lives while something waits and ends by itself;
/// ten thousand waiting calls cost one timer.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleeps_until: Option<Nanos>,
}

impl State {
    /// Whether the task sleeps for longer than it should.
    pub(super) fn wants_earlier_wake(&mut self) -> bool {
        let next = self.core.next_wake();
        match (next, self.timer.sleeps_until) {
            (Some(next), Some(until)) => next < until,
            _ => false,
        }
    }

    /// Whether something waits and nobody watches the clock.
    pub(super) fn timer_is_needed(&mut self) -> bool {
        self.timer.sleeps_until.is_none() && self.core.next_wake().is_some()
    }
}

impl Timer {
    /// Starts the task.
    pub(super) fn spawn(state: &mut State, shared: &Arc<Shared>) {
        state.timer.sleeps_until = Some(0);
        tokio::spawn(run(Arc::clone(shared)));
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        shared.with(Core::tick);
        let next = {
            let mut state = shared.lock();
            state.timer.sleeps_until = state.core.next_wake();
            state.timer.sleeps_until
        };
        let Some(next) = next else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep_until(shared.moment(next)) => {}
            () = shared.earlier.notified() => {}
        }
    }
}
