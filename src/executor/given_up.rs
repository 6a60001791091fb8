//! Why a call that is no process was given up, and what is said of it.

use std::time::Duration;

use super::script::Time;
use super::verdict::millis;
use crate::tool::{Call, Failure, FailureCode, remedy, spoken};

/// What a call that only reads gets at most to end by itself when the runner stops: those that are almost done are answered,
/// and nobody waits for the others.
pub(super) const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Why a call was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It ran for all the time it had.
    Timeout,
    /// Nobody waits for it any more.
    Cancelled,
    /// The runner is stopping.
    Draining,
}

impl GivenUp {
    /// The failure of `call`, after it `ran`. `was_ended` says what a timeout does to it.
    pub(super) fn failure(
        self,
        call: &Call,
        time: &Time,
        was_ended: &str,
        ran: Duration,
    ) -> Failure {
        let tool = &call.tool.name;
        let timeout = spoken(time.timeout);
        let failure = match self {
            Self::Timeout if time.is_callers => Failure::new(
                FailureCode::Timeout,
                format!("`{tool}` {was_ended} after {timeout}, all that the caller granted"),
            )
            .remediation(remedy::larger_budget(call)),
            Self::Timeout => Failure::new(
                FailureCode::Timeout,
                format!("`{tool}` {was_ended} after its timeout of {timeout}"),
            )
            .remediation(remedy::more_time(call)),
            Self::Cancelled => Failure::new(
                FailureCode::Cancelled,
                format!("`{tool}` was called off after {}", spoken(ran)),
            ),
            Self::Draining => Failure::new(
                FailureCode::Cancelled,
                format!(
                    "`{tool}` was ended after {}: the runner is stopping",
                    spoken(ran)
                ),
            )
            .remediation("call again when the runner is back"),
        };
        failure
            .with("timeout_ms", millis(time.timeout))
            .with("elapsed_ms", millis(ran))
    }
}
