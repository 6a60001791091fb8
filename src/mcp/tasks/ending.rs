//! What an outcome means for a task.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ErrorCode};
use serde_json::{Map, Value};

use crate::mcp::convert;
use crate::mcp::revision::Revision;
use crate::tasks::{Ending, Fault};
use crate::tool::{Failure, FailureCode, Outcome};

/// How a task ends whose call came to `outcome`, and in what words. A failure of the tool is a result, which its client
/// can read and mend; without a result ends what the server itself did not bring to an end. `answered` makes the
/// result.
pub(super) fn of(
    outcome: &Outcome,
    was_called_off: bool,
    longest: usize,
    revision: &Revision,
    answered: impl FnOnce() -> CallToolResult,
) -> (Ending, Option<String>) {
    if let Some(error) = convert::protocol_error(outcome) {
        let message = error.message.to_string();
        return (Ending::Failed(fault(&error)), Some(message));
    }
    let Err(failure) = &outcome.result else {
        return (completed(&answered(), longest, revision), None);
    };
    let message = Some(failure.message.clone());
    let ending = match failure.code {
        FailureCode::Cancelled if was_called_off => Ending::Cancelled(object(&answered())),
        // Nobody called it off, so the runner did.
        FailureCode::Cancelled | FailureCode::ShuttingDown | FailureCode::Internal => {
            Ending::Failed(internal(failure))
        }
        _ => completed(&answered(), longest, revision),
    };
    (ending, message)
}

/// A task that ended in a bug of ours.
pub(super) fn bug() -> (Ending, Option<String>) {
    let message = "a bug of the runner ended this task; the server goes on";
    let failure = Failure::new(FailureCode::Internal, message);
    (Ending::Failed(internal(&failure)), Some(message.to_owned()))
}

fn completed(result: &CallToolResult, longest: usize, revision: &Revision) -> Ending {
    let whole = object(result);
    let bytes = Value::Object(whole.clone()).to_string().len();
    if bytes <= longest {
        return Ending::Completed(whole);
    }
    let failure = Failure::new(
        FailureCode::OutputTooLarge,
        format!("the result takes {bytes} bytes, and a task keeps at most {longest}"),
    )
    .remediation("let the tool print less, or lower its `output.max_bytes`");
    Ending::Completed(object(&convert::refusal(&failure, revision)))
}

fn object(result: &CallToolResult) -> Map<String, Value> {
    match serde_json::to_value(result) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn internal(failure: &Failure) -> Fault {
    Fault {
        code: ErrorCode::INTERNAL_ERROR.0,
        message: failure.message.clone(),
        data: Some(failure.envelope()),
    }
}

fn fault(error: &ErrorData) -> Fault {
    Fault {
        code: error.code.0,
        message: error.message.to_string(),
        data: error.data.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tasks::Status;
    use crate::tool::{CallId, Output, Timing, ToolName};

    fn outcome(result: Result<Output, Failure>) -> Outcome {
        Outcome {
            call: CallId::random(),
            tool: ToolName::parse("t").unwrap(),
            result,
            timing: Timing::default(),
            warnings: Vec::new(),
        }
    }

    fn status(result: Result<Output, Failure>, was_called_off: bool) -> Status {
        let (outcome, revision) = (outcome(result), Revision::of(None));
        let answered = || convert::result(&outcome, &revision);
        let (ending, _) = of(&outcome, was_called_off, 1000, &revision, answered);
        ending.status()
    }

    #[test]
    fn what_the_tool_did_is_a_result_and_what_befell_it_is_not() {
        let failed = |code| Err(Failure::new(code, "why"));
        let text = || Output {
            text: "x".to_owned(),
            ..Output::default()
        };
        assert_eq!(status(Ok(text()), false), Status::Completed);
        assert_eq!(status(Ok(text()), true), Status::Completed);
        for code in [
            FailureCode::ExitStatus,
            FailureCode::Timeout,
            FailureCode::QueueTimeout,
        ] {
            assert_eq!(status(failed(code), false), Status::Completed, "{code:?}");
        }
        for code in [
            FailureCode::Internal,
            FailureCode::ShuttingDown,
            FailureCode::Cancelled,
        ] {
            assert_eq!(status(failed(code), false), Status::Failed, "{code:?}");
        }
        assert_eq!(
            status(failed(FailureCode::Cancelled), true),
            Status::Cancelled
        );
    }

    #[test]
    fn an_error_in_the_protocols_own_terms_is_kept_as_it_is() {
        let error = json!({"code": -32000, "message": "no", "data": {"a": 1}});
        let outcome = outcome(Ok(Output {
            structured: Some(json!({ "error": error })),
            is_mcp_result: true,
            ..Output::default()
        }));
        let answered = || unreachable!("there is no result");
        let (ending, message) = of(&outcome, false, 1000, &Revision::of(None), answered);
        let Ending::Failed(fault) = ending else {
            panic!("{ending:?}")
        };
        assert_eq!(Value::Object(fault.to_object()), error);
        assert_eq!(message.as_deref(), Some("no"));
    }

    #[test]
    fn a_result_that_is_too_large_is_refused_as_one() {
        let (outcome, revision) = (outcome(Ok(Output::default())), Revision::of(None));
        let long = || {
            let block = rmcp::model::ContentBlock::text("x".repeat(2000));
            CallToolResult::success(vec![block])
        };
        let (ending, _) = of(&outcome, false, 1000, &revision, long);
        let Ending::Completed(result) = ending else {
            panic!("{ending:?}")
        };
        assert_eq!(result["isError"], true);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("OUTPUT_TOO_LARGE"), "{text}");
    }
}
