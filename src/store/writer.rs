//! The thread that writes outputs to the disk, and the way to it.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::index::Entry;
use super::store::Disk;
use crate::tool::{OutputId, Owner, StoredOutput, ToolName};

/// Messages under way to the thread, those of all outputs together. Each has what one read of a pipe brought,
/// 64 KiB at most, or what was kept in memory until the store was needed.
pub(super) const UNDER_WAY: usize = 32;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Message {
    Begin {
        id: OutputId,
        owner: Owner,
        tool: ToolName,
    },
    Append {
        id: OutputId,
        bytes: Vec<u8>,
    },
    End {
        id: OutputId,
        at: Instant,
        answer: oneshot::Sender<Ended>,
    },
}

/// How the writing of an output went.
#[derive(Debug)]
pub(super) struct Ended {
    bytes: u64,
    problem: Option<String>,
}

/// What became of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it can be read; `None` when nothing of it could be stored.
    pub output: Option<StoredOutput>,
    /// Why not all of it can be read, at least not yet.
    pub problem: Option<String>,
}

impl Receipt {
    /// Nothing is stored.
    pub fn nothing(problem: impl Into<String>) -> Self {
        Self {
            output: None,
            problem: Some(problem.into()),
        }
    }
}

/// One output on its way to the disk. It never blocks: what the disk cannot take yet stays here, and whoever
/// fills it waits with [`Sink::flush`] before bringing more.
#[derive(Debug)]
pub struct Sink {
    id: OutputId,
    total: u64,
    writer: mpsc::Sender<Message>,
    unsent: VecDeque<Message>,
}

impl Sink {
    pub(super) fn new(
        id: OutputId,
        owner: Owner,
        tool: ToolName,
        writer: mpsc::Sender<Message>,
    ) -> Self {
        let begin = Message::Begin {
            id: id.clone(),
            owner,
            tool,
        };
        Self {
            id,
            total: 0,
            writer,
            unsent: VecDeque::from([begin]),
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: Vec<u8>) {
        self.total += bytes.len() as u64;
        let id = self.id.clone();
        self.unsent.push_back(Message::Append { id, bytes });
        while let Some(message) = self.unsent.pop_front() {
            match self.writer.try_send(message) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message)) => {
                    return self.unsent.push_front(message);
                }
                // The end tells that the thread is gone; there is nowhere to keep the bytes.
                Err(mpsc::error::TrySendError::Closed(_)) => self.unsent.clear(),
            }
        }
    }

    /// Whether the disk is behind.
    pub fn is_backed_up(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Waits until all bytes are on their way. Can be dropped at any await without a loss.
    pub async fn flush(&mut self) {
        while !self.unsent.is_empty() {
            let Ok(place) = self.writer.reserve().await else {
                return self.unsent.clear();
            };
            if let Some(message) = self.unsent.pop_front() {
                place.send(message);
            }
        }
    }

    /// Waits until all bytes are written, but not past `by`: then the writing goes on, and the receipt says so.
    pub async fn finish(self, by: Instant) -> Receipt {
        let (id, total) = (self.id.clone(), self.total);
        // A task of its own, so that nothing is lost on a disk that is slower than the answer may be.
        let completing = tokio::spawn(self.complete());
        match timeout_at(by, completing).await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(_)) => Receipt::nothing("writing it failed"),
            Err(_) => Receipt {
                output: Some(StoredOutput {
                    id,
                    bytes: total,
                    total,
                }),
                problem: Some("the disk is slow, and its end was still being written".to_owned()),
            },
        }
    }

    async fn complete(mut self) -> Receipt {
        self.flush().await;
        let (answer, answered) = oneshot::channel();
        let end = Message::End {
            id: self.id.clone(),
            at: Instant::now(),
            answer,
        };
        drop(self.writer.send(end).await);
        let Ok(ended) = answered.await else {
            return Receipt::nothing("the thread that writes outputs has failed");
        };
        let output = StoredOutput {
            id: self.id,
            bytes: ended.bytes,
            total: self.total,
        };
        Receipt {
            output: (ended.bytes > 0).then_some(output),
            problem: ended.problem,
        }
    }
}

/// An output that is being written.
enum Writing {
    To(File),
    /// No more of it is written, for this reason.
    Cut(String),
}

