//! What is said of one case.

use std::time::Duration;

use serde_json::{Value, json};

use super::Case;

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its tool.
    pub tool: String,
    /// Its name, or its number among those of the tool.
    pub name: String,
    /// Where it stands in the file, counted from one.
    pub line: usize,
    /// Counted from one.
    pub column: usize,
    /// How long the tool ran for it.
    pub ran: Duration,
    /// How it ended.
    pub state: State,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As expected.
    Passed,
    /// Otherwise, and in what; at least one thing.
    Failed(Vec<Mismatch>),
    /// Not at all: it was called off.
    NotRun,
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The key of `expect` that does not hold.
    pub key: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where exactly: lines that begin with `-` for what is expected, `+` for what came, a blank for both.
    pub details: Vec<String>,
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Otherwise.
    pub failed: usize,
    /// Not at all.
    pub not_run: usize,
}

impl Verdict {
    /// A verdict on `case`.
    pub(super) fn of(case: &Case, ran: Duration, state: State) -> Self {
        Self {
            tool: case.tool.clone(),
            name: case.name.clone(),
            line: case.case.line,
            column: case.case.column,
            ran,
            state,
        }
    }

    /// What the case is called: its tool and its name.
    pub fn title(&self) -> String {
        format!("{}: {}", self.tool, self.name)
    }

    /// `ok`, `FAILED` or `not run`.
    pub const fn word(&self) -> &'static str {
        match self.state {
            State::Passed => "ok",
            State::Failed(_) => "FAILED",
            State::NotRun => "not run",
        }
    }

    /// What is different, line by line; nothing where nothing is.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let mismatches = match &self.state {
            State::Failed(mismatches) => mismatches.as_slice(),
            State::Passed | State::NotRun => &[],
        };
        mismatches.iter().flat_map(|mismatch| {
            let head = format!("`{}`: {}", mismatch.key, mismatch.message);
            let details = mismatch.details.iter().map(|line| format!("  {line}"));
            std::iter::once(head).chain(details)
        })
    }

    /// `{tool, name, line, column, outcome, ran_ms, mismatches}`.
    pub fn to_json(&self) -> Value {
        let outcome = match self.state {
            State::Passed => "passed",
            State::Failed(_) => "failed",
            State::NotRun => "not_run",
        };
        let mut object = json!({
            "tool": self.tool, "name": self.name, "line": self.line, "column": self.column, "outcome": outcome,
            "ran_ms": u64::try_from(self.ran.as_millis()).unwrap_or(u64::MAX),
        });
        if let State::Failed(mismatches) = &self.state {
            let listed = mismatches.iter().map(|mismatch| {
                json!({"key": mismatch.key, "message": mismatch.message, "details": mismatch.details})
            });
            object["mismatches"] = listed.collect();
        }
        object
    }
}

impl Tally {
    /// How many of `verdicts` ended how.
    pub fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let mut tally = Self::default();
        for verdict in verdicts {
            match verdict.state {
                State::Passed => tally.passed += 1,
                State::Failed(_) => tally.failed += 1,
                State::NotRun => tally.not_run += 1,
            }
        }
        tally
    }

    /// `12 passed, 1 failed`.
    pub fn summary(&self) -> String {
        let not_run = match self.not_run {
            0 => String::new(),
            count => format!(", {count} not run"),
        };
        format!("{} passed, {} failed{not_run}", self.passed, self.failed)
    }

    /// Whether every case ran and passed.
    pub const fn is_good(&self) -> bool {
        self.failed == 0 && self.not_run == 0
    }
}
