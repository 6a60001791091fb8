//! The one task that speaks with a zygote, until its end.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::forked::Forked;
use super::infant::Newborn;
use super::wire::Reply;
use crate::executor::process::Exit;
use crate::executor::process::counters::Living;
use crate::executor::process::platform::Tree;
use crate::executor::process::warm::Stamp;
use crate::guard::Ward;

/// A zygote that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_mins(10);

/// A zygote that does not answer for so long is woken: a script may have stopped its parent.
const WAKE_AFTER: Duration = Duration::from_secs(1);

/// A zygote that does not answer for so long is ended.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The pause before a fork that was released too early is asked for again.
const REAP_AGAIN: Duration = Duration::from_millis(5);

/// What a zygote is asked. There are as many at a time as calls run, twice.
pub(super) enum Command {
    Fork {
        number: u64,
        frame: Vec<u8>,
        descriptors: [OwnedFd; 3],
        reply: oneshot::Sender<Result<Forked, ForkError>>,
    },
    Reap {
        pid: Pid,
        reply: oneshot::Sender<Exit>,
    },
}

/// Why there is no fork.
#[derive(Debug)]
pub(super) enum ForkError {
    /// The script has not begun and is not going to, so another zygote can be asked.
    NotBegun,
    /// The system said no.
    Refused(io::Error),
}

/// A warm interpreter. When nobody has it any more and no fork of it lives, it ends.
pub(super) struct Zygote {
    commands: mpsc::UnboundedSender<Command>,
    gone: CancellationToken,
    stamps: Vec<Stamp>,
    next: AtomicU64,
}

impl Zygote {
    /// The zygote, and what has to run for as long as it lives.
    pub(super) fn new(
        newborn: Newborn,
        living: Living,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()>) {
        let (commands, asked) = mpsc::unbounded_channel();
        let gone = CancellationToken::new();
        let conversation = Conversation {
            stream: newborn.stream,
            tree: newborn.tree,
            ward: newborn.ward,
            living,
            asked,
            own_commands: commands.downgrade(),
            gone: gone.clone(),
            outgoing: None,
            incoming: Vec::new(),
            forking: HashMap::new(),
            children: HashMap::new(),
            reaping: HashMap::new(),
            heard: Instant::now(),
            is_woken: false,
        };
        let zygote = Self {
            commands,
            gone,
            stamps: newborn.stamps,
            next: AtomicU64::new(1),
        };
        (zygote, conversation.until_end(stop))
    }

    /// Whether it takes requests.
    pub(super) fn is_alive(&self) -> bool {
        !self.gone.is_cancelled()
    }

    /// Whether a file it is made of is another by now. Blocks for as long as a look at the file system takes.
    pub(super) fn has_changed(&self) -> bool {
        self.stamps.iter().any(Stamp::has_changed)
    }

    /// A number for a request.
    pub(super) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Forks.
    pub(super) async fn fork(
        &self,
        number: u64,
        frame: Vec<u8>,
        descriptors: [OwnedFd; 3],
    ) -> Result<Forked, ForkError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Fork {
            number,
            frame,
            descriptors,
            reply,
        };
        self.commands
            .send(command)
            .map_err(|_| ForkError::NotBegun)?;
        answer.await.unwrap_or_else(|_| {
            let died = "its warm interpreter died before the script began";
            Err(ForkError::Refused(io::Error::other(died)))
        })
    }
}

struct Conversation {
    stream: UnixStream,
    tree: Tree,
    ward: Ward,
    living: Living,
    asked: mpsc::UnboundedReceiver<Command>,
    own_commands: mpsc::WeakUnboundedSender<Command>,
    gone: CancellationToken,
    outgoing: Option<Outgoing>,
    incoming: Vec<u8>,
    forking: HashMap<u64, oneshot::Sender<Result<Forked, ForkError>>>,
    /// Those that live or are unreaped, and who waits to hear of their end.
    children: HashMap<i32, CancellationToken>,
    reaping: HashMap<i32, oneshot::Sender<Exit>>,
    /// When it last said something, or was asked something after it had nothing to do.
    heard: Instant,
    /// Whether it was woken since.
    is_woken: bool,
}

/// A request on its way. The descriptors go with the first byte.
struct Outgoing {
    frame: Vec<u8>,
    written: usize,
    descriptors: Vec<OwnedFd>,
}

impl Conversation {
    async fn until_end(mut self, stop: CancellationToken) {
        match self.speak(stop).await {
            Ok(why) => self.living.ends(why),
            Err(error) => {
                tracing::warn!(pid = self.tree.id(), %error, "a warm interpreter is given up");
                self.living.ends("died");
            }
        }
        self.gone.cancel();
        self.tree.kill();
        self.hear_the_last();
        self.refuse_unbegun();
        self.reaping.clear();
        self.tree.gone().await;
        self.ward.sweep().await;
    }

    /// Speaks with it until the end, and says why that came.
    async fn speak(&mut self, stop: CancellationToken) -> io::Result<&'static str> {
        loop {
            let awaits = !(self.forking.is_empty() && self.reaping.is_empty());
            let is_idle = !awaits && self.children.is_empty();
            tokio::select! {
                () = stop.cancelled() => return Ok("shutdown"),
                command = self.asked.recv(), if self.outgoing.is_none() => match command {
                    Some(command) => self.ask(command, awaits)?,
                    None => return Ok("unused"),
                },
                ready = self.stream.writable(), if self.outgoing.is_some() => { ready?; self.write()?; }
                ready = self.stream.readable() => {
                    ready?;
                    if !self.read()? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                () = sleep_until(self.heard + WAKE_AFTER), if awaits && !self.is_woken => {
                    self.is_woken = true;
                    self.tree.wake();
                }
                () = sleep_until(self.heard + ANSWER_WITHIN), if awaits => return Err(io::ErrorKind::TimedOut.into()),
                () = sleep(IDLE), if is_idle => return Ok("idle"),
            }
        }
    }