/// Writes until every sender is gone. Runs on a thread of its own: a disk can block for as long as it likes.
pub(super) fn write(disk: &Arc<Disk>, mut messages: mpsc::Receiver<Message>) {
    let mut outputs = HashMap::new();
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Begin { id, owner, tool } => {
                let begun = match begin(disk, &id, owner, tool) {
                    Ok(file) => Writing::To(file),
                    Err(problem) => Writing::Cut(problem),
                };
                outputs.insert(id, begun);
            }
            Message::Append { id, bytes } => {
                if let Some(writing) = outputs.get_mut(&id) {
                    append(disk, &id, writing, &bytes);
                }
            }
            Message::End { id, at, answer } => {
                let problem = match outputs.remove(&id) {
                    Some(Writing::Cut(problem)) => Some(problem),
                    _ => None,
                };
                drop(answer.send(end(disk, &id, at, problem)));
            }
        }
    }
}

fn begin(disk: &Disk, id: &OutputId, owner: Owner, tool: ToolName) -> Result<File, String> {
    let (path, file) = disk.new_file()?;
    let entry = Entry {
        owner,
        tool,
        path: path.clone(),
        bytes: 0,
        ended: None,
        items: None,
        list: None,
    };
    let mut removed = Vec::new();
    let is_entered = disk.index().enter(id.clone(), entry, &mut removed);
    if !is_entered {
        removed.push(path);
    }
    remove_files(removed);
    is_entered
        .then_some(file)
        .ok_or_else(|| "too many outputs are stored".to_owned())
}

fn append(disk: &Disk, id: &OutputId, writing: &mut Writing, bytes: &[u8]) {
    let Writing::To(file) = writing else { return };
    let mut removed = Vec::new();
    let granted = disk.index().grant(id, bytes.len() as u64, &mut removed);
    remove_files(removed);
    let length = usize::try_from(granted).unwrap_or(bytes.len());
    if let Err(error) = file.write_all(&bytes[..length]) {
        disk.index().give_back(granted);
        *writing = Writing::Cut(format!("writing it failed: {error}"));
        return;
    }
    disk.index().written(id, granted);
    if length < bytes.len() {
        let limits = *disk.index().limits();
        *writing = Writing::Cut(format!(
            "no more than {} bytes of one output are stored, and {} of all",
            limits.output_limit, limits.quota
        ));
    }
}

fn end(disk: &Disk, id: &OutputId, at: Instant, problem: Option<String>) -> Ended {
    let mut index = disk.index();
    let bytes = index.end(id, at);
    let empty = if bytes == 0 { index.remove(id) } else { None };
    drop(index);
    remove_files(empty);
    Ended { bytes, problem }
}

/// Removes the files of outputs that are gone.
pub(super) fn remove_files(paths: impl IntoIterator<Item = PathBuf>) {
    for path in paths {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %path.display(), %error, "a stored output could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn sink(writer: mpsc::Sender<Message>) -> Sink {
        let tool = ToolName::parse("t").unwrap();
        Sink::new(OutputId::random().unwrap(), Owner::Bearer, tool, writer)
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_is_behind_holds_up_who_prints_and_loses_nothing() {
        let (writer, mut messages) = mpsc::channel(2);
        let mut sink = sink(writer);
        for number in 0..6 {
            sink.push(vec![number]);
        }
        assert!(sink.is_backed_up());
        // Dropped while it waits, as a select does, it has lost nothing.
        assert!(timeout(Duration::from_secs(9), sink.flush()).await.is_err());
        let finishing = tokio::spawn(sink.finish(Instant::now() + Duration::from_secs(1)));
        let receipt = finishing.await.unwrap();
        assert!(receipt.problem.unwrap().contains("the disk is slow"));
        let mut written = Vec::new();
        while let Some(message) = messages.recv().await {
            match message {
                Message::Begin { .. } => {}
                Message::Append { bytes, .. } => written.extend(bytes),
                Message::End { .. } => break,
            }
        }
        assert_eq!(written, [0, 1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn without_a_writer_the_receipt_says_so() {
        let (writer, messages) = mpsc::channel(2);
        drop(messages);
        let mut sink = sink(writer);
        sink.push(vec![1]);
        assert!(!sink.is_backed_up());
        let receipt = sink.finish(Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(receipt.output, None);
        assert!(receipt.problem.unwrap().contains("has failed"));
    }
}
