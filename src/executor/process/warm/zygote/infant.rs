//! An interpreter that was started and is not ready.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::hook_folder::HookFolder;
use super::wire::{Message, Reply};
use crate::executor::process::Launch;
use crate::executor::process::platform::Tree;
use crate::executor::process::warm::{BirthError, Kind, Said, Stamp};
use crate::guard::{self, Ward};
use crate::tool::{CallId, Environment};

/// How long an interpreter may take to load what it should.
pub(super) const START_WITHIN: Duration = Duration::from_mins(1);

/// A zygote that is ready.
pub(super) struct Newborn {
    pub(super) tree: Tree,
    pub(super) stream: UnixStream,
    pub(super) stamps: Vec<Stamp>,
    pub(super) ward: Ward,
}

/// A process that was started and is not ready.
pub(super) struct Infant {
    tree: Tree,
    stream: UnixStream,
    heard: Vec<u8>,
    said: Said,
    ward: Ward,
    mark: CallId,
    began: SystemTime,
}

impl Infant {
    pub(super) async fn start(
        kind: &Arc<Kind>,
        folder: &Arc<HookFolder>,
        arguments: Vec<OsString>,
    ) -> Result<Self, BirthError> {
        // As long as the mark of a call, which takes its place in a fork.
        let mark = CallId::random();
        let began = SystemTime::now();
        let mut ward = guard::watch(mark.as_str());
        let (ours, theirs) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        let said = Said::with(&kind.environment);
        let (kind, folder, own_mark) = (Arc::clone(kind), Arc::clone(folder), mark.clone());
        let spawned = spawn_blocking(move || {
            let launch = Launch {
                program: kind.program.clone(),
                arguments,
                working_dir: kind.working_dir.clone(),
                shared_environment: Environment::default(),
                environment: environment(&kind, &folder, &own_mark),
                stdin: None,
                fork: None,
            };
            let mut command = launch.command();
            command.stdin(Stdio::from(OwnedFd::from(theirs)));
            let tree = Tree::spawn_command(command);
            // The folder has to be there until the interpreter has read it, and it is held by the caller as well.
            drop(folder);
            tree
        });
        let mut tree = spawned.await.map_err(io::Error::other)??;
        ward.led_by(tree.id(), tree.outputs());
        let pipes = tree.attach()?;
        tokio::spawn(said.clone().listen(pipes.stdout));
        tokio::spawn(said.clone().listen(pipes.stderr));
        Ok(Self {
            tree,
            stream: UnixStream::from_std(ours)?,
            heard: Vec::new(),
            said,
            ward,
            mark,
            began,
        })
    }

    /// What it is to load.
    pub(super) fn task(&self, kind: &Kind, folder: &HookFolder) -> io::Result<Message> {
        let python_path = kind.environment.get("PYTHONPATH");
        let mut message = Message::new("serve")
            .field(if sees_exits() { "0" } else { "1" })?
            .field(if python_path.is_some() { "1" } else { "0" })?
            .field(python_path.unwrap_or_default())?
            .field(&kind.script_folder())?
            .field(&kind.preload.len().to_string())?;
        for module in &kind.preload {
            message = message.field(module)?;
        }
        let environment = environment(kind, folder, &self.mark);
        message.variables(environment.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// What it says to a message; `None` when it has ended.
    pub(super) async fn asked(&mut self, message: Message) -> io::Result<Option<Reply>> {
        let frame = message.framed()?;
        let answer = async {
            // One that has ended is noticed when it does not answer.
            self.stream.write_all(&frame).await.ok();
            self.reply().await
        };
        timeout(START_WITHIN, answer).await?
    }

    /// What it has loaded by now, and whether a part of that is another already.
    pub(super) async fn loaded(&self, kind: &Kind, files: Vec<OsString>) -> (Vec<Stamp>, bool) {
        let mut files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
        files.push(kind.program.clone());
        let began = self.began;
        let look = spawn_blocking(move || {
            let stamps = files.into_iter().map(|file| Stamp::loaded(file, began));
            let stamps: Vec<Stamp> = stamps.collect();
            let is_outdated = stamps.iter().any(Stamp::has_changed);
            (stamps, is_outdated)
        });
        look.await.unwrap_or_default()
    }

    /// It is ready.
    pub(super) fn grown(self, stamps: Vec<Stamp>) -> Newborn {
        Newborn {
            tree: self.tree,
            stream: self.stream,
            stamps,
            ward: self.ward,
        }
    }

    /// Ends it, and takes its status: nobody else would.
    pub(super) async fn end(mut self) {
        self.tree.kill();
        self.tree.gone().await;
        self.ward.sweep().await;
    }

    /// The next message; `None` when the process has ended.
    async fn reply(&mut self) -> io::Result<Option<Reply>> {
        loop {
            if let Some((reply, length)) = Reply::take(&self.heard)? {
                self.heard.drain(..length);
                return Ok(Some(reply));
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// A text for a message.
    pub(super) fn hide(&self, text: &str) -> String {
        self.said.hide(text)
    }

    /// What it printed last, for a message.
    pub(super) fn last_words(&self) -> String {
        self.said.last_words()
    }
}

/// Whether the end of a process that is no child of this one can be seen.
fn sees_exits() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, getpid, pidfd_open};
        pidfd_open(getpid(), PidfdFlags::empty()).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// What all calls have in common, a mark, and the way to the part inside.
fn environment(kind: &Kind, folder: &HookFolder, mark: &CallId) -> Vec<(OsString, OsString)> {
    let mut path = folder.path().as_os_str().to_owned();
    if let Some(before) = kind
        .environment
        .get("PYTHONPATH")
        .filter(|path| !path.is_empty())
    {
        path.push(":");
        path.push(before);
    }
    let mut environment = kind.environment(mark);
    environment.push(("PYTHONPATH".into(), path));
    environment
}
