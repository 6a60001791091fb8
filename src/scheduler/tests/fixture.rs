//! Limits and names, briefly said.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::scheduler::gcra::rate;
use crate::tool::template::{TextSurface, TextTemplate};
use crate::tool::{
    BucketUse, Groups, KeyLimits, OnLimit, Parameters, RateLimit, RunnerLimits, ToolLimits,
    ToolName,
};

pub(super) fn name(text: &str) -> ToolName {
    ToolName::parse(text).expect("a tool's name")
}

pub(super) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a number above zero")
}

pub(super) fn runner(max_parallel: u32, queue_size: u32) -> RunnerLimits {
    RunnerLimits {
        max_parallel: count(max_parallel),
        thread_pool_size: NonZeroUsize::MIN,
        queue_size,
        groups: Groups::new(),
    }
}

pub(super) fn tool(max_parallel: u32, queue_size: u32) -> ToolLimits {
    ToolLimits {
        max_parallel: count(max_parallel),
        buckets: Vec::new(),
        group: None,
        queue_size,
        queue_timeout: Duration::from_hours(1),
        per_key: None,
        timeout: Duration::from_secs(30),
        max_timeout: None,
        connect: None,
        progress_extends_timeout: None,
        total: None,
        kill_grace: Duration::from_secs(5),
    }
}

pub(super) fn bucket(name: &str, per_second: f64, burst: u32, cost: u32) -> BucketUse {
    BucketUse {
        bucket: name.to_owned(),
        limit: RateLimit {
            rate: rate(per_second, burst),
            on_limit: OnLimit::Queue,
        },
        cost: count(cost),
    }
}

pub(super) fn keys(max_parallel: Option<u32>, max_keys: usize) -> KeyLimits {
    let key = TextTemplate::compile(
        "fixed",
        TextSurface::Key,
        &Parameters::new(Vec::new(), serde_json::json!({})),
    );
    KeyLimits {
        key: key.expect("a template").template,
        max_parallel: max_parallel.map(count),
        rate: None,
        queue_size: None,
        max_keys: NonZeroUsize::new(max_keys).expect("a number above zero"),
    }
}
