//! The end of a worker and of the calls it has.

use std::time::Duration;

use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::conversation::{Command, Conversation};
use super::ears::Ears;
use super::job::{Active, Reply};
use super::outgoing::Outgoing;
use super::reader::Nonsense;
use super::seat::Reason;
use crate::executor::process::counters::Living;
use crate::executor::process::platform::Tree;
use crate::executor::process::roll::Entry;
use crate::executor::process::supervisor::{ANSWER_WITHIN, Broken, buried};
use crate::executor::process::{End, Exit, Why};
use crate::guard::Ward;

/// How long a worker that nobody needs any more may take to end by itself.
const RETIRE_WITHIN: Duration = Duration::from_secs(2);

/// How long after its last word a worker may take to end.
const GONE_WITHIN: Duration = Duration::from_millis(250);

/// How often a group whose leader is gone is looked at during the grace.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Bytes still taken from each pipe after the end.
const LAST_READ_LIMIT: usize = 1024 * 1024;

/// How often a process that could not be killed is tried again.
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// Why a worker comes to its end.
#[derive(Debug)]
pub(super) enum Fate {
    /// Nobody needs it.
    Retired(Reason),
    /// Its call is asked to end, and cannot without it.
    Asked(Why),
    /// It ended, or closed the way to the runner.
    Gone,
    /// What it said makes no sense.
    Nonsense(Nonsense),
    /// A call of it did not end when it was asked to.
    Disobeyed(Why),
}

impl Fate {
    /// For the metrics.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Retired(reason) => reason.word(),
            Self::Asked(why) | Self::Disobeyed(why) => match why {
                Why::Timeout => "timeout",
                Why::Cancelled | Why::Abandoned => "cancelled",
                Why::Draining { .. } => "shutdown",
            },
            Self::Gone => "died",
            Self::Nonsense(_) => "nonsense",
        }
    }
}

/// Ends the worker and all it has started, and answers its calls.
pub(super) async fn end(worker: Conversation, fate: Fate) {
    worker.pool.gone(&worker.handle, &fate);
    let mut worker = worker.let_go();
    let killed = worker.last_moments(&fate).await;
    if matches!(fate, Fate::Gone) && worker.tree.has_leader_exited() {
        worker.refuse_unheard();
    }
    worker.stdin = None;
    worker.tree.kill();
    worker.tree.reap();
    worker.ears.take_the_rest(LAST_READ_LIMIT);
    let answer_by = killed.unwrap_or_else(Instant::now) + ANSWER_WITHIN;
    timeout_at(answer_by, worker.tree.reaped()).await.ok();
    let is_gone = buried(&mut worker.tree, &mut worker.ward, answer_by).await;
    let swept = worker.ward.sweep().await;
    let is_stuck = !is_gone || !swept.stuck.is_empty();
    let held = worker.answer(&fate, killed.is_some(), swept.killed, is_stuck);
    if is_stuck {
        let (pid, left_behind) = (worker.tree.id(), &swept.stuck);
        tracing::error!(
            pid,
            ?left_behind,
            "a worker was killed and lives on; its calls keep their running places"
        );
        worker.tree.gone().await;
        while !worker.ward.sweep().await.stuck.is_empty() {
            sleep(SWEEP_AGAIN).await;
        }
    }
    drop(held);
}

/// A worker that gets no calls any more.
pub(super) struct Leaving {
    pub(super) tree: Tree,
    pub(super) ward: Ward,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) outgoing: Outgoing,
    pub(super) ears: Ears,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) living: Living,
}

