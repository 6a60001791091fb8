//! How many questions may wait for their answers on open sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::tool::{Failure, FailureCode};

/// Questions of one client that may wait at a time: more than a person can keep apart.
const EACH: usize = 8;

/// Questions of all clients that may wait at a time.
const ALL: usize = 256;

/// When a client that was told so asks again.
const LATER: Duration = Duration::from_secs(10);

/// Room for questions: each connection has its own, within what all share.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

/// Room for one question, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

impl Places {
    /// Room for the questions of one connection, and of all.
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            own: Arc::new(Semaphore::new(EACH)),
        }
    }

    /// The same for one more connection.
    pub(super) fn for_connection(&self) -> Self {
        Self {
            all: Arc::clone(&self.all),
            ..Self::new()
        }
    }

    /// Takes room for one question.
    ///
    /// # Errors
    /// `QUEUE_FULL` when there is none.
    pub(super) fn take(&self) -> Result<Place, Failure> {
        let take = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned();
        let own = take(&self.own).map_err(|_| full(EACH, "this client"))?;
        let all = take(&self.all).map_err(|_| full(ALL, "all clients"))?;
        Ok(Place([own, all]))
    }
}

fn full(count: usize, whose: &str) -> Failure {
    let message = format!("{count} questions of {whose} wait for a person: nothing was run");
    Failure::new(FailureCode::QueueFull, message)
        .retry_after(LATER)
        .remediation("wait until a question is answered")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_and_all_together_are_bounded() {
        let first = Places::new();
        let mut taken: Vec<Place> = (0..EACH).map(|_| first.take().unwrap()).collect();
        let refused = first.take().unwrap_err();
        assert_eq!(refused.code, FailureCode::QueueFull);
        assert_eq!(
            refused.message,
            "8 questions of this client wait for a person: nothing was run"
        );
        while taken.len() < ALL {
            let other = first.for_connection();
            taken.extend((0..EACH).map(|_| other.take().unwrap()));
        }
        let refused = first.for_connection().take().unwrap_err();
        assert_eq!(
            refused.message,
            "256 questions of all clients wait for a person: nothing was run"
        );
        taken.pop();
        assert!(first.for_connection().take().is_ok());
    }
}
