//! Limits and load of the runner at one moment.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::visible::Visible;
use super::{Runner, advice};
use crate::executor::WarmLoad;
use crate::metrics::Observed;
use crate::scheduler::{BucketSnapshot, Snapshot, ToolSnapshot};
use crate::tool::{Tool, ToolAccess, ToolName};

/// Limits and load of a runner at one moment, as far as its reader may see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The name of the set.
    pub name: String,
    /// Whether no new calls are taken any more.
    pub stopping: bool,
    /// Running calls.
    pub running: u32,
    /// Running calls there may be.
    pub max_parallel: u32,
    /// Waiting calls.
    pub waiting: u32,
    /// Waiting calls there may be.
    pub queue_size: u32,
    /// Every tool, in the file's order.
    pub tools: Vec<ToolStatus>,
    /// Places that tools share.
    pub groups: Vec<GroupStatus>,
    /// What keeps calls away from what keeps failing.
    pub circuit_breakers: Vec<BreakerStatus>,
    /// What is kept of earlier answers.
    pub cache: CacheStatus,
    /// Processes that were killed and live on. Each keeps its running place.
    pub stuck: Vec<StuckProcess>,
    /// What to make of it.
    pub recommendations: Vec<Recommendation>,
}

/// One tool at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolStatus {
    /// Its name.
    pub name: String,
    /// Running calls.
    pub running: u32,
    /// Running calls there may be.
    pub max_parallel: u32,
    /// Waiting calls.
    pub waiting: u32,
    /// Waiting calls there may be.
    pub queue_size: u32,
    /// How long one run may take, in milliseconds.
    pub timeout_ms: u64,
    /// The rates it takes tokens of.
    pub rates: Vec<RateStatus>,
    /// The group whose places it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The breaker that guards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<String>,
    /// The interpreters that are kept warm for it, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<WarmStatus>,
    /// What its latest calls were like.
    pub observed: ObservedStatus,
}

/// The warm interpreters of a tool. All but those that live are counted since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmStatus {
    /// Those that live.
    pub processes: u64,
    /// Those that became ready.
    pub starts: u64,
    /// Calls that they were given.
    pub calls: u64,
}

/// A rate at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateStatus {
    /// Its name; one that only its tool has is named after the tool and the key.
    pub name: String,
    /// Tokens left.
    pub left: u32,
    /// Tokens that come back each second.
    pub requests_per_second: f64,
    /// Tokens there may be.
    pub burst: u32,
    /// Tokens that a call of the tool takes.
    pub cost: u32,
}

/// What the latest calls of a tool were like. Counts fade over some hundred calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedStatus {
    /// Runs that have ended.
    pub runs: u32,
    /// Of those, how many used more than 80 % of the timeout.
    pub near_timeout: u32,
    /// The longest run, in milliseconds.
    pub longest_run_ms: u64,
    /// Attempts that asked to run.
    pub asked: u32,
    /// Of those, how many had to wait.
    pub waited: u32,
    /// Of those, how many found no room to wait, waited in vain, or were over a rate.
    pub refused: u32,
    /// The longest wait, in milliseconds.
    pub longest_wait_ms: u64,
}

/// Places that tools share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// The name of the group.
    pub name: String,
    /// Places taken.
    pub running: u32,
    /// Places there are.
    pub max_parallel: u32,
}

/// A circuit breaker at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerStatus {
    /// Its name.
    pub name: String,
    /// `closed`, `open` or `half_open`.
    pub state: String,
    /// How long an open one lets nothing pass, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What is kept of earlier answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatus {
    /// Answers.
    pub entries: usize,
    /// Their size.
    pub bytes: usize,
    /// Calls that were answered by them, or by the run of an equal call.
    pub hits: u64,
    /// Calls of tools that cache which ran.
    pub misses: u64,
}

/// A process that was killed and lives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckProcess {
    /// The tool.
    pub tool: String,
    /// The call.
    pub call_id: String,
    /// The leader of its process group.
    pub pid: Option<u32>,
}

/// What to make of what was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The tool, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What it is about: `batch_size`, `timeout`, `max_parallel`, `rate`, `group`, `runner`, `queue_timeout`,
    /// `circuit_breaker`, `stuck`.
    pub about: String,
    /// In words.
    pub text: String,
}

