//! The signals that ask a process to stop.

use std::io;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use tokio::time::Instant;

/// Signals closer together than this are one wish: nobody presses Ctrl-C twice that fast.
#[cfg(unix)]
const SAME: Duration = Duration::from_millis(250);

/// Ctrl-C and, on Unix, SIGTERM.
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    last: Option<Instant>,
}

impl Signals {
    /// Takes over the handling of these signals from now on.
    ///
    /// # Errors
    /// When the system refuses the handler.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            last: None,
        })
    }

    /// Takes over the handling of these signals from now on.
    ///
    /// # Errors
    /// When the system refuses the handler.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next of them. Those that come within a quarter of a second after one are the same: who
    /// asks a whole process group, or all of a name, also asks the guard, which hands it on.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            let now = Instant::now();
            if self.last.is_none_or(|last| now > last + SAME) {
                self.last = Some(now);
                return;
            }
        }
    }

    /// Waits for the next of them.
    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
