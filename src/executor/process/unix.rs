//! Process groups on Unix.
//!
//! The leader of a group is watched without being reaped: as long as it is a zombie its process id, which
//! is also the group's, cannot be given to anyone else, so the group can be signalled without
//! hitting a stranger. After it is reaped the group is asked whether it lives, never signalled.

mod group;
mod watch;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::sleep;

use self::group::living_members;
#[cfg(target_os = "linux")]
use self::watch::is_readable;
use self::watch::{Watch, has_exited, watched};
use super::warm::Forked;
use super::{Exit, Launch};

pub(super) use std::os::fd::AsFd as PipeHandle;

/// The first and the longest pause between two looks at a group that was killed.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));

/// A group younger in death than this is asked with one system call; after it `/proc` is searched
/// for members that are more than zombies whom nobody reaps.
const SEARCH_AFTER: Duration = Duration::from_millis(8);

/// The longest of the doubling pauses before a busy program file is given up: about 30 ms in all.
const BUSY_PAUSE: Duration = Duration::from_millis(16);

/// A process, its group, and the way to the end of both. Dropped unreaped, it kills the group.
pub(super) struct Tree {
    leader: Leader,
    pid: Pid,
    watch: Option<Watch>,
    exit: Option<Exit>,
}

/// How the process came to be, which decides who reaps it.
enum Leader {
    /// A child of the runner.
    Spawned(Child),
    /// A child of a warm interpreter, and the runner's ends of its pipes until they are handed out.
    Forked(Forked, Option<Ends>),
}

