//! Why a call was turned away.

use std::time::Duration;

use serde_json::Value;

use super::Limit;
use crate::tool::{Failure, FailureCode, Rate, ToolName, remedy, spoken};

/// Why a call was turned away before it ran. Nothing of it stays behind: it holds no place, and has
/// taken no token.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No room to wait.
    #[error("no room to wait for tool `{tool}`: {limit} is {figure}, and all of it is taken")]
    QueueFull {
        /// The tool that was called.
        tool: ToolName,
        /// The limit that has no room.
        limit: Limit,
        /// Its figure.
        figure: u64,
        /// Calls waiting under that limit; the keys in use when the limit is [`Limit::Keys`].
        ahead: u64,
        /// When those may be served; run times are estimated.
        retry_after: Duration,
    },
    /// Waited as long as allowed.
    #[error("tool `{tool}` did not start within {}: {limit} ended the wait{}", spoken(*.waited), because(.held_by.as_ref()))]
    QueueTimeout {
        /// The tool that was called.
        tool: ToolName,
        /// The limit on waiting that ran out.
        limit: Limit,
        /// How long the call waited.
        waited: Duration,
        /// What the call, or the one at the front of its queue, still lacked, and its figure.
        held_by: Option<(Limit, u64)>,
        /// Calls of the tool that still wait.
        ahead: u64,
        /// When those may be served; run times are estimated.
        retry_after: Duration,
    },
    /// No token, and either the limit says not to wait or the wait would outlast the call's deadline.
    #[error("tool `{tool}` is over its rate: {limit} allows {}{}", words(*.rate), patience(*.patient))]
    RateLimited {
        /// The tool that was called.
        tool: ToolName,
        /// The limit that has no token.
        limit: Limit,
        /// Its figures.
        rate: Rate,
        /// Whether the call would have waited, had its turn come before its deadline.
        patient: bool,
        /// Calls that take their tokens first.
        ahead: u64,
        /// When the tokens are there, if nobody else takes them.
        retry_after: Duration,
    },
    /// The runner is stopping.
    #[error("the runner is stopping and takes no new calls")]
    ShuttingDown,
    /// The caller called it off while it waited.
    #[error("the call was cancelled before it started")]
    Cancelled,
}

fn because(held_by: Option<&(Limit, u64)>) -> String {
    held_by.map_or_else(String::new, |(limit, figure)| {
        format!(", held by {limit} ({figure})")
    })
}

fn words(rate: Rate) -> String {
    format!(
        "{} per second with a burst of {}",
        rate.requests_per_second, rate.burst
    )
}

const fn patience(patient: bool) -> &'static str {
    if patient {
        ", and the turn of this call comes after its deadline"
    } else {
        ""
    }
}

impl Refusal {
    /// The code callers' programs read.
    pub const fn code(&self) -> FailureCode {
        match self {
            Self::QueueFull { .. } => FailureCode::QueueFull,
            Self::QueueTimeout { .. } => FailureCode::QueueTimeout,
            Self::RateLimited { .. } => FailureCode::RateLimited,
            Self::ShuttingDown => FailureCode::ShuttingDown,
            Self::Cancelled => FailureCode::Cancelled,
        }
    }

