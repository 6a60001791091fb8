//! What every call of a tool needs, worked out once.

use std::time::Duration;

use super::Nanos;
use super::resource::Need;
use crate::tool::{KeyLimits, ToolLimits};

/// What every call of one version of a tool needs, beside what its key needs.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One place each of the tool, its group and the runner: the narrowest first, as it is the one
    /// whose return says most.
    pub(super) places: Vec<Need>,
    /// Tokens.
    pub(super) tokens: Vec<Need>,
}

/// The figures of a tool that are not places or tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Running calls.
    pub(super) max_parallel: u32,
    /// Waiting calls.
    pub(super) queue_size: u32,
    /// How long a call may wait.
    pub(super) queue_timeout: Nanos,
    /// What holds for each key; `None` where the tool has no keys.
    pub(super) per_key: Option<KeyFigures>,
}

/// What holds for each key of a tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyFigures {
    /// Running calls; as many as can be counted where nobody set a limit.
    pub(super) max_parallel: u32,
    /// Starts.
    pub(super) rate: Option<crate::tool::Rate>,
    /// Waiting calls.
    pub(super) queue_size: Option<u32>,
    /// Keys remembered.
    pub(super) max_keys: usize,
}

impl Figures {
    /// The figures of these limits.
    pub(super) fn of(limits: &ToolLimits) -> Self {
        Self {
            max_parallel: limits.max_parallel.get(),
            queue_size: limits.queue_size,
            queue_timeout: nanos(limits.queue_timeout),
            per_key: limits.per_key.as_ref().map(KeyFigures::of),
        }
    }
}

impl KeyFigures {
    fn of(limits: &KeyLimits) -> Self {
        Self {
            max_parallel: limits
                .max_parallel
                .map_or(u32::MAX, std::num::NonZeroU32::get),
            rate: limits.rate,
            queue_size: limits.queue_size,
            max_keys: limits.max_keys.get(),
        }
    }
}

/// A span in nanoseconds; one too long to count is as long as can be counted.
pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