/// The runner's ends of the pipes of a fork.
pub(super) struct Ends {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// The runner's ends of the pipes.
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Tree {
    /// Starts the process as the leader of a group of its own. Blocks the thread until the program runs.
    pub(super) fn spawn(launch: &Launch) -> io::Result<Self> {
        Self::spawn_command(launch.command())
    }

    /// The same, for a command that was changed.
    pub(super) fn spawn_command(command: Command) -> io::Result<Self> {
        let mut leader = start(command)?;
        let pid = i32::try_from(leader.id()).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else {
            leader.kill()?;
            leader.wait()?;
            return Err(io::Error::other("the process has no usable id"));
        };
        Ok(Self {
            leader: Leader::Spawned(leader),
            pid,
            watch: None,
            exit: None,
        })
    }

    /// A fork that leads a group of its own.
    pub(super) fn forked(forked: Forked, ends: Ends) -> Self {
        Self {
            pid: forked.pid(),
            leader: Leader::Forked(forked, Some(ends)),
            watch: None,
            exit: None,
        }
    }

    /// Starts watching, and hands out the pipes. Needs the runtime.
    pub(super) fn attach(&mut self) -> io::Result<Pipes> {
        let missing = || io::Error::other("the process has no output pipes");
        let (stdin, stdout, stderr) = match &mut self.leader {
            Leader::Spawned(child) => {
                self.watch = Some(Watch::new(self.pid)?);
                let stdout = child.stdout.take().ok_or_else(missing)?;
                let stderr = child.stderr.take().ok_or_else(missing)?;
                (child.stdin.take(), stdout, stderr)
            }
            Leader::Forked(_, ends) => {
                self.watch = Watch::by_descriptor(self.pid)?;
                let ends = ends.take().ok_or_else(missing)?;
                let stdin = ends.stdin.map(std::process::ChildStdin::from);
                (stdin, ends.stdout.into(), ends.stderr.into())
            }
        };
        Ok(Pipes {
            stdin: stdin.map(ChildStdin::from_std).transpose()?,
            stdout: ChildStdout::from_std(stdout)?,
            stderr: ChildStderr::from_std(stderr)?,
        })
    }

    /// The id of the leader and of its group.
    pub(super) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The inode numbers of the pipes for its output, which tell who else can write to them; 0 for one that was
    /// handed out already.
    pub(super) fn outputs(&self) -> [u64; 2] {
        fn inode(pipe: Option<&impl AsFd>) -> u64 {
            pipe.and_then(|pipe| rustix::fs::fstat(pipe).ok())
                .map_or(0, |stat| stat.st_ino)
        }
        match &self.leader {
            Leader::Spawned(child) => [inode(child.stdout.as_ref()), inode(child.stderr.as_ref())],
            Leader::Forked(_, ends) => {
                let ends = ends.as_ref();
                [
                    inode(ends.map(|ends| &ends.stdout)),
                    inode(ends.map(|ends| &ends.stderr)),
                ]
            }
        }
    }

    /// How the leader ended; `None` until it is reaped.
    pub(super) const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Waits until the leader is a zombie, and does not reap it. Can be dropped at any await.
    pub(super) async fn leader_exited(&mut self) {
        while !self.has_leader_exited() {
            match &self.leader {
                Leader::Spawned(_) => watched(&mut self.watch).await,
                Leader::Forked(forked, _) if self.watch.is_none() => forked.told().await,
                Leader::Forked(forked, _) => {
                    tokio::select! {
                        () = watched(&mut self.watch) => {}
                        () = forked.told() => {}
                    }
                }
            }
        }
    }

    /// The same for one that was just alive: without a system call until there is something to see. Can be dropped at any
    /// await.
    pub(super) async fn exit_noticed(&mut self) {
        loop {
            watched(&mut self.watch).await;
            if self.has_leader_exited() {
                return;
            }
        }
    }

    /// Whether the leader is a zombie or reaped. One that was forked counts, too, when nobody can tell any more.
    pub(super) fn has_leader_exited(&self) -> bool {
        self.exit.is_some()
            || match &self.leader {
                Leader::Spawned(_) => has_exited(self.pid),
                Leader::Forked(forked, _) => {
                    forked.is_released()
                        || forked.is_orphan()
                        || forked.is_said_to_have_ended()
                        || self.is_seen_dead()
                }
            }
    }

    /// Whether the descriptor of the process shows its end.
    fn is_seen_dead(&self) -> bool {
        match &self.watch {
            #[cfg(target_os = "linux")]
            Some(Watch::Descriptor(descriptor)) => is_readable(descriptor.get_ref()),
            _ => false,
        }
    }

    /// Whether the id of the leader, and of its group, may have become another's.
    fn is_anothers(&self) -> bool {
        self.exit.is_some()
            || match &self.leader {
                Leader::Spawned(_) => false,
                // Of an orphan, somebody else takes the status the moment it ends. Where its end cannot be seen, it is
                // signalled all the same, within a moment: ids do not come round so soon.
                Leader::Forked(forked, _) => {
                    forked.is_released() || (forked.is_orphan() && self.is_seen_dead())
                }
            }
    }

    /// Asks every process of the group to end. Stopped ones are woken, to hear it.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Kills every process of the group, those being forked right now too.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Lets a group go on that was stopped.
    pub(super) fn wake(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if self.is_anothers() {
            return;
        }
        if let Err(error) = kill_process_group(self.pid, signal) {
            // No such group: the leader was reaped by somebody else. Not permitted: every member is
            // another user's, and the call will be reported as stuck; on macOS, or a zombie.
            tracing::debug!(pid = self.id(), ?signal, %error, "the group took no signal");
        }
    }

    /// Takes the status of a leader that has exited; until then does nothing.
    pub(super) fn reap(&mut self) {
        if self.exit.is_some() {
            return;
        }
        let child = match &mut self.leader {
            Leader::Spawned(child) => child,
            Leader::Forked(forked, _) => return forked.release(),
        };
        self.exit = match child.try_wait() {
            Ok(Some(status)) => Some(match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(signal)) => Exit::Signal(signal),
                (None, None) => Exit::Unknown,
            }),
            Ok(None) => None,
            Err(_) => Some(Exit::Unknown),
        };
    }

    /// Waits for the status of a leader that was told to be reaped. Can be dropped at any await.
    pub(super) async fn reaped(&mut self) {
        if let Leader::Forked(forked, _) = &mut self.leader
            && self.exit.is_none()
            && forked.is_released()
        {
            self.exit = Some(forked.status().await);
        }
    }

    /// Whether a process of the group other than the leader lives.
    pub(super) async fn others_live(&self) -> bool {
        living_members(self.pid).await
    }

    /// Waits for the leader's exit, kills what is left of the group, reaps the leader, and waits until
    /// nobody of the group lives. Can be dropped at any await and called again.
    pub(super) async fn gone(&mut self) {
        self.leader_exited().await;
        self.kill();
        self.reap();
        self.reaped().await;
        let (mut pause, longest) = LOOK_AGAIN;
        while test_kill_process_group(self.pid) != Err(Errno::SRCH) {
            if pause >= SEARCH_AFTER && !living_members(self.pid).await {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

/// Starts the process. A program file written a moment ago can be busy for an instant: a process that
/// another thread is starting inherits the descriptor it was written through, until its own exec.
fn start(mut command: Command) -> io::Result<Child> {
    command.process_group(0);
    let (mut pause, _) = LOOK_AGAIN;
    loop {
        #[cfg(target_vendor = "apple")]
        let turn = super::turn::turn();
        let started = command.spawn();
        #[cfg(target_vendor = "apple")]
        drop(turn);
        match started {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && pause <= BUSY_PAUSE =>
            {
                std::thread::sleep(pause);
                pause *= 2;
            }
            result => return result,
        }
    }
}

impl Drop for Tree {
    /// The way out when the runtime stops before the supervisor has ended: nothing is left running.
    fn drop(&mut self) {
        self.kill();
        self.reap();
    }
}

/// Whether somebody has the writing end of `pipe`.
pub(super) fn has_writers(pipe: &impl AsFd) -> bool {
    let mut poll = [PollFd::new(pipe, PollFlags::IN)];
    let now = rustix::event::Timespec::default();
    match rustix::event::poll(&mut poll, Some(&now)) {
        Ok(_) => !poll[0].revents().contains(PollFlags::HUP),
        Err(_) => true,
    }
}

/// Reads what is there this moment from a pipe that does not block; 0 when there is nothing.
pub(super) fn read_ready(pipe: &impl AsFd, buffer: &mut [u8]) -> usize {
    rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut *buffer)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    use tokio::time::{Instant, timeout};

    fn start(program: &str, argument: &str) -> Tree {
        Tree::spawn(&Launch {
            program: program.into(),
            arguments: vec![argument.into()],
            working_dir: "/".into(),
            shared_environment: crate::tool::Environment::default(),
            environment: Vec::new(),
            stdin: None,
            fork: None,
        })
        .expect("it starts")
    }

    #[tokio::test]
    async fn an_exit_is_noticed_without_a_descriptor_too() {
        let mut tree = start("/bin/sleep", "0.2");
        tree.attach().unwrap();
        tree.watch = Some(Watch::by_signal().unwrap());
        let looked = timeout(Duration::from_millis(50), tree.leader_exited()).await;
        assert!(looked.is_err() && !tree.has_leader_exited(), "too early");
        tree.leader_exited().await;
        assert_eq!(tree.exit(), None, "noticed, not reaped");
        assert!(tree.has_leader_exited());
        tree.gone().await;
        assert_eq!(tree.exit(), Some(Exit::Code(0)));
    }

    #[tokio::test]
    async fn a_leader_that_is_stopped_has_not_exited() {
        let mut tree = start("/bin/sleep", "3600");
        tree.attach().unwrap();
        tree.signal(Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(tree.pid), stopped).expect("it stops");
        assert!(!has_exited(tree.pid) && tree.others_live().await);
        tree.kill();
        tree.gone().await;
        assert_eq!(tree.exit(), Some(Exit::Signal(9)));
    }

    #[tokio::test]
    async fn a_zombie_alone_in_its_group_is_nobody_who_lives() {
        let mut tree = start("/bin/sleep", "0");
        tree.attach().unwrap();
        tree.leader_exited().await;
        assert_eq!(tree.exit(), None, "it is a zombie");
        assert!(!tree.others_live().await);
        tree.gone().await;
        assert_eq!(tree.exit(), Some(Exit::Code(0)));
    }

    #[tokio::test]
    async fn a_group_is_killed_with_a_tree_that_is_dropped() {
        let tree = start("/bin/sleep", "3600");
        let group = tree.pid;
        drop(tree);
        let deadline = Instant::now() + Duration::from_secs(5);
        while living_members(group).await {
            assert!(Instant::now() < deadline, "it lives");
            sleep(Duration::from_millis(2)).await;
        }
    }
}
