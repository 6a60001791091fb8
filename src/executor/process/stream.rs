//! The pipes of a running process: one being fed, two being drained.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;

use super::platform::{self, PipeHandle};
use crate::executor::output::Recording;

/// Bytes per read. A pipe holds as much; with smaller reads the script waits for the runner.
const READ_SIZE: usize = 64 * 1024;

/// Bytes of the first read: most scripts print less, and a large buffer costs more than all that they print.
const FIRST_READ_SIZE: usize = 4 * 1024;

/// Bytes still taken from a pipe that is about to be closed on a survivor.
const LAST_READ_LIMIT: usize = 1024 * 1024;

/// One output pipe. It is drained whatever is kept, so that the script waits for nothing but the disk.
pub(super) struct Drain<R> {
    pipe: Option<R>,
    /// As large as a read; grown when one fills it.
    buffer: Vec<u8>,
    recording: Recording,
}

impl<R: AsyncRead + PipeHandle + Unpin> Drain<R> {
    pub(super) fn new(pipe: R, recording: Recording) -> Self {
        Self {
            pipe: Some(pipe),
            buffer: vec![0; FIRST_READ_SIZE],
            recording,
        }
    }

    /// Whether more can come.
    pub(super) const fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Whether some process has the other end. Exact, while [`Drain::is_open`] may lag behind.
    pub(super) fn is_held(&self) -> bool {
        self.pipe.as_ref().is_some_and(platform::has_writers)
    }

    /// Whether the script told of progress since this was asked last.
    pub(super) fn has_progressed(&mut self) -> bool {
        self.recording.has_progressed()
    }

    /// Takes what comes next. Can be dropped at any await without a loss.
    pub(super) async fn pump(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        if self.recording.is_backed_up() {
            self.recording.flush().await;
        }
        match pipe.read(&mut self.buffer).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(length) => {
                self.recording.push(&self.buffer[..length]);
                if length == self.buffer.len() && length < READ_SIZE {
                    self.buffer = vec![0; READ_SIZE];
                }
            }
        }
    }

    /// Takes what is there this moment and closes the pipe: on a machine so busy that the wait for
    /// the end of the stream was over before the first read, nothing printed is lost.
    pub(super) fn close(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        let mut taken = 0;
        while taken < LAST_READ_LIMIT {
            let length = platform::read_ready(&pipe, &mut self.buffer);
            if length == 0 {
                return;
            }
            self.recording.push(&self.buffer[..length]);
            taken += length;
        }
    }

    pub(super) fn into_recording(self) -> Recording {
        self.recording
    }
}

/// The input pipe and what is still to be written. A script that does not read is no error.
pub(super) struct Feed {
    pipe: Option<ChildStdin>,
    bytes: Vec<u8>,
    written: usize,
}

impl Feed {
    pub(super) const fn new(pipe: Option<ChildStdin>, bytes: Vec<u8>) -> Self {
        Self {
            pipe,
            bytes,
            written: 0,
        }
    }

    /// Whether something is left to write, or the end of it to be shown.
    pub(super) const fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Writes what the pipe takes, and closes it after the last byte. Can be dropped at any await.
    pub(super) async fn pump(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        if self.written < self.bytes.len()
            && let Ok(length) = pipe.write(&self.bytes[self.written..]).await
            && length > 0
        {
            self.written += length;
            if self.written < self.bytes.len() {
                return;
            }
        }
        self.close();
    }

    /// Closes the pipe and lets go of the bytes.
    pub(super) fn close(&mut self) {
        self.pipe = None;
        self.bytes = Vec::new();
    }
}
