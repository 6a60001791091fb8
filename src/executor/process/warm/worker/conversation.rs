//! The one task that speaks with a worker, until its end.
//!
//! A call is written and its answer read by this task alone, one system call each where both are short; nobody is woken
//! in between. Time is looked at by one timer, which is moved only to an earlier moment and may fire in vain.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};

use super::birth::Newborn;
use super::ears::{Ears, Heard};
use super::ending::{Fate, Leaving};
use super::job::{Active, Job, Reply};
use super::life::Life;
use super::outgoing::Outgoing;
use super::pool::Pool;
use super::seat::{Handle, Reason};
use crate::executor::process::Why;
use crate::executor::process::counters::Living;
use crate::executor::process::platform::Tree;
use crate::guard::Ward;

/// Bytes that are taken of what was printed before a call began or ended: more than a pipe holds.
const LAST_READ_LIMIT: usize = 1024 * 1024;

/// Longer than anything waits.
const LONG: Duration = Duration::from_hours(24);

/// What a worker's task is told. There are as many at a time as it has calls, thrice.
pub(super) enum Command {
    /// To carry out a call, which has a seat.
    Call(Box<Job>, oneshot::Sender<Reply>),
    /// To end a call early.
    Stop(u64, Why),
    /// To end all calls, within this grace.
    Drain(Duration),
    /// To end the worker, which has no call and gets none.
    Retire(Reason),
}

/// A worker, and the calls it has.
pub(super) struct Conversation {
    pub(super) pool: Arc<Pool>,
    pub(super) handle: Arc<Handle>,
    pub(super) tree: Tree,
    pub(super) ward: Ward,
    pub(super) ears: Ears,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) living: Living,
    stdin: ChildStdin,
    outgoing: Outgoing,
    life: Life,
    timer: Pin<Box<Sleep>>,
}

impl Conversation {
    pub(super) fn new(
        pool: Arc<Pool>,
        handle: Arc<Handle>,
        newborn: Newborn,
        commands: mpsc::UnboundedReceiver<Command>,
        living: Living,
    ) -> Self {
        let life = Life::new(&pool.worker, newborn.tree.id());
        Self {
            ears: Ears::new(
                newborn.stdout,
                newborn.stderr,
                newborn.said,
                pool.prints_items,
            ),
            timer: Box::pin(sleep_until(life.idle_until())),
            pool,
            handle,
            tree: newborn.tree,
            ward: newborn.ward,
            commands,
            living,
            stdin: newborn.stdin,
            outgoing: Outgoing::default(),
            life,
        }
    }

    /// Answers calls until the end of the worker, and sees to that.
    pub(super) async fn until_end(mut self) {
        let fate = loop {
            if let Err(fate) = self.turn().await {
                break fate;
            }
        };
        super::ending::end(self, fate).await;
    }

    /// Does what is next.
    async fn turn(&mut self) -> Result<(), Fate> {
        let Self {
            stdin, outgoing, ..
        } = self;
        tokio::select! {
            // What is due comes before what may have no end.
            biased;
            command = self.commands.recv() => match command {
                Some(command) => self.heed(command),
                None => Err(Fate::Retired(Reason::Unused)),
            },
            () = &mut self.timer => self.time_is_up(),
            () = self.tree.exit_noticed() => Err(Fate::Gone),
            written = stdin.write(outgoing.next()), if !outgoing.is_empty() => {
                outgoing.wrote(written).map_err(|_| Fate::Gone)
            }
            heard = self.ears.listen() => {
                self.close_ended();
                match heard {
                    Heard::Something => Ok(()),
                    Heard::Closed => Err(Fate::Gone),
                    Heard::Nonsense(nonsense) => Err(Fate::Nonsense(nonsense)),
                }
            }
        }
    }

    fn heed(&mut self, command: Command) -> Result<(), Fate> {
        match command {
            Command::Call(mut job, reply) => {
                let line = std::mem::take(&mut job.line);
                let begins = self.outgoing.push(line);
                let active = Active::new(*job, reply, begins);
                active.job.entry.started(self.tree.id());
                self.look_at(active.until);
                self.ears.begin(active, LAST_READ_LIMIT);
                Ok(())
            }
            Command::Stop(number, why) => self.stop(number, why),
            Command::Drain(grace) => {
                let numbers: Vec<u64> = self.ears.calls.active.keys().copied().collect();
                let why = Why::Draining { grace };
                numbers
                    .into_iter()
                    .try_for_each(|number| self.stop(number, why))
            }
            Command::Retire(reason) => Err(Fate::Retired(reason)),
        }
    }

    /// Asks a call to end. One that can be told lets its worker live; any other ends with it.
    fn stop(&mut self, number: u64, why: Why) -> Result<(), Fate> {
        let Some(active) = self.ears.calls.active.get_mut(&number) else {
            // It ended a moment ago.
            return Ok(());
        };
        let is_first = active.ask(why);
        let until = active.until;
        self.look_at(until);
        if !is_first {
            return Ok(());
        }
        if !self.handle.is_async {
            return Err(Fate::Asked(why));
        }
        let told = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"cancelled\",\"params\":{{\"id\":{number}}}}}\n"
        );
        self.outgoing.push(told.into_bytes());
        Ok(())
    }

    /// Sees to it that the time is looked at by then.
    fn look_at(&mut self, moment: Instant) {
        if moment < self.timer.deadline() {
            self.timer.as_mut().reset(moment);
        }
    }

    fn time_is_up(&mut self) -> Result<(), Fate> {
        let now = Instant::now();
        let late = |active: &&Active| active.until <= now;
        let late: Vec<(u64, Option<Why>)> = self
            .ears
            .calls
            .active
            .values()
            .filter(late)
            .map(|active| (active.job.number, active.why))
            .collect();
        let next = self
            .ears
            .calls
            .active
            .values()
            .map(|active| active.until)
            .min();
        let next = next.unwrap_or_else(|| self.life.idle_until());
        self.timer.as_mut().reset(next.clamp(now, now + LONG));
        for (number, why) in late {
            if let Some(why) = why {
                return Err(Fate::Disobeyed(why));
            }
            self.stop(number, Why::Timeout)?;
        }
        let is_idle = self.ears.calls.active.is_empty() && self.life.idle_until() <= now;
        if is_idle && self.pool.release(&self.handle) {
            return Err(Fate::Retired(Reason::Idle));
        }
        Ok(())
    }

    /// Answers the calls that have ended.
    fn close_ended(&mut self) {
        while let Some(number) = self.ears.calls.ended.pop() {
            self.ears.overhear_the_last(LAST_READ_LIMIT);
            let Some(active) = self.ears.calls.active.remove(&number) else {
                continue;
            };
            if let Some(reason) = self.life.answered() {
                self.pool.is_due(&self.handle, reason);
            }
            let end = active.end();
            let warning = self.pool.vacate(&self.handle);
            let (entry, place, answer) = active.close(end, 0, warning, false);
            drop((entry, place));
            answer();
            if self.ears.calls.active.is_empty() {
                // Until now the end of a call was looked for, which may be later.
                self.look_at(self.life.idle_until());
            }
        }
    }

    /// Stops to give it calls.
    pub(super) fn let_go(self) -> Leaving {
        Leaving {
            tree: self.tree,
            ward: self.ward,
            stdin: Some(self.stdin),
            outgoing: self.outgoing,
            ears: self.ears,
            commands: self.commands,
            living: self.living,
        }
    }
}
