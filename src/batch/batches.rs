//! How many batches run at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::tool::{Failure, FailureCode};

/// Batches of one runner at once.
const AT_ONCE: usize = 16;

/// Counts the batches of one runner. Clones count together.
#[derive(Clone, Debug)]
pub struct Batches(Arc<Semaphore>);

/// There is no room for one more batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{AT_ONCE} batches run already, and no more may at once")]
pub struct TooMany;

impl Default for Batches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Batches {
    /// A place for one batch, for as long as what is returned lives.
    ///
    /// # Errors
    /// When 16 batches run already.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, TooMany> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| TooMany)
    }
}

impl From<TooMany> for Failure {
    fn from(too_many: TooMany) -> Self {
        Self::new(FailureCode::QueueFull, too_many.to_string())
            .remediation("wait until one of them has ended, or put the calls into one batch")
            .retry_after(std::time::Duration::from_secs(1))
            .with("limit", "batches")
            .with("figure", AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seventeenth_is_refused_until_one_has_ended() {
        let batches = Batches::default();
        let mut places: Vec<_> = (0..16).map(|_| batches.enter().expect("room")).collect();
        let refused = Failure::from(batches.clone().enter().expect_err("full"));
        assert_eq!(refused.code, FailureCode::QueueFull);
        assert_eq!(
            refused.message,
            "16 batches run already, and no more may at once"
        );
        places.pop();
        assert!(batches.enter().is_ok());
    }
}
