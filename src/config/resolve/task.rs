//! `task` and `expected_duration`: when a call becomes a task.

use super::Context;
use crate::config::decode::Problems;
use crate::config::document::{TaskChoice, Tool};
use crate::diagnostic::Diagnostic;
use crate::tool::{LONG_CALL, Origins, TaskMode, TaskRules, ToolLimits};

/// When calls of the tool become tasks; `origins` notes who says so.
pub(super) fn rules(
    context: &Context<'_>,
    tool: &Tool,
    limits: &ToolLimits,
    origins: &mut Origins,
    problems: &mut Problems,
) -> TaskRules {
    let mode = tool.task.as_ref().map(|given| match given.value {
        TaskChoice::Never => TaskMode::Never,
        TaskChoice::Auto => TaskMode::Auto,
        TaskChoice::Always => TaskMode::Always,
        TaskChoice::Required => TaskMode::Required,
    });
    let rules = TaskRules {
        mode: mode.unwrap_or_default(),
        expected_duration: tool.expected_duration.as_ref().map(|given| given.0),
    };
    if let Some(given) = &tool.task {
        origins.set("task", context.origin(given.key));
        if rules.mode == TaskMode::Auto && rules.expected_duration.is_none() {
            problems.push(
                Diagnostic::warning(
                    given.span,
                    "`task: auto` makes no tasks without `expected_duration`",
                )
                .hint(format!(
                    "say how long a call usually takes: from {LONG_CALL:?} on it becomes a task"
                )),
            );
        }
    }
    if let Some(given) = &tool.expected_duration {
        origins.set("expected_duration", context.origin(given.key));
        let longest = limits.longest_run();
        if given.0 > longest {
            problems.push(
                Diagnostic::warning(
                    given.span,
                    format!("`expected_duration` is longer than the timeout of {longest:?}"),
                )
                .hint("raise `timeout`: a call that takes as long as expected would be ended"),
            );
        }
    }
    rules
}
