//! A call that becomes a task, from its creation to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, CreateTaskResult};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, model::ErrorCode};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{ending, wire};
use crate::mcp::handler::answered;
use crate::mcp::revision::Revision;
use crate::runner::Runner;
use crate::tasks::{Entry, NewTask};
use crate::tool::{
    Call, Failure, Gate, Outcome, Progress, ProgressReports, ProgressSink, Tape, TaskMode,
    TaskRules,
};

/// The field of a call's `_meta` by which its client asks for a shorter life of its task, in milliseconds.
const TTL: &str = "ttl_ms";

/// How often it is worth asking after a task of which nothing is known; else it is a twentieth of what the call usually
/// takes, within these bounds.
const POLL: Duration = Duration::from_secs(1);
const SHORTEST_POLL: Duration = Duration::from_millis(500);
const LONGEST_POLL: Duration = Duration::from_secs(5);

/// What became of a call that was to become a task.
pub(in crate::mcp) enum Started {
    /// It is one.
    Task(Box<CreateTaskResult>),
    /// It was answered or turned away before there was anything to wait for.
    Ended(Box<Outcome>),
    /// It could not be written down, and has not run.
    Refused(Failure),
}

/// Whether a call of `tool` becomes a task.
///
/// # Errors
/// When it must become one and cannot: the client does not know tasks (SEP-2663, "Capability Negotiation"), or there is
/// nowhere to keep them.
pub(in crate::mcp) fn is_wanted(
    rules: TaskRules,
    runner: &Runner,
    context: &RequestContext<RoleServer>,
    revision: &Revision,
) -> Result<bool, ErrorData> {
    if !rules.makes_tasks() {
        return Ok(false);
    }
    let is_known = revision.is_stateless()
        && context
            .client_capabilities()
            .is_some_and(|capabilities| capabilities.supports_tasks());
    let is_required = rules.mode == TaskMode::Required;
    if is_required && !is_known {
        let tasks = ClientCapabilities::builder().enable_tasks().build();
        return Err(ErrorData::missing_required_client_capability(tasks));
    }
    if is_required && !runner.tasks().is_open() {
        let message = "this tool runs as a task only, and this server has nowhere to keep tasks: give it a state directory with `--state-dir`";
        return Err(ErrorData::new(ErrorCode::INTERNAL_ERROR, message, None));
    }
    Ok(is_known && runner.tasks().is_open())
}

/// Starts `call` as a task, and waits until it is written down. `None` when the client left before that, and the call
/// with it; from then on the call runs whoever leaves.
pub(in crate::mcp) async fn start(
    runner: &Arc<Runner>,
    mut call: Call,
    context: &RequestContext<RoleServer>,
    revision: &Revision,
) -> Option<Started> {
    let (progress, reports) = ProgressSink::new();
    let gate = Gate::default();
    call.context.progress = progress;
    call.context.tape = Tape::new();
    call.context.gate = Some(gate.clone());
    let ttl = context.meta.get(TTL).and_then(Value::as_u64);
    let new = NewTask {
        owner: call.context.owner.clone(),
        tool: call.tool.name.clone(),
        call: call.id.clone(),
        ttl: ttl.map(Duration::from_millis),
        poll: poll(call.tool.task.expected_duration),
        tape: call.context.tape.clone(),
    };
    let (answer, started) = oneshot::channel();
    let work = Work {
        runner: Arc::clone(runner),
        call,
        gate,
        reports,
        revision: revision.clone(),
    };
    runner.tasks().spawn(work.run(new, answer));
    tokio::select! {
        started = started => started.ok(),
        () = context.ct.cancelled() => None,
    }
}

fn poll(expected: Option<Duration>) -> Duration {
    expected.map_or(POLL, |expected| {
        (expected / 20).clamp(SHORTEST_POLL, LONGEST_POLL)
    })
}

/// A call that becomes a task.
struct Work {
    runner: Arc<Runner>,
    call: Call,
    gate: Gate,
    reports: ProgressReports,
    revision: Revision,
}

impl Work {
    /// Runs the call as a task, which is created once the call has its place in the queue, and before it starts.
    async fn run(self, new: NewTask, answer: oneshot::Sender<Started>) {
        let Self {
            runner,
            call,
            gate,
            mut reports,
            revision,
        } = self;
        let opener = gate.opener();
        let cancel = call.cancel.clone();
        let running = runner.call(call);
        tokio::pin!(running);
        let early = tokio::select! {
            biased;
            outcome = &mut running => Some(outcome),
            () = gate.taken() => None,
        };
        if let Some(outcome) = early {
            drop(answer.send(Started::Ended(Box::new(outcome))));
            return;
        }
        if answer.is_closed() {
            return;
        }
        let entry = match runner.tasks().create(new).await {
            Ok(entry) => entry,
            Err(failure) => {
                cancel.cancel();
                drop(answer.send(Started::Refused(failure)));
                return;
            }
        };
        let created = Box::new(wire::created(entry.task()));
        drop(answer.send(Started::Task(created)));
        drop(opener);
        let outcome = loop {
            tokio::select! {
                outcome = &mut running => break outcome,
                () = entry.called_off().cancelled(), if !cancel.is_cancelled() => cancel.cancel(),
                progress = news(&mut reports) => entry.tell(&sentence(&progress)),
            }
        };
        end(entry, &outcome, &runner, &revision).await;
    }
}

async fn end(entry: Entry, outcome: &Outcome, runner: &Runner, revision: &Revision) {
    let was_called_off = entry.called_off().is_cancelled();
    let longest = runner.tasks().longest_result();
    // A bug of ours must not leave a task at work for ever.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let answered = || answered(runner, outcome, revision);
        ending::of(outcome, was_called_off, longest, revision, answered)
    }));
    let (ending, message) = ended.unwrap_or_else(|_| ending::bug());
    entry
        .end(ending, message.as_deref(), outcome.leads_to())
        .await;
}

/// Waits for the next progress; for ever, where no more can come.
async fn news(reports: &mut ProgressReports) -> Progress {
    loop {
        if reports.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let progress = reports.borrow_and_update().clone();
        if let Some(progress) = progress {
            return progress;
        }
    }
}

/// Progress as people say it: `3/10: message`.
fn sentence(progress: &Progress) -> String {
    let figure = match progress.total {
        Some(total) => format!("{}/{total}", progress.done),
        None => progress.done.to_string(),
    };
    match &progress.message {
        Some(message) => format!("{figure}: {message}"),
        None => figure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_call_takes_the_less_it_is_asked_after() {
        assert_eq!(poll(None), POLL);
        assert_eq!(poll(Some(Duration::from_secs(1))), SHORTEST_POLL);
        assert_eq!(poll(Some(Duration::from_mins(1))), Duration::from_secs(3));
        assert_eq!(poll(Some(Duration::from_hours(9))), LONGEST_POLL);
    }

    #[test]
    fn progress_is_told_in_words() {
        let progress = |total, message: Option<&str>| Progress {
            done: 3.0,
            total,
            message: message.map(str::to_owned),
        };
        assert_eq!(sentence(&progress(Some(10.0), Some("half"))), "3/10: half");
        assert_eq!(sentence(&progress(None, None)), "3");
    }
}
