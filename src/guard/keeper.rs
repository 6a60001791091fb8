//! What a guard does until its child has ended.

use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::Pid;

use super::children::{Children, LOOK_AGAIN, kill_all, reap, timespec};
use super::message::{REQUEST, Reply, Request};
use super::signals::{Ending, Signals};
use super::sweep::Sweeper;
use super::table::Table;

/// How long a guard waits for a death among all it inherited and killed before it names what is left and ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// The guard that the user started.
pub(super) struct Outer<'a> {
    child: Pid,
    signals: &'a Signals,
    is_subreaper: bool,
}

impl<'a> Outer<'a> {
    /// The guard of `child`. If it is a subreaper, whatever it has when that ends is killed.
    pub(super) const fn new(child: Pid, signals: &'a Signals, is_subreaper: bool) -> Self {
        Self {
            child,
            signals,
            is_subreaper,
        }
    }

    /// Waits for the end of the child, and ends as it did.
    pub(super) fn keep(self) -> ! {
        leave_streams();
        let ending = loop {
            self.signals.hand_on_to(self.child);
            if let Some(ending) = reap_until(self.child, |_| {}) {
                break ending;
            }
            wait_for(
                &mut [PollFd::new(self.signals.descriptor(), PollFlags::IN)],
                None,
            );
        };
        if self.is_subreaper {
            let children = Children::of_this_process();
            let left = kill_all(&children, self.signals, PATIENCE);
            name_stuck(&left);
        }
        ending.repeat()
    }
}

/// The guard that is the runner's parent.
pub(super) struct Inner {
    runner: Pid,
    signals: Signals,
    /// Closed when the outer guard is gone.
    lifeline: PipeReader,
    /// To the runner.
    socket: Option<OwnedFd>,
    sweeper: Sweeper,
    unsent: Vec<Reply>,
}

impl Inner {
    /// The guard of `runner`, the last fork of this process.
    pub(super) fn new(
        runner: Pid,
        signals: Signals,
        lifeline: PipeReader,
        socket: OwnedFd,
        table: Table,
        children: Children,
    ) -> Self {
        Self {
            runner,
            signals,
            lifeline,
            socket: Some(socket),
            sweeper: Sweeper::new(runner, children, table),
            unsent: Vec::new(),
        }
    }

    /// Sweeps for the runner until it or the outer guard has ended, then kills all that is left.
    pub(super) fn keep(mut self) -> ! {
        leave_streams();
        let ending = loop {
            self.signals.hand_on_to(self.runner);
            let sweeper = &mut self.sweeper;
            if let Some(ending) = reap_until(self.runner, |pid| sweeper.reaped(pid)) {
                break ending;
            }
            self.take_requests();
            let replies = self.sweeper.turn();
            self.answer(replies);
            if self.is_orphan() {
                break Ending::Signal(rustix::process::Signal::KILL.as_raw());
            }
        };
        kill_all(&Children::of_this_process(), &self.signals, PATIENCE);
        ending.repeat()
    }

    fn take_requests(&mut self) {
        while let Some(socket) = &self.socket {
            let mut packet = [0; REQUEST];
            match recv(socket, &mut packet, RecvFlags::DONTWAIT) {
                Ok((0, _)) => self.socket = None,
                Ok((length, _)) => {
                    if let Some(request) = Request::from_bytes(&packet[..length]) {
                        self.sweeper.ask(request);
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn answer(&mut self, replies: Vec<Reply>) {
        self.unsent.extend(replies);
        let Some(socket) = &self.socket else {
            return self.unsent.clear();
        };
        // A runner that is stopped does not read: the guard must not wait for it.
        let sent = self
            .unsent
            .iter()
            .take_while(|reply| send(socket, &reply.to_bytes(), SendFlags::DONTWAIT).is_ok())
            .count();
        self.unsent.drain(..sent);
    }

    /// Waits for something to do, and says whether the outer guard is gone.
    fn is_orphan(&self) -> bool {
        let is_busy = self.sweeper.is_busy() || !self.unsent.is_empty();
        let mut ready = vec![
            PollFd::new(&self.lifeline, PollFlags::empty()),
            PollFd::new(self.signals.descriptor(), PollFlags::IN),
        ];
        ready.extend(
            self.socket
                .iter()
                .map(|socket| PollFd::new(socket, PollFlags::IN)),
        );
        wait_for(&mut ready, is_busy.then_some(LOOK_AGAIN));
        !ready[0].revents().is_empty()
    }
}

/// Reaps what has ended; the ending of `child`, if it was among them.
fn reap_until(child: Pid, mut other: impl FnMut(Pid)) -> Option<Ending> {
    let mut found = None;
    reap(|pid, ending| {
        if pid == child {
            found = Some(ending);
        } else {
            other(pid);
        }
    });
    found
}

fn wait_for(ready: &mut [PollFd<'_>], longest: Option<Duration>) {
    // An error leaves nothing ready, and the caller looks at everything anyway.
    poll(ready, longest.map(timespec).as_ref()).ok();
}

/// Standard input and output are the runner's: their ends are to be seen when it closes them. Without a null
/// device they stay open until the runner ends, which is hardly later.
fn leave_streams() {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null");
    if let Ok(null) = null {
        rustix::stdio::dup2_stdin(&null).ok();
        rustix::stdio::dup2_stdout(&null).ok();
    }
}

fn name_stuck(left: &[Pid]) {
    if left.is_empty() {
        return;
    }
    let pids: Vec<String> = left.iter().map(ToString::to_string).collect();
    say(&format!(
        "warning: processes that scripts left behind cannot be ended: {}",
        pids.join(", ")
    ));
}

/// How the user is told something.
static SAY: OnceLock<fn(&str)> = OnceLock::new();

/// Tells the user in this way from now on; the first one counts.
pub(super) fn say_by(way: fn(&str)) {
    SAY.set(way).ok();
}

/// Tells the user.
pub(super) fn say(line: &str) {
    if let Some(say) = SAY.get() {
        say(line);
    }
}
