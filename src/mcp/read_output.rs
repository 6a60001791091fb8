//! The built-in tool `read_output`: reads on in an output that was too long for an answer.

use std::sync::LazyLock;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::builtin::number;
use crate::store::{Page, Pattern, ReadError, Store};
use crate::tool::{Failure, FailureCode, Owner, Schema};

/// What the model is told of the tool.
pub(super) const DESCRIPTION: &str = "Read on in the stored output of a tool that printed more than its answer could hold. \
     Gives the text from `offset` on, and `next_offset` until the end is reached; with `grep`, only the matching lines, each with its offset.";

/// Bytes of a page where nothing else is asked for.
const PAGE: usize = 32 * 1024;

/// The largest page, in bytes.
const LARGEST_PAGE: usize = 256 * 1024;

/// What the tool takes.
pub(super) fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new(json!({
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "The handle that the answer gave"},
                "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "Where to begin, in bytes"},
                "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE,
                          "description": "Bytes at most; a page ends with a whole line where it can"},
                "grep": {"type": "string", "maxLength": 1024,
                         "description": "A regular expression: only the lines that match it"},
            },
            "required": ["id"],
            "additionalProperties": false,
        }))
    });
    &SCHEMA
}

/// Reads, for `owner`.
///
/// # Errors
/// `INVALID_ARGUMENTS` with what to mend, also where there is no such output; `INTERNAL` when the disk fails.
pub(super) async fn call(
    store: &Store,
    owner: Owner,
    arguments: JsonObject,
) -> Result<CallToolResult, Failure> {
    let arguments = checked(arguments)?;
    let text = |name: &str| {
        arguments
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let id = text("id").unwrap_or_default();
    let offset = number(&arguments, "offset").unwrap_or(0);
    let limit =
        number(&arguments, "limit").map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE));
    let pattern = match text("grep") {
        Some(pattern) => Some(Pattern::parse(&pattern).map_err(|error| {
            invalid("/grep", &error.to_string()).remediation(
                "escape characters such as `(` and `.` with a backslash to find them as they are",
            )
        })?),
        None => None,
    };
    let (store, of) = (store.clone(), id.clone());
    let page = spawn_blocking(move || match pattern {
        Some(pattern) => store.search(&of, &owner, offset, limit, &pattern),
        None => store.page(&of, &owner, offset, limit),
    })
    .await
    .map_err(|_| Failure::new(FailureCode::Internal, "reading the output failed"))?
    .map_err(|error| unread(&error))?;
    Ok(answer(&id, &page))
}

fn checked(arguments: JsonObject) -> Result<JsonObject, Failure> {
    let arguments = Value::Object(arguments);
    let violations = schema().violations(&arguments);
    if let Some(first) = violations.first() {
        return Err(invalid(&first.pointer, &first.message));
    }
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        _ => Ok(JsonObject::new()),
    }
}

fn invalid(pointer: &str, message: &str) -> Failure {
    Failure::new(FailureCode::InvalidArguments, message).with(
        "violations",
        vec![json!({"pointer": pointer, "message": message})],
    )
}

fn unread(error: &ReadError) -> Failure {
    match error {
        ReadError::Unknown => {
            invalid("/id", &error.to_string()).remediation("call the tool again that printed it")
        }
        ReadError::PastTheEnd { .. } => invalid("/offset", &error.to_string()),
        ReadError::Unreadable(_) => Failure::new(FailureCode::Internal, error.to_string()),
    }
}

fn answer(id: &str, page: &Page) -> CallToolResult {
    let place = match page.next_offset {
        Some(next) => format!("read on with `offset` {next} (of {} bytes)", page.total),
        None => format!("the end (of {} bytes)", page.total),
    };
    let blocks = vec![
        ContentBlock::text(page.text.clone()),
        ContentBlock::text(format!("[runner] {place}")),
    ];
    let mut result = CallToolResult::success(blocks);
    result.structured_content = Some(json!({
        "id": id,
        "offset": page.offset,
        "next_offset": page.next_offset,
        "total_bytes": page.total,
        "text": page.text,
    }));
    result
}
