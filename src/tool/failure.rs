//! Why a call gave no result: one envelope for MCP, the command line and batches.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::StoredOutput;

/// What went wrong, as callers' programs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The arguments break the tool's schema.
    InvalidArguments,
    /// No tool of that name.
    UnknownTool,
    /// No room to wait.
    QueueFull,
    /// Waited as long as allowed.
    QueueTimeout,
    /// No token, and the limit says not to wait.
    RateLimited,
    /// The call needs a person's word, and has none.
    ConfirmationRequired,
    /// A person was asked and said no.
    ConfirmationDeclined,
    /// What the tool calls has failed too often of late.
    CircuitOpen,
    /// The runner is stopping.
    ShuttingDown,
    /// Ran as long as allowed.
    Timeout,
    /// The caller called it off.
    Cancelled,
    /// The process could not be started.
    SpawnFailed,
    /// The process ended with a status other than zero.
    ExitStatus,
    /// A signal that was not ours ended the process.
    KilledBySignal,
    /// The output is not what the tool promises.
    OutputInvalid,
    /// The output is larger than allowed.
    OutputTooLarge,
    /// A server answered with a status that is no success.
    HttpStatus,
    /// A server gave no answer.
    HttpError,
    /// A database refused a query, or gave no answer.
    SqlError,
    /// A call that this one depends on gave no result.
    DependencyFailed,
    /// A bug of ours.
    Internal,
}

impl FailureCode {
    /// Every code there is.
    pub const ALL: [Self; 21] = [
        Self::InvalidArguments,
        Self::UnknownTool,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::RateLimited,
        Self::ConfirmationRequired,
        Self::ConfirmationDeclined,
        Self::CircuitOpen,
        Self::ShuttingDown,
        Self::Timeout,
        Self::Cancelled,
        Self::SpawnFailed,
        Self::ExitStatus,
        Self::KilledBySignal,
        Self::OutputInvalid,
        Self::OutputTooLarge,
        Self::HttpStatus,
        Self::HttpError,
        Self::SqlError,
        Self::DependencyFailed,
        Self::Internal,
    ];

    /// The code that is written so.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The code as it stands in the envelope.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidArguments => "INVALID_ARGUMENTS",
            Self::UnknownTool => "UNKNOWN_TOOL",
            Self::QueueFull => "QUEUE_FULL",
            Self::QueueTimeout => "QUEUE_TIMEOUT",
            Self::RateLimited => "RATE_LIMITED",
            Self::ConfirmationRequired => "CONFIRMATION_REQUIRED",
            Self::ConfirmationDeclined => "CONFIRMATION_DECLINED",
            Self::CircuitOpen => "CIRCUIT_OPEN",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Timeout => "TIMEOUT",
            Self::Cancelled => "CANCELLED",
            Self::SpawnFailed => "SPAWN_FAILED",
            Self::ExitStatus => "EXIT_STATUS",
            Self::KilledBySignal => "KILLED_BY_SIGNAL",
            Self::OutputInvalid => "OUTPUT_INVALID",
            Self::OutputTooLarge => "OUTPUT_TOO_LARGE",
            Self::HttpStatus => "HTTP_STATUS",
            Self::HttpError => "HTTP_ERROR",
            Self::SqlError => "SQL_ERROR",
            Self::DependencyFailed => "DEPENDENCY_FAILED",
            Self::Internal => "INTERNAL",
        }
    }

    /// The family the code belongs to.
    pub const fn family(self) -> &'static str {
        match self {
            Self::InvalidArguments | Self::UnknownTool => "validation",
            Self::ConfirmationRequired | Self::ConfirmationDeclined => "confirmation",
            Self::QueueFull
            | Self::QueueTimeout
            | Self::RateLimited
            | Self::CircuitOpen
            | Self::ShuttingDown => "overload",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::SpawnFailed | Self::ExitStatus | Self::KilledBySignal => "process",
            Self::OutputInvalid | Self::OutputTooLarge => "output",
            Self::HttpStatus | Self::HttpError | Self::SqlError => "upstream",
            Self::DependencyFailed => "batch",
            Self::Internal => "internal",
        }
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What went wrong, for programs.
    pub code: FailureCode,
    /// What went wrong, for people and models.
    pub message: String,
    /// What the caller can do.
    pub remediation: Option<String>,
    /// When it is worth asking again.
    pub retry_after: Option<Duration>,
    /// Figures and partial output.
    pub data: Map<String, Value>,
    /// Where all that was printed can be read, when `data` lacks a part of it.
    pub stored: Option<StoredOutput>,
}

impl Failure {
    /// A failure with a code and a message, and what can be done about its kind in general.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remediation: Some(code.remedy().to_owned()),
            retry_after: None,
            data: Map::new(),
            stored: None,
        }
    }

    /// Adds what the caller can do.
    #[must_use]
    pub fn remediation(mut self, text: impl Into<String>) -> Self {
        self.remediation = Some(text.into());
        self
    }

    /// Adds when it is worth asking again.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds where all that was printed can be read.
    #[must_use]
    pub fn stored(mut self, stored: Option<StoredOutput>) -> Self {
        self.stored = stored;
        self
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// The envelope: `{"error": {"code", "type", "message", ...}}`.
    pub fn envelope(&self) -> Value {
        let mut error = Map::new();
        error.insert("code".into(), self.code.code().into());
        error.insert("type".into(), self.code.family().into());
        error.insert("message".into(), self.message.as_str().into());
        if let Some(remediation) = &self.remediation {
            error.insert("remediation".into(), remediation.as_str().into());
        }
        if let Some(after) = self.retry_after {
            error.insert("retry_after_ms".into(), millis_up(after).into());
        }
        let mut data = self.data.clone();
        if let Some(stored) = &self.stored {
            data.insert("output".into(), stored.to_json());
        }
        if !data.is_empty() {
            error.insert("data".into(), Value::Object(data));
        }
        json!({ "error": error })
    }
}

/// Whole milliseconds, rounded up: a caller who waits exactly that long is not too early.
fn millis_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_leaves_out_what_is_not_known() {
        let failure = Failure::new(FailureCode::QueueFull, "no room")
            .retry_after(Duration::from_micros(800_001))
            .with("queue_size", 100);
        assert_eq!(
            failure.envelope(),
            json!({"error": {"code": "QUEUE_FULL", "type": "overload", "message": "no room",
                             "remediation": "call again later, with fewer calls at once",
                             "retry_after_ms": 801, "data": {"queue_size": 100}}})
        );
    }
}
