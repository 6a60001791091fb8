//! Settings around a call: what is tried again, kept or shared, how long it may take, and what is expected of it.

use crate::config::decode::{List, choice, wire};
use crate::config::quantity::{Count, Rate, Time, Whole};
use crate::config::text::{AnyText, Json, Text};

choice! {
    /// Whether a call becomes a task of the protocol.
    enum TaskChoice {
        /// Never.
        "never" Never,
        /// When `expected_duration` is 10 s or longer.
        "auto" Auto,
        /// Always, for clients that know tasks; others wait for the answer.
        "always" Always,
        /// Always; clients that do not know tasks are refused.
        "required" Required,
    }
}

wire! {
    /// Whether and how a failed call is tried again.
    struct Retry in "`retry`", Warned {
        /// Attempts, the first included. Default: 3.
        "max_attempts" max_attempts: Count,
        /// The longest wait before the second attempt; the wait itself is random. Default: 1s.
        "initial_delay" initial_delay: Time,
        /// The longest wait before any attempt. Default: 30s.
        "max_delay" max_delay: Time,
        /// By what the wait grows each time; at least 1. Default: 2.
        "exponential_base" exponential_base: Rate,
        /// Exit codes that are worth another attempt. Without any, every failure of the process is.
        "retry_exit_codes" exit_codes: List<Whole>,
        /// HTTP statuses, or error codes such as `TIMEOUT`, that are worth another attempt.
        "retryable_errors" retryable_errors: List<AnyText>,
    }

    /// Stops calling what keeps failing.
    struct Breaker in "a circuit breaker", Warned {
        /// Failures in a row that open it. Default: 5.
        "failure_threshold" failure_threshold: Count,
        /// How long it stays open. Default: 30s.
        "recovery_timeout" recovery_timeout: Time,
        /// Calls let through to try; all must succeed to close it. Default: 3.
        "half_open_requests" half_open_requests: Count,
    }

    /// Defaults for tools that cache.
    struct CacheDefaults in "`cache`", Warned {
        /// Whether tools may cache. Default: true.
        "enabled" enabled: bool,
        /// How long an answer is kept. Default: 5m.
        "default_ttl" default_ttl: Time,
    }

    /// How a tool caches.
    struct CacheRule in "`cache`", Warned {
        /// Whether it caches. Default: true.
        "enabled" enabled: bool,
        /// How long an answer is kept. Default: the file's `default_ttl`.
        "ttl" ttl: Time,
        /// Whether clients share answers. Default: false.
        "shared" shared: bool,
    }

    /// A class of timeouts.
    struct TimeoutClass in "a timeout class", Refused {
        /// To have a connection, of `http` and `sql` tools: to a service, its TLS included, or to a database, waiting for one of
        /// its pool included. Default: of a database 3s for a new connection, else none but the time of the attempt.
        "connect" connect: Time,
        /// One attempt, where `retry` allows several; or all there is, without a `total`.
        "read" read: Time,
        /// All attempts and the waits between them.
        "total" total: Time,
    }

    /// Lets progress reset the timeout.
    struct ProgressRule in "`progress_extends_timeout`", Refused {
        /// How long a call may run in all.
        #[schemars(required)]
        "max" max: Time,
    }

    /// A database.
    struct Database in "a database", Refused {
        /// Where it is: `sqlite:FILE` or `postgres://...`; `${VARIABLE}` is expanded.
        #[schemars(required)]
        "url" url: Text,
        /// Its connections.
        "pool" pool: Pool,
    }

    /// Connections to a database.
    struct Pool in "`pool`", Refused {
        /// Connections kept open, once there was a call. Default: 0.
        "min_size" min_size: Whole,
        /// Connections at most. Default: 10.
        "max_size" max_size: Count,
        /// How long an idle one is kept. Default: 5m.
        "max_idle_time" max_idle_time: Time,
        /// A connection that was idle for so long is tried before it is used again. Default: 30s.
        "health_check_interval" health_check_interval: Time,
    }

    /// Defaults for tools that page.
    struct PaginationDefaults in "`pagination`", Warned {
        /// Items of a page where neither the tool nor the caller says. Default: 50.
        "default_page_size" default_page_size: Count,
        /// The most items a caller may ask for with `page_size`. Default: 200.
        "max_page_size" max_page_size: Count,
    }

    /// How a tool pages.
    struct PaginationRule in "`pagination`", Warned {
        /// Whether it pages. Default: true.
        "enabled" enabled: bool,
        /// Items of a page where the caller does not say. Default: the file's `default_page_size`.
        "default_size" default_size: Count,
    }

    /// A case that `runner test` runs.
    struct TestCase in "a test case", Warned {
        /// What the case shows. Default: its number.
        "name" name: Text,
        /// The arguments. Default: none.
        "input" input: Json,
        /// What must come of it; all that is given must hold.
        "expect" expect: Expectation,
    }

    /// What must come of a test case.
    struct Expectation in "`expect`", Refused {
        /// A text that the output contains.
        "contains" contains: AnyText,
        /// The whole output: a text, but for the line break at its end, or the JSON value that it is.
        "equals" equals: Json,
        /// A regular expression that a part of the output matches.
        "matches" matches: Text,
        /// How the call fails: a code such as TIMEOUT, a text of the message or of what was printed, an exit code, or
        /// true. Without it the call must not fail.
        "error" error: Json,
        /// What the JSON output includes: of an object these members at least, of a list exactly these elements.
        "json" json: Json,
    }
}
