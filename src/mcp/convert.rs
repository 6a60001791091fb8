//! Tools and outcomes as each revision of the protocol carries them.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, ContentBlock, ErrorCode, JsonObject, MetaObject, ResultType, Tool as McpTool,
    ToolAnnotations,
};
use serde_json::{Value, json};

use super::revision::Revision;
use super::{content, describe};
use crate::tool::{Annotations, Failure, Outcome, Output, PageRules, Tool};

/// Where the timing of a call stands in a result's `_meta`.
const TIMING: &str = "runner/timing";

/// Where the warnings of a call stand in a result's `_meta`.
const WARNINGS: &str = "runner/warnings";

/// Where the id of a call stands in a result's `_meta`.
const CALL_ID: &str = "runner/call_id";

/// A tool as `tools/list` shows it.
pub(super) fn tool(tool: &Tool, describe_limits: bool, revision: &Revision) -> McpTool {
    let mut shown = McpTool::new(
        tool.name.as_str().to_owned(),
        description(tool, describe_limits),
        input_schema(tool),
    );
    if revision.has_structured_content() {
        shown.title.clone_from(&tool.title);
        shown.output_schema = output_schema(tool, revision);
    }
    if revision.has_annotations() {
        shown.annotations = annotations(tool, revision);
    }
    if revision.has_icons() && !tool.icons.is_empty() {
        shown.icons = Some(tool.icons.iter().map(content::icon).collect());
    }
    shown
}

/// A tool with as much of its input schema as the headers of its calls are compared with: all of it where a
/// parameter has a header, else nothing. It is asked for with every call.
pub(super) fn tool_of_headers(tool: &Tool) -> McpTool {
    let schema = tool.parameters.schema().value();
    let schema = if names_headers(schema) {
        object(schema)
    } else {
        Arc::default()
    };
    McpTool::new(tool.name.as_str().to_owned(), "", schema)
}

/// Whether a parameter of the schema has a header. Only `properties` lead to one (2026-07-28, "Custom Headers").
fn names_headers(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    schema.get("x-mcp-header").is_some()
        || properties.is_some_and(|properties| properties.values().any(names_headers))
}

fn description(tool: &Tool, describe_limits: bool) -> String {
    if describe_limits {
        format!(
            "{}\n\n{}",
            tool.description.trim_end(),
            describe::execution(tool)
        )
    } else {
        tool.description.clone()
    }
}

/// The tool's output schema, where the revision can carry it: before 2026-07-28 only objects could.
fn output_schema(tool: &Tool, revision: &Revision) -> Option<Arc<JsonObject>> {
    let own = tool.output.schema.as_ref()?.value();
    if tool.paging.is_some() {
        return Some(object(&PageRules::page_schema(own)));
    }
    let schema = own.as_object()?;
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    (is_object || revision.has_any_structure()).then(|| Arc::new(schema.clone()))
}

fn input_schema(tool: &Tool) -> Arc<JsonObject> {
    let own = tool.parameters.schema().value();
    match &tool.paging {
        Some(rules) => object(&rules.input_schema(own)),
        None => object(own),
    }
}

/// The hints, and the title with them: 2025-03-26 has no other place for it.
fn annotations(tool: &Tool, revision: &Revision) -> Option<ToolAnnotations> {
    let Annotations {
        read_only,
        destructive,
        idempotent,
        open_world,
    } = tool.annotations;
    let has_title = tool.title.is_some() && !revision.has_structured_content();
    if tool.annotations == Annotations::default() && !has_title {
        return None;
    }
    Some(ToolAnnotations::from_raw(
        tool.title.clone(),
        read_only,
        destructive,
        idempotent,
        open_world,
    ))
}

