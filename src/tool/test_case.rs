//! What the author of a tool expects of a call: the `test` cases that `runner test` runs.

use regex::Regex;
use serde_json::{Map, Value};

use super::FailureCode;

/// A call, and what must come of it.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it shows, in the author's words.
    pub name: Option<String>,
    /// The arguments, as a caller would send them.
    pub input: Map<String, Value>,
    /// What must come of it.
    pub expect: Expectation,
    /// Where it stands in the file, counted from one.
    pub line: usize,
    /// Counted from one.
    pub column: usize,
}

/// What must come of a call. All that is given must hold; at least one thing is.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// A text that the output contains.
    pub contains: Option<String>,
    /// The whole output: a text but for the line break at its end, or the JSON value that it is.
    pub equals: Option<Value>,
    /// What a part of the output matches.
    pub matches: Option<Regex>,
    /// How the call fails. Without it, or with `false`, the call must not fail.
    pub error: Option<ExpectedError>,
    /// What the JSON output includes: of an object these members at least, of a list exactly these elements.
    pub json: Option<Value>,
}

/// How a call is expected to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedError {
    /// Somehow, or not at all.
    Any(bool),
    /// With this code.
    Code(FailureCode),
    /// With this exit code of the process, or status of the service.
    Status(i64),
    /// With a message, or something printed before, that contains this text.
    Text(String),
}

impl Expectation {
    /// Whether the call must fail.
    pub const fn wants_failure(&self) -> bool {
        matches!(
            self.error,
            Some(
                ExpectedError::Any(true)
                    | ExpectedError::Code(_)
                    | ExpectedError::Status(_)
                    | ExpectedError::Text(_)
            )
        )
    }
}
