//! `concurrency`: of the runner and of a tool; rates.

use super::{Limit, union::Group};
use crate::config::decode::{Named, choice, wire};
use crate::config::quantity::{Count, Rate, Time, Whole};
use crate::config::text::Text;

choice! {
    /// What happens to a call past its rate.
    enum OnLimitChoice {
        /// It waits its turn.
        "queue" Queue,
        /// It is refused.
        "reject" Reject,
    }
}

wire! {
    /// Limits of the whole runner, and what its tools share.
    struct RunnerConcurrency in "`concurrency`", Refused {
        /// Running calls. Default: the larger of 8 and four times the cores.
        "max_parallel" max_parallel: Count,
        /// Threads for blocking and CPU-bound work of the runner itself. Default: 20.
        "thread_pool_size" thread_pool_size: Count,
        /// Waiting calls, all tools together. Default: 1000.
        "queue_size" queue_size: Whole,
        /// How long a call may wait, where its tool does not say. Default: 30s.
        "queue_timeout" queue_timeout: Time,
        /// Groups of tools that share running places, by name.
        "groups" groups: Named<Group>,
        /// Rates by name. One named is one bucket for all tools that name it; of `default`, each tool
        /// without a rate gets its own.
        "rate_limits" rate_limits: Named<Limit>,
    }

    /// Running places that several tools share.
    struct GroupLimits in "a group", Refused {
        /// Running calls of all its tools together.
        #[schemars(required)]
        "max_parallel" max_parallel: Count,
    }

    /// A rate.
    struct RateDeclaration in "a rate limit", Refused {
        /// Starts each second.
        "requests_per_second" requests_per_second: Rate,
        /// Starts each minute.
        "requests_per_minute" requests_per_minute: Rate,
        /// Starts that may come at once. Default: the rate rounded down, at least 1.
        "burst" burst: Count,
        /// The same as `burst`.
        "burst_size" burst_size: Count,
        /// Tokens one call takes, at most `burst`. Default: 1.
        "cost" cost: Count,
        /// What happens to a call past the rate. Default: queue.
        "on_limit" on_limit: OnLimitChoice,
    }

    /// Limits of one tool.
    struct ToolConcurrency in "`concurrency`", Refused {
        /// Running calls, all keys together. Default: the runner's.
        "max_parallel" max_parallel: Count,
        /// Starts each second.
        "requests_per_second" requests_per_second: Rate,
        /// Starts each minute.
        "requests_per_minute" requests_per_minute: Rate,
        /// Starts that may come at once. Default: the rate rounded down, at least 1.
        "burst" burst: Count,
        /// The same as `burst`.
        "burst_size" burst_size: Count,
        /// The group whose running places it shares.
        "group" group: Text,
        /// Waiting calls. Default: 100.
        "queue_size" queue_size: Whole,
        /// How long a call may wait. Default: the runner's.
        "queue_timeout" queue_timeout: Time,
        /// Limits for each value of a key, such as each tenant.
        "per_key" per_key: PerKey,
    }

    /// Limits for each value of a key.
    struct PerKey in "`per_key`", Refused {
        /// What tells keys apart, with placeholders: "{{tenant}}". A missing value is a key of its own.
        #[schemars(required)]
        "key" key: Text,
        /// Running calls of one key.
        "max_parallel" max_parallel: Count,
        /// Starts each second of one key.
        "requests_per_second" requests_per_second: Rate,
        /// Starts each minute of one key.
        "requests_per_minute" requests_per_minute: Rate,
        /// Starts of one key that may come at once. Default: the rate rounded down, at least 1.
        "burst" burst: Count,
        /// The same as `burst`.
        "burst_size" burst_size: Count,
        /// Waiting calls of one key.
        "queue_size" queue_size: Whole,
        /// Keys remembered at once; idle ones are dropped first. Default: 10000.
        "max_keys" max_keys: Count,
    }
}
