//! The workers of one tool: who has a seat at which, when another is started, and who is replaced.
//!
//! A call takes a seat at the worker that has least to do. Where there is none it waits, first come first served, and another
//! worker is started as long as there are fewer than `size`. A worker that is due to be replaced answers on until its
//! successor is ready, so that no call waits for that; but no more than twice as many calls as it is made for.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::birth::{Newborn, birth};
use super::conversation::{Command, Conversation};
use super::ending::Fate;
use super::seat::{Handle, Reason, Seat};
use super::seats::{Member, Seats};
use crate::executor::process::counters::Counters;
use crate::executor::process::warm::{BirthError, Kind, OUTDATED, Stamp, pause};
use crate::tool::PersistentWorker;

/// How often the files that workers are made of are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The workers of one tool.
pub(in crate::executor) struct Pool {
    /// What they are started as.
    pub(in crate::executor) kind: Kind,
    /// How many, and how long each lives.
    pub(in crate::executor) worker: PersistentWorker,
    /// Whether each item they give is a line of JSON.
    pub(in crate::executor) prints_items: bool,
    counters: Arc<Counters>,
    crew: Crew,
    state: Mutex<Seats>,
    next: AtomicU64,
}

/// What the pools of all tools share.
#[derive(Clone, Debug, Default)]
pub(in crate::executor) struct Crew {
    /// The tasks of all workers.
    pub(in crate::executor) living: TaskTracker,
    /// Cancelled when no more are started.
    pub(in crate::executor) stop: CancellationToken,
}

/// A place at a worker, or the wait for one.
pub(in crate::executor) enum Ask {
    /// There is one.
    Seat(Seat),
    /// There will be, unless no worker can be started.
    Wait(oneshot::Receiver<Result<Seat, BirthError>>),
}

impl Pool {
    /// A pool without a worker.
    pub(in crate::executor) fn new(
        kind: Kind,
        worker: PersistentWorker,
        prints_items: bool,
        counters: Arc<Counters>,
        crew: Crew,
    ) -> Arc<Self> {
        Arc::new(Self {
            kind,
            worker,
            prints_items,
            counters,
            crew,
            state: Mutex::default(),
            next: AtomicU64::new(1),
        })
    }

    /// A number for a call.
    pub(in crate::executor) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks for a seat.
    ///
    /// # Errors
    /// When there is no worker, and the latest failed to start a moment ago.
    pub(in crate::executor) fn ask(self: &Arc<Self>) -> Result<Ask, BirthError> {
        let mut state = self.state();
        if state.is_closed || self.crew.stop.is_cancelled() {
            return Err(stopping());
        }
        if let Some((handle, load)) = state.take_seat(&self.worker) {
            if load > 1 {
                // It shares a worker, and need not.
                self.start_missing(&mut state, 1);
            }
            self.counters.called();
            return Ok(Ask::Seat(self.seat(handle)));
        }
        let (seat, wait) = oneshot::channel();
        state.waiting.push_back(seat);
        self.start_missing(&mut state, 0);
        if state.members.is_empty()
            && state.starting == 0
            && let Some((error, _)) = &state.failed
        {
            let error = error.clone();
            state.waiting.pop_back();
            return Err(error);
        }
        Ok(Ask::Wait(wait))
    }

    fn seat(self: &Arc<Self>, handle: Arc<Handle>) -> Seat {
        Seat::new(Arc::clone(self), handle)
    }

