//! What becomes of the bytes of a stream: kept within bounds, and all of them stored where they are too many.

use tokio::time::{Instant, timeout_at};

use super::items::{Items, Lines};
use super::remarks::Remarks;
use super::{Capture, Captured};
use crate::store::{Receipt, Sink, Store};
use crate::tool::{ItemSink, Owner, ProgressSink, StoredOutput, Stream, Tape, ToolName};

/// Where the whole of a stream is when an answer cannot hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::executor) enum Kept {
    /// Nowhere: it is not too long, or its tool does not ask for it.
    #[default]
    Nowhere,
    /// In a file, as far as the receipt says.
    Stored(Receipt),
}

impl Kept {
    /// Whether everything can be read.
    pub(in crate::executor) fn is_whole(&self) -> bool {
        self.output().is_some_and(StoredOutput::is_whole)
    }

    /// The handle, where there is something to read.
    pub(in crate::executor) fn output(&self) -> Option<&StoredOutput> {
        match self {
            Self::Nowhere => None,
            Self::Stored(receipt) => receipt.output.as_ref(),
        }
    }
}

/// Takes the bytes of a stream. Whoever feeds it waits while it is backed up, which is as long as the disk takes.
#[derive(Debug)]
pub(in crate::executor) struct Recording {
    capture: Capture,
    spill: Option<Spill>,
    remarks: Option<Remarks>,
    items: Option<Items>,
    tape: Option<(Tape, Stream)>,
}

/// What was made of a stream.
#[derive(Debug, Default)]
pub(in crate::executor) struct Recorded {
    /// What was kept in memory.
    pub(in crate::executor) captured: Captured,
    /// Where all of it is.
    pub(in crate::executor) kept: Kept,
    /// The script's own warnings.
    pub(in crate::executor) warnings: Vec<String>,
    /// The items found in it, where it is a stream of items.
    pub(in crate::executor) lines: Option<Lines>,
}

/// Stores a stream that grows too long.
#[derive(Debug)]
struct Spill {
    store: Store,
    owner: Owner,
    tool: ToolName,
    /// The length past which an answer cannot hold it, in bytes.
    past: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Storing(Sink),
    Failed(String),
}

impl Recording {
    /// Keeps what `capture` keeps.
    pub(in crate::executor) const fn new(capture: Capture) -> Self {
        Self {
            capture,
            spill: None,
            remarks: None,
            items: None,
            tape: None,
        }
    }

    /// Stores a stream longer than `past` bytes in `store`, from its first byte on.
    #[must_use]
    pub(in crate::executor) fn storing(
        mut self,
        store: Store,
        owner: Owner,
        tool: ToolName,
        past: u64,
    ) -> Self {
        self.spill = Some(Spill {
            store,
            owner,
            tool,
            past,
            state: State::Waiting,
        });
        self
    }

    /// Takes what the script says to the runner out of the stream, and tells `progress` of its progress.
    #[must_use]
    pub(in crate::executor) fn heeding(mut self, progress: ProgressSink) -> Self {
        self.remarks = Some(Remarks::new(progress));
        self
    }

    /// Takes each line for an item, keeps the first `most` bytes of them, and tells of each as it comes.
    #[must_use]
    pub(in crate::executor) fn of_items(
        mut self,
        most: usize,
        progress: ProgressSink,
        sink: ItemSink,
    ) -> Self {
        self.items = Some(Items::new(most).telling(progress, sink));
        self
    }

    /// Shows what is kept to whoever looks at `tape` before the stream ends.
    #[must_use]
    pub(in crate::executor) fn taped(mut self, tape: Tape, stream: Stream) -> Self {
        self.tape = Some((tape, stream));
        self
    }

    /// Whether the script told of progress, or an item came, since this was asked last.
    pub(in crate::executor) fn has_progressed(&mut self) -> bool {
        self.remarks.as_mut().is_some_and(Remarks::has_progressed)
            || self.items.as_mut().is_some_and(Items::has_come)
    }

    /// Takes the next bytes.
    pub(in crate::executor) fn push(&mut self, bytes: &[u8]) {
        if let Some(spill) = &mut self.spill {
            // Until something is not kept in memory, nothing needs to go to the disk.
            if !self.capture.has_room_for(bytes.len()) {
                spill.begin(&self.capture);
            }
            if let State::Storing(sink) = &mut spill.state {
                sink.push(bytes.to_vec());
            }
        }
        if let Some(items) = &mut self.items {
            items.push(bytes);
        }
        let (capture, tape) = (&mut self.capture, &self.tape);
        let mut keep = |bytes: &[u8]| {
            capture.push(bytes);
            if let Some((tape, stream)) = tape {
                tape.push(*stream, bytes);
            }
        };
        match &mut self.remarks {
            Some(remarks) => remarks.push(bytes, keep),
            None => keep(bytes),
        }
    }

    /// Whether the disk is behind, or who listens to the items.
    pub(in crate::executor) fn is_backed_up(&self) -> bool {
        matches!(&self.spill, Some(Spill { state: State::Storing(sink), .. }) if sink.is_backed_up())
            || self.items.as_ref().is_some_and(Items::is_backed_up)
    }

    /// Waits until both have caught up. Can be dropped at any await without a loss.
    pub(in crate::executor) async fn flush(&mut self) {
        if let Some(Spill {
            state: State::Storing(sink),
            ..
        }) = &mut self.spill
        {
            sink.flush().await;
        }
        if let Some(items) = &mut self.items {
            items.flush().await;
        }
    }

    /// What was made of the stream. Does not wait for the disk past `by`.
    pub(in crate::executor) async fn finish(mut self, by: Instant) -> Recorded {
        let warnings = match self.remarks.take() {
            Some(remarks) => remarks.finish(|log| self.capture.push(log)),
            None => Vec::new(),
        };
        let kept = self.stored(by).await;
        let lines = match self.items.take() {
            Some(mut items) => {
                items.end();
                // Who does not listen any more does not hold up the answer.
                drop(timeout_at(by, items.flush()).await);
                Some(items.into_lines())
            }
            None => None,
        };
        Recorded {
            captured: self.capture.finish(),
            kept,
            warnings,
            lines,
        }
    }

    async fn stored(&mut self, by: Instant) -> Kept {
        let Some(mut spill) = self.spill.take() else {
            return Kept::Nowhere;
        };
        if self.capture.total() > spill.past {
            spill.begin(&self.capture);
        }
        match spill.state {
            State::Waiting => Kept::Nowhere,
            State::Storing(sink) => Kept::Stored(sink.finish(by).await),
            State::Failed(reason) => Kept::Stored(Receipt::nothing(reason)),
        }
    }
}

impl Spill {
    /// Begins with what `capture` has, which is all so far.
    fn begin(&mut self, capture: &Capture) {
        if !matches!(self.state, State::Waiting) {
            return;
        }
        self.state = match self.store.begin(self.owner.clone(), self.tool.clone()) {
            Ok(mut sink) => {
                sink.push(capture.so_far());
                State::Storing(sink)
            }
            Err(reason) => State::Failed(reason),
        };
    }
}
