//! A running process: one loop in which every way out is an arm.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdout};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};

use super::Exit;
use super::platform::Tree;
use super::stops::{Stops, Why};
use super::stream::{Drain, Feed};
use super::supervisor::{ANSWER_WITHIN, Bounds, End, Ended, Leftovers};

/// How long others of the group may still write after their leader has ended by itself, and how long a pipe
/// stays open after the group's end when somebody outside it holds it.
const PIPE_GRACE: Duration = Duration::from_millis(250);

/// The longest grace of a process whose answer nobody waits for.
const ABANDONED_GRACE: Duration = Duration::from_millis(500);

/// How often a group whose leader is gone is looked at during the grace.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Where a run stands. The timer means something else in each phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Until the timeout.
    Running,
    /// Asked to end, until the grace is over.
    Ending,
    /// The leader is a zombie, and others of its group hold its output: they have a moment to finish, or
    /// the rest of the grace when they were asked to end.
    LeaderGone,
    /// Killed, until the answer has to go out.
    Killed,
    /// The leader is reaped and the group killed; the pipes are emptied, until they are closed.
    Flushing,
    /// Nothing is left to do here.
    Done,
}

/// A running process, from its start until its leader is reaped and its pipes are closed.
pub(super) struct Run {
    tree: Tree,
    stdout: Drain<ChildStdout>,
    stderr: Drain<ChildStderr>,
    stdin: Feed,
    stops: Stops,
    grace: Duration,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
    started: Instant,
    timeout: Duration,
    /// Until when progress can put the timeout off.
    extends_to: Option<Duration>,
    /// How long it may run as of now.
    allowed: Duration,
    exited: Option<Instant>,
    killed: Option<Instant>,
    why: Option<Why>,
    leftovers: Leftovers,
}

impl Run {
    /// A run of the process just started.
    pub(super) fn new(
        mut tree: Tree,
        input: Option<Vec<u8>>,
        bounds: Bounds,
        stops: Stops,
        started: Instant,
    ) -> Result<Self, (Tree, io::Error)> {
        let pipes = match tree.attach() {
            Ok(pipes) => pipes,
            Err(error) => return Err((tree, error)),
        };
        Ok(Self {
            stdout: Drain::new(pipes.stdout, bounds.stdout),
            stderr: Drain::new(pipes.stderr, bounds.stderr),
            stdin: Feed::new(pipes.stdin, input.unwrap_or_default()),
            tree,
            stops,
            grace: bounds.grace,
            phase: Phase::Running,
            timer: Box::pin(sleep_until(started + bounds.timeout)),
            started,
            timeout: bounds.timeout,
            extends_to: bounds.extends_to,
            allowed: bounds.timeout,
            exited: None,
            killed: None,
            why: None,
            leftovers: Leftovers::None,
        })
    }

    /// Feeds, drains and stops the process until its leader is reaped and its pipes are closed, or
    /// until the answer has to go out. Also says until when the answer may wait for the group.
    pub(super) async fn until_ended(mut self) -> (Tree, Ended, Instant) {
        while !self.is_done() {
            tokio::select! {
                () = self.stdout.pump(), if self.stdout.is_open() => self.heed_progress(),
                () = self.stderr.pump(), if self.stderr.is_open() => self.heed_progress(),
                () = self.stdin.pump(), if self.stdin.is_open() => {}
                () = self.tree.leader_exited(), if self.watches_leader() => self.leader_exited().await,
                why = self.stops.next(), if self.can_be_stopped() => self.stop(why),
                () = sleep(LOOK_AGAIN), if self.phase == Phase::LeaderGone => self.look_at_others().await,
                () = &mut self.timer => self.time_is_up(),
            }
        }
        self.into_ended().await
    }

    /// Progress and items give a running process its timeout anew, up to what it may run in all.
    fn heed_progress(&mut self) {
        let Some(longest) = self.extends_to else {
            return;
        };
        let has_progressed = self.stderr.has_progressed() | self.stdout.has_progressed();
        if has_progressed && self.phase == Phase::Running {
            let allowed = (self.started.elapsed() + self.timeout).min(longest);
            self.allowed = self.allowed.max(allowed);
            self.timer.as_mut().reset(self.started + self.allowed);
        }
    }

    fn is_done(&mut self) -> bool {
        let drained = !self.stdout.is_open() && !self.stderr.is_open();
        if drained && self.phase == Phase::LeaderGone {
            self.finish_group();
        }
        self.phase == Phase::Done || (drained && self.phase == Phase::Flushing)
    }

