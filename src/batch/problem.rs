//! Why a batch is refused before anything of it runs.

use std::fmt;

use serde_json::{Value, json};

use crate::tool::{Failure, FailureCode};

/// Problems that are told one by one; the rest is counted.
const LISTED: usize = 100;

/// One mistake in a batch, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place in the request, as a JSON pointer (RFC 6901); empty for the whole of it.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// A batch that cannot run as it is written. It holds every mistake, at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidBatch {
    /// The mistakes, in the order of the checks: form first, then names, then cycles.
    pub problems: Vec<Problem>,
}

impl fmt::Display for InvalidBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the batch cannot run, and nothing of it did")?;
        let listed = self.problems.iter().take(LISTED);
        for (number, problem) in listed.enumerate() {
            f.write_str(if number == 0 { ": " } else { "; " })?;
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

impl From<InvalidBatch> for Failure {
    fn from(invalid: InvalidBatch) -> Self {
        let listed: Vec<Value> = invalid
            .problems
            .iter()
            .take(LISTED)
            .map(|problem| json!({"pointer": problem.pointer, "message": problem.message}))
            .collect();
        Self::new(FailureCode::InvalidArguments, invalid.to_string())
            .remediation("mend the batch and send all of it again")
            .with("violations", listed)
    }
}

/// Collects the mistakes of a request.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem {
            pointer: pointer.into(),
            message: message.into(),
        });
    }

    /// What was checked, if nothing is wrong with it.
    pub(super) fn none_or<T>(self, checked: T) -> Result<T, InvalidBatch> {
        if self.0.is_empty() {
            Ok(checked)
        } else {
            Err(InvalidBatch { problems: self.0 })
        }
    }
}

/// `key` as one step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
