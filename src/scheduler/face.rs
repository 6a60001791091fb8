//! The async face of admission: who waits here waits as a future.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Nanos;
use super::call::{Decision, Ticket};
use super::core::{Admitted, Arrival, Core};
use super::permit::Permit;
use super::plan::nanos;
use super::refusal::Refusal;
use super::snapshot::Snapshot;
use super::timer::Timer;
use crate::tool::{RunnerLimits, Tool, ToolLimits, ToolName};

/// Decides which calls run when. Cheap to clone: all clones are one scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

/// A call that asks to run.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    /// The name of its tool.
    pub tool: &'a ToolName,
    /// The limits of its tool. They count only where the scheduler knows no tool of that name, as for
    /// a call that a reload overtook.
    pub limits: &'a ToolLimits,
    /// Its key under `per_key`; a missing value is a key of its own. Ignored where the tool has no keys.
    pub key: Option<String>,
    /// When the caller gives up. The call waits until then or for the tool's `queue_timeout`,
    /// whichever is shorter.
    pub wait_until: Option<Instant>,
    /// Whether it is another attempt of a call that ran before: that waits at the front of its queue
    /// and does not count against the size of any.
    pub is_retry: bool,
}

impl<'a> Demand<'a> {
    /// The first attempt of a call of `tool`, without a key or a deadline of the caller.
    pub fn of(tool: &'a Tool) -> Self {
        Self::named(&tool.name, &tool.limits)
    }

    /// The same for a tool of that name and those limits.
    pub const fn named(tool: &'a ToolName, limits: &'a ToolLimits) -> Self {
        Self {
            tool,
            limits,
            key: None,
            wait_until: None,
            is_retry: false,
        }
    }

    /// With a key.
    #[must_use]
    pub fn key(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }

    /// With a moment at which the caller gives up.
    #[must_use]
    pub const fn wait_until(mut self, moment: Option<Instant>) -> Self {
        self.wait_until = moment;
        self
    }

    /// As another attempt.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.is_retry = true;
        self
    }
}

impl Scheduler {
    /// A scheduler with full buckets and nothing running. It needs no runtime yet.
    pub fn new<'a>(
        limits: &RunnerLimits,
        tools: impl IntoIterator<Item = (&'a ToolName, &'a ToolLimits)>,
    ) -> Self {
        let core = Core::new(limits, tools);
        let state = State {
            core,
            waiters: Vec::new(),
            timer: Timer::default(),
        };
        Self {
            shared: Arc::new(Shared {
                epoch: Instant::now(),
                state: Mutex::new(state),
                earlier: Notify::new(),
                emptied: Notify::new(),
            }),
        }
    }

    /// Waits until the call may run. The call holds its places for as long as the [`Permit`] lives.
    ///
    /// To drop the future, at any moment, is to call the call off: it leaves no trace. A call that
    /// is refused has taken nothing.
    pub async fn admit(
        &self,
        demand: Demand<'_>,
        cancel: &CancellationToken,
    ) -> Result<Permit, Refusal> {
        if cancel.is_cancelled() {
            return Err(Refusal::Cancelled);
        }
        let arrived = Instant::now();
        let (permit, answer) = self.shared.arrive(demand, arrived)?;
        let Some(answer) = answer else {
            return Ok(permit);
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Refusal::Cancelled),
            answer = answer => match answer {
                Ok(Ok(())) => Ok(permit.started()),
                Ok(Err(refusal)) => Err(refusal),
                // The sender lives in the scheduler's state, which the permit keeps alive.
                Err(_) => Err(Refusal::ShuttingDown),
            },
        }
    }

    /// Puts these limits in the place of those before. Limiters are matched by name: what runs keeps
    /// running, what is left in a bucket stays as far as there is room. Tools not named here are
    /// forgotten once their calls have ended.
    pub fn reconfigure<'a>(
        &self,
        limits: &RunnerLimits,
        tools: impl IntoIterator<Item = (&'a ToolName, &'a ToolLimits)>,
    ) {
        self.shared
            .with(|core, now| core.reconfigure(now, limits, tools));
    }

    /// Takes no call any more, and refuses those that wait. Running ones are left alone.
    pub fn close(&self) {
        self.shared.with(Core::close);
    }

    /// Waits until no call runs or waits.
    pub async fn idle(&self) {
        loop {
            let emptied = self.shared.emptied.notified();
            tokio::pin!(emptied);
            // Asking first and listening afterwards would miss what happens in between.
            emptied.as_mut().enable();
            if self.shared.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// A look inside, for tests.
    #[cfg(test)]
    pub(super) fn shared_core(&self, look: impl FnOnce(&Core)) {
        look(&self.shared.lock().core);
    }

    /// What runs, what waits and what is left, now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.with(|core, now| {
            core.tick(now);
            core.snapshot()
        })
    }
}

/// What all clones of a scheduler, its permits and its timer share.
#[derive(Debug)]
pub(super) struct Shared {
    epoch: Instant,
    state: Mutex<State>,
    /// Tells the timer that it has to wake earlier than it thinks.
    pub(super) earlier: Notify,
    emptied: Notify,
}

