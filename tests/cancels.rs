//! Ten thousand calls called off at random moments, in the queue, at the start, while they run and as they
//! end: no process is left, and every place is back.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runner::config::{Env, LoadOptions, load_text};
use runner::runner::Runner;
use runner::tool::{Call, CallContext, FailureCode};
use serde_json::{Map, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const CALLS: u64 = 10_000;
const PLACES: usize = 16;

/// Callers at once: more than there are places, so that calls are called off in the queue, too.
const CALLERS: usize = 48;

fn tools(mark: u32) -> String {
    format!(
        r#"
concurrency: {{ max_parallel: {PLACES}, queue_size: {CALLERS} }}
tools:
  - name: sleeps
    description: Sleeps under a number of its own
    kill_grace: 50ms
    script: {{ shell: "exec sleep {mark}" }}
  - name: forks
    description: Sleeps twice, once in the background
    kill_grace: 50ms
    script: {{ shell: "sleep {mark} & exec sleep {mark}" }}
  - name: ends
    description: Ends by itself
    script: {{ shell: "echo done" }}
  - name: gate
    description: Waits for a file
    parameters: [{{ name: file, type: string }}]
    concurrency: {{ queue_size: 0 }}
    script: {{ shell: "while [ ! -e \"{{{{file}}}}\" ]; do sleep 0.05; done" }}
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancelled_calls_leave_no_process_and_every_place() {
    let folder = tempfile::tempdir().unwrap();
    // A number of seconds that nobody else sleeps marks the processes of this test.
    let mark = 1_000_000 + std::process::id();
    let options = LoadOptions {
        env: Env::from_process(),
        ..LoadOptions::default()
    };
    let loaded = load_text(
        Path::new("gantz.yaml"),
        tools(mark),
        folder.path(),
        &options,
    )
    .unwrap();
    let runner = Arc::new(Runner::new(loaded.catalog));

    let callers = Arc::new(Semaphore::new(CALLERS));
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let caller = Arc::clone(&callers).acquire_owned().await.unwrap();
        let runner = Arc::clone(&runner);
        calls.spawn(async move {
            let _caller = caller;
            call_off(&runner, number).await;
        });
        while calls.try_join_next().is_some_and(|ended| ended.is_ok()) {}
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap();
    }

    eventually("no process is left", || sleepers(mark) == 0).await;
    eventually("every place is given back", || runner.load().running == 0).await;
    assert_eq!(runner.load().waiting, 0);
    assert_every_place_is_back(&runner, folder.path()).await;
    assert_eq!(runner.drain().await, Vec::<String>::new());
}

/// Makes a call and calls it off after up to 30 ms: by its token, or by dropping its future.
async fn call_off(runner: &Runner, number: u64) {
    let tool = ["sleeps", "forks", "ends"][(number % 3) as usize];
    let moment = Duration::from_micros(number.wrapping_mul(2_654_435_761) % 30_000);
    let call = prepare(runner, tool, Map::new()).await;
    if number.is_multiple_of(2) {
        drop(timeout(moment, runner.call(call)).await);
        return;
    }
    let cancel = call.cancel.clone();
    let (outcome, ()) = tokio::join!(runner.call(call), async {
        sleep(moment).await;
        cancel.cancel();
    });
    if let Err(failure) = outcome.result {
        assert_eq!(failure.code, FailureCode::Cancelled, "{failure:?}");
    }
}

async fn prepare(runner: &Runner, tool: &str, arguments: Map<String, serde_json::Value>) -> Call {
    let context = CallContext::default();
    runner
        .prepare(tool, arguments, context, CancellationToken::new())
        .await
        .unwrap()
}

/// With no queue, exactly as many calls are accepted as there are places.
async fn assert_every_place_is_back(runner: &Arc<Runner>, folder: &Path) {
    let gate = folder.join("gate");
    let mut calls = JoinSet::new();
    for _ in 0..=PLACES {
        let arguments = json!({"file": gate.to_str().unwrap()})
            .as_object()
            .unwrap()
            .clone();
        let call = prepare(runner, "gate", arguments).await;
        let runner = Arc::clone(runner);
        calls.spawn(async move { runner.call(call).await });
    }
    let refused = calls.join_next().await.unwrap().unwrap();
    assert_eq!(refused.result.unwrap_err().code, FailureCode::QueueFull);
    fs::write(&gate, "").unwrap();
    let outcomes = calls.join_all().await;
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| outcome.result.is_ok())
            .count(),
        PLACES
    );
}

/// Living processes that sleep for the mark.
fn sleepers(mark: u32) -> usize {
    let wanted = format!("sleep\0{mark}\0");
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter(|entry| {
            fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
        })
        .count()
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "never happened: {what}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}
