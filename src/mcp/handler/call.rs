//! The path of a call: from the request to its result.

use std::borrow::Cow;

use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio_util::sync::CancellationToken;

use super::Handler;
use crate::mcp::caller::call_context;
use crate::mcp::confirm::{Reply, Settled};
use crate::mcp::progress::Teller;
use crate::mcp::revision::Revision;
use crate::mcp::tasks::{self, Started};
use crate::mcp::{builtin, convert, in_flight, outputs};
use crate::runner::Runner;
use crate::tool::{BuiltinTool, Call, CallContext, Catalog, Failure, FailureCode, Outcome};

impl Handler {
    /// Runs the call and gives its result; the client is told meanwhile how far it is.
    async fn run(
        &self,
        call: Call,
        mut teller: Teller,
        context: &RequestContext<RoleServer>,
        revision: &Revision,
    ) -> Result<CallToolResponse, ErrorData> {
        let cancel = call.cancel.clone();
        if call.tool.task.makes_tasks() {
            // What takes long enough for a task shows signs of life from the start.
            teller.begin();
        }
        let ended = in_flight::ended(context);
        let running = self.runner.call(call);
        tokio::pin!(running);
        let outcome = loop {
            let progress = tokio::select! {
                outcome = &mut running => break Some(outcome),
                () = context.ct.cancelled() => break None,
                () = ended.cancelled() => break None,
                progress = teller.next() => progress,
            };
            // Told to the end, so that none is told twice; a client that does not read holds up its own call alone.
            tokio::select! {
                () = teller.tell(progress, context) => {}
                () = context.ct.cancelled() => break None,
                () = ended.cancelled() => break None,
            }
        };
        if outcome.is_some()
            && let Some(last) = teller.last()
        {
            tokio::select! {
                () = teller.tell(last, context) => {}
                () = context.ct.cancelled() => {}
            }
        }
        let result = match outcome {
            Some(outcome) => match convert::protocol_error(&outcome) {
                Some(error) => return Err(error),
                None => self.answered(&outcome, revision),
            },
            // Dropping the call ends its process soon; nobody is there to be told.
            None if ended.is_cancelled() || client_is_gone(context, revision) => {
                convert::refusal(&cancelled(), revision)
            }
            None => {
                cancel.cancel();
                self.answered(&running.await, revision)
            }
        };
        Ok(self.complete_result(result))
    }

    /// Runs the call as a task, and gives its handle.
    async fn run_as_task(
        &self,
        call: Call,
        context: &RequestContext<RoleServer>,
        revision: &Revision,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = call.tool.name.to_string();
        let result = match tasks::start(&self.runner, call, context, revision).await {
            Some(Started::Task(mut created)) => {
                created.meta = Some(self.signed(created.meta.take()));
                return Ok(CallToolResponse::Task(*created));
            }
            Some(Started::Ended(outcome)) => match convert::protocol_error(&outcome) {
                Some(error) => return Err(error),
                None => self.answered(&outcome, revision),
            },
            Some(Started::Refused(failure)) => self.refused(&tool, &failure, revision),
            None => convert::refusal(&cancelled(), revision),
        };
        Ok(self.complete_result(result))
    }

    /// A call that may be run, or the answer to one that may not, or not yet: where its tool needs a person's word.
    async fn settled(
        &self,
        call: Call,
        reply: Reply,
        teller: &mut Teller,
        context: &RequestContext<RoleServer>,
        revision: &Revision,
    ) -> Result<Result<Call, CallToolResponse>, ErrorData> {
        if call.confirmation().is_none() {
            return Ok(Ok(call));
        }
        // Its future is large, and every request would carry it.
        let settling = self
            .asking
            .settle(call, reply, teller, context, revision, &self.runner);
        Ok(match Box::pin(settling).await? {
            Settled::Run(call) => Ok(call),
            Settled::Question(mut question) => {
                question.meta = Some(self.signed(question.meta.take()));
                Err(question.into())
            }
            Settled::Refused(outcome) => {
                Err(self.complete_result(self.answered(&outcome, revision)))
            }
        })
    }

