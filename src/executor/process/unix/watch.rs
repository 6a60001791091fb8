//! How the exit of a process is noticed, which stays a zombie until it is reaped.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::time::sleep;

/// How often an exit is looked for where the system cannot tell of it in time.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How the exit of the leader is noticed.
pub(super) enum Watch {
    /// A file descriptor of the process, readable once it is a zombie.
    #[cfg(target_os = "linux")]
    Descriptor(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// `SIGCHLD`, which may be merged with another's, hence also a look now and then.
    Signal(tokio::signal::unix::Signal),
}

impl Watch {
    /// A descriptor where there is one, else the signal.
    pub(super) fn new(pid: Pid) -> io::Result<Self> {
        match Self::by_descriptor(pid)? {
            Some(watch) => Ok(watch),
            None => Self::by_signal(),
        }
    }

    /// `None` with kernels before 5.10, and in sandboxes that filter the call.
    #[cfg(target_os = "linux")]
    #[expect(
        deprecated,
        reason = "the successor is unsafe, for types that may lie about their descriptor; `OwnedFd` does not"
    )]
    pub(super) fn by_descriptor(pid: Pid) -> io::Result<Option<Self>> {
        use rustix::process::{PidfdFlags, pidfd_open};
        use tokio::io::{Interest, unix::AsyncFd};

        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::NONBLOCK) else {
            return Ok(None);
        };
        let watched = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Some(Self::Descriptor(watched)))
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the signature of the other systems"
    )]
    pub(super) const fn by_descriptor(_pid: Pid) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(super) fn by_signal() -> io::Result<Self> {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()).map(Self::Signal)
    }
}

/// Waits until there may be something to see.
pub(super) async fn watched(watch: &mut Option<Watch>) {
    match watch {
        #[cfg(target_os = "linux")]
        Some(Watch::Descriptor(descriptor)) => match descriptor.readable().await {
            Ok(mut ready) if !is_readable(ready.get_inner()) => ready.clear_ready(),
            Ok(_) => {}
            Err(_) => sleep(POLL_INTERVAL).await,
        },
        Some(Watch::Signal(signal)) => {
            tokio::select! {
                _ = signal.recv() => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
        None => sleep(POLL_INTERVAL).await,
    }
}

/// Whether the descriptor of a process shows that it is a zombie, or reaped.
#[cfg(target_os = "linux")]
pub(super) fn is_readable(descriptor: &impl AsFd) -> bool {
    let mut poll = [PollFd::new(descriptor, PollFlags::IN)];
    let now = rustix::event::Timespec::default();
    rustix::event::poll(&mut poll, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Whether the child is a zombie, which it stays. One that somebody else has reaped counts as well. Versions of macOS
/// have told of a child that was merely stopped, too, though not asked for it (Go's issue 19314).
pub(super) fn has_exited(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(pid), options) {
        Ok(status) => {
            status.is_some_and(|status| status.exited() || status.killed() || status.dumped())
        }
        Err(error) => error == Errno::CHILD,
    }
}
