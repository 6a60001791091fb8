//! The one place of this crate where the compiler does not vouch for memory.
//!
//! Starting the program's own file again instead would be safe but costs an exec of the whole program each time, needs a way
//! to tell the new process what it is that scripts cannot inherit or imitate, and reads the file a
//! second time, which may have been replaced meanwhile.

#![expect(
    unsafe_code,
    reason = "no safe interface exists for `fork` and for setting a signal back to its default"
)]

use std::fs;
use std::io;

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::ForkResult;
use rustix::process::Pid;

use super::GuardError;

/// On which side of the fork one is.
pub(super) enum Side {
    /// Here, with a new child.
    Parent(Pid),
    /// In the child.
    Child,
}

/// Makes a second process of this one.
pub(super) fn fork() -> Result<Side, GuardError> {
    let threads = fs::read_dir("/proc/self/task").map_err(|_| GuardError::NoProc)?;
    if threads.count() != 1 {
        return Err(GuardError::Threads);
    }
    // SAFETY: after a fork only the calling thread exists in the child, so a lock held by another one, as
    // the allocator's may be, would never be released. There is no other thread: the kernel has just
    // listed this one alone, and only a running thread could start one.
    let forked = unsafe { nix::unistd::fork() };
    match forked {
        Ok(ForkResult::Child) => Ok(Side::Child),
        Ok(ForkResult::Parent { child }) => Pid::from_raw(child.as_raw())
            .map(Side::Parent)
            .ok_or_else(|| GuardError::System("fork", io::Error::other("no process id"))),
        Err(errno) => Err(GuardError::System("fork", errno.into())),
    }
}

/// Undoes an inherited `SIG_IGN` for `SIGCHLD`, under which the kernel throws the exit status of children away.
pub(super) fn hear_of_children() -> Result<(), GuardError> {
    // SAFETY: the default action runs no code of this program, and no Rust code has installed a handler that
    // could be replaced here, because nothing has run before.
    let set = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    set.map(drop)
        .map_err(|errno| GuardError::System("listen to `SIGCHLD`", errno.into()))
}