    /// Answers `tools/call`.
    pub(super) async fn call(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let revision = Revision::of(context.protocol_version());
        let built_in = builtin::find(&self.runner.catalog(), &request.name);
        if let Some(tool) = built_in {
            let arguments = request.arguments.unwrap_or_default();
            let caller = call_context(context);
            let result = self
                .builtins
                .call(tool, arguments, caller, &self.runner, context, &revision)
                .await;
            return Ok(self.complete_result(result));
        }
        let cancel = CancellationToken::new();
        let (mut teller, progress) = Teller::new(context, &revision);
        let reply = Reply {
            state: request.request_state,
            responses: request.input_responses,
        };
        let prepared = self
            .runner
            .prepare(
                &request.name,
                request.arguments.unwrap_or_default(),
                CallContext {
                    progress,
                    ..call_context(context)
                },
                cancel,
            )
            .await;
        match prepared {
            Ok(call) => {
                let settled = self.settled(call, reply, &mut teller, context, &revision);
                let call = match settled.await? {
                    Ok(call) => call,
                    Err(answer) => return Ok(answer),
                };
                if !call.reads_on()
                    && tasks::is_wanted(call.tool.task, &self.runner, context, &revision)?
                {
                    // Its future is large, and every request would carry it.
                    return Box::pin(self.run_as_task(call, context, &revision)).await;
                }
                self.run(call, teller, context, &revision).await
            }
            Err(failure) if failure.code == FailureCode::UnknownTool => Err(unknown_tool(&failure)),
            Err(failure) => {
                let result = self.refused(&request.name, &failure, &revision);
                Ok(self.complete_result(result))
            }
        }
    }

    /// The result of a call, with the way to what it could not hold.
    fn answered(&self, outcome: &Outcome, revision: &Revision) -> CallToolResult {
        answered(&self.runner, outcome, revision)
    }

    /// The result of a call of `tool` that was turned away before it was one.
    fn refused(&self, tool: &str, failure: &Failure, revision: &Revision) -> CallToolResult {
        let mut result = convert::refusal(failure, revision);
        keep_promise(&self.runner.catalog(), tool, &mut result, revision);
        result
    }
}

/// The result of a call, with the way to what it could not hold.
pub(in crate::mcp) fn answered(
    runner: &Runner,
    outcome: &Outcome,
    revision: &Revision,
) -> CallToolResult {
    let mut result = convert::result(outcome, revision);
    // A result in MCP's own terms is handed on whole.
    let is_whole = matches!(&outcome.result, Ok(output) if output.is_mcp_result);
    let catalog = runner.catalog();
    if let Some(stored) = outcome.stored().filter(|_| !is_whole) {
        let has_reader = builtin::served(&catalog).any(|tool| tool == BuiltinTool::ReadOutput);
        let expiry = runner.store().expiry();
        outputs::attach(&mut result, stored, has_reader, expiry, revision);
    }
    keep_promise(&catalog, outcome.tool.as_str(), &mut result, revision);
    result
}

/// The structured content of a tool with a schema is what that promises, which a failure is not; the text has it.
fn keep_promise(catalog: &Catalog, tool: &str, result: &mut CallToolResult, revision: &Revision) {
    if result.is_error == Some(true)
        && let Some(tool) = catalog.get(tool)
        && convert::promises_structure(tool, revision)
    {
        result.structured_content = None;
    }
}

/// Over HTTP without a session the connection is the request: when it is cancelled, the client has left.
fn client_is_gone(context: &RequestContext<RoleServer>, revision: &Revision) -> bool {
    revision.is_stateless()
        && context
            .extensions
            .get::<axum::http::request::Parts>()
            .is_some()
}

fn cancelled() -> Failure {
    Failure::new(FailureCode::Cancelled, "the client went away")
}

/// An unknown tool is an error of the protocol (2026-07-28, "Error Handling"), with our envelope as its data.
fn unknown_tool(failure: &Failure) -> ErrorData {
    ErrorData::invalid_params(
        Cow::Owned(failure.message.clone()),
        Some(failure.envelope()),
    )
}
