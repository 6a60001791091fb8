//! Calls of kept workers are ended like those of any process; what dies takes nobody with it, and is replaced.

use std::path::Path;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::FailureCode;
use serde_json::json;
use tokio::time::Instant;

use crate::calls::{Draft, alive, eventually, mark, sleeping};
use crate::kept::{kept, room, run, text, with};

/// Prompt: well below every timeout in these tests, with room for a busy machine.
const PROMPT: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(500);

/// Does what its arguments say.
const OBEDIENT: &str = "
import os, signal, subprocess, sys, time
def main(arguments):
    print('up')
    exec(arguments.get('do', ''))
    return os.getpid()
";

fn told(folder: &Path, what: &str) -> Draft {
    let mut draft = kept(folder, OBEDIENT);
    draft.arguments = json!({ "do": what });
    draft
}

async fn pid(executor: &ScriptExecutor, folder: &Path) -> String {
    text(executor, told(folder, "")).await
}

fn lives(pid: &str) -> bool {
    Path::new(&format!("/proc/{pid}/exe")).exists()
}

#[tokio::test]
async fn a_timeout_ends_the_worker_and_another_takes_its_place() {
    let (folder, executor) = room();
    let mark = mark();
    let first = pid(&executor, folder.path()).await;
    let draft = told(
        folder.path(),
        &format!("subprocess.run(['sleep', '{mark}'])"),
    )
    .timeout(SHORT);
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(
        failure.message,
        "`subject` was ended after its timeout of 500 ms"
    );
    assert_eq!(failure.data["stderr"], "up\n");
    assert_eq!(failure.data["signal"], 15);
    assert_eq!(alive(&mark), 0);
    let second = pid(&executor, folder.path()).await;
    assert!(second != first && !lives(&first));
    executor.drain(None).await;
}

#[tokio::test]
async fn the_polite_end_is_heard_within_the_grace() {
    let (folder, executor) = room();
    let script = "import signal, sys, time
def end(*_): print('cleaned'); sys.exit(7)
signal.signal(signal.SIGTERM, end)
def main(arguments):
    yield 'half'
    while arguments.get('wait'): time.sleep(1)";
    text(&executor, kept(folder.path(), script)).await;
    let mut draft = kept(folder.path(), script).timeout(SHORT);
    draft.arguments = json!({ "wait": true });
    let started = Instant::now();
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(
        (&failure.data["stdout"], &failure.data["stderr"]),
        (&json!("half\n"), &json!("cleaned\n"))
    );
    assert_eq!(failure.data["exit_code"], 7);
    assert!(started.elapsed() < PROMPT);
    executor.drain(None).await;
}

#[tokio::test]
async fn who_ignores_the_polite_end_is_killed_with_its_family() {
    let (folder, executor) = room();
    let mark = mark();
    let what = format!(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3): subprocess.Popen(['sleep', '{mark}'])
while True: time.sleep(1)"
    );
    pid(&executor, folder.path()).await;
    let draft = told(folder.path(), &what).timeout(SHORT).grace(SHORT);
    let started = Instant::now();
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(
        (failure.code, &failure.data["signal"]),
        (FailureCode::Timeout, &json!(9))
    );
    assert_eq!(alive(&mark), 0);
    assert!(started.elapsed() >= SHORT * 2 && started.elapsed() < PROMPT);
    executor.drain(None).await;
}

#[tokio::test]
async fn a_cancel_and_a_dropped_call_end_what_runs() {
    let (folder, executor) = room();
    for is_dropped in [false, true] {
        let mark = mark();
        let draft = told(
            folder.path(),
            &format!("subprocess.run(['sleep', '{mark}'])"),
        );
        let cancel = draft.cancel.clone();
        let running = executor.clone();
        let task = tokio::spawn(async move { run(&running, draft).await });
        eventually("it runs", || sleeping(&mark) > 0).await;
        if is_dropped {
            task.abort();
        } else {
            cancel.cancel();
            let failure = task.await.unwrap().result.unwrap_err();
            assert_eq!(failure.code, FailureCode::Cancelled);
            assert_eq!(failure.data["stderr"], "up\n");
            assert_eq!(alive(&mark), 0);
        }
        eventually("nobody is left", || {
            alive(&mark) == 0 && executor.running().is_empty()
        })
        .await;
    }
    pid(&executor, folder.path()).await;
    executor.drain(None).await;
}

