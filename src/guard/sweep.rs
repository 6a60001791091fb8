//! Who of the adopted belongs to no running call, and their end.
//!
//! A process belongs to the call whose mark it carries; without a mark, to the call that leads its process group or
//! session, or whose mark that leader carries, or whose output it could write. One that shows none of these belongs to
//! one of the calls that ran when it was born, nobody can say which, and is killed when the first of them ends. Once seen, a process keeps the call it was
//! seen to belong to, whatever it does to its environment later.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::{Pid, getpid};

use super::children::{Children, kill, kill_group};
use super::clock::since_boot;
use super::kin::{Marking, Stat, environment_mark, pipes, stat};
use super::message::{Reply, Request};
use super::table::{Entry, Mark, Table};

/// How long a request waits for the killed to die; then they are named as stuck.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a process may take to enter its program before it counts as one that hides.
const ENTERING: Duration = Duration::from_millis(50);

/// The requests of the runner, and what is known of the adopted.
pub(super) struct Sweeper {
    runner: Pid,
    children: Children,
    table: Table,
    pending: Vec<Pending>,
    known: HashMap<Pid, Known>,
    own_group: i32,
    own_session: i32,
}

struct Pending {
    request: Request,
    asked: Duration,
    killed: u32,
    left: Vec<u32>,
    /// Somebody's belonging was not clear yet in the last turn.
    is_open: bool,
}

/// What is known of an adopted process. Nobody else gets its id before it is reaped.
#[derive(Clone, Copy, Default)]
struct Known {
    owner: Option<Owner>,
    is_killed: bool,
}

/// To whom a process belongs, for good.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Call(Mark),
    /// To no call that anybody asks about.
    Nobody,
}

enum Verdict {
    Spare,
    /// It will show more in a moment, or it is gone and its children may just have been adopted.
    Wait,
    Kill(Owner),
}

impl Sweeper {
    /// A sweeper of this process's `children`, but for the `runner`.
    pub(super) fn new(runner: Pid, children: Children, table: Table) -> Self {
        // Both are 0 where they were made outside of this world of process ids.
        let own = stat(getpid());
        Self {
            runner,
            children,
            table,
            pending: Vec::new(),
            known: HashMap::new(),
            own_group: own.map_or(0, |own| own.group),
            own_session: own.map_or(0, |own| own.session),
        }
    }

    /// Takes a request, which a later turn answers.
    pub(super) fn ask(&mut self, request: Request) {
        self.pending.push(Pending {
            request,
            asked: since_boot(),
            killed: 0,
            left: Vec::new(),
            is_open: false,
        });
    }

    /// Whether there is more to do soon.
    pub(super) const fn is_busy(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Notes that a child is dead and reaped.
    pub(super) fn reaped(&mut self, pid: Pid) {
        let Some(known) = self.known.remove(&pid) else {
            return;
        };
        if !known.is_killed {
            return;
        }
        for pending in &mut self.pending {
            if known.owner == Some(Owner::Call(pending.request.mark)) {
                pending.killed += 1;
            }
        }
    }

    /// Kills whoever belongs to no running call, and answers the requests of which nobody is left. Children are to be
    /// reaped before each turn. One turn without a find is proof: whoever belongs to the call has a
    /// living ancestor that belongs to it too, and the eldest of those is a child of the guard.
    pub(super) fn turn(&mut self) -> Vec<Reply> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        for pending in &mut self.pending {
            pending.left.clear();
            pending.is_open = false;
        }
        let mut adopted = self.children.list();
        adopted.retain(|pid| *pid != self.runner);
        let looks: Vec<_> = adopted.iter().map(|pid| self.look(*pid)).collect();
        // Read after the looks: a process that was seen has its call in the table by now.
        let running = self.table.read();
        for (pid, look) in adopted.into_iter().zip(looks) {
            match self.judge(&look, &running) {
                Verdict::Spare => {}
                Verdict::Wait => self.pending.iter_mut().for_each(|one| one.is_open = true),
                Verdict::Kill(owner) => self.kill(pid, owner),
            }
        }
        self.answers()
    }

    fn answers(&mut self) -> Vec<Reply> {
        let now = since_boot();
        let is_done = |pending: &mut Pending| {
            (pending.left.is_empty() && !pending.is_open) || now > pending.asked + PATIENCE
        };
        self.pending
            .extract_if(.., is_done)
            .map(|pending| Reply {
                key: pending.request.key,
                killed: pending.killed,
                stuck: pending.left,
            })
            .collect()
    }