fn object(schema: &Value) -> Arc<JsonObject> {
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

/// The outcome of a call as the result of `tools/call`. A failure is a result with `isError`, so that the
/// model can read and mend it.
pub(super) fn result(outcome: &Outcome, revision: &Revision) -> CallToolResult {
    let mut result = match &outcome.result {
        Ok(output) if output.is_mcp_result => passed_through(output, revision),
        Ok(output) => success(output, revision),
        Err(failure) => refusal(failure, revision),
    };
    if !outcome.warnings.is_empty() {
        let warnings = outcome.warnings.join("; ");
        result
            .content
            .push(ContentBlock::text(format!("[runner] warning: {warnings}")));
    }
    let meta = result.meta.get_or_insert_with(MetaObject::default);
    meta.insert(CALL_ID.to_owned(), json!(outcome.call.as_str()));
    meta.insert(TIMING.to_owned(), outcome.timing.to_json());
    if !outcome.warnings.is_empty() {
        meta.insert(WARNINGS.to_owned(), json!(outcome.warnings));
    }
    result
}

fn success(output: &Output, revision: &Revision) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(output.text.clone())]);
    result.structured_content = structured(output.structured.as_ref(), revision);
    result
}

/// A script that answers in MCP's own terms is handed on as far as the client's revision can carry it; what it
/// cannot know is filled in.
fn passed_through(output: &Output, revision: &Revision) -> CallToolResult {
    let parsed = output
        .structured
        .clone()
        .map(serde_json::from_value::<CallToolResult>);
    match parsed {
        Some(Ok(mut result)) => {
            result.result_type = Some(ResultType::COMPLETE);
            let value = result.structured_content.take();
            if let Some(value) = value.as_ref().filter(|_| result.content.is_empty()) {
                // For clients that read texts alone (2025-06-18, "Structured Content").
                result.content.push(ContentBlock::text(value.to_string()));
            }
            result.structured_content = structured(value.as_ref(), revision);
            let blocks = result.content.into_iter();
            result.content = blocks
                .map(|block| content::carried(block, revision))
                .collect();
            result
        }
        _ => CallToolResult::success(vec![ContentBlock::text(output.text.clone())]),
    }
}

/// The error of a script that answers in MCP's own terms, and says that there is no result.
pub(super) fn protocol_error(outcome: &Outcome) -> Option<ErrorData> {
    let output = outcome.result.as_ref().ok();
    let error = output
        .filter(|output| output.is_mcp_result)?
        .structured
        .as_ref()?
        .get("error")?;
    let code = i32::try_from(error.get("code")?.as_i64()?).ok()?;
    let message = error.get("message")?.as_str()?.to_owned();
    Some(ErrorData::new(
        ErrorCode(code),
        message,
        error.get("data").cloned(),
    ))
}

/// A failure as the result of `tools/call`, for a call that never became one.
pub(super) fn refusal(failure: &Failure, revision: &Revision) -> CallToolResult {
    let envelope = failure.envelope();
    let mut result = CallToolResult::error(vec![ContentBlock::text(envelope.to_string())]);
    result.structured_content = structured(Some(&envelope), revision);
    result
}

/// Whether clients of `revision` are promised what the structured content of the tool's results is.
pub(super) fn promises_structure(tool: &Tool, revision: &Revision) -> bool {
    revision.has_structured_content() && output_schema(tool, revision).is_some()
}

/// A value as structured content, where the revision can carry it.
pub(super) fn structured(value: Option<&Value>, revision: &Revision) -> Option<Value> {
    value
        .filter(|_| revision.has_structured_content())
        .filter(|value| value.is_object() || revision.has_any_structure())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_where_properties_lead() {
        let header = json!({"type": "string", "x-mcp-header": "Region"});
        let object = |properties: Value| json!({"type": "object", "properties": properties});
        assert!(names_headers(&object(json!({"a": {}, "region": header}))));
        let deep = object(json!({"at": object(json!({"region": header}))}));
        assert!(names_headers(&deep));
        assert!(!names_headers(&object(
            json!({"x-mcp-header": {"type": "string"}})
        )));
        assert!(!names_headers(&json!({})));
    }
}
