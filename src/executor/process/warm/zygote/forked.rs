//! One process of a call, as the child of a zygote.

use rustix::process::Pid;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::conversation::Command;
use crate::executor::process::Exit;

/// A fork of a zygote. The zygote leaves it unreaped until it is released, so that its id is nobody else's.
pub(in crate::executor::process) struct Forked {
    pid: Pid,
    commands: mpsc::UnboundedSender<Command>,
    /// The zygote has ended: somebody else is the parent now, and takes the status.
    orphaned: CancellationToken,
    /// The zygote says that it has ended.
    ended: CancellationToken,
    released: Option<oneshot::Receiver<Exit>>,
}

impl Forked {
    pub(super) const fn new(
        pid: Pid,
        commands: mpsc::UnboundedSender<Command>,
        orphaned: CancellationToken,
        ended: CancellationToken,
    ) -> Self {
        Self {
            pid,
            commands,
            orphaned,
            ended,
            released: None,
        }
    }

    /// The process, which leads a group of its own.
    pub(in crate::executor::process) const fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the zygote is gone.
    pub(in crate::executor::process) fn is_orphan(&self) -> bool {
        self.orphaned.is_cancelled()
    }

    /// Whether the zygote has said that it ended. Says so only where the runner cannot see it.
    pub(in crate::executor::process) fn is_said_to_have_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Whether its id may be another's by now.
    pub(in crate::executor::process) const fn is_released(&self) -> bool {
        self.released.is_some()
    }

    /// Waits until the zygote says that it ended, or is gone.
    pub(in crate::executor::process) async fn told(&self) {
        tokio::select! {
            () = self.orphaned.cancelled() => {}
            () = self.ended.cancelled() => {}
        }
    }

    /// Lets the zygote reap it as soon as it has ended.
    pub(in crate::executor::process) fn release(&mut self) {
        if self.released.is_none() {
            let (reply, status) = oneshot::channel();
            let pid = self.pid;
            // Without a zygote there is nobody to tell, and no status.
            self.commands.send(Command::Reap { pid, reply }).ok();
            self.released = Some(status);
        }
    }

    /// How it ended, after it was released. Can be dropped at any await.
    pub(in crate::executor::process) async fn status(&mut self) -> Exit {
        match &mut self.released {
            Some(status) => status.await.unwrap_or(Exit::Orphaned),
            None => Exit::Orphaned,
        }
    }
}
