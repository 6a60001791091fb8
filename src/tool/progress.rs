//! How far a call is, as its script tells it.

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
pub struct ProgressSink(Option<watch::Sender<Option<Progress>>>);

/// The other end: holds the latest progress, `None` until there is some.
pub type ProgressReports = watch::Receiver<Option<Progress>>;

impl ProgressSink {
    /// A sink somebody listens to. The default one has no listener.
    pub fn new() -> (Self, ProgressReports) {
        let (sender, receiver) = watch::channel(None);
        (Self(Some(sender)), receiver)
    }

    /// Tells how far the call is.
    pub fn report(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            sender.send_replace(Some(progress));
        }
    }
}
