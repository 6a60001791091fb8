//! A batch opens no tool to a client that may not use it.

use std::fs;
use std::sync::Arc;

use runner::batch::{RunnerCaller, Watch, run};
use runner::config::{LoadOptions, load};
use runner::runner::Runner;
use runner::tool::{CallContext, ToolAccess};
use serde_json::json;

use crate::command::TOOLS;
use crate::fake::plan;

#[tokio::test]
async fn a_tool_that_a_client_may_not_use_is_unknown_to_its_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gantz.yaml");
    fs::write(&path, TOOLS).unwrap();
    let loaded = load(&path, &LoadOptions::default()).unwrap();
    let runner = Arc::new(Runner::new(loaded.catalog));
    let context = CallContext {
        tools: ToolAccess::only(["batch", "make"]),
        ..CallContext::default()
    };
    let request = json!({"calls": [
        {"tool_name": "make", "params": {"value": {}}},
        {"tool_name": "fails"},
    ]});
    let caller = Arc::new(RunnerCaller::new(runner, context));
    let report = run(plan(request), caller, Watch::default()).await;
    assert!(report.results[0].succeeded());
    let failure = report.results[1].ended.result.as_ref().unwrap_err();
    assert_eq!(failure.code.code(), "UNKNOWN_TOOL");
}
