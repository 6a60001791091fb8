//! From one process to guards and runner.

use std::fs;
use std::io::{self, PipeReader};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{getpid, set_child_subreaper};

use super::GuardError;
use super::children::Children;
use super::fork::{Side, fork, hear_of_children};
use super::keeper::{Inner, Outer};
use super::link;
use super::signals::Signals;
use super::table::Table;

/// What the inner guard is called in lists of processes: not by the program's name, so that who kills that
/// name leaves somebody to clean up.
const INNER_NAME: &std::ffi::CStr = c"gantz-guard";

pub(super) fn split() -> Result<(), GuardError> {
    check_proc()?;
    let signals = Signals::hold()?;
    hear_of_children()?;
    if has_others_children() {
        stand_in_front(&signals)?;
    }
    let (lifeline, held) = io::pipe().map_err(failed("make a pipe"))?;
    set_child_subreaper(Some(getpid())).map_err(failed("adopt processes"))?;
    match fork() {
        Ok(Side::Parent(inner)) => {
            drop(lifeline);
            let _held = held;
            Outer::new(inner, &signals, true).keep()
        }
        Ok(Side::Child) => {
            drop(held);
            match inner(signals, lifeline) {
                Ok(()) => Ok(()),
                // Nobody has come to rely on this half of a guard: the outer one reports it by its status.
                Err(error) => give_up(&error),
            }
        }
        Err(error) => {
            set_child_subreaper(None).map_err(failed("undo the adoption of processes"))?;
            Err(error)
        }
    }
}

/// The inner guard, which ends in here, and the runner, which returns.
fn inner(signals: Signals, lifeline: PipeReader) -> Result<(), GuardError> {
    set_child_subreaper(Some(getpid())).map_err(failed("adopt processes"))?;
    let kind = SocketType::SEQPACKET;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(failed("make a socket"))?;
    let table = Table::create().map_err(failed("share memory"))?;
    let children = Children::of_this_process();
    match fork()? {
        Side::Parent(runner) => {
            drop(theirs);
            // The name is for people; without it everything works.
            rustix::thread::set_name(INNER_NAME).ok();
            Inner::new(runner, signals, lifeline, ours, table, children).keep()
        }
        Side::Child => {
            drop((ours, lifeline, signals));
            link::establish(theirs, table, children)
        }
    }
}

/// Where children of others may be: as the first process of a container, or when a shell has started some
/// before it became this program. They are not to be touched, so they stay with a process of their own.
fn stand_in_front(signals: &Signals) -> Result<(), GuardError> {
    match fork()? {
        Side::Parent(outer) => Outer::new(outer, signals, false).keep(),
        Side::Child => Ok(()),
    }
}

fn has_others_children() -> bool {
    getpid().is_init() || !Children::of_this_process().list().is_empty()
}

/// Without a `/proc` of its own the guard would not find the adopted, and one that belongs to another world of
/// process ids would name strangers.
fn check_proc() -> Result<(), GuardError> {
    let here = fs::read_link("/proc/self").map_err(|_| GuardError::NoProc)?;
    let own = getpid().as_raw_nonzero().to_string();
    (here.as_os_str() == own.as_str())
        .then_some(())
        .ok_or(GuardError::NoProc)
}

pub(super) fn failed<E: Into<io::Error>>(to: &'static str) -> impl FnOnce(E) -> GuardError {
    move |error| GuardError::System(to, error.into())
}

fn give_up(error: &GuardError) -> ! {
    super::keeper::say(&format!("error: there is no guard: {error}"));
    std::process::exit(2)
}