    /// Takes a look at a process, unless it is clear already whose it is.
    fn look(&mut self, pid: Pid) -> Look {
        let known = self.known.entry(pid).or_default();
        if let Some(owner) = known.owner {
            return Look::Known(owner);
        }
        // It is there, as nobody else could reap it; some systems show nothing of another user's.
        let stat = stat(pid).unwrap_or(Stat::UNSEEN);
        match Marking::of(pid) {
            _ if stat.is_zombie => Look::Gone,
            Marking::Mark(mark) => {
                known.owner = Some(Owner::Call(mark));
                Look::Known(Owner::Call(mark))
            }
            Marking::NotYet => Look::Entering(stat),
            Marking::None => Look::Hidden(stat, self.leaders_mark(&stat), pipes(pid)),
        }
    }

    /// The mark of the leader of the group or of the session, if it lives. Their ids belong to nobody else as
    /// long as the group and the session have members. The guard's own are the user's, not a call's.
    fn leaders_mark(&self, stat: &Stat) -> Option<Mark> {
        let groups = [stat.group, stat.session];
        groups
            .into_iter()
            .filter(|id| *id != self.own_group && *id != self.own_session)
            .filter_map(Pid::from_raw)
            .find_map(|leader| environment_mark(leader).ok().flatten())
    }

    fn judge(&self, look: &Look, running: &[Entry]) -> Verdict {
        match look {
            Look::Known(owner) => judge_owned(*owner, running),
            Look::Gone => Verdict::Wait,
            Look::Entering(stat) => {
                let now = since_boot();
                if self.pending.iter().any(|one| now < one.asked + ENTERING) {
                    return Verdict::Wait;
                }
                self.judge_hidden(stat, None, &[], running)
            }
            Look::Hidden(stat, mark, pipes) => self.judge_hidden(stat, *mark, pipes, running),
        }
    }

    fn judge_hidden(
        &self,
        stat: &Stat,
        mark: Option<Mark>,
        pipes: &[u64],
        running: &[Entry],
    ) -> Verdict {
        let leads = |leader: u32| {
            i32::try_from(leader).is_ok_and(|id| id == stat.group || id == stat.session)
        };
        let writes = |outputs: [u64; 2]| pipes.iter().any(|pipe| outputs.contains(pipe));
        if running
            .iter()
            .any(|entry| leads(entry.leader) || writes(entry.outputs))
        {
            return Verdict::Spare;
        }
        if let Some(mark) = mark {
            return judge_owned(Owner::Call(mark), running);
        }
        let mut ended = self.pending.iter().map(|pending| pending.request);
        if let Some(ended) = ended.find(|request| request.since <= stat.born) {
            return Verdict::Kill(Owner::Call(ended.mark));
        }
        if running.iter().any(|entry| entry.since <= stat.born) {
            Verdict::Spare
        } else {
            Verdict::Kill(Owner::Nobody)
        }
    }

    fn kill(&mut self, pid: Pid, owner: Owner) {
        let own_session = self.own_session;
        // A session that is not the guard's own was made by a descendant, and nobody from elsewhere can join it: the
        // whole group dies at once, so that it cannot fork faster than it is killed.
        let group = stat(pid)
            .filter(|stat| stat.session != own_session)
            .and_then(|stat| Pid::from_raw(stat.group));
        if let Some(group) = group {
            kill_group(group);
        }
        kill(pid);
        let known = self.known.entry(pid).or_default();
        known.owner = Some(owner);
        known.is_killed = true;
        let raw = pid.as_raw_nonzero().get().unsigned_abs();
        for pending in &mut self.pending {
            if owner == Owner::Call(pending.request.mark) {
                pending.left.push(raw);
            }
        }
    }
}

fn judge_owned(owner: Owner, running: &[Entry]) -> Verdict {
    match owner {
        Owner::Call(mark) if running.iter().any(|entry| entry.mark == mark) => Verdict::Spare,
        owner => Verdict::Kill(owner),
    }
}

/// What a look at a process showed.
enum Look {
    Known(Owner),
    Gone,
    Entering(Stat),
    Hidden(Stat, Option<Mark>, Vec<u64>),
}