#[tokio::test]
async fn a_worker_that_dies_fails_its_call_alone() {
    let (folder, executor) = room();
    let two = |what: &str| {
        with(told(folder.path(), what), |worker| {
            worker.size = 2.try_into().unwrap();
        })
    };
    for (what, code, message) in [
        (
            "os._exit(3)",
            FailureCode::ExitStatus,
            "`subject` ended with exit status 3",
        ),
        (
            "os._exit(0)",
            FailureCode::ExitStatus,
            "`subject` ended its worker before it answered, with exit status 0",
        ),
        (
            "os.kill(os.getpid(), 9)",
            FailureCode::KilledBySignal,
            "`subject` was ended by SIGKILL, as the kernel does when memory is short",
        ),
        (
            "import ctypes; ctypes.string_at(0)",
            FailureCode::KilledBySignal,
            "`subject` was ended by SIGSEGV",
        ),
    ] {
        let beside = two("time.sleep(0.3)").call();
        let running = executor.clone();
        let beside = tokio::spawn(async move { running.run(&beside, ()).await });
        let failure = run(&executor, two(what)).await.result.unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (code, message));
        assert!(failure.data["stderr"].as_str().unwrap().starts_with("up\n"));
        assert!(beside.await.unwrap().result.is_ok(), "{what}");
        assert!(run(&executor, two("")).await.result.is_ok(), "{what}");
    }
    executor.drain(None).await;
}

/// No call is given to a worker that died while nobody called.
#[tokio::test]
async fn a_worker_that_dies_between_calls_is_nobody_s_failure() {
    let (folder, executor) = room();
    for _ in 0..5 {
        let before = pid(&executor, folder.path()).await;
        let number = rustix::process::Pid::from_raw(before.parse().unwrap()).unwrap();
        rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
        // One that is about to die can still take what it is sent.
        while lives(&before) {
            std::thread::yield_now();
        }
        assert_ne!(pid(&executor, folder.path()).await, before);
    }
    executor.drain(None).await;
}

/// It belongs to the worker: it lives as long as that, through other calls, and ends with it.
#[tokio::test]
async fn what_a_call_starts_ends_with_the_worker() {
    let (folder, executor) = room();
    let mark = mark();
    let what = format!("subprocess.Popen(['sleep', '{mark}'])");
    run(&executor, told(folder.path(), &what))
        .await
        .result
        .unwrap();
    eventually("it runs", || sleeping(&mark) == 1).await;
    pid(&executor, folder.path()).await;
    assert_eq!(sleeping(&mark), 1);
    assert!(executor.drain(None).await.is_empty());
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn a_stopping_runner_ends_calls_and_workers_in_order() {
    let (folder, executor) = room();
    let script = "import atexit, os, time
atexit.register(lambda: open('ended', 'a').write('x'))
def main(arguments):
    while arguments.get('wait'): time.sleep(0.02)
    return os.getpid()";
    let both = |wait: bool| {
        let mut draft = with(kept(folder.path(), script), |worker| {
            worker.size = 2.try_into().unwrap();
        });
        draft.arguments = json!({ "wait": wait });
        draft
    };
    let waiting = both(true).call();
    let running = executor.clone();
    let task = tokio::spawn(async move { running.run(&waiting, ()).await });
    eventually("it runs", || {
        executor.running().iter().any(|line| line.pid.is_some())
    })
    .await;
    let busy = executor.running()[0].pid.unwrap().to_string();
    let idle = text(&executor, both(false)).await;
    assert_ne!(idle, busy);
    assert!(executor.drain(None).await.is_empty());
    let failure = task.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert!(
        failure.message.ends_with("the runner is stopping"),
        "{}",
        failure.message
    );
    assert!(!lives(&idle) && !lives(&busy));
    let ended = std::fs::read_to_string(folder.path().join("ended")).unwrap_or_default();
    assert_eq!(ended, "x", "the idle one ended by itself");
    let refused = run(&executor, both(false)).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::ShuttingDown);
}

/// Whoever waits for a worker is served in turn, and does not hold up the others by giving up.
#[tokio::test]
async fn calls_that_wait_are_served_in_their_order_and_can_be_called_off() {
    let (folder, executor) = room();
    let script = "import os, time
order = []
def main(arguments):
    order.append(arguments['n'])
    while arguments['n'] == 1 and not os.path.exists('go'): time.sleep(0.01)
    return order";
    let call = |n: usize| {
        let mut draft = kept(folder.path(), script);
        draft.arguments = json!({ "n": n });
        draft
    };
    // Warm from here on.
    run(&executor, call(0)).await.result.unwrap();
    let (mut tasks, mut cancels) = (Vec::new(), Vec::new());
    for n in 1..=3 {
        let draft = call(n);
        cancels.push(draft.cancel.clone());
        let running = executor.clone();
        tasks.push(tokio::spawn(
            async move { run(&running, draft).await.result },
        ));
        eventually("it is here", || executor.running().len() == n).await;
    }
    cancels[2].cancel();
    let failure = tasks.pop().unwrap().await.unwrap().unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    let late = run(&executor, call(4).timeout(SHORT))
        .await
        .result
        .unwrap_err();
    assert_eq!(late.code, FailureCode::Timeout);
    let running = executor.clone();
    let fifth = call(5);
    let fifth = tokio::spawn(async move { run(&running, fifth).await.result });
    eventually("it waits", || executor.running().len() == 3).await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(fifth.await.unwrap().unwrap().text, "[0, 1, 2, 5]");
    executor.drain(None).await;
}
