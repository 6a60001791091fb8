//! What the guards are asked by signal, handed on to their child.

use std::io;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::{Pid, Resource, Rlimit, kill_process, setrlimit};

use super::GuardError;

/// What is handed on. The signals of job control are not: they reach the runner with the rest of its
/// process group, and stop a guard as they stop anyone.
const HANDED_ON: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Signals as messages on a descriptor: nothing interrupts a guard, and each comes with its sender. The
/// descriptor gives every process that inherits it the signals of its own.
pub(super) struct Signals {
    descriptor: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Holds the signals back from now on, here and in children.
    pub(super) fn hold() -> Result<Self, GuardError> {
        let failed = |errno: nix::Error| GuardError::System("hold signals", errno.into());
        let mut mask: SigSet = HANDED_ON.into_iter().collect();
        mask.add(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&mask, flags).map_err(failed)?;
        let before = mask
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .map_err(failed)?;
        Ok(Self { descriptor, before })
    }

    /// The descriptor, readable when a signal has come.
    pub(super) const fn descriptor(&self) -> &SignalFd {
        &self.descriptor
    }

    /// Takes what has come and hands it on to `child`. That children have ended is not kept: who asks looks anyway.
    pub(super) fn hand_on_to(&self, child: Pid) {
        while let Ok(Some(info)) = self.descriptor.read_signal() {
            let signal = i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok());
            let Some(signal) = signal.filter(|signal| HANDED_ON.contains(signal)) else {
                continue;
            };
            // A key pressed at the terminal has reached the whole process group, the runner included, and
            // a second Ctrl-C means more than a first.
            let is_key = info.ssi_code == libc::SI_KERNEL
                && matches!(signal, Signal::SIGINT | Signal::SIGQUIT);
            if !is_key {
                send(child, signal as i32);
            }
        }
    }
}

impl Drop for Signals {
    /// Signals come as they did before. What came meanwhile arrives now.
    fn drop(&mut self) {
        self.before.thread_set_mask().ok();
    }
}

fn send(child: Pid, signal: i32) {
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        // A child that has ended is a zombie still, so the signal cannot reach a stranger.
        kill_process(child, signal).ok();
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// Ends this process the same way.
    pub(super) fn repeat(self) -> ! {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(number) => {
                if let Ok(signal) = Signal::try_from(number) {
                    die_of(signal).ok();
                }
                // The first process of a container does not die of signals; shells count like this.
                128 + number
            }
        };
        std::process::exit(code)
    }
}

fn die_of(signal: Signal) -> io::Result<()> {
    // The runner's core is worth having, not one of a guard.
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, nothing)?;
    nix::sys::signal::raise(signal)?;
    let only: SigSet = std::iter::once(signal).collect();
    only.thread_unblock()?;
    Ok(())
}