/// What is under the lock. It is held for one step of the core, never across an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) core: Core,
    pub(super) timer: Timer,
    /// Where to tell a waiting call what became of it, at the slot of its ticket. A slot is used again, so
    /// the whole ticket stands beside. There are as many entries as calls were ever known at once.
    waiters: Vec<Option<Waiter>>,
}

type Waiter = (Ticket, oneshot::Sender<Answer>);

type Answer = Result<(), Refusal>;

/// Answers to be sent once the lock is free.
type Answers = Vec<(oneshot::Sender<Answer>, Answer)>;

impl State {
    fn answers(&mut self) -> Answers {
        let decisions = self.core.take_decisions();
        decisions
            .into_iter()
            .filter_map(|decision| self.answer(decision))
            .collect()
    }

    fn answer(&mut self, decision: Decision) -> Option<(oneshot::Sender<Answer>, Answer)> {
        let ticket = decision.ticket();
        let place = self.waiters.get_mut(ticket.slot())?;
        let (_, waiter) = place.take_if(|(known, _)| *known == ticket)?;
        let answer = match decision {
            Decision::Started(_) => Ok(()),
            Decision::Refused(_, refusal) => Err(refusal),
        };
        Some((waiter, answer))
    }

    /// Hears what becomes of a call that has just come, and answers everybody whom its coming has decided about. It may
    /// have the slot of one who was refused in the same step: that one is told first.
    fn listen(&mut self, ticket: Ticket) -> (oneshot::Receiver<Answer>, Answers) {
        let decisions = self.core.take_decisions();
        let (own, others): (Vec<_>, Vec<_>) = decisions
            .into_iter()
            .partition(|decision| decision.ticket() == ticket);
        let mut answers: Answers = others
            .into_iter()
            .filter_map(|decision| self.answer(decision))
            .collect();
        let (sender, receiver) = oneshot::channel();
        let slot = ticket.slot();
        if self.waiters.len() <= slot {
            self.waiters.resize_with(slot + 1, || None);
        }
        self.waiters[slot] = Some((ticket, sender));
        answers.extend(own.into_iter().filter_map(|decision| self.answer(decision)));
        (receiver, answers)
    }
}

impl Shared {
    /// One step of the core, and everything that follows from it.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut Core, Nanos) -> T) -> T {
        let now = self.nanos(Instant::now());
        let mut state = self.lock();
        let result = step(&mut state.core, now);
        let answers = state.answers();
        let is_earlier = state.wants_earlier_wake();
        let is_empty = state.core.is_empty();
        drop(state);
        self.tell(answers, is_earlier, is_empty);
        result
    }

    fn tell(&self, answers: Answers, is_earlier: bool, is_empty: bool) {
        for (waiter, answer) in answers {
            // Nobody listens when the future was dropped just now; its permit gives the place back.
            drop(waiter.send(answer));
        }
        if is_earlier {
            self.earlier.notify_one();
        }
        if is_empty {
            self.emptied.notify_waiters();
        }
    }

    fn arrive(
        self: &Arc<Self>,
        demand: Demand<'_>,
        arrived: Instant,
    ) -> Result<(Permit, Option<oneshot::Receiver<Answer>>), Refusal> {
        let now = self.nanos(arrived);
        let wait_until = demand.wait_until.map(|moment| self.nanos(moment));
        let mut state = self.lock();
        let tool = state.core.tool_or_add(demand.tool, demand.limits);
        let arrival = Arrival {
            tool,
            key: demand.key,
            wait_until,
            is_retry: demand.is_retry,
        };
        let admitted = state.core.arrive(now, arrival);
        let (receiver, answers) = match admitted {
            Ok(Admitted::Waiting(ticket)) => {
                let (receiver, answers) = state.listen(ticket);
                (Some(receiver), answers)
            }
            _ => (None, state.answers()),
        };
        let is_earlier = state.wants_earlier_wake();
        if state.timer_is_needed() {
            Timer::spawn(&mut state, self);
        }
        drop(state);
        self.tell(answers, is_earlier, false);
        match admitted? {
            Admitted::Started(ticket) | Admitted::Waiting(ticket) => Ok((
                Permit::new(Arc::clone(self), ticket, arrived, receiver.is_some()),
                receiver,
            )),
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().core.is_empty()
    }

    /// A panic while the lock was held cannot have left the state worse than refusing every call would.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nanos(&self, moment: Instant) -> Nanos {
        nanos(moment.saturating_duration_since(self.epoch))
    }

    pub(super) fn moment(&self, at: Nanos) -> Instant {
        // Far enough: whoever sleeps that long looks again.
        let longest = Duration::from_hours(24);
        let span = Duration::from_nanos(at);
        let now = Instant::now();
        (self.epoch.checked_add(span)).map_or(now + longest, |moment| moment.min(now + longest))
    }
}
