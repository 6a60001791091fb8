//! What a tool does about failures of what it calls: tries again, stops trying, remembers answers.

use std::num::NonZeroU32;
use std::time::Duration;

use super::failure::{Failure, FailureCode};

/// When and how often a failed call is tried again.
///
/// Before attempt `n + 1` the call waits a random time between nothing and
/// `initial_delay × exponential_base^(n - 1)`, at most `max_delay` (exponential back-off with full jitter):
/// callers that failed together do not come back together.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts, the first included.
    pub max_attempts: NonZeroU32,
    /// The longest wait before the second attempt.
    pub initial_delay: Duration,
    /// The longest wait before any attempt.
    pub max_delay: Duration,
    /// By what the wait grows each time; at least 1.
    pub exponential_base: f64,
    /// Exit codes worth another attempt.
    pub exit_codes: Vec<i32>,
    /// HTTP statuses worth another attempt. They say nothing about processes, which have none.
    pub http_statuses: Vec<u16>,
    /// Further failures worth another attempt, whatever their figures.
    pub failures: Vec<FailureCode>,
}

impl RetryPolicy {
    /// Attempts when nobody says how many.
    pub const DEFAULT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");
    /// The longest first wait when nobody says.
    pub const DEFAULT_INITIAL_DELAY: Duration = Duration::from_secs(1);
    /// The longest wait when nobody says.
    pub const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(30);
    /// The growth of the wait when nobody says.
    pub const DEFAULT_EXPONENTIAL_BASE: f64 = 2.0;
    /// HTTP statuses worth another attempt when nobody lists any: too many requests, and the failures of
    /// servers and gateways that pass (RFC 6585, section 4; RFC 9110, section 15.6).
    pub const DEFAULT_HTTP_STATUSES: [u16; 5] = [429, 500, 502, 503, 504];

    /// Whether a call that failed like this may succeed the next time.
    ///
    /// A process: with the listed exit codes and failures; where neither is listed, with any exit code, by
    /// a signal, or past its timeout. A request: with the listed statuses, or those of
    /// [`RetryPolicy::DEFAULT_HTTP_STATUSES`]; without an answer, always. Never where trying again cannot
    /// help or was not asked for: arguments, output, overload, a program that cannot be started, a call
    /// that was called off.
    pub fn is_worth_another(&self, failure: &Failure) -> bool {
        if self.failures.contains(&failure.code) {
            return true;
        }
        let names_none = self.exit_codes.is_empty() && self.failures.is_empty();
        match failure.code {
            FailureCode::ExitStatus => names_none || self.lists_exit_code(failure),
            FailureCode::KilledBySignal | FailureCode::Timeout => names_none,
            FailureCode::HttpStatus => self.lists_status(failure),
            FailureCode::HttpError => true,
            FailureCode::SqlError => is_transient(failure),
            _ => false,
        }
    }

    /// Failures an author may name under `retryable_errors`.
    pub const NAMED_FAILURES: [FailureCode; 6] = [
        FailureCode::Timeout,
        FailureCode::ExitStatus,
        FailureCode::KilledBySignal,
        FailureCode::SpawnFailed,
        FailureCode::HttpError,
        FailureCode::SqlError,
    ];

    fn lists_exit_code(&self, failure: &Failure) -> bool {
        let code = failure
            .data
            .get("exit_code")
            .and_then(serde_json::Value::as_i64);
        code.is_some_and(|code| {
            self.exit_codes
                .iter()
                .any(|listed| i64::from(*listed) == code)
        })
    }

    fn lists_status(&self, failure: &Failure) -> bool {
        let listed: &[u16] = if self.http_statuses.is_empty() {
            &Self::DEFAULT_HTTP_STATUSES
        } else {
            &self.http_statuses
        };
        let status = failure
            .data
            .get("status")
            .and_then(serde_json::Value::as_u64);
        status.is_some_and(|status| listed.iter().any(|listed| u64::from(*listed) == status))
    }
}

/// Keeps calls away from what keeps failing. Tools that name the same breaker share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Its name under `circuit_breakers`.
    pub name: String,
    /// Failures in a row that open it.
    pub failure_threshold: NonZeroU32,
    /// How long it stays open before calls are let through to try.
    pub recovery_timeout: Duration,
    /// Calls let through to try; all of them must succeed to close it.
    pub half_open_requests: NonZeroU32,
}