    /// When it is worth asking again; `None` when asking again is no use.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QueueFull { retry_after, .. }
            | Self::QueueTimeout { retry_after, .. }
            | Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::ShuttingDown | Self::Cancelled => None,
        }
    }

    /// What the caller can do, with the time to wait where it is known.
    fn remediation(&self) -> Option<String> {
        let back = remedy::come_back(self.retry_after()?);
        Some(match self {
            Self::QueueFull {
                limit: Limit::Keys(_),
                ..
            } => format!("{back}, or use a key that is in use already"),
            Self::QueueTimeout {
                limit: Limit::CallerDeadline,
                ..
            } => format!("{back}, or give the call more time"),
            _ => format!("{back}, with fewer calls at once"),
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let mut failure = Self::new(refusal.code(), refusal.to_string());
        if let Some(remediation) = refusal.remediation() {
            failure.remediation = Some(remediation);
        }
        failure.retry_after = refusal.retry_after();
        match refusal {
            Refusal::QueueFull {
                tool,
                limit,
                figure,
                ahead,
                ..
            } => failure
                .with("tool", tool.as_str())
                .with("limit", limit.path())
                .with("figure", figure)
                .with("ahead", ahead),
            Refusal::QueueTimeout {
                tool,
                limit,
                waited,
                held_by,
                ahead,
                ..
            } => {
                let failure = failure
                    .with("tool", tool.as_str())
                    .with("limit", limit.path())
                    .with(
                        "waited_ms",
                        u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                    )
                    .with("ahead", ahead);
                match held_by {
                    Some((held_by, figure)) => failure
                        .with("held_by", held_by.path())
                        .with("figure", figure),
                    None => failure,
                }
            }
            Refusal::RateLimited {
                tool,
                limit,
                rate,
                ahead,
                ..
            } => failure
                .with("tool", tool.as_str())
                .with("limit", limit.path())
                .with("figure", Value::from(rate.requests_per_second))
                .with("burst", rate.burst.get())
                .with("ahead", ahead),
            Refusal::ShuttingDown | Refusal::Cancelled => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::gcra::rate;
    use super::*;

    fn fetch() -> ToolName {
        ToolName::parse("fetch").expect("a name")
    }

    #[test]
    fn a_full_queue_says_whose_and_how_long_it_is() {
        let refusal = Refusal::QueueFull {
            tool: fetch(),
            limit: Limit::ToolQueue(fetch()),
            figure: 100,
            ahead: 100,
            retry_after: Duration::from_millis(800),
        };
        assert_eq!(
            Failure::from(refusal).envelope(),
            json!({"error": {
                "code": "QUEUE_FULL", "type": "overload",
                "message": "no room to wait for tool `fetch`: `concurrency.queue_size` of tool `fetch` is 100, and all of it is taken",
                "remediation": "call again in 800 ms, with fewer calls at once",
                "retry_after_ms": 800,
                "data": {"tool": "fetch", "limit": "concurrency.queue_size", "figure": 100, "ahead": 100},
            }})
        );
    }

    #[test]
    fn a_timeout_says_what_held_the_call() {
        let refusal = Refusal::QueueTimeout {
            tool: fetch(),
            limit: Limit::QueueTimeout(fetch()),
            waited: Duration::from_secs(10),
            held_by: Some((Limit::GroupPlaces("db".into()), 3)),
            ahead: 4,
            retry_after: Duration::from_millis(1500),
        };
        assert_eq!(
            Failure::from(refusal).envelope(),
            json!({"error": {
                "code": "QUEUE_TIMEOUT", "type": "overload",
                "message": "tool `fetch` did not start within 10 s: `concurrency.queue_timeout` of tool `fetch` ended the wait, held by `concurrency.groups.db.max_parallel` (3)",
                "remediation": "call again in 1.5 s, with fewer calls at once",
                "retry_after_ms": 1500,
                "data": {"tool": "fetch", "limit": "concurrency.queue_timeout", "waited_ms": 10_000, "ahead": 4,
                         "held_by": "concurrency.groups.db.max_parallel", "figure": 3},
            }})
        );
    }

    #[test]
    fn a_rate_says_its_figures() {
        let refusal = |patient| Refusal::RateLimited {
            tool: fetch(),
            limit: Limit::of_bucket("api_calls", &fetch()),
            rate: rate(2.5, 20),
            patient,
            ahead: 0,
            retry_after: Duration::from_millis(400),
        };
        assert_eq!(
            Failure::from(refusal(false)).envelope(),
            json!({"error": {
                "code": "RATE_LIMITED", "type": "overload",
                "message": "tool `fetch` is over its rate: `concurrency.rate_limits.api_calls` allows 2.5 per second with a burst of 20",
                "remediation": "call again in 400 ms, with fewer calls at once",
                "retry_after_ms": 400,
                "data": {"tool": "fetch", "limit": "concurrency.rate_limits.api_calls", "figure": 2.5, "burst": 20, "ahead": 0},
            }})
        );
        assert_eq!(
            refusal(true).to_string(),
            "tool `fetch` is over its rate: `concurrency.rate_limits.api_calls` allows 2.5 per second with a burst of 20, and the turn of this call comes after its deadline"
        );
    }

    #[test]
    fn the_end_of_the_runner_and_of_the_caller_have_codes_of_their_own() {
        assert_eq!(
            Failure::from(Refusal::ShuttingDown).envelope(),
            json!({"error": {
                "code": "SHUTTING_DOWN", "type": "overload",
                "message": "the runner is stopping and takes no new calls",
                "remediation": "call again once the runner is back",
            }})
        );
        assert_eq!(
            Failure::from(Refusal::Cancelled).envelope(),
            json!({"error": {
                "code": "CANCELLED", "type": "cancelled",
                "message": "the call was cancelled before it started",
                "remediation": "call again if the answer is still wanted",
            }})
        );
    }

    #[test]
    fn every_limit_is_named_as_it_was_written() {
        let cases = [
            (
                Limit::RunnerQueue,
                "`concurrency.queue_size` of the whole runner",
            ),
            (
                Limit::KeyQueue(fetch()),
                "`concurrency.per_key.queue_size` for one key of tool `fetch`",
            ),
            (
                Limit::Keys(fetch()),
                "`concurrency.per_key.max_keys` of tool `fetch`",
            ),
            (
                Limit::of_bucket("fetch/concurrency", &fetch()),
                "`concurrency.requests_per_second` of tool `fetch`",
            ),
            (
                Limit::of_bucket("fetch/rate_limit", &fetch()),
                "`rate_limit` of tool `fetch`",
            ),
            (
                Limit::of_bucket("fetch/default", &fetch()),
                "`concurrency.rate_limits.default` for tool `fetch`",
            ),
            (
                Limit::of_bucket("api", &fetch()),
                "`concurrency.rate_limits.api`",
            ),
            (Limit::CallerDeadline, "`timeout_ms` of the caller"),
        ];
        for (limit, words) in cases {
            assert_eq!(limit.to_string(), words);
        }
    }
}
