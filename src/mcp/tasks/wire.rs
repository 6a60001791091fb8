//! Tasks as the protocol shows them.

use std::time::Duration;

use rmcp::model::{
    CreateTaskResult, DetailedTask, GetTaskResult, JsonObject, MetaObject, Task as Shown,
    TaskPayload, TaskStatus,
};
use serde_json::Value;

use crate::tasks::{Status, Task};
use crate::telemetry::timestamp;

/// Where the partial result of a task that was called off stands in the `_meta` of `tasks/get`: the protocol has no
/// other place for it.
const PARTIAL: &str = "runner/partial_result";

/// The answer to the call that became the task.
pub(super) fn created(task: &Task) -> CreateTaskResult {
    CreateTaskResult::new(shown(task))
}

/// The answer to `tasks/get`.
pub(super) fn found(task: Task) -> GetTaskResult {
    let partial = task
        .payload
        .clone()
        .filter(|_| task.status == Status::Cancelled);
    let mut result = GetTaskResult::new(detailed(task));
    if let Some(partial) = partial {
        let mut meta = MetaObject::default();
        meta.insert(PARTIAL.to_owned(), Value::Object(partial));
        result.meta = Some(meta);
    }
    result
}

/// The task with what its status brings along.
pub(super) fn detailed(task: Task) -> DetailedTask {
    let shown = shown(&task);
    let payload = match task.status {
        Status::Working => TaskPayload::Working,
        Status::Completed => TaskPayload::Completed {
            result: object(task),
        },
        Status::Failed => TaskPayload::Failed {
            error: object(task),
        },
        Status::Cancelled => TaskPayload::Cancelled,
    };
    DetailedTask::new(shown, payload)
}

fn object(task: Task) -> JsonObject {
    task.payload.unwrap_or_default()
}

fn shown(task: &Task) -> Shown {
    let status = match task.status {
        Status::Working => TaskStatus::Working,
        Status::Completed => TaskStatus::Completed,
        Status::Failed => TaskStatus::Failed,
        Status::Cancelled => TaskStatus::Cancelled,
    };
    let mut shown = Shown::new(
        task.id.as_str(),
        status,
        timestamp(task.created),
        timestamp(task.updated),
    )
    .with_ttl_ms(millis(task.ttl))
    .with_poll_interval_ms(millis(task.poll));
    shown.status_message.clone_from(&task.message);
    shown
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
