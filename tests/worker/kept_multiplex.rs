//! Kept workers with an `async def main`, which answer several calls at once.

use std::path::Path;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::{FailureCode, OutputFormat};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::calls::{Draft, eventually};
use crate::kept::{kept, room, run, text, with};

const SCRIPT: &str = "
import asyncio, os, sys, time
open_calls = most = 0
async def main(arguments, context):
    global open_calls, most
    open_calls += 1
    most = max(most, open_calls)
    try:
        await asyncio.sleep(arguments.get('sleep', 0))
        if arguments.get('raise'): raise ValueError(context.call_id)
        return [os.getpid(), most]
    except asyncio.CancelledError:
        context.warning('cleaned up')
        while arguments.get('stay'): await asyncio.sleep(0.01)
        raise
    finally:
        open_calls -= 1
";

fn call(folder: &Path, multiplex: u32, arguments: Value) -> Draft {
    let mut draft = with(kept(folder, SCRIPT), |worker| {
        worker.multiplex = multiplex.try_into().unwrap();
    });
    draft.arguments = arguments;
    draft
}

async fn pid(executor: &ScriptExecutor, folder: &Path, multiplex: u32) -> Value {
    let run = run(executor, call(folder, multiplex, json!({}))).await;
    run.result.unwrap().structured.unwrap()[0].clone()
}

#[tokio::test]
async fn one_worker_answers_many_calls_at_once() {
    let (folder, executor) = room();
    let first = pid(&executor, folder.path(), 50).await;
    let mut calls = JoinSet::new();
    let started = Instant::now();
    for _ in 0..50 {
        let draft = call(folder.path(), 50, json!({"sleep": 1}));
        let executor = executor.clone();
        calls.spawn(async move { run(&executor, draft).await });
    }
    let mut most = 0;
    while let Some(done) = calls.join_next().await {
        let answer = done.unwrap().result.unwrap().structured.unwrap();
        assert_eq!(answer[0], first);
        most = most.max(answer[1].as_u64().unwrap());
    }
    assert!(most > 5, "{most} at once");
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "{:?}",
        started.elapsed()
    );
    executor.drain(None).await;
}

#[tokio::test]
async fn a_call_that_is_called_off_is_told_so_and_the_others_go_on() {
    let (folder, executor) = room();
    let worker = pid(&executor, folder.path(), 4).await;
    let beside = call(folder.path(), 4, json!({"sleep": 2}));
    let running = executor.clone();
    let beside = tokio::spawn(async move { run(&running, beside).await });
    let cancelled = call(folder.path(), 4, json!({"sleep": 3600}));
    let cancel = cancelled.cancel.clone();
    let running = executor.clone();
    let cancelled = tokio::spawn(async move { run(&running, cancelled).await });
    eventually("both run", || {
        executor
            .running()
            .iter()
            .filter(|line| line.pid.is_some())
            .count()
            == 2
    })
    .await;
    let late = call(folder.path(), 4, json!({"sleep": 3600})).timeout(Duration::from_millis(300));
    let late = run(&executor, late).await;
    assert_eq!(late.warnings, ["cleaned up"]);
    let failure = late.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["exit_code"], 1);
    cancel.cancel();
    let failure = cancelled.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(
        beside.await.unwrap().result.unwrap().structured.unwrap()[0],
        worker
    );
    assert_eq!(
        pid(&executor, folder.path(), 4).await,
        worker,
        "it lives on"
    );
    executor.drain(None).await;
}

#[tokio::test]
async fn a_call_that_does_not_end_takes_its_worker_with_it() {
    let (folder, executor) = room();
    let worker = pid(&executor, folder.path(), 4).await;
    let beside = call(folder.path(), 4, json!({"sleep": 3600}));
    let running = executor.clone();
    let beside = tokio::spawn(async move { run(&running, beside).await });
    eventually("it runs", || !executor.running().is_empty()).await;
    let short = Duration::from_millis(300);
    let stays = call(folder.path(), 4, json!({"sleep": 3600, "stay": true}))
        .timeout(short)
        .grace(short);
    let failure = run(&executor, stays).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    let failure = beside.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::KilledBySignal);
    assert_eq!(
        failure.message,
        "`subject` was ended with its worker, because another call of that did not end when it was asked to"
    );
    assert_ne!(pid(&executor, folder.path(), 4).await, worker);
    executor.drain(None).await;
}

#[tokio::test]
async fn each_call_has_its_own_traceback() {
    let (folder, executor) = room();
    pid(&executor, folder.path(), 8).await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let call = call(folder.path(), 8, json!({"raise": true, "sleep": 0.2})).call();
        let executor = executor.clone();
        calls.spawn(async move { (call.id.to_string(), executor.run(&call, ()).await) });
    }
    while let Some(done) = calls.join_next().await {
        let (id, run) = done.unwrap();
        let failure = run.result.unwrap_err();
        assert_eq!(failure.data["exit_code"], 1);
        let stderr = failure.data["stderr"].as_str().unwrap();
        assert!(stderr.ends_with(&format!("ValueError: {id}\n")), "{stderr}");
        assert_eq!(stderr.matches("Traceback").count(), 1, "{stderr}");
    }
    executor.drain(None).await;
}

#[tokio::test]
async fn async_does_without_multiplex_and_generators_do_as_well() {
    let (folder, executor) = room();
    let script = "import asyncio
task = None
async def main(arguments):
    global task
    if task is None: task = asyncio.create_task(asyncio.sleep(3600))
    for n in range(3):
        await asyncio.sleep(0)
        yield {'n': n}";
    for _ in 0..2 {
        let mut draft = kept(folder.path(), script);
        draft.output.format = OutputFormat::Jsonl;
        let items = run(&executor, draft).await.result.unwrap().structured;
        assert_eq!(items, Some(json!([{"n": 0}, {"n": 1}, {"n": 2}])));
    }
    let plain = "async def main(arguments):\n    print('stray')\n    return 'done'";
    assert_eq!(text(&executor, kept(folder.path(), plain)).await, "done");
    executor.drain(None).await;
}
