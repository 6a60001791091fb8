//! What came of a call.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CallId, Failure, OutputId, StoredOutput, ToolName};

/// What came of a call: a result or a failure, how long it took, and what deserves a look.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The call.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// What it gave.
    pub result: Result<Output, Failure>,
    /// How long it took.
    pub timing: Timing,
    /// What deserves a look though the call is answered.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Where the whole output can be read, when the answer lacks a part of it.
    pub fn stored(&self) -> Option<&StoredOutput> {
        match &self.result {
            Ok(output) => output.stored.as_ref(),
            Err(failure) => failure.stored.as_ref(),
        }
    }

    /// What has to be kept for as long as the result is: the whole of the output, or the list it is a page of.
    pub fn leads_to(&self) -> Option<&OutputId> {
        let list = || self.result.as_ref().ok()?.list.as_ref();
        self.stored().map(|stored| &stored.id).or_else(list)
    }
}

/// What a tool printed, and what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The script's own words; where some are missing, the text says how many.
    pub text: String,
    /// The JSON they are, when they are JSON.
    pub structured: Option<Value>,
    /// Whether the text is itself an MCP tool result (`output.format: mcp`), kept in `structured`.
    pub is_mcp_result: bool,
    /// Where all of it can be read, when the text lacks a part.
    pub stored: Option<StoredOutput>,
    /// Whether the text lacks a part of what was printed.
    pub is_cut: bool,
    /// The stored list that the text is a page of.
    pub list: Option<OutputId>,
    /// What is left out of the text, or of the list of items, where the tool's rules ask for all of it.
    pub lack: Option<Lack>,
}

impl Output {
    /// What neither the text nor the JSON has: unless `stored` has it, it is gone.
    pub fn missing(&self) -> Option<Lack> {
        let is_missing = |lack: &Lack| lack.unit == LackUnit::Items || self.structured.is_none();
        self.lack.filter(is_missing)
    }
}

/// How much an answer has of what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What it has, in units.
    pub given: u64,
    /// What there was, in units.
    pub total: u64,
    /// What is counted.
    pub unit: LackUnit,
}

/// What is counted of an answer that lacks a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LackUnit {
    /// Bytes of text.
    Bytes,
    /// Items of a list.
    Items,
}

impl LackUnit {
    /// The unit as it stands behind a figure.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Items => "items",
        }
    }
}

/// How long a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for a place, in all attempts.
    pub queued: Duration,
    /// Running, from the spawn; of several attempts the last.
    pub ran: Duration,
    /// How long it was allowed to run.
    pub timeout: Duration,
    /// How often it was started: more than once where the tool's `retry` says so, and never where the call was
    /// refused or found its answer.
    pub attempts: u32,
    /// Whether the answer is that of an equal call, and nothing ran for this one.
    pub cached: bool,
}

impl Timing {
    /// The figures in whole milliseconds, with the headroom left under the timeout, and with `attempts` and
    /// `cached` where they say more than usual.
    pub fn to_json(self) -> Value {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut figures = json!({
            "queued_ms": millis(self.queued),
            "ran_ms": millis(self.ran),
            "timeout_ms": millis(self.timeout),
            "headroom_ms": millis(self.timeout.saturating_sub(self.ran)),
        });
        if self.attempts > 1 {
            figures["attempts"] = self.attempts.into();
        }
        if self.cached {
            figures["cached"] = true.into();
        }
        figures
    }
}
