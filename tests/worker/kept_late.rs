//! Kept workers that speak of a call after its end.

use serde_json::json;

use crate::kept::{given, kept, room, run, text};

/// The first call leaves a thread, which speaks of it during the second.
#[tokio::test]
async fn what_is_said_too_late_harms_no_other_call() {
    let (folder, executor) = room();
    let script = "import os, threading
now, said = threading.Event(), threading.Event()
def main(arguments, context):
    def late():
        now.wait()
        for _ in range(3): context.progress(1, 2, 'late')
        context.warning('late')
        said.set()
    if arguments['first']:
        threading.Thread(target=late, daemon=True).start()
    else:
        now.set()
        said.wait(30)
    return os.getpid()";
    let call = |first: bool| given(kept(folder.path(), script), json!({ "first": first }));
    let pid = text(&executor, call(true)).await;
    let second = run(&executor, call(false)).await;
    assert_eq!(second.result.unwrap().text, pid);
    assert!(second.warnings.is_empty(), "{:?}", second.warnings);
    assert_eq!(text(&executor, call(false)).await, pid, "it lives on");
    executor.drain(None).await;
}

/// What a generator says when it is closed belongs to the call that it was for.
#[tokio::test]
async fn a_generator_is_closed_before_its_call_ends() {
    for kind in ["def", "async def"] {
        let (folder, executor) = room();
        let script = format!(
            "import os
{kind} main(arguments, context):
    try:
        yield object() if arguments['bad'] else os.getpid()
    finally:
        context.warning('closed')"
        );
        let call = |bad: bool| given(kept(folder.path(), &script), json!({ "bad": bad }));
        let pid = text(&executor, call(false)).await;
        let failed = run(&executor, call(true)).await;
        assert_eq!(failed.warnings, ["closed"], "{kind}");
        assert_eq!(failed.result.unwrap_err().data["exit_code"], 1);
        assert_eq!(text(&executor, call(false)).await, pid, "{kind}");
        executor.drain(None).await;
    }
}

#[tokio::test]
async fn a_task_that_outlives_its_call_harms_no_other() {
    let (folder, executor) = room();
    let script = "import asyncio, os
now, said, tasks = asyncio.Event(), asyncio.Event(), []
async def main(arguments, context):
    async def late():
        await now.wait()
        context.progress(1, 2, 'late')
        said.set()
    if arguments['first']:
        tasks.append(asyncio.create_task(late()))
    else:
        now.set()
        await said.wait()
    return os.getpid()";
    let call = |first: bool| given(kept(folder.path(), script), json!({ "first": first }));
    let pid = text(&executor, call(true)).await;
    for _ in 0..2 {
        assert_eq!(text(&executor, call(false)).await, pid);
    }
    executor.drain(None).await;
}