impl Runner {
    /// Limits and load as of now, as far as a caller with `access` may see. Tools it may not use are not named, nor
    /// is what only they share.
    pub fn status(&self, access: &ToolAccess) -> Status {
        let catalog = self.catalog();
        let visible = Visible::to(access, &catalog);
        let load = self.load();
        let loads: HashMap<&str, &ToolSnapshot> = load
            .tools
            .iter()
            .map(|tool| (tool.name.as_str(), tool))
            .collect();
        let buckets: HashMap<&str, &BucketSnapshot> = load
            .buckets
            .iter()
            .map(|bucket| (bucket.name.as_str(), bucket))
            .collect();
        let warm_loads = self.engine.carrier.warm_loads();
        let warm_loads: HashMap<&ToolName, &WarmLoad> =
            warm_loads.iter().map(|load| (&load.tool, load)).collect();
        let mut status = self.shared_status(&visible, &load, &catalog.name);
        for tool in catalog.visible_to(access) {
            // A reload may come between the catalog and the load.
            let Some(load) = loads.get(tool.name.as_str()) else {
                continue;
            };
            let counters = self.engine.metrics.operation(tool.name.as_str());
            let observed = counters.observed();
            status.cache.hits += counters.cache.of("hit") + counters.cache.of("shared");
            status.cache.misses += counters.cache.of("miss");
            status
                .recommendations
                .extend(advice::of_tool(tool, load, &observed));
            status.tools.push(ToolStatus {
                warm: warm_loads.get(&tool.name).map(|load| WarmStatus {
                    processes: load.living,
                    starts: load.starts,
                    calls: load.calls,
                }),
                ..tool_status(tool, load, &observed, &buckets)
            });
        }
        let (breakers, stuck) = (&status.circuit_breakers, &status.stuck);
        let more: Vec<_> = advice::of_breakers(breakers)
            .chain(advice::of_stuck(stuck))
            .collect();
        status.recommendations.extend(more);
        status
    }

    /// All but what is known of each tool.
    fn shared_status(&self, visible: &Visible<'_>, load: &Snapshot, name: &str) -> Status {
        let groups = load.groups.iter();
        let groups = groups.filter(|group| visible.has_group(&group.name));
        let stuck = self.engine.carrier.stuck().into_iter();
        let stuck = stuck.filter(|stuck| visible.has_tool(stuck.tool.as_str()));
        let (entries, bytes) = self.cache.size();
        Status {
            name: name.to_owned(),
            stopping: load.closed,
            running: load.running,
            max_parallel: load.max_parallel,
            waiting: load.waiting,
            queue_size: load.queue_size,
            tools: Vec::new(),
            groups: groups
                .map(|group| GroupStatus {
                    name: group.name.clone(),
                    running: group.running,
                    max_parallel: group.max_parallel,
                })
                .collect(),
            circuit_breakers: visible
                .breakers()
                .map(|rules| {
                    let (state, left) = self.engine.breakers.state(rules);
                    BreakerStatus {
                        name: rules.name.clone(),
                        state: state.to_owned(),
                        retry_after_ms: left.map(millis),
                    }
                })
                .collect(),
            cache: CacheStatus {
                entries,
                bytes,
                hits: 0,
                misses: 0,
            },
            stuck: stuck
                .map(|stuck| StuckProcess {
                    tool: stuck.tool.to_string(),
                    call_id: stuck.call.to_string(),
                    pid: stuck.pid,
                })
                .collect(),
            recommendations: Vec::new(),
        }
    }
}

fn tool_status(
    tool: &Tool,
    load: &ToolSnapshot,
    observed: &Observed,
    buckets: &HashMap<&str, &BucketSnapshot>,
) -> ToolStatus {
    let limits = &tool.limits;
    let rates = limits.buckets.iter().filter_map(|used| {
        let bucket = buckets.get(used.bucket.as_str())?;
        Some(RateStatus {
            name: used.bucket.clone(),
            left: bucket.tokens,
            requests_per_second: bucket.rate.requests_per_second,
            burst: bucket.rate.burst.get(),
            cost: used.cost.get(),
        })
    });
    let breaker = tool.circuit_breaker.as_ref();
    ToolStatus {
        name: tool.name.to_string(),
        running: load.running,
        max_parallel: load.max_parallel,
        waiting: load.waiting,
        queue_size: load.queue_size,
        timeout_ms: millis(limits.timeout),
        rates: rates.collect(),
        group: limits.group.clone(),
        circuit_breaker: breaker.map(|rules| rules.name.clone()),
        warm: None,
        observed: ObservedStatus {
            runs: observed.runs,
            near_timeout: observed.near_timeout,
            longest_run_ms: millis(observed.longest_run),
            asked: observed.decisions,
            waited: observed.waited + observed.queue_timeout,
            refused: observed.queue_full + observed.queue_timeout + observed.rate_limited,
            longest_wait_ms: millis(observed.longest_wait),
        },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
