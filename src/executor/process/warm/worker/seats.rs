//! Who has a seat at which worker, and which of them is to go.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::seat::{Handle, Reason, Seat};
use crate::executor::process::warm::BirthError;
use crate::tool::PersistentWorker;

/// The workers of a pool at one moment, and who waits for one.
#[derive(Default)]
pub(super) struct Seats {
    pub(super) members: Vec<Member>,
    pub(super) starting: u32,
    pub(super) waiting: VecDeque<oneshot::Sender<Result<Seat, BirthError>>>,
    /// The latest failure to start one, and until when none is started.
    pub(super) failed: Option<(BirthError, Instant)>,
    pub(super) failures: u32,
    /// How many in a row were outdated when they were ready.
    pub(super) outdated: u32,
    /// Whether somebody looks at the files.
    pub(super) is_watched: bool,
    /// Whether the runner stops.
    pub(super) is_closed: bool,
    /// Whether nobody calls any more but those who are here.
    pub(super) is_unused: bool,
}

/// A worker that is ready.
pub(super) struct Member {
    pub(super) handle: Arc<Handle>,
    /// Calls that have a seat.
    pub(super) load: u32,
    /// Calls that have or had one.
    pub(super) given: u32,
    /// Why it is to be replaced.
    pub(super) due: Option<Reason>,
    /// Its successor is here: it gets no more calls.
    pub(super) is_leaving: bool,
}

impl Seats {
    pub(super) fn member(&mut self, handle: &Arc<Handle>) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| Arc::ptr_eq(&member.handle, handle))
    }

    pub(super) fn forget(&mut self, handle: &Arc<Handle>) {
        self.members
            .retain(|member| !Arc::ptr_eq(&member.handle, handle));
    }

    /// A seat at the worker with least to do; of several at the one that was here first, so that the others may become
    /// idle. Also says how many calls have a seat there now. One that had twice its calls waits for its successor, unless
    /// none loads.
    pub(super) fn take_seat(&mut self, worker: &PersistentWorker) -> Option<(Arc<Handle>, u32)> {
        let most = worker.max_calls.map(|calls| calls.get().saturating_mul(2));
        let is_alone = self.failed.is_some();
        let has_room = |member: &&mut Member| {
            let is_worn = most.is_some_and(|most| member.given >= most);
            !member.is_leaving && member.load < worker.multiplex.get() && (is_alone || !is_worn)
        };
        let member = self.members.iter_mut().filter(has_room);
        let member = member.min_by_key(|member| member.load)?;
        member.load += 1;
        member.given = member.given.saturating_add(1);
        if most.is_some_and(|most| member.given >= most) {
            member.due.get_or_insert(Reason::MaxCalls);
        }
        Some((Arc::clone(&member.handle), member.load))
    }

    /// Takes back a seat. Says why its worker is to be replaced, if it is.
    pub(super) fn leave_seat(&mut self, handle: &Arc<Handle>) -> Option<Reason> {
        let member = self.member(handle)?;
        member.load -= 1;
        let due = member.due;
        if member.is_leaving && member.load == 0 {
            self.dismiss(handle, due.unwrap_or(Reason::Unused));
        }
        due
    }

    /// Refuses those who wait, where there is no worker and, after the latest failure, none is started: nobody would come
    /// back to them.
    pub(super) fn refuse_waiting(&mut self) {
        if self.waiting.is_empty() || self.starting > 0 || !self.members.is_empty() {
            return;
        }
        if let Some((error, _)) = &self.failed {
            for waiting in self.waiting.drain(..) {
                waiting.send(Err(error.clone())).ok();
            }
        }
    }

    /// A successor has come: one that is due goes, once it has no call.
    pub(super) fn dismiss_one(&mut self) {
        let is_due = |member: &&mut Member| member.due.is_some() && !member.is_leaving;
        let Some(member) = self.members.iter_mut().find(is_due) else {
            return;
        };
        member.is_leaving = true;
        if member.load == 0 {
            let (handle, due) = (Arc::clone(&member.handle), member.due);
            self.dismiss(&handle, due.unwrap_or(Reason::Unused));
        }
    }

    /// Lets go of those that have no call, where none is to come.
    pub(super) fn dismiss_idle(&mut self) {
        if !(self.is_closed || self.is_unused) || !self.waiting.is_empty() {
            return;
        }
        let reason = if self.is_closed {
            Reason::Shutdown
        } else {
            Reason::Unused
        };
        let idle = self.members.extract_if(.., |member| member.load == 0);
        idle.for_each(|member| member.handle.retire(reason));
    }

    fn dismiss(&mut self, handle: &Arc<Handle>, reason: Reason) {
        self.forget(handle);
        handle.retire(reason);
    }
}
