//! The built-in tool `status`: limits and load, so that a model can size what it sends.

use std::sync::LazyLock;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

use crate::runner::{Runner, Status, ToolStatus};
use crate::tool::{Failure, FailureCode, Schema, ToolAccess};

/// What the model is told of the tool.
pub(super) const DESCRIPTION: &str = "Limits and load of this server: what runs and waits, for each tool and together, what is \
     left of each rate, which circuit breakers are open, and recommendations from what was observed. Use it to size batches, and \
     when calls are slow or refused.";

/// Tools in one answer; those that do something come first.
const MOST_TOOLS: usize = 50;

/// What the tool takes.
pub(super) fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new(json!({
            "type": "object",
            "properties": {
                "tool": {"type": "string", "description": "Only this tool, instead of all"},
            },
            "additionalProperties": false,
        }))
    });
    &SCHEMA
}

/// The status, for a caller with `access`.
///
/// # Errors
/// `INVALID_ARGUMENTS` with what to mend, `UNKNOWN_TOOL` where a tool is named that the caller does not have.
pub(super) fn call(
    runner: &Runner,
    access: &ToolAccess,
    arguments: JsonObject,
) -> Result<CallToolResult, Failure> {
    let arguments = Value::Object(arguments);
    if let Some(first) = schema().violations(&arguments).first() {
        let violation = json!({"pointer": first.pointer, "message": first.message});
        let failure = Failure::new(FailureCode::InvalidArguments, first.message.clone());
        return Err(failure.with("violations", vec![violation]));
    }
    let mut status = runner.status(access);
    let mut left_out = 0;
    if let Some(name) = arguments["tool"].as_str() {
        runner.catalog().find(name, access)?;
        only(&mut status, name);
    } else {
        left_out = shorten(&mut status);
    }
    let mut status = json!(status);
    if left_out > 0 {
        status["tools_left_out"] = left_out.into();
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(status.to_string())]);
    result.structured_content = Some(status);
    Ok(result)
}

fn only(status: &mut Status, name: &str) {
    status.tools.retain(|tool| tool.name == name);
    status
        .recommendations
        .retain(|advice| advice.tool.as_deref().is_none_or(|tool| tool == name));
}

/// Keeps as many tools as fit a model's context, busy ones first. How many were left out.
fn shorten(status: &mut Status) -> usize {
    let count = status.tools.len();
    if count <= MOST_TOOLS {
        return 0;
    }
    let calls = |tool: &ToolStatus| {
        let now = u64::from(tool.running) + u64::from(tool.waiting);
        (now, tool.observed.asked)
    };
    status
        .tools
        .sort_by_key(|tool| std::cmp::Reverse(calls(tool)));
    status.tools.truncate(MOST_TOOLS);
    count - MOST_TOOLS
}
