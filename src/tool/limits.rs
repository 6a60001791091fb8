//! How much may run, how often, how long, and how many may wait.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use indexmap::IndexMap;

use super::template::TextTemplate;

/// A rate with a burst: never more than `burst + requests_per_second × t` starts in any window of `t` seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens that come back each second; finite and above zero.
    pub requests_per_second: f64,
    /// Tokens of a full bucket. Buckets start full.
    pub burst: NonZeroU32,
}

/// What happens to a call that finds no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// It waits its turn.
    #[default]
    Queue,
    /// It is refused with `RATE_LIMITED`.
    Reject,
}

/// A rate and what happens past it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// The rate.
    pub rate: Rate,
    /// What happens past it.
    pub on_limit: OnLimit,
}

/// A bucket that a tool's calls take tokens from.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketUse {
    /// Names the bucket in the whole runner; tools that name the same share it. A shared one bears the
    /// name it has under `concurrency.rate_limits`, one of the tool's own is `TOOL/concurrency`,
    /// `TOOL/rate_limit` or `TOOL/default` (`/` is in no tool's name, and refused in a shared one).
    pub bucket: String,
    /// Its figures.
    pub limit: RateLimit,
    /// Tokens one call takes; at most the burst.
    pub cost: NonZeroU32,
}

/// Limits for each value of a key, such as each tenant.
#[derive(Clone, Debug)]
pub struct KeyLimits {
    /// Makes the key from the arguments. A missing value is a key of its own.
    pub key: TextTemplate,
    /// Running calls of one key.
    pub max_parallel: Option<NonZeroU32>,
    /// Starts of one key.
    pub rate: Option<Rate>,
    /// Waiting calls of one key.
    pub queue_size: Option<u32>,
    /// Keys remembered at once; idle ones are dropped first. A new key past this is refused.
    pub max_keys: NonZeroUsize,
}

/// The limits of one tool; all of them already effective, none to be looked up elsewhere.
#[derive(Clone, Debug)]
pub struct ToolLimits {
    /// Running calls, all keys together.
    pub max_parallel: NonZeroU32,
    /// Buckets each call takes from, all at once.
    pub buckets: Vec<BucketUse>,
    /// The group whose places it shares, by its name in [`RunnerLimits::groups`].
    pub group: Option<String>,
    /// Waiting calls.
    pub queue_size: u32,
    /// How long a call may wait, across all its attempts.
    pub queue_timeout: Duration,
    /// Limits for each value of a key.
    pub per_key: Option<KeyLimits>,
    /// How long one attempt may run, from its spawn.
    pub timeout: Duration,
    /// How long a request or a query may take to have a connection, waiting for one of a pool included. Without it the
    /// wait for one of a pool has no bound of its own, nor has a request's connection.
    pub connect: Option<Duration>,
    /// The longest `timeout` that a caller may ask for; `None` where it has no choice.
    pub max_timeout: Option<Duration>,
    /// How long one attempt may run in all, where each progress it tells gives it `timeout` anew.
    pub progress_extends_timeout: Option<Duration>,
    /// How long all attempts and the waits between them may take together, from the first spawn.
    pub total: Option<Duration>,
    /// From the polite end of a process to the hard one.
    pub kill_grace: Duration,
}

impl ToolLimits {
    /// The longest time that one attempt can run.
    pub fn longest_run(&self) -> Duration {
        let longer = [self.max_timeout, self.progress_extends_timeout];
        let longest = longer.into_iter().flatten().max();
        longest.map_or(self.timeout, |longest| longest.max(self.timeout))
    }
}

/// Groups of tools that share running places, by name.
pub type Groups = IndexMap<String, NonZeroU32>;

/// What all tools share.
#[derive(Clone, Debug)]
pub struct RunnerLimits {
    /// Running calls.
    pub max_parallel: NonZeroU32,
    /// Threads for blocking and CPU-bound work of the runner itself.
    pub thread_pool_size: NonZeroUsize,
    /// Waiting calls, all tools together.
    pub queue_size: u32,
    /// Running places of each group.
    pub groups: Groups,
}
