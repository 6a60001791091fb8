//! Who can end a process early, and why.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Why a process was ended by the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::executor) enum Why {
    /// It ran as long as it may.
    Timeout,
    /// The caller called it off.
    Cancelled,
    /// Nobody waits for the answer.
    Abandoned,
    /// The runner stops.
    Draining {
        /// The longest grace.
        grace: Duration,
    },
}

/// Who can end a process early. Each is heard once; a later one can only shorten the grace.
#[derive(Debug)]
pub(in crate::executor) struct Stops {
    pub(in crate::executor) cancelled: Option<CancellationToken>,
    pub(in crate::executor) abandoned: Option<CancellationToken>,
    /// Holds the longest grace once the runner stops.
    pub(in crate::executor) draining: Option<watch::Receiver<Option<Duration>>>,
}

impl Stops {
    /// The next one. Can be dropped at any await.
    pub(in crate::executor) async fn next(&mut self) -> Why {
        tokio::select! {
            biased;
            () = heard(self.abandoned.as_ref()) => { self.abandoned = None; Why::Abandoned }
            () = heard(self.cancelled.as_ref()) => { self.cancelled = None; Why::Cancelled }
            grace = stopping(self.draining.as_mut()) => { self.draining = None; Why::Draining { grace } }
        }
    }
}

async fn heard(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

async fn stopping(draining: Option<&mut watch::Receiver<Option<Duration>>>) -> Duration {
    if let Some(draining) = draining
        && let Ok(grace) = draining.wait_for(Option::is_some).await
        && let Some(grace) = *grace
    {
        return grace;
    }
    std::future::pending().await
}
