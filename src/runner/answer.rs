//! What a call is answered with, whichever way the answer was found.

use super::stored_list::StoredList;
use crate::tool::{BuiltinTool, Call, Failure, FailureCode, Outcome, Output, Timing};

/// What a call is answered with; an [`Outcome`] but for whose it is, as several calls may share it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What the tool gave.
    pub(super) result: Result<Output, Failure>,
    /// How long it took.
    pub(super) timing: Timing,
    /// What deserves a look.
    pub(super) warnings: Vec<String>,
    /// Where the list is stored that it gave; of an answer that several calls may get.
    pub(super) list: StoredList,
}

impl Answer {
    /// The answer to a call that was not carried out.
    pub(super) fn failed(call: &Call, failure: Failure) -> Self {
        let waited = call.context.received.map(|received| received.elapsed());
        Self {
            result: Err(failure),
            timing: Timing {
                queued: waited.unwrap_or_default(),
                timeout: call.timeout(),
                ..Timing::default()
            },
            warnings: Vec::new(),
            list: StoredList::default(),
        }
    }

    /// The answer when a bug of ours ended the call.
    pub(super) fn bug(call: &Call) -> Self {
        tracing::error!(call = %call.id, tool = %call.tool.name, "a bug of the runner ended a call");
        let failure = Failure::new(
            FailureCode::Internal,
            "a bug of the runner ended this call; the server goes on",
        )
        .remediation("report it with the call's id, which the server's log has too")
        .with("call_id", call.id.as_str());
        Self::failed(call, failure)
    }

    /// The same; where there was no room and models can send batches, the caller is told that these wait for room.
    pub(super) fn mentioning(mut self, builtin_tools: &[BuiltinTool]) -> Self {
        if let Err(failure) = &mut self.result
            && builtin_tools.contains(&BuiltinTool::Batch)
            && matches!(
                failure.code,
                FailureCode::QueueFull | FailureCode::QueueTimeout | FailureCode::RateLimited
            )
            && let Some(remediation) = &mut failure.remediation
        {
            remediation.push_str("; many calls sent as one `batch` wait for room by themselves");
        }
        self
    }

    /// The outcome of `call`.
    pub(super) fn outcome(self, call: &Call) -> Outcome {
        Outcome {
            call: call.id.clone(),
            tool: call.tool.name.clone(),
            result: self.result,
            timing: self.timing,
            warnings: self.warnings,
        }
    }
}
