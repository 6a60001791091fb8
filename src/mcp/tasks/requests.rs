//! `tasks/get`, `tasks/update` and `tasks/cancel`.

use rmcp::ErrorData;
use rmcp::model::GetTaskResult;

use super::wire;
use crate::tasks::{Ledger, Unavailable};
use crate::tool::Owner;

/// The task as it is now.
pub(in crate::mcp) async fn get(
    ledger: &Ledger,
    id: &str,
    owner: &Owner,
) -> Result<GetTaskResult, ErrorData> {
    let task = ledger
        .get(id, owner)
        .await
        .map_err(|error| refused(&error))?;
    Ok(wire::found(task))
}

/// Takes answers to what a task asked its client. No task here asks, so that every answer is to a question that is not
/// open, and ignored as the extension says; that there is such a task is said all the same.
pub(in crate::mcp) async fn update(
    ledger: &Ledger,
    id: &str,
    owner: &Owner,
) -> Result<(), ErrorData> {
    let found = ledger.get(id, owner).await;
    found.map(drop).map_err(|error| refused(&error))
}

/// Calls the task off. How that ends is told by `tasks/get`.
pub(in crate::mcp) async fn cancel(
    ledger: &Ledger,
    id: &str,
    owner: &Owner,
) -> Result<(), ErrorData> {
    let cancelled = ledger.cancel(id, owner).await;
    cancelled.map_err(|error| refused(&error))
}

fn refused(error: &Unavailable) -> ErrorData {
    match error {
        Unavailable::Unknown => ErrorData::invalid_params(error.to_string(), None),
        Unavailable::Broken(_) => ErrorData::internal_error(error.to_string(), None),
    }
}
