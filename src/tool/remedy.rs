//! What a caller can do about a failure, in its own words: a model reads them and calls again.

use std::time::Duration;

use super::{Call, FailureCode, TIMEOUT_ARGUMENT, spoken};

/// How a call is made smaller.
const LESS: &str = "ask for less in one call, such as fewer items or a narrower query";

/// What to do when a call ran as long as it may, by its tool's `timeout` or by what it asked for.
pub fn more_time(call: &Call) -> String {
    let (tool, had) = (&call.tool.name, call.timeout());
    match call.tool.limits.max_timeout {
        Some(longest) if had < longest => format!(
            "call again with `{TIMEOUT_ARGUMENT}` of up to {} (it had {}), or {LESS}",
            longest.as_secs_f64(),
            had.as_secs_f64()
        ),
        Some(longest) => format!(
            "{LESS}: `{tool}` had all of its `max_timeout` of {}",
            spoken(longest)
        ),
        None => format!(
            "{LESS}, or raise `timeout` of tool `{tool}` in the file (now {})",
            spoken(had)
        ),
    }
}

/// What to do when a call ran for all the time its caller granted.
pub fn larger_budget(call: &Call) -> String {
    format!(
        "grant more time (`timeout_ms`; the tool itself may run {}), or {LESS}",
        spoken(call.timeout())
    )
}

/// What to do about a warning that a call nearly ran too long.
pub fn more_headroom(call: &Call) -> String {
    match call.tool.limits.max_timeout {
        Some(longest) if call.timeout() < longest => format!(
            "give the next `{TIMEOUT_ARGUMENT}` of up to {}, or {LESS}",
            longest.as_secs_f64()
        ),
        _ => LESS.to_owned(),
    }
}

/// When to come back, where that is known.
pub fn come_back(after: Duration) -> String {
    format!("call again in {}", spoken(after))
}

impl FailureCode {
    /// What a caller can do about such a failure in general; what knows more of one says more.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::InvalidArguments => "mend the arguments as the message says, and call again",
            Self::UnknownTool => "list the tools for the names there are",
            Self::QueueFull | Self::QueueTimeout | Self::RateLimited | Self::CircuitOpen => {
                "call again later, with fewer calls at once"
            }
            Self::ConfirmationRequired => "call through a client that can ask a person",
            Self::ConfirmationDeclined => "do not call again unless the person asks for it",
            Self::ShuttingDown => "call again once the runner is back",
            Self::Timeout | Self::OutputTooLarge => LESS,
            Self::Cancelled => "call again if the answer is still wanted",
            Self::SpawnFailed => "nothing ran: look at the tool's `script` in the file",
            Self::ExitStatus => {
                "`stdout` has what the script printed; it said nothing on standard error"
            }
            Self::KilledBySignal => {
                "the runner did not send it: look for what ends processes on the machine, such as too little memory"
            }
            Self::OutputInvalid => "mend the script or `output` in the file, so that they agree",
            Self::HttpStatus => "`body` has what the service said",
            Self::HttpError => "the service may be down: call again later",
            Self::SqlError => {
                "mend the query in the file as the database says, or the values it got"
            }
            Self::DependencyFailed => "mend the call that failed, and send this one again with it",
            Self::Internal => "this is a bug of the runner: please report it",
        }
    }
}