    fn watches_leader(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Ending | Phase::Killed)
    }

    fn can_be_stopped(&self) -> bool {
        matches!(
            self.phase,
            Phase::Running | Phase::Ending | Phase::LeaderGone
        )
    }

    /// Asks the group to end, or shortens the grace of one that was asked before.
    pub(super) fn stop(&mut self, why: Why) {
        let grace = match why {
            Why::Abandoned => self.grace.min(ABANDONED_GRACE),
            Why::Draining { grace } => self.grace.min(grace),
            Why::Timeout | Why::Cancelled => self.grace,
        };
        let kill_at = Instant::now() + grace;
        if self.why.is_some() {
            let sooner = kill_at.min(self.timer.deadline());
            self.timer.as_mut().reset(sooner);
            return;
        }
        if self.tree.has_leader_exited() {
            // It ended by itself a moment ago: the next turn of the loop sees it.
            return;
        }
        self.why = Some(why);
        self.tree.terminate();
        self.phase = Phase::Ending;
        self.timer.as_mut().reset(kill_at);
    }

    fn time_is_up(&mut self) {
        match self.phase {
            Phase::Running => {
                // Should the leader have ended this very moment, the timer must not fire on and on.
                self.timer.as_mut().reset(Instant::now() + ANSWER_WITHIN);
                self.stop(Why::Timeout);
            }
            Phase::Ending => {
                self.kill();
                self.phase = Phase::Killed;
                self.timer.as_mut().reset(Instant::now() + ANSWER_WITHIN);
            }
            Phase::LeaderGone => {
                if self.why.is_none() {
                    self.leftovers = Leftovers::Killed;
                }
                self.finish_group();
            }
            Phase::Killed => self.give_up_pipes(Phase::Done),
            Phase::Flushing | Phase::Done => {
                if self.stdout.is_held() || self.stderr.is_held() {
                    self.leftovers = Leftovers::Escaped;
                }
                self.give_up_pipes(Phase::Done);
            }
        }
    }

    async fn leader_exited(&mut self) {
        self.exited = Some(Instant::now());
        self.stdin.close();
        let held = self.stdout.is_held() || self.stderr.is_held();
        match self.phase {
            Phase::Ending if held && self.tree.others_live().await => {
                self.phase = Phase::LeaderGone;
            }
            // Somebody may be about to finish what the leader began, as in `exec > >(tee log)`.
            Phase::Running if held => {
                self.phase = Phase::LeaderGone;
                self.timer.as_mut().reset(Instant::now() + PIPE_GRACE);
            }
            _ => self.finish_group(),
        }
    }

    async fn look_at_others(&mut self) {
        if !self.tree.others_live().await {
            self.finish_group();
        }
    }

    /// The leader is a zombie: kills what is left of its group, and reaps it.
    fn finish_group(&mut self) {
        self.kill();
        self.tree.reap();
        self.phase = Phase::Flushing;
        self.timer.as_mut().reset(Instant::now() + PIPE_GRACE);
    }

    fn kill(&mut self) {
        self.tree.kill();
        self.killed.get_or_insert_with(Instant::now);
    }

    fn give_up_pipes(&mut self, phase: Phase) {
        self.stdout.close();
        self.stderr.close();
        self.stdin.close();
        self.phase = phase;
    }

    async fn into_ended(mut self) -> (Tree, Ended, Instant) {
        let known_by = self.killed.unwrap_or_else(Instant::now) + ANSWER_WITHIN;
        timeout_at(known_by, self.tree.reaped()).await.ok();
        let exit = self.tree.exit();
        let end = match (self.why, exit) {
            (Some(why), exit) => End::Stopped(why, exit),
            (None, exit) => End::Exited(exit.unwrap_or(Exit::Unknown)),
        };
        let now = Instant::now();
        let answer_by = self.killed.unwrap_or(now) + ANSWER_WITHIN;
        // Even where no time is left, a healthy disk gets what it needs for the last bytes.
        let stored_by = answer_by.max(now + PIPE_GRACE);
        let stdout = self.stdout.into_recording().finish(stored_by).await;
        let stderr = self.stderr.into_recording().finish(stored_by).await;
        let ended = Ended {
            end,
            ran: self.exited.unwrap_or(now) - self.started,
            allowed: self.allowed,
            stdout: stdout.captured,
            stderr: stderr.captured,
            kept: stdout.kept,
            lines: stdout.lines,
            warnings: stderr.warnings,
            leftovers: self.leftovers,
            swept: 0,
        };
        (self.tree, ended, answer_by)
    }
}
