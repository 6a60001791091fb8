//! Timeouts, cancels, budgets, and the end of the runner.

use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::FailureCode;
use tokio::time::{Instant, sleep};

use crate::support::{alive, bash, eventually, mark, python, sh, sleeping};

const SHORT: Duration = Duration::from_millis(500);

/// Patience with a busy machine, and far from the grace of a tool.
const PROMPT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_timeout_keeps_what_python_has_printed() {
    let run = python("import time\nprint('half')\ntime.sleep(3600)")
        .timeout(SHORT)
        .run()
        .await;
    let failure = run.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "half\n");
    assert_eq!(failure.data["timeout_ms"], 500);
    assert_eq!(failure.data["signal"], 15);
    assert!(
        failure
            .remediation
            .unwrap()
            .contains("raise `timeout` of tool `subject` in the file (now 500 ms)")
    );
}

#[tokio::test]
async fn the_polite_end_is_heard_and_its_last_words_are_kept() {
    let script = "trap 'echo cleaned; exit 7' TERM; echo up; while :; do sleep 0.01; done";
    let failure = sh(script).timeout(SHORT).run().await.result.unwrap_err();
    assert_eq!(
        failure.code,
        FailureCode::Timeout,
        "though it ended by itself after the signal"
    );
    assert_eq!(failure.data["stdout"], "up\ncleaned\n");
    assert_eq!(failure.data["exit_code"], 7);
}

#[tokio::test]
async fn a_child_has_the_grace_though_its_shell_is_gone() {
    let child = "import signal,sys,time\ndef end(*_):\n  time.sleep(0.3); print('child cleaned'); sys.exit()\nsignal.signal(signal.SIGTERM, end)\nprint('up')\nwhile True: time.sleep(1)";
    let script = format!("/usr/bin/python3 -c \"{child}\"; true");
    let failure = sh(&script)
        .timeout(Duration::from_secs(1))
        .run()
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.data["stdout"], "up\nchild cleaned\n");
}

#[tokio::test]
async fn who_ignores_the_polite_end_is_killed_after_the_grace() {
    let mark = mark();
    let script = format!("trap '' TERM; echo up; (sleep {mark} & sleep {mark}) & sleep {mark}");
    let started = Instant::now();
    let run = bash(&script).timeout(SHORT).grace(SHORT).run().await;
    let failure = run.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "up\n");
    assert_eq!(failure.data["signal"], 9);
    assert_eq!(
        alive(&mark),
        0,
        "children that inherited the ignored signal"
    );
    let took = started.elapsed();
    assert!(
        took >= SHORT * 2 && took < SHORT * 2 + Duration::from_secs(1),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_stopped_process_hears_the_polite_end() {
    let failure = sh("trap 'echo heard; exit' TERM; kill -STOP $$; sleep 3600")
        .timeout(SHORT)
        .run()
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.data["stdout"], "heard\n");
}

#[tokio::test]
async fn a_cancel_ends_the_call_with_its_output() {
    let mark = mark();
    let draft = sh(&format!("echo half; sleep {mark}"));
    let cancel = draft.cancel.clone();
    let run = tokio::spawn(draft.run());
    eventually("the script runs", || sleeping(&mark) > 0).await;
    cancel.cancel();
    let failure = run.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(failure.data["stdout"], "half\n");
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn a_call_cancelled_before_its_start_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut draft = sh("touch started");
    draft.working_dir = folder.path().to_owned();
    draft.cancel.cancel();
    let run = draft.run().await;
    assert_eq!(run.result.unwrap_err().code, FailureCode::Cancelled);
    assert!(!folder.path().join("started").exists());
}