impl BreakerRules {
    /// Failures in a row that open a breaker when nobody says.
    pub const DEFAULT_FAILURE_THRESHOLD: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");
    /// How long a breaker stays open when nobody says.
    pub const DEFAULT_RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);
    /// Calls let through to try when nobody says.
    pub const DEFAULT_HALF_OPEN_REQUESTS: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");
}

/// How long equal calls of a tool share an answer, and who shares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// How long an answer is kept.
    pub ttl: Duration,
    /// Whether clients share answers; else each gets its own only.
    pub shared: bool,
}

impl CacheRules {
    /// How long an answer is kept when nobody says.
    pub const DEFAULT_TTL: Duration = Duration::from_mins(5);
}

/// Whether a database did not run the statement for a reason that passes: no connection, a deadlock, a restart.
fn is_transient(failure: &Failure) -> bool {
    failure
        .data
        .get("transient")
        .and_then(serde_json::Value::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(exit_codes: &[i32], http_statuses: &[u16], failures: &[FailureCode]) -> RetryPolicy {
        RetryPolicy {
            max_attempts: RetryPolicy::DEFAULT_ATTEMPTS,
            initial_delay: RetryPolicy::DEFAULT_INITIAL_DELAY,
            max_delay: RetryPolicy::DEFAULT_MAX_DELAY,
            exponential_base: RetryPolicy::DEFAULT_EXPONENTIAL_BASE,
            exit_codes: exit_codes.to_vec(),
            http_statuses: http_statuses.to_vec(),
            failures: failures.to_vec(),
        }
    }

    fn exit(code: i32) -> Failure {
        Failure::new(FailureCode::ExitStatus, "it failed").with("exit_code", code)
    }

    fn status(status: u16) -> Failure {
        Failure::new(FailureCode::HttpStatus, "it failed").with("status", status)
    }

    fn failed(code: FailureCode) -> Failure {
        Failure::new(code, "it failed")
    }

    #[test]
    fn without_a_list_every_end_of_a_process_is_worth_another_attempt() {
        let any = policy(&[], &[429], &[]);
        assert!(any.is_worth_another(&exit(1)));
        assert!(any.is_worth_another(&failed(FailureCode::KilledBySignal)));
        assert!(any.is_worth_another(&failed(FailureCode::Timeout)));
    }

    #[test]
    fn a_list_of_exit_codes_leaves_out_everything_else_a_process_can_do() {
        let listed = policy(&[75], &[], &[]);
        assert!(listed.is_worth_another(&exit(75)));
        assert!(!listed.is_worth_another(&exit(1)));
        assert!(!listed.is_worth_another(&failed(FailureCode::KilledBySignal)));
        assert!(!listed.is_worth_another(&failed(FailureCode::Timeout)));
        let both = policy(&[75], &[], &[FailureCode::Timeout]);
        assert!(both.is_worth_another(&exit(75)));
        assert!(both.is_worth_another(&failed(FailureCode::Timeout)));
        assert!(!policy(&[], &[], &[FailureCode::Timeout]).is_worth_another(&exit(75)));
    }

    #[test]
    fn a_request_is_judged_by_its_status() {
        assert!(policy(&[], &[], &[]).is_worth_another(&status(503)));
        assert!(!policy(&[], &[], &[]).is_worth_another(&status(404)));
        assert!(policy(&[], &[404], &[]).is_worth_another(&status(404)));
        assert!(!policy(&[], &[404], &[]).is_worth_another(&status(503)));
    }

    #[test]
    fn what_cannot_get_better_is_never_tried_again() {
        for code in [
            FailureCode::InvalidArguments,
            FailureCode::UnknownTool,
            FailureCode::QueueFull,
            FailureCode::QueueTimeout,
            FailureCode::RateLimited,
            FailureCode::CircuitOpen,
            FailureCode::ShuttingDown,
            FailureCode::Cancelled,
            FailureCode::SpawnFailed,
            FailureCode::OutputInvalid,
            FailureCode::OutputTooLarge,
            FailureCode::Internal,
        ] {
            assert!(
                !policy(&[], &[], &[]).is_worth_another(&failed(code)),
                "{code:?}"
            );
        }
    }
}
