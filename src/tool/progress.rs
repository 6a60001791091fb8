//! How far a call is, as its script tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// How far a call is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How much is done; finite, not negative.
    pub done: f64,
    /// How much there is to do; finite, above zero.
    pub total: Option<f64>,
    /// What is being done.
    pub message: Option<String>,
}

/// Where progress is told. The latest counts: who listens slowly misses some, and holds nobody up.
#[derive(Clone, Debug, Default)]
pub struct ProgressSink(Option<Arc<Told>>);

#[derive(Debug)]
struct Told {
    latest: watch::Sender<Option<Progress>>,
    /// Whether the script says itself how far it is.
    by_script: AtomicBool,
}

/// The other end: holds the latest progress, `None` until there is some.
pub type ProgressReports = watch::Receiver<Option<Progress>>;

impl ProgressSink {
    /// A sink somebody listens to. The default one has no listener.
    pub fn new() -> (Self, ProgressReports) {
        let (sender, receiver) = watch::channel(None);
        let told = Told {
            latest: sender,
            by_script: AtomicBool::new(false),
        };
        (Self(Some(Arc::new(told))), receiver)
    }

    /// Whether anybody listens.
    pub const fn has_listener(&self) -> bool {
        self.0.is_some()
    }

    /// Tells how far the script says it is.
    pub fn report(&self, progress: Progress) {
        if let Some(told) = &self.0 {
            told.by_script.store(true, Ordering::Relaxed);
            told.latest.send_replace(Some(progress));
        }
    }

    /// Tells how much has come of the call so far. A script that says itself how far it is knows better.
    pub fn count(&self, progress: Progress) {
        if let Some(told) = &self.0
            && !told.by_script.load(Ordering::Relaxed)
        {
            told.latest.send_replace(Some(progress));
        }
    }
}
