//! The limits, by the names people wrote.

use std::fmt;
use std::sync::Arc;

use crate::tool::ToolName;

/// A limit, as it stands in the file. [`fmt::Display`] gives the path of its key, and whose it is where
/// the path alone does not tell: `concurrency.queue_size` of tool `fetch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Running calls of the whole runner.
    RunnerPlaces,
    /// Running calls of the tools that share this group.
    GroupPlaces(Arc<str>),
    /// Running calls of a tool.
    ToolPlaces(ToolName),
    /// Running calls of one key of a tool.
    KeyPlaces(ToolName),
    /// The rate that tools share under this name.
    SharedRate(Arc<str>),
    /// The rate under a tool's `concurrency`.
    ToolRate(ToolName),
    /// The rate under a tool's `rate_limit`.
    ToolRateLimit(ToolName),
    /// The rate each tool without one of its own gets.
    DefaultRate(ToolName),
    /// The rate of one key of a tool.
    KeyRate(ToolName),
    /// Waiting calls of the whole runner.
    RunnerQueue,
    /// Waiting calls of a tool.
    ToolQueue(ToolName),
    /// Waiting calls of one key of a tool.
    KeyQueue(ToolName),
    /// Keys of a tool remembered at once.
    Keys(ToolName),
    /// How long a call of a tool may wait.
    QueueTimeout(ToolName),
    /// How long all attempts of a call of a tool may take.
    Total(ToolName),
    /// How long the caller lets the call wait.
    CallerDeadline,
}

impl Limit {
    /// The limit behind a bucket, by the bucket's name in [`crate::tool::BucketUse::bucket`].
    pub(super) fn of_bucket(bucket: &str, tool: &ToolName) -> Self {
        match bucket.rsplit_once('/') {
            Some((_, "concurrency")) => Self::ToolRate(tool.clone()),
            Some((_, "rate_limit")) => Self::ToolRateLimit(tool.clone()),
            Some((_, "default")) => Self::DefaultRate(tool.clone()),
            _ => Self::SharedRate(bucket.into()),
        }
    }

    /// The dotted path of the key in the file.
    pub fn path(&self) -> String {
        match self {
            Self::RunnerPlaces | Self::ToolPlaces(_) => "concurrency.max_parallel".into(),
            Self::GroupPlaces(group) => format!("concurrency.groups.{group}.max_parallel"),
            Self::KeyPlaces(_) => "concurrency.per_key.max_parallel".into(),
            Self::SharedRate(name) => format!("concurrency.rate_limits.{name}"),
            Self::ToolRate(_) => "concurrency.requests_per_second".into(),
            Self::ToolRateLimit(_) => "rate_limit".into(),
            Self::DefaultRate(_) => "concurrency.rate_limits.default".into(),
            Self::KeyRate(_) => "concurrency.per_key.requests_per_second".into(),
            Self::RunnerQueue | Self::ToolQueue(_) => "concurrency.queue_size".into(),
            Self::KeyQueue(_) => "concurrency.per_key.queue_size".into(),
            Self::Keys(_) => "concurrency.per_key.max_keys".into(),
            Self::QueueTimeout(_) => "concurrency.queue_timeout".into(),
            Self::Total(_) => "timeouts.total".into(),
            Self::CallerDeadline => "timeout_ms".into(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path())?;
        match self {
            Self::GroupPlaces(_) | Self::SharedRate(_) => Ok(()),
            Self::RunnerPlaces | Self::RunnerQueue => f.write_str(" of the whole runner"),
            Self::CallerDeadline => f.write_str(" of the caller"),
            Self::KeyPlaces(tool) | Self::KeyRate(tool) | Self::KeyQueue(tool) => {
                write!(f, " for one key of tool `{tool}`")
            }
            Self::DefaultRate(tool) => write!(f, " for tool `{tool}`"),
            Self::ToolPlaces(tool)
            | Self::ToolRate(tool)
            | Self::ToolRateLimit(tool)
            | Self::ToolQueue(tool)
            | Self::Keys(tool)
            | Self::QueueTimeout(tool)
            | Self::Total(tool) => write!(f, " of tool `{tool}`"),
        }
    }
}
