//! Settings whose behaviour comes with a later version: checked, and said to have no effect yet.

use crate::config::decode::{Given, Problems};
use crate::config::document::{Tool, Worker, WorkerMode};
use crate::diagnostic::{Diagnostic, Span};

/// Says that a key is understood and does nothing yet.
fn no_effect<T>(given: Option<&Given<T>>, name: &str, instead: &str, problems: &mut Problems) {
    if let Some(given) = given {
        problems.push(warning(given.key, name, instead));
    }
}

fn warning(span: Span, name: &str, instead: &str) -> Diagnostic {
    Diagnostic::warning(span, format!("`{name}` has no effect yet")).hint(instead)
}

/// The settings of one tool.
pub(super) fn tool(tool: &Tool, problems: &mut Problems) {
    let worker = tool
        .script
        .as_ref()
        .and_then(|script| script.value.worker.as_deref());
    let is_persistent = |worker: &&Given<Worker>| {
        let mode = worker.value.mode.as_ref();
        mode.is_some_and(|mode| mode.value == WorkerMode::Persistent)
    };
    no_effect(
        worker.filter(is_persistent),
        "mode: persistent",
        "each call starts an interpreter; `mode: fork` keeps one warm",
        problems,
    );
}
