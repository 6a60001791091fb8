//! Tools the runner brings itself: listed after the file's, outside the limits of those, with a bound of their own.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject, Tool as McpTool, ToolAnnotations};
use rmcp::service::RequestContext;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::revision::Revision;
use super::{batch as batch_tool, convert, read_output, status};
use crate::batch::{self, Batches};
use crate::runner::Runner;
use crate::tool::{BuiltinTool, CallContext, Catalog, Failure, FailureCode};

/// Built-in calls that run at once.
const AT_ONCE: usize = 8;

/// Built-in calls that run or wait; more are refused.
const ADMITTED: usize = 100;

/// Runs built-in tools. Clones share the bounds.
#[derive(Clone, Debug)]
pub(super) struct Builtins {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    batches: Batches,
}

impl Builtins {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(ADMITTED)),
            batches: Batches::default(),
        }
    }

    /// Calls a built-in tool that is served.
    pub(super) async fn call(
        &self,
        tool: BuiltinTool,
        arguments: JsonObject,
        caller: CallContext,
        runner: &Arc<Runner>,
        request: &RequestContext<RoleServer>,
        revision: &Revision,
    ) -> CallToolResult {
        let result = match self.admitted.try_acquire() {
            Err(_) => Err(no_room(tool)),
            Ok(_admitted) => match self.turn(request).await {
                Err(cancelled) => Err(cancelled),
                Ok(_running) => match tool {
                    BuiltinTool::Batch => {
                        // Its future is large, and every request would carry it.
                        let batches = &self.batches;
                        Box::pin(batch_tool::call(
                            arguments, runner, batches, caller, request, revision,
                        ))
                        .await
                    }
                    BuiltinTool::ReadOutput => {
                        let reading = read_output::call(runner.store(), caller.owner, arguments);
                        tokio::select! {
                            read = reading => read,
                            () = request.ct.cancelled() => Err(cancelled()),
                        }
                    }
                    BuiltinTool::Status => status::call(runner, &caller.tools, arguments),
                },
            },
        };
        result.unwrap_or_else(|failure| convert::refusal(&failure, revision))
    }

    /// Waits for one of the places of built-in calls.
    async fn turn(
        &self,
        request: &RequestContext<RoleServer>,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        tokio::select! {
            turn = self.running.acquire() => turn.map_err(|_| cancelled()),
            () = request.ct.cancelled() => Err(cancelled()),
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(FailureCode::Cancelled, "the call was cancelled")
}

fn no_room(tool: BuiltinTool) -> Failure {
    Failure::new(
        FailureCode::QueueFull,
        format!(
            "{ADMITTED} calls of built-in tools run or wait, and `{}` takes no more",
            tool.name()
        ),
    )
    .retry_after(std::time::Duration::from_millis(200))
}

/// The built-in tools that `catalog` serves, in the order the file lists them.
pub(super) fn served(catalog: &Catalog) -> impl Iterator<Item = BuiltinTool> {
    catalog.builtin_tools.iter().copied()
}

/// The built-in tool of that name, if it is served.
pub(super) fn find(catalog: &Catalog, name: &str) -> Option<BuiltinTool> {
    served(catalog).find(|tool| tool.name() == name)
}

/// A built-in tool as `tools/list` shows it.
pub(super) fn shown(tool: BuiltinTool, revision: &Revision) -> McpTool {
    let (description, schema) = match tool {
        BuiltinTool::Batch => {
            let schema = batch::schema().as_object().cloned().unwrap_or_default();
            return McpTool::new(tool.name(), batch::DESCRIPTION, Arc::new(schema));
        }
        BuiltinTool::ReadOutput => (read_output::DESCRIPTION, read_output::schema()),
        BuiltinTool::Status => (status::DESCRIPTION, status::schema()),
    };
    let schema = schema.value().as_object().cloned().unwrap_or_default();
    let mut shown = McpTool::new(tool.name(), description, Arc::new(schema));
    if revision.has_annotations() {
        let annotations =
            ToolAnnotations::from_raw(None, Some(true), Some(false), Some(true), Some(false));
        shown.annotations = Some(annotations);
    }
    shown
}

/// An argument as its schema promises it to be: a whole number, or absent.
pub(super) fn number(arguments: &JsonObject, name: &str) -> Option<u64> {
    arguments.get(name).and_then(Value::as_u64)
}
