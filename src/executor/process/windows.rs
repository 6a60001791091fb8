//! Processes on Windows: the process itself is ended, what it started is not.
//!
//! There is no polite signal, so asking to end is ending.

use std::io;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::{Exit, Launch};
use crate::config::Question;

/// Asks no program: no shim is known here that would have to be asked.
///
/// # Errors
/// Always.
pub fn ask(_: &Question<'_>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a pipe has to be; nothing, here.
pub(super) trait PipeHandle {}

impl<T> PipeHandle for T {}

/// A process and the way to its end. Dropped unreaped, it is killed.
pub(super) struct Tree {
    leader: Box<Child>,
    id: u32,
    exit: Option<Exit>,
}

/// The runner's ends of the pipes.
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Tree {
    /// Starts the process. Needs the runtime.
    pub(super) fn spawn(launch: &Launch) -> io::Result<Self> {
        let leader = Command::from(launch.command()).kill_on_drop(true).spawn()?;
        let id = leader.id().unwrap_or_default();
        Ok(Self {
            leader: Box::new(leader),
            id,
            exit: None,
        })
    }

    /// Hands out the pipes.
    pub(super) fn attach(&mut self) -> io::Result<Pipes> {
        let missing = || io::Error::other("the process has no output pipes");
        Ok(Pipes {
            stdin: self.leader.stdin.take(),
            stdout: self.leader.stdout.take().ok_or_else(missing)?,
            stderr: self.leader.stderr.take().ok_or_else(missing)?,
        })
    }

    /// The id of the process.
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// Nobody asks here whose pipes they are.
    #[expect(clippy::unused_self, reason = "the signature of the other systems")]
    pub(super) const fn outputs(&self) -> [u64; 2] {
        [0; 2]
    }

    /// How it ended; `None` until that is known.
    pub(super) const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Waits until it has ended. Can be dropped at any await.
    pub(super) async fn leader_exited(&mut self) {
        if self.exit.is_none() {
            let status = self.leader.wait().await.ok();
            let code = status.and_then(|status| status.code());
            self.exit = Some(code.map_or(Exit::Unknown, Exit::Code));
        }
    }

    /// Whether it is known to have ended.
    pub(super) const fn has_leader_exited(&self) -> bool {
        self.exit.is_some()
    }

    /// Ends it.
    pub(super) fn terminate(&mut self) {
        self.kill();
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        if let Err(error) = self.leader.start_kill() {
            tracing::debug!(pid = self.id, %error, "the process could not be ended");
        }
    }

    /// The status is taken as soon as the process has ended.
    #[expect(clippy::unused_self, reason = "the signature of the other systems")]
    pub(super) const fn reap(&mut self) {}

    /// See [`Tree::reap`].
    #[expect(
        clippy::unused_async,
        reason = "elsewhere there is something to wait for"
    )]
    pub(super) async fn reaped(&mut self) {}

    /// What else it started is not known.
    #[expect(
        clippy::unused_async,
        reason = "elsewhere there is something to wait for"
    )]
    pub(super) async fn others_live(&self) -> bool {
        false
    }

    /// Waits until it has ended.
    pub(super) async fn gone(&mut self) {
        self.leader_exited().await;
    }
}

/// Who else holds a pipe is not known.
pub(super) const fn has_writers<T>(_pipe: &T) -> bool {
    false
}

/// Nothing is read without waiting.
pub(super) const fn read_ready<T>(_pipe: &T, _buffer: &mut [u8]) -> usize {
    0
}