#[tokio::test]
async fn a_budget_tightens_the_timeout_and_includes_the_grace() {
    let mut draft = sh("trap '' TERM; while :; do sleep 0.05; done").grace(Duration::from_secs(5));
    draft.context.budget = Some(Duration::from_secs(2));
    let started = Instant::now();
    let failure = draft.run().await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["timeout_ms"], 1500);
    assert!(failure.message.contains("caller granted"));
    let took = started.elapsed();
    assert!(took < Duration::from_millis(2500), "{took:?}");

    let mut spent = sh("true");
    spent.context.budget = Some(Duration::from_secs(1));
    spent.context.received = Instant::now().checked_sub(Duration::from_secs(2));
    let refused = spent.run().await;
    assert_eq!(refused.result.unwrap_err().code, FailureCode::Timeout);
    assert_eq!(refused.ran, Duration::ZERO);

    let mut ample = sh("echo ok");
    ample.context.budget = Some(Duration::from_hours(1));
    let run = ample.run().await;
    assert_eq!(
        run.timeout,
        Duration::from_secs(30),
        "a caller never loosens"
    );
}

#[tokio::test]
async fn a_drain_ends_what_runs_and_refuses_what_comes() {
    let executor = ScriptExecutor::new();
    let mark = mark();
    let polite = sh(&format!("echo half; exec sleep {mark}")).call();
    let stubborn = bash(&format!("trap '' TERM; sleep {mark}; sleep {mark}"))
        .grace(Duration::from_secs(30))
        .call();
    let runs: Vec<_> = [polite, stubborn]
        .into_iter()
        .map(|call| {
            let executor = executor.clone();
            tokio::spawn(async move { executor.run(&call, ()).await })
        })
        .collect();
    eventually("both run", || sleeping(&mark) >= 2).await;
    eventually("both are on the roll", || {
        let running = executor.running();
        running.len() == 2 && running.iter().all(|running| running.pid.is_some())
    })
    .await;
    let started = Instant::now();
    let stragglers = executor.drain(Some(SHORT)).await;
    assert!(stragglers.is_empty(), "{stragglers:?}");
    assert!(
        started.elapsed() < PROMPT,
        "the drain's grace, not the tools'"
    );
    assert_eq!(alive(&mark), 0);
    for run in runs {
        let failure = run.await.unwrap().result.unwrap_err();
        assert_eq!(failure.code, FailureCode::Cancelled);
        assert!(failure.message.contains("stopping"));
    }
    let late = executor.run(&sh("true").call(), ()).await;
    assert_eq!(late.result.unwrap_err().code, FailureCode::ShuttingDown);
}

#[tokio::test]
async fn an_abandoned_script_has_half_a_second() {
    let mark = mark();
    let call = bash(&format!("trap '' TERM; sleep {mark}; sleep {mark}"))
        .grace(Duration::from_secs(30))
        .call();
    let executor = ScriptExecutor::new();
    let running = executor.clone();
    let run = tokio::spawn(async move { running.run(&call, ()).await });
    eventually("the script runs", || sleeping(&mark) > 0).await;
    let abandoned = Instant::now();
    run.abort();
    eventually("everything is gone", || alive(&mark) == 0).await;
    assert!(abandoned.elapsed() < PROMPT, "not the grace of the tool");
    eventually("the roll is empty", || executor.running().is_empty()).await;
}

#[tokio::test]
async fn abandoning_a_call_shortens_a_grace_that_has_begun() {
    let mark = mark();
    let draft =
        bash(&format!("trap '' TERM; sleep {mark}; sleep {mark}")).grace(Duration::from_secs(30));
    let cancel = draft.cancel.clone();
    let run = tokio::spawn(draft.run());
    eventually("the script runs", || sleeping(&mark) > 0).await;
    cancel.cancel();
    // The first `sleep` dies of the polite signal unless it inherited the trap: either way bash is still there.
    sleep(Duration::from_millis(50)).await;
    run.abort();
    let abandoned = Instant::now();
    eventually("everything is gone", || alive(&mark) == 0).await;
    assert!(abandoned.elapsed() < PROMPT, "not the grace of the tool");
}