    fn ask(&mut self, command: Command, awaits: bool) -> io::Result<()> {
        if !awaits {
            self.heard = Instant::now();
            self.is_woken = false;
        }
        let outgoing = match command {
            Command::Fork {
                number,
                frame,
                descriptors,
                reply,
            } => {
                self.forking.insert(number, reply);
                Outgoing {
                    frame,
                    written: 0,
                    descriptors: descriptors.into(),
                }
            }
            Command::Reap { pid, reply } => {
                let pid = pid.as_raw_nonzero().get();
                self.reaping.insert(pid, reply);
                let frame = super::wire::Message::new("reap")
                    .field(&pid.to_string())?
                    .framed()?;
                Outgoing {
                    frame,
                    written: 0,
                    descriptors: Vec::new(),
                }
            }
        };
        self.outgoing = Some(outgoing);
        self.write()
    }

    /// Writes what the socket takes.
    fn write(&mut self) -> io::Result<()> {
        let Some(outgoing) = &mut self.outgoing else {
            return Ok(());
        };
        while outgoing.written < outgoing.frame.len() {
            let stream = &self.stream;
            match stream.try_io(Interest::WRITABLE, || outgoing.send(stream)) {
                Ok(length) => outgoing.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            outgoing.descriptors.clear();
        }
        self.outgoing = None;
        Ok(())
    }

    /// Takes what is there; false when the other end is closed.
    fn read(&mut self) -> io::Result<bool> {
        loop {
            match self.stream.try_read_buf(&mut self.incoming) {
                Ok(0) => return Ok(false),
                Ok(_) => {
                    self.heard = Instant::now();
                    self.is_woken = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            while let Some((reply, length)) = Reply::take(&self.incoming)? {
                self.incoming.drain(..length);
                self.heed(&reply);
            }
        }
    }

    fn heed(&mut self, reply: &Reply) {
        match *reply {
            Reply::Started { number, pid } => self.started(number, pid),
            Reply::Refused { number, errno } => {
                if let Some(waiter) = self.forking.remove(&number) {
                    let error = io::Error::from_raw_os_error(errno);
                    waiter.send(Err(ForkError::Refused(error))).ok();
                }
            }
            Reply::Reaped { pid, status } => {
                self.children.remove(&pid);
                if let Some(waiter) = self.reaping.remove(&pid) {
                    waiter.send(exit(status)).ok();
                }
            }
            Reply::Living { pid } => self.reap_again(pid),
            Reply::Ended { pid } => {
                if let Some(child) = self.children.get(&pid) {
                    child.cancel();
                }
            }
            Reply::Probed { .. } | Reply::Ready { .. } | Reply::Failed(_) => {}
        }
    }

    fn started(&mut self, number: u64, pid: i32) {
        let waiter = self.forking.remove(&number);
        let (Some(commands), Some(id)) = (self.own_commands.upgrade(), Pid::from_raw(pid)) else {
            return;
        };
        let ended = CancellationToken::new();
        self.children.insert(pid, ended.clone());
        let forked = Forked::new(id, commands, self.gone.clone(), ended);
        if let Some(waiter) = waiter
            && let Err(Ok(mut unwanted)) = waiter.send(Ok(forked))
        {
            rustix::process::kill_process_group(id, rustix::process::Signal::KILL).ok();
            unwanted.release();
        }
    }

    fn reap_again(&mut self, pid: i32) {
        if let (Some(reply), Some(commands), Some(pid)) = (
            self.reaping.remove(&pid),
            self.own_commands.upgrade(),
            Pid::from_raw(pid),
        ) {
            tokio::spawn(async move {
                sleep(REAP_AGAIN).await;
                commands.send(Command::Reap { pid, reply }).ok();
            });
        }
    }

    /// Takes what was said until now. A fork says that it has started before its script begins, and ends where it can
    /// say so no more: after this no script begins.
    fn hear_the_last(&mut self) {
        self.read_the_rest();
        rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Read).ok();
        self.read_the_rest();
    }

    /// Takes what lies in the socket, whatever the runtime knows of it.
    fn read_the_rest(&mut self) {
        let mut part = [0; 4096];
        while let Ok((length, _)) = rustix::net::recv(&self.stream, &mut part, RecvFlags::DONTWAIT)
            && length > 0
        {
            self.incoming.extend_from_slice(&part[..length]);
        }
        while let Ok(Some((reply, length))) = Reply::take(&self.incoming) {
            self.incoming.drain(..length);
            self.heed(&reply);
        }
    }

    /// Tells those whose script has not begun, so that they can ask another zygote.
    fn refuse_unbegun(&mut self) {
        for (_, waiter) in self.forking.drain() {
            waiter.send(Err(ForkError::NotBegun)).ok();
        }
        self.asked.close();
        while let Ok(command) = self.asked.try_recv() {
            if let Command::Fork { reply, .. } = command {
                reply.send(Err(ForkError::NotBegun)).ok();
            }
        }
    }
}

impl Outgoing {
    fn send(&self, stream: &UnixStream) -> io::Result<usize> {
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors.iter().map(AsFd::as_fd).collect();
        let mut space =
            [const { std::mem::MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let bytes = [IoSlice::new(&self.frame[self.written..])];
        Ok(sendmsg(stream, &bytes, &mut ancillary, SendFlags::empty())?)
    }
}

fn exit(status: i32) -> Exit {
    let status = ExitStatus::from_raw(status);
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}
