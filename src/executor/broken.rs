//! From a worker that was not up to a call to a failure.

use super::process::Broken;
use crate::tool::{Failure, FailureCode, ToolName};

/// The failure of a call of `tool` whose worker gave no answer.
pub(super) fn failure(tool: &ToolName, broken: &Broken) -> Failure {
    match broken {
        Broken::Unanswered => Failure::new(
            FailureCode::ExitStatus,
            format!("`{tool}` ended its worker before it answered, with exit status 0"),
        )
        .remediation("let `main` return instead of ending the process; `stderr` has what it said")
        .with("exit_code", 0),
        Broken::Closed => Failure::new(
            FailureCode::OutputInvalid,
            format!("`{tool}` gave no answer: its worker closed the way to the runner, and was ended"),
        )
        .remediation("see that the script closes no descriptors but its own"),
        Broken::Nonsense(what) => Failure::new(
            FailureCode::OutputInvalid,
            format!("`{tool}` gave no answer that makes sense, and its worker was ended: {what}"),
        )
        .remediation("see that the script writes to no descriptors but its own; what it prints is no answer"),
        Broken::Dragged => Failure::new(
            FailureCode::KilledBySignal,
            format!("`{tool}` was ended with its worker, because another call of that did not end when it was asked to"),
        )
        .remediation("call again; where it happens often, let `main` await whatever takes long"),
    }
}
