//! What is remembered of a call between its arrival and its end.

use std::sync::Arc;

use super::arena::Id;
use super::lane::Lane;
use super::plan::Plan;
use super::{Nanos, Refusal};

/// Names a call inside the core.
pub(super) type Ticket = Id<Call>;

/// A call that waits or runs.
#[derive(Debug)]
pub(super) struct Call {
    /// Its lane.
    pub(super) lane: Id<Lane>,
    /// What it needs, as its tool said when it arrived.
    pub(super) plan: Arc<Plan>,
    /// When it came.
    pub(super) arrived: Nanos,
    /// Where it is in its life.
    pub(super) stage: Stage,
}

/// Where a call is in its life.
#[derive(Debug)]
pub(super) enum Stage {
    /// It waits in its lane.
    Waiting(Waiting),
    /// It holds its places.
    Running {
        /// Since when.
        since: Nanos,
    },
}

/// What is known of a call only while it waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// When it gives up.
    pub(super) deadline: Nanos,
    /// Whether the caller set that moment, not the tool.
    pub(super) deadline_is_callers: bool,
    /// Whether it counts against the sizes of queues. Another attempt of a call does not.
    pub(super) counted: bool,
    /// How often, as a head, it saw what it needs go to others.
    pub(super) passed_over: u32,
    /// The call before it in its lane.
    pub(super) before: Option<Ticket>,
    /// The call after it in its lane.
    pub(super) after: Option<Ticket>,
}

impl Call {
    /// What is known of it while it waits.
    pub(super) const fn waiting(&self) -> Option<&Waiting> {
        match &self.stage {
            Stage::Waiting(waiting) => Some(waiting),
            Stage::Running { .. } => None,
        }
    }

    /// The same, to change.
    pub(super) const fn waiting_mut(&mut self) -> Option<&mut Waiting> {
        match &mut self.stage {
            Stage::Waiting(waiting) => Some(waiting),
            Stage::Running { .. } => None,
        }
    }
}

/// What the core decided about a call that had been waiting.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// It runs now, and holds all it needs.
    Started(Ticket),
    /// It is gone.
    Refused(Ticket, Refusal),
}

impl Decision {
    /// Whom it is about.
    pub(super) const fn ticket(&self) -> Ticket {
        match self {
            Self::Started(ticket) | Self::Refused(ticket, _) => *ticket,
        }
    }
}
