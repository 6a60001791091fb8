//! A lane: the calls of one tool and key, first come first served.

use super::Nanos;
use super::arena::{Arena, Id};
use super::call::{Call, Ticket};
use super::park::Turn;
use super::resource::{Need, Resource};
use super::tool_state::ToolState;

/// The calls of one tool and key. They are linked to each other, so that one can leave from anywhere.
#[derive(Debug)]
pub(super) struct Lane {
    /// The tool.
    pub(super) tool: Id<ToolState>,
    /// The key; a missing value is a key of its own.
    pub(super) key: Option<String>,
    /// The places of the key, where it has a limit on them.
    pub(super) place: Option<Need>,
    /// The bucket of the key, where it has a rate.
    pub(super) bucket: Option<Need>,
    /// Its place among the lanes of its tool.
    pub(super) turn: Turn,
    /// Where its head waits; `None` while the lane is empty or about to be looked at.
    pub(super) spot: Option<Spot>,
    /// The longest waiting call.
    pub(super) head: Option<Ticket>,
    tail: Option<Ticket>,
    /// Waiting calls that count.
    pub(super) counted: u32,
    /// All waiting calls.
    pub(super) waiting: u32,
    /// Running calls.
    pub(super) running: u32,
    /// The moment under which it stands among the idle keys, if it does.
    pub(super) idle_since: Option<Nanos>,
}

/// A place in the park of a resource: who waits there needs that amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// The resource.
    pub(super) resource: Id<Resource>,
    /// The amount.
    pub(super) amount: u32,
}

impl Lane {
    /// An empty lane.
    pub(super) const fn new(tool: Id<ToolState>, key: Option<String>) -> Self {
        Self {
            tool,
            key,
            place: None,
            bucket: None,
            turn: 0,
            spot: None,
            head: None,
            tail: None,
            counted: 0,
            waiting: 0,
            running: 0,
            idle_since: None,
        }
    }

    /// Whether no call of the key is here.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }

    /// Puts a waiting call last, or first when it is another attempt.
    pub(super) fn link(&mut self, calls: &mut Arena<Call>, ticket: Ticket, first: bool) {
        let (before, after) = if first {
            (None, self.head)
        } else {
            (self.tail, None)
        };
        if let Some(waiting) = calls[ticket].waiting_mut() {
            (waiting.before, waiting.after) = (before, after);
            self.counted += u32::from(waiting.counted);
        }
        self.waiting += 1;
        self.set_after(calls, before, Some(ticket));
        self.set_before(calls, after, Some(ticket));
    }

    /// Takes a waiting call out, wherever it stands.
    pub(super) fn unlink(&mut self, calls: &mut Arena<Call>, ticket: Ticket) {
        let Some(waiting) = calls[ticket].waiting() else {
            return;
        };
        let (before, after) = (waiting.before, waiting.after);
        self.counted -= u32::from(waiting.counted);
        self.waiting -= 1;
        self.set_after(calls, before, after);
        self.set_before(calls, after, before);
    }

    fn set_after(&mut self, calls: &mut Arena<Call>, of: Option<Ticket>, after: Option<Ticket>) {
        match of.and_then(|ticket| calls[ticket].waiting_mut()) {
            Some(waiting) => waiting.after = after,
            None => self.head = after,
        }
    }

    fn set_before(&mut self, calls: &mut Arena<Call>, of: Option<Ticket>, before: Option<Ticket>) {
        match of.and_then(|ticket| calls[ticket].waiting_mut()) {
            Some(waiting) => waiting.before = before,
            None => self.tail = before,
        }
    }
}