impl Leaving {
    /// Lets the worker end, in the time it has for that. When it was killed, if it was.
    async fn last_moments(&mut self, fate: &Fate) -> Option<Instant> {
        let now = Instant::now();
        let is_asked = matches!(fate, Fate::Asked(_));
        let (mut killed, mut kill_at) = (None, now);
        match fate {
            Fate::Asked(_) => {
                self.tree.terminate();
                self.stdin = None;
                kill_at = self.until().unwrap_or(now);
            }
            // The end of its input tells it that nothing more comes.
            Fate::Retired(_) => {
                self.stdin = None;
                kill_at += RETIRE_WITHIN;
            }
            Fate::Gone => kill_at += GONE_WITHIN,
            Fate::Nonsense(_) | Fate::Disobeyed(_) => {
                self.tree.kill();
                killed = Some(now);
                kill_at += ANSWER_WITHIN;
            }
        }
        while !self.tree.has_leader_exited() {
            tokio::select! {
                biased;
                () = sleep_until(kill_at) => {
                    if killed.is_some() {
                        return killed;
                    }
                    self.tree.kill();
                    killed = Some(Instant::now());
                    kill_at = Instant::now() + ANSWER_WITHIN;
                }
                () = self.tree.leader_exited() => {}
                Some(command) = self.commands.recv() => {
                    heed(&mut self.ears, command);
                    if is_asked && killed.is_none() {
                        kill_at = self.until().unwrap_or(kill_at).min(kill_at);
                    }
                }
                _ = self.ears.listen() => {}
            }
        }
        // Others of the group may be about to finish what they were asked to end as well.
        while is_asked
            && killed.is_none()
            && Instant::now() < kill_at
            && self.ears.are_spoken_to()
            && self.tree.others_live().await
        {
            self.ears.take_the_rest(LAST_READ_LIMIT);
            sleep(LOOK_AGAIN).await;
        }
        killed
    }

    /// Gives back the calls that the worker never read a byte of, so that another can have them.
    fn refuse_unheard(&mut self) {
        let stdin = self.stdin.as_ref();
        let unread = stdin.and_then(|stdin| rustix::io::ioctl_fionread(stdin).ok());
        let read = self.outgoing.read_up_to(unread.unwrap_or(0));
        let is_unheard = |_: &u64, call: &mut Active| call.begins >= read && call.why.is_none();
        for (_, call) in self.ears.calls.active.extract_if(is_unheard) {
            call.reply.send(Reply::Unheard(Box::new(call.job))).ok();
        }
    }

    /// Until when the call that was asked to end may take for it.
    fn until(&self) -> Option<Instant> {
        let asked = self.ears.calls.active.values();
        asked
            .filter(|call| call.why.is_some())
            .map(|call| call.until)
            .min()
    }

    /// Answers the calls that are left. Returns what they hold as long as a process lives on.
    fn answer(
        &mut self,
        fate: &Fate,
        was_killed: bool,
        swept: u32,
        is_stuck: bool,
    ) -> Vec<(Entry, Box<dyn Send>)> {
        self.living.ends(fate.reason());
        let exit = self.tree.exit();
        if !matches!(fate, Fate::Retired(_)) {
            tracing::info!(
                pid = self.tree.id(),
                why = fate.reason(),
                ?exit,
                "a worker ended"
            );
        }
        let mut held = Vec::new();
        for (_, active) in self.ears.calls.active.drain() {
            let end = how(&active, fate, exit, was_killed);
            let (entry, place, answer) = active.close(end, swept, None, is_stuck);
            if is_stuck {
                entry.stuck();
                held.push((entry, place));
            } else {
                drop((entry, place));
            }
            answer();
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            heed(&mut self.ears, command);
        }
        held
    }
}

/// A worker that is about to end takes no calls, and hears only that it is to hurry.
fn heed(ears: &mut Ears, command: Command) {
    match command {
        Command::Call(job, reply) => {
            reply.send(Reply::Unheard(job)).ok();
        }
        Command::Stop(number, why) => {
            if let Some(active) = ears.calls.active.get_mut(&number) {
                active.ask(why);
            }
        }
        Command::Drain(grace) => {
            for active in ears.calls.active.values_mut() {
                active.ask(Why::Draining { grace });
            }
        }
        Command::Retire(_) => {}
    }
}

/// How a call ended with its worker.
fn how(active: &Active, fate: &Fate, exit: Option<Exit>, was_killed: bool) -> End {
    if let Some(why) = active.why {
        let own = active.status.filter(|status| *status != 0).map(Exit::Code);
        return End::Stopped(why, own.or(exit));
    }
    if active.status.is_some() {
        return active.end();
    }
    match fate {
        Fate::Nonsense(nonsense) => End::Broken(Broken::Nonsense(nonsense.to_string())),
        Fate::Disobeyed(_) => End::Broken(Broken::Dragged),
        _ if was_killed => End::Broken(Broken::Closed),
        _ => match exit {
            Some(Exit::Code(0)) | None => End::Broken(Broken::Unanswered),
            Some(exit) => End::Exited(exit),
        },
    }
}
