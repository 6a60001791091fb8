//! Calls in this process, without a server.

use runner::runner::Runner;
use runner::tool::{CallContext, Failure, Outcome};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What came of a call; the failure where nothing could be made of its arguments.
pub(crate) async fn call_as(
    runner: &Runner,
    tool: &str,
    arguments: Value,
    context: CallContext,
    cancel: CancellationToken,
) -> Result<Outcome, Failure> {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    let call = runner.prepare(tool, arguments, context, cancel).await?;
    Ok(runner.call(call).await)
}

/// The same for a caller who says nothing of itself and waits for the answer.
pub(crate) async fn call(
    runner: &Runner,
    tool: &str,
    arguments: Value,
) -> Result<Outcome, Failure> {
    let (context, cancel) = (CallContext::default(), CancellationToken::new());
    call_as(runner, tool, arguments, context, cancel).await
}