    /// Starts what is missing: a worker for each that is due, and for those who wait; `more` beside.
    fn start_missing(self: &Arc<Self>, state: &mut Seats, more: u32) {
        let is_paused = matches!(&state.failed, Some((_, until)) if Instant::now() < *until);
        if is_paused || state.is_closed || self.crew.stop.is_cancelled() {
            return;
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let due = state.members.iter().filter(|member| member.due.is_some());
        let due = count(due.count());
        let fresh = count(state.members.len()) - due;
        let waiting = count(state.waiting.len()).div_ceil(self.worker.multiplex.get());
        let leaving = state.members.iter().filter(|member| member.is_leaving);
        let wanted = due - count(leaving.count()) + waiting.max(more);
        let room = self.worker.size.get().saturating_sub(fresh);
        for _ in state.starting..wanted.min(room) {
            state.starting += 1;
            let pool = Arc::clone(self);
            self.crew.living.spawn(pool.bear());
        }
    }

    /// Starts a worker and answers calls with it until its end.
    async fn bear(self: Arc<Self>) {
        let settles = self.state().outdated >= OUTDATED;
        let born = tokio::select! {
            born = birth(&self.kind, &self.worker, settles) => born,
            () = self.crew.stop.cancelled() => Err(stopping()),
        };
        match born {
            Ok(newborn) => self.welcome(newborn).until_end().await,
            Err(error) => self.mourn(&error),
        }
    }

    fn welcome(self: &Arc<Self>, mut newborn: Newborn) -> Conversation {
        let (commands, told) = mpsc::unbounded_channel();
        let handle = Arc::new(Handle {
            commands,
            is_async: newborn.is_async,
            stamps: std::mem::take(&mut newborn.stamps),
        });
        let living = self.counters.started();
        let mut state = self.state();
        state.starting -= 1;
        (state.failed, state.failures) = (None, 0);
        state.outdated = if newborn.is_outdated {
            state.outdated.saturating_add(1)
        } else {
            0
        };
        state.members.push(Member {
            handle: Arc::clone(&handle),
            load: 0,
            given: 0,
            due: None,
            is_leaving: false,
        });
        state.dismiss_one();
        self.seat_waiting(&mut state);
        state.dismiss_idle();
        if !state.is_watched {
            state.is_watched = true;
            self.crew.living.spawn(Arc::clone(self).watch());
        }
        drop(state);
        Conversation::new(Arc::clone(self), handle, newborn, told, living)
    }

    fn mourn(self: &Arc<Self>, error: &BirthError) {
        let mut state = self.state();
        state.starting -= 1;
        if self.crew.stop.is_cancelled() {
            state.waiting.clear();
            return;
        }
        let pause = pause::after(state.failures);
        let program = self.kind.program.display();
        tracing::warn!(%program, %error, ?pause, "a worker could not be started");
        state.failures = state.failures.saturating_add(1);
        state.failed = Some((error.clone(), Instant::now() + pause));
        // One that had twice its calls answers on.
        self.seat_waiting(&mut state);
        state.refuse_waiting();
    }

    /// Gives the seats there are to those who wait, in their order.
    fn seat_waiting(self: &Arc<Self>, state: &mut Seats) {
        while !state.waiting.is_empty()
            && let Some((handle, _)) = state.take_seat(&self.worker)
        {
            let Some(waiting) = state.waiting.pop_front() else {
                return;
            };
            self.counters.called();
            if let Err(Ok(unwanted)) = waiting.send(Ok(self.seat(handle))) {
                let handle = unwanted.forget();
                state.leave_seat(&handle);
            }
        }
    }

    /// Takes back a seat at a worker. Says what deserves a look about the worker, if anything.
    pub(super) fn vacate(self: &Arc<Self>, handle: &Arc<Handle>) -> Option<String> {
        let mut state = self.state();
        let due = state.leave_seat(handle);
        self.seat_waiting(&mut state);
        state.refuse_waiting();
        state.dismiss_idle();
        let (error, _) = state
            .failed
            .as_ref()
            .filter(|_| due == Some(Reason::Changed))?;
        Some(format!(
            "a file of the script has changed and does not load, so the one before it answered: {error}"
        ))
    }

    /// Notes that a worker is to be replaced. It answers calls until the other is ready.
    pub(super) fn is_due(self: &Arc<Self>, handle: &Arc<Handle>, reason: Reason) {
        let mut state = self.state();
        if let Some(member) = state.member(handle) {
            member.due.get_or_insert(reason);
            self.start_missing(&mut state, 0);
        }
    }

    /// Lets go of a worker that has no call; false when it has just got one.
    pub(super) fn release(&self, handle: &Arc<Handle>) -> bool {
        let mut state = self.state();
        let is_idle = state.member(handle).is_none_or(|member| member.load == 0);
        if is_idle {
            state.forget(handle);
        }
        is_idle
    }

    /// Notes that a worker ends. Where it was still needed, another is started.
    pub(super) fn gone(self: &Arc<Self>, handle: &Arc<Handle>, fate: &Fate) {
        let mut state = self.state();
        let was_busy = state.member(handle).is_some_and(|member| member.load > 0);
        state.forget(handle);
        let is_needed = was_busy && !matches!(fate, Fate::Retired(_));
        self.start_missing(&mut state, u32::from(is_needed));
        state.refuse_waiting();
    }

    /// Looks at the files that the workers are made of, for as long as there are workers.
    async fn watch(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = sleep(LOOK_AGAIN) => {}
                () = self.crew.stop.cancelled() => return,
            }
            let handles: Vec<Arc<Handle>> = {
                let mut state = self.state();
                if state.members.is_empty() && state.starting == 0 {
                    state.is_watched = false;
                    return;
                }
                // What failed to start is tried again here, if nobody calls.
                self.start_missing(&mut state, 0);
                let fresh = state.members.iter().filter(|member| member.due.is_none());
                fresh.map(|member| Arc::clone(&member.handle)).collect()
            };
            let look = move || {
                let mut handles = handles;
                handles.retain(|handle| handle.stamps.iter().any(Stamp::has_changed));
                handles
            };
            for handle in spawn_blocking(look).await.unwrap_or_default() {
                self.is_due(&handle, Reason::Changed);
            }
        }
    }

    /// Ends the calls that the workers have, within this grace.
    pub(in crate::executor) fn drain(&self, grace: Duration) {
        for member in &self.state().members {
            member.handle.commands.send(Command::Drain(grace)).ok();
        }
    }

    /// Ends the workers, each after the calls it has. No more are started, and who waits for one has none.
    pub(in crate::executor) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting.clear();
        state.dismiss_idle();
    }

    /// Ends the workers once the calls that are here have ended, those that wait included.
    pub(in crate::executor) fn let_go(&self) {
        let mut state = self.state();
        state.is_unused = true;
        state.dismiss_idle();
    }

    /// Every step leaves the state whole, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, Seats> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopping() -> BirthError {
    io::Error::other("the runner is stopping").into()
}

#[cfg(test)]
mod tests;
