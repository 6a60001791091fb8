//! The signal that asks for a reload: SIGHUP, on Unix.
//!
//! The same signal says that a terminal was closed. Who took it for a reload in every case would leave a server
//! behind for each closed window, so the two are told apart by whether there was a terminal and now is none.

use std::io;

/// What the signal said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hung {
    /// Somebody asks for a reload.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    Reload,
    /// The terminal this was started in is gone.
    TerminalGone,
}

/// Listens for the signal.
#[cfg(unix)]
pub(super) struct Hangup {
    signal: tokio::signal::unix::Signal,
    had_terminal: bool,
}

#[cfg(unix)]
impl Hangup {
    /// Takes over the handling of the signal from now on.
    ///
    /// # Errors
    /// When the system refuses the handler.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
            had_terminal: has_terminal(),
        })
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) -> Hung {
        if self.signal.recv().await.is_none() {
            return std::future::pending().await;
        }
        if self.had_terminal && !has_terminal() {
            return Hung::TerminalGone;
        }
        Hung::Reload
    }
}

/// Whether one of the standard streams is a terminal that is still there: a closed one is none any more.
#[cfg(unix)]
fn has_terminal() -> bool {
    use std::io::IsTerminal;
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(super) struct Hangup;

#[cfg(not(unix))]
impl Hangup {
    #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Hung {
        std::future::pending().await
    }
}
