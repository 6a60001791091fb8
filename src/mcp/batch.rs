//! The built-in tool `batch`: many calls as one, with progress as each completes.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ProgressNotificationParam};
use rmcp::service::RequestContext;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::convert;
use super::revision::Revision;
use crate::batch::{self, ANSWER_BYTES, Batches, CallResult, Handles, Plan, RunnerCaller, Watch};
use crate::runner::Runner;
use crate::tool::{BuiltinTool, CallContext, Failure};

/// Completed calls that wait to be told of.
const UNTOLD: usize = 64;

/// How often a batch in which nothing completes reports that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Runs the batch that `arguments` describe. A client that cancels gets what is done.
///
/// # Errors
/// When the batch cannot run as it is written, and when too many run already.
pub(super) async fn call(
    arguments: JsonObject,
    runner: &Arc<Runner>,
    batches: &Batches,
    caller: CallContext,
    request: &RequestContext<RoleServer>,
    revision: &Revision,
) -> Result<CallToolResult, Failure> {
    let has_batch = runner.catalog().get(BuiltinTool::Batch.name()).is_some();
    let mut plan = Plan::parse(Value::Object(arguments), has_batch)?;
    if let Some(budget) = caller.budget {
        plan = plan.within(budget);
    }
    let at_most = request.meta.get("max_parallel").and_then(Value::as_u64);
    let at_most = at_most.and_then(|calls| u32::try_from(calls).ok());
    if let Some(calls) = at_most.and_then(NonZeroU32::new) {
        plan = plan.at_most(calls);
    }
    let _place = batches.enter()?;
    let counted = runner.batch_figures().begin();
    let owner = caller.owner.clone();
    let (completed, completions) = mpsc::channel(UNTOLD);
    let cancel = CancellationToken::new();
    let watch = Watch {
        cancel: cancel.clone(),
        completed: Some(completed),
    };
    let total = plan.len();
    let calls = Arc::new(RunnerCaller::new(Arc::clone(runner), caller));
    let running = batch::run(plan, calls, watch);
    let telling = tell(completions, total, request, revision);
    let both = async { tokio::join!(running, telling).0 };
    tokio::pin!(both);
    let report = tokio::select! {
        report = &mut both => report,
        () = request.ct.cancelled() => {
            cancel.cancel();
            both.await
        }
    };
    counted.end(report.end(), report.took, &report.counts().by_word());
    let handles = Handles::keep(&report, ANSWER_BYTES, runner.store(), &owner).await;
    let answer = report.to_json_with(ANSWER_BYTES, &handles);
    let mut result = CallToolResult::success(vec![ContentBlock::text(answer.to_string())]);
    result.structured_content = convert::structured(Some(&answer), revision);
    Ok(result)
}

/// Tells of each call as it completes, when the client asked for progress, and of life in between.
async fn tell(
    mut completions: mpsc::Receiver<Arc<CallResult>>,
    total: usize,
    request: &RequestContext<RoleServer>,
    revision: &Revision,
) {
    let Some(token) = request.meta.get_progress_token() else {
        // Without a reader the batch would wait for one.
        return completions.close();
    };
    let (mut done, mut beats) = (0_u32, 0_u32);
    let mut ticks = interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    loop {
        let message = tokio::select! {
            completion = completions.recv() => match completion {
                Some(result) => {
                    (done, beats) = (done + 1, 0);
                    sentence(&result)
                }
                None => return,
            },
            _ = ticks.tick() => {
                beats += 1;
                "still working".to_owned()
            }
        };
        ticks.reset();
        // Progress has to increase each time: heartbeats come ever closer to the next whole call.
        let progress = f64::from(done) + f64::from(beats) / f64::from(beats + 1);
        let mut news = ProgressNotificationParam::new(token.clone(), progress);
        news.message = revision.has_progress_messages().then_some(message);
        news.total = u32::try_from(total).ok().map(f64::from);
        if request.peer.notify_progress(news).await.is_err() {
            return completions.close();
        }
    }
}

fn sentence(result: &CallResult) -> String {
    match &result.ended.result {
        Ok(_) => format!("`{}` succeeded", result.call_id),
        Err(_) if result.skipped => format!("`{}` was not run", result.call_id),
        Err(failure) => format!("`{}` failed: {}", result.call_id, failure.code.code()),
    }
}
