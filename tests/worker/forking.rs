//! Calls of a warm interpreter are ended, and their leftovers swept, as those of a fresh one.

use std::path::Path;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::{FailureCode, ForkWorker, Worker};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::calls::{Draft, alive, argv, eventually, kill_marked, mark, sleeping};

/// Prompt: well below every timeout in these tests, with room for a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

const SHORT: Duration = Duration::from_millis(500);

/// A call of `script` in `folder`, by a warm interpreter.
pub(crate) fn forked(folder: &Path, script: &str) -> Draft {
    std::fs::write(folder.join("script.py"), script).unwrap();
    let mut draft = argv("/usr/bin/python3", &["script.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft.worker = Some(Worker::Fork(ForkWorker {
        options: 0,
        fixed: 1,
        preload: Vec::new(),
    }));
    draft
}

/// An executor whose interpreter for that folder is warm, so that no time goes to its start.
pub(crate) async fn warm(folder: &Path) -> ScriptExecutor {
    let executor = ScriptExecutor::new();
    let run = executor
        .run(&forked(folder, "print('warm')").call(), ())
        .await;
    assert_eq!(run.result.unwrap().text, "warm\n");
    executor
}

#[tokio::test]
async fn a_timeout_keeps_what_was_printed() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let draft = forked(
        folder.path(),
        "import time\nprint('half')\ntime.sleep(3600)",
    )
    .timeout(SHORT);
    let failure = executor.run(&draft.call(), ()).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "half\n");
    assert_eq!(failure.data["signal"], 15);
}

#[tokio::test]
async fn the_polite_end_is_heard_and_its_last_words_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let script = "import signal,sys,time
def end(*_): print('cleaned'); sys.exit(7)
signal.signal(signal.SIGTERM, end); print('up')
while True: time.sleep(1)";
    let draft = forked(folder.path(), script).timeout(SHORT);
    let failure = executor.run(&draft.call(), ()).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "up\ncleaned\n");
    assert_eq!(failure.data["exit_code"], 7);
}

#[tokio::test]
async fn who_ignores_the_polite_end_is_killed_with_its_family() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let script = format!(
        "import signal,subprocess,time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3): subprocess.Popen(['sleep', '{mark}'])
print('up')
while True: time.sleep(1)"
    );
    let draft = forked(folder.path(), &script).timeout(SHORT).grace(SHORT);
    let started = Instant::now();
    let failure = executor.run(&draft.call(), ()).await.result.unwrap_err();
    let took = started.elapsed();
    assert_eq!(failure.data["stdout"], "up\n");
    assert_eq!(failure.data["signal"], 9);
    assert_eq!(alive(&mark), 0);
    assert!(took >= SHORT * 2 && took < PROMPT, "{took:?}");
}

#[tokio::test]
async fn a_cancel_ends_the_call_with_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let script = format!("import subprocess\nprint('half')\nsubprocess.run(['sleep', '{mark}'])");
    let draft = forked(folder.path(), &script);
    let cancel = draft.cancel.clone();
    let call = draft.call();
    let run = tokio::spawn(async move { executor.run(&call, ()).await });
    eventually("the script runs", || sleeping(&mark) > 0).await;
    cancel.cancel();
    let failure = run.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(failure.data["stdout"], "half\n");
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn a_child_that_holds_the_output_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let script = format!("import subprocess\nsubprocess.Popen(['sleep', '{mark}'])\nprint('done')");
    let started = Instant::now();
    let run = executor
        .run(&forked(folder.path(), &script).call(), ())
        .await;
    assert_eq!(run.result.unwrap().text, "done\n");
    assert!(started.elapsed() < PROMPT);
    assert!(
        run.warnings[0].contains("left processes running"),
        "{:?}",
        run.warnings
    );
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn who_left_the_group_does_not_hold_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let script = format!(
        "import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)\nprint('done')"
    );
    let started = Instant::now();
    let run = executor
        .run(&forked(folder.path(), &script).call(), ())
        .await;
    kill_marked(&mark);
    assert_eq!(run.result.unwrap().text, "done\n");
    assert!(started.elapsed() < PROMPT);
    assert!(
        run.warnings[0].contains("outside its process group"),
        "{:?}",
        run.warnings
    );
}

#[tokio::test]
async fn a_flood_is_bounded_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let draft = forked(folder.path(), "while True: print('y' * 1000)").timeout(SHORT);
    let failure = executor.run(&draft.call(), ()).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(
        failure.data["stdout"]
            .as_str()
            .unwrap()
            .contains("bytes left out")
    );
}

#[tokio::test]
async fn an_abandoned_call_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let call = forked(
        folder.path(),
        &format!("import subprocess\nsubprocess.run(['sleep', '{mark}'])"),
    )
    .call();
    let running = executor.clone();
    let run = tokio::spawn(async move { running.run(&call, ()).await });
    eventually("the script runs", || sleeping(&mark) > 0).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    eventually("it is gone", || {
        alive(&mark) == 0 && executor.running().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_cancelled_at_random_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let script = format!(
        "import subprocess\nsubprocess.Popen(['sleep', '{mark}'])\nsubprocess.run(['sleep', '{mark}'])"
    );
    let mut calls = JoinSet::new();
    for number in 0..60_u64 {
        let draft = forked(folder.path(), &script).grace(Duration::from_millis(50));
        let (executor, cancel, call) = (executor.clone(), draft.cancel.clone(), draft.call());
        calls.spawn(async move {
            let random = u64::from_str_radix(&call.id.as_str()[..8], 16).unwrap() % 200_000;
            let run = executor.run(&call, ());
            if number % 3 == 0 {
                drop(tokio::time::timeout(Duration::from_micros(random), run).await);
            } else {
                tokio::join!(run, async {
                    sleep(Duration::from_micros(random)).await;
                    cancel.cancel();
                });
            }
        });
        if number % 8 == 7 {
            calls.join_next().await.unwrap().unwrap();
        }
    }
    calls.join_all().await;
    eventually("nobody is left", || {
        alive(&mark) == 0 && executor.running().is_empty()
    })
    .await;
    let run = executor
        .run(&forked(folder.path(), "print('on')").call(), ())
        .await;
    assert_eq!(run.result.unwrap().text, "on\n");
}
