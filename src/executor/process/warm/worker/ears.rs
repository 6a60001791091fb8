//! What a worker says and prints, given to the calls it belongs to.

use std::collections::HashMap;

use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};

use super::job::Active;
use super::reader::{Event, Nonsense, Reader};
use crate::executor::process::platform;
use crate::executor::process::warm::Said;

/// Bytes per read of answers. A pipe holds as much.
const READ_SIZE: usize = 64 * 1024;

/// Bytes per read of what is printed beside.
const SMALL_READ_SIZE: usize = 8 * 1024;

/// The pipes from a worker, and the calls it has.
pub(super) struct Ears {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    buffer: Box<[u8]>,
    small_buffer: Box<[u8]>,
    pub(super) calls: Calls,
}

/// The calls that a worker has.
pub(super) struct Calls {
    pub(super) active: HashMap<u64, Active>,
    /// Those whose end was said and is not dealt with.
    pub(super) ended: Vec<u64>,
    /// The largest number of a call that it had.
    newest: u64,
    reader: Reader,
    said: Said,
}

/// What came of listening.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something, which is with its call.
    Something,
    /// The worker has closed the way to the runner.
    Closed,
    /// What makes no sense. Nothing more is heard after it.
    Nonsense(Nonsense),
}

impl Ears {
    /// Listens; `keeps_json` where each item is a line of JSON.
    pub(super) fn new(
        stdout: ChildStdout,
        stderr: ChildStderr,
        said: Said,
        keeps_json: bool,
    ) -> Self {
        Self {
            stdout: Some(stdout),
            stderr: Some(stderr),
            buffer: vec![0; READ_SIZE].into_boxed_slice(),
            small_buffer: vec![0; SMALL_READ_SIZE].into_boxed_slice(),
            calls: Calls {
                active: HashMap::new(),
                ended: Vec::new(),
                newest: 0,
                reader: Reader::new(keeps_json),
                said,
            },
        }
    }

    /// Listens for what the worker says of a call, which it hears of next. What is printed by now is not of that call:
    /// at most so many bytes of it are taken.
    pub(super) fn begin(&mut self, call: Active, most: usize) {
        self.overhear_the_last(most);
        let number = call.job.number;
        self.calls.newest = self.calls.newest.max(number);
        self.calls.active.insert(number, call);
    }

    /// Takes what comes next. Can be dropped at any await without a loss.
    pub(super) async fn listen(&mut self) -> Heard {
        if self.calls.is_backed_up() {
            self.calls.flush().await;
        }
        tokio::select! {
            biased;
            length = read(self.stdout.as_mut(), &mut self.buffer) => self.hear(length),
            length = read(self.stderr.as_mut(), &mut self.small_buffer) => {
                if length == 0 {
                    self.stderr = None;
                }
                self.calls.overhear(&self.small_buffer[..length]);
                Heard::Something
            }
        }
    }

    fn hear(&mut self, length: usize) -> Heard {
        let heard = match self.calls.hear(&self.buffer[..length]) {
            Ok(()) if length > 0 => return Heard::Something,
            Ok(()) => Heard::Closed,
            Err(nonsense) => Heard::Nonsense(nonsense),
        };
        self.stdout = None;
        heard
    }

    /// Takes what was printed before the end of a call was said: it is in the pipe by now.
    pub(super) fn overhear_the_last(&mut self, most: usize) {
        let Some(stderr) = &self.stderr else { return };
        let mut taken = 0;
        while taken < most {
            let length = platform::read_ready(stderr, &mut self.small_buffer);
            if length == 0 {
                return;
            }
            self.calls.overhear(&self.small_buffer[..length]);
            taken += length;
        }
    }

    /// Takes what is in the pipes this moment, at most so many bytes of each.
    pub(super) fn take_the_rest(&mut self, most: usize) {
        let mut taken = 0;
        while taken < most
            && let Some(stdout) = &self.stdout
        {
            let length = platform::read_ready(stdout, &mut self.buffer);
            if length == 0 || !matches!(self.hear(length), Heard::Something) {
                break;
            }
            taken += length;
        }
        self.overhear_the_last(most);
    }

    /// Whether some process has the other end of a pipe.
    pub(super) fn are_spoken_to(&self) -> bool {
        self.stdout.as_ref().is_some_and(platform::has_writers)
            || self.stderr.as_ref().is_some_and(platform::has_writers)
    }
}

impl Calls {
    /// Takes what the worker said.
    fn hear(&mut self, bytes: &[u8]) -> Result<(), Nonsense> {
        let Self {
            active,
            reader,
            ended,
            newest,
            ..
        } = self;
        reader.push(bytes, |event| {
            let number = event.number();
            let call = active.get_mut(&number);
            let Some(call) = call.filter(|call| call.status.is_none()) else {
                let is_late = event.is_aside() && number <= *newest;
                return is_late.then_some(()).ok_or(Nonsense::NoCall(number));
            };
            if call.take(event) {
                ended.push(number);
            }
            Ok(())
        })
    }

    /// Takes what was printed beside: it belongs to the call, where there is one alone. Whoever reads an answer must not
    /// see what another call printed, so anything else is in none.
    fn overhear(&mut self, bytes: &[u8]) {
        let mut calls = self.active.values_mut();
        match (calls.next(), calls.next()) {
            (Some(call), None) => call.take_beside(bytes),
            _ if bytes.is_empty() => {}
            _ => self.said.log(bytes),
        }
    }

    /// Whether the disk is behind, or who listens to items.
    fn is_backed_up(&self) -> bool {
        let mut calls = self.active.values();
        calls.any(|call| call.job.stdout.is_backed_up())
    }

    /// Waits until they have caught up. Can be dropped at any await without a loss.
    async fn flush(&mut self) {
        for call in self.active.values_mut() {
            call.job.stdout.flush().await;
        }
    }
}

impl Active {
    /// Takes a part of what its worker says of it; true when that was the end.
    fn take(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Printed(_, bytes) | Event::Yielded(_, bytes) => {
                self.job.stdout.push(bytes);
                return false;
            }
            Event::ItemEnded(_) => self.job.stdout.push(b"\n"),
            Event::Logged(_, bytes) => self.job.stderr.push(bytes),
            Event::Returned { is_null, .. } => {
                if is_null && self.job.says_null {
                    self.job.stdout.push(b"null");
                }
                self.status = Some(0);
                return true;
            }
            Event::Failed(_, status) => {
                self.status = Some(status);
                return true;
            }
        }
        self.heed_progress();
        false
    }

    fn take_beside(&mut self, bytes: &[u8]) {
        self.job.stderr.push(bytes);
        self.heed_progress();
    }
}

/// What comes next; 0 at the end. A pipe that is closed says nothing any more.
async fn read(pipe: Option<&mut (impl AsyncReadExt + Unpin)>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
