//! Runs on a paused clock: every moment is exact.

use std::sync::Arc;
use std::time::Duration;

use runner::batch::{ANSWER_BYTES, CallResult, Cut, Report, Watch, run};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::fake::{Fake, Notes, call, plan};

async fn ran(fake: Fake, request: Value) -> (Report, Notes) {
    let fake = Arc::new(fake);
    let report = run(plan(request), Arc::clone(&fake), Watch::default()).await;
    (report, fake.notes())
}

fn codes(report: &Report) -> Vec<(&str, &str)> {
    let code = |result: &Arc<CallResult>| match &result.ended.result {
        Ok(_) => "ok",
        Err(failure) => failure.code.code(),
    };
    let results = report.results.iter();
    results
        .map(|result| (result.call_id.as_str(), code(result)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_starts_the_moment_its_own_dependencies_are_done() {
    let began = Instant::now();
    let (report, notes) = ran(
        Fake::default(),
        json!({"calls": [
            call("slow", 1000, json!({})),
            call("fast", 10, json!({})),
            call("after_fast", 10, json!({"depends_on": ["fast"]})),
            call("after_both", 10, json!({"depends_on": ["slow", "after_fast"]})),
        ]}),
    )
    .await;
    assert!(report.succeeded());
    let at = |id: &str| notes.started[id] - began;
    assert_eq!(at("after_fast"), Duration::from_millis(10));
    assert_eq!(at("after_both"), Duration::from_secs(1));
    assert_eq!(report.summary(), "4 of 4 calls succeeded in 1.0 s");
}

#[tokio::test(start_paused = true)]
async fn references_keep_types_and_stand_in_text_as_text() {
    let gives =
        json!({"n": 7, "big": 9_007_199_254_740_993_u64, "list": [1, {"x": null}], "s": "t\"x"});
    let (report, notes) = ran(Fake::default(), json!({"calls": [
        call("a", 0, json!({"params": {"gives": gives}})),
        call("plain", 0, json!({"params": {"gives": "line\n"}})),
        call("each", 0, json!({"for_each": [{"id": "e0", "gives": {"v": 1}}, {"id": "e1", "gives": {"v": 2}}]})),
        call("b", 0, json!({"params": {
            "n": "${a.result.n}", "big": "${a.result.big}", "list": "${a.result.list}", "x": ["${a.result.list[1].x}"],
            "text": "n=${a.result.n} s=${a.result.s} l=${a.result.list} $${kept} $5", "plain": "${plain.result}",
            "each": "${each.result}", "second": "${each.result[1].v}", "one": "${each[0].result.v}",
        }})),
    ]})).await;
    assert!(report.succeeded(), "{:?}", codes(&report));
    assert_eq!(
        notes.params["b"],
        json!({"id": "b", "ms": 0,
        "n": 7, "big": 9_007_199_254_740_993_u64, "list": [1, {"x": null}], "x": [null],
        "text": "n=7 s=t\"x l=[1,{\"x\":null}] ${kept} $5", "plain": "line",
        "each": [{"v": 1}, {"v": 2}], "second": 2, "one": 1})
    );
    // The answer has the script's own bytes.
    assert_eq!(report.results[1].to_json()["result"], "line\n");
}

#[tokio::test(start_paused = true)]
async fn failures_stay_with_their_dependents() {
    let (report, notes) = ran(
        Fake::default(),
        json!({"calls": [
            call("bad", 5, json!({"params": {"fails": true}})),
            call("next", 0, json!({"depends_on": ["bad"]})),
            call("last", 0, json!({"params": {"x": "${next.result}"}})),
            call("free", 50, json!({})),
            call("nobody", 0, json!({"tool_name": "unknown"})),
            call("astray", 0, json!({"params": {"x": "${free.result.nope}"}})),
        ]}),
    )
    .await;
    assert_eq!(
        codes(&report),
        [
            ("bad", "EXIT_STATUS"),
            ("next", "DEPENDENCY_FAILED"),
            ("last", "DEPENDENCY_FAILED"),
            ("free", "ok"),
            ("nobody", "UNKNOWN_TOOL"),
            ("astray", "INVALID_ARGUMENTS"),
        ]
    );
    assert!(!notes.started.contains_key("next"));
    let answer = report.to_json(ANSWER_BYTES);
    assert_eq!(
        answer["counts"],
        json!({"total": 6, "succeeded": 1, "failed": 3, "skipped": 2, "max_parallel": 1000})
    );
    assert_eq!(
        answer["summary"],
        "1 of 6 calls succeeded, 3 failed, 2 not run in 0.1 s"
    );
    assert_eq!(
        answer["results"][2]["error"],
        json!({
            "code": "DEPENDENCY_FAILED", "type": "batch",
            "message": "not run: it needs `next`, which gave no result, because `bad` failed",
               "remediation": "see why `bad` failed, mend it, and send it again with what depends on it",
            "data": {"dependency": "next", "failed": "bad"},
        })
    );
    assert_eq!(
        answer["results"][5]["error"]["message"],
        "`${free.result.nope}` has no value: `result` is an empty object, without `.nope`"
    );
    assert_eq!(
        answer["errors"][0],
        json!({"call_id": "bad", "tool_name": "t", "code": "EXIT_STATUS", "message": "exit 1"})
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 3);
    assert_eq!(answer.get("cancellation"), None);
}

#[tokio::test(start_paused = true)]
async fn stop_starts_nothing_after_the_first_failure() {
    let (report, notes) = ran(
        Fake::with_places(&[("t", 2)]),
        json!({"on_error": "stop", "calls": [
            call("runs", 100, json!({})),
            call("bad", 10, json!({"params": {"fails": true}})),
            call("waits", 0, json!({"depends_on": ["runs"]})),
            call("hangs_on_it", 0, json!({"depends_on": ["bad"]})),
        ]}),
    )
    .await;
    assert_eq!(
        codes(&report),
        [
            ("runs", "ok"),
            ("bad", "EXIT_STATUS"),
            ("waits", "CANCELLED"),
            ("hangs_on_it", "DEPENDENCY_FAILED"),
        ]
    );
    assert_eq!(notes.started.len(), 2);
    assert_eq!(
        report.results[2].ended.result.as_ref().unwrap_err().message,
        "not run: `bad` failed, and the batch stops at the first failure"
    );
}

#[tokio::test(start_paused = true)]
async fn one_call_waits_in_the_queue_of_a_tool_and_the_others_go_on() {
    let mut calls: Vec<Value> = (0..50)
        .map(|n| call(&format!("a{n}"), 10, json!({})))
        .collect();
    calls.push(call("other", 10, json!({"tool_name": "other"})));
    let began = Instant::now();
    let (report, notes) = ran(Fake::with_places(&[("t", 3)]), json!({"calls": calls})).await;
    assert!(report.succeeded());
    assert_eq!(notes.most_waiting, 1);
    assert_eq!(notes.started["other"], began);
    assert_eq!(notes.most_running, 4);
    // 50 calls, 3 at once, 10 ms each: never idle.
    assert_eq!(report.took, Duration::from_millis(170));
}

#[tokio::test(start_paused = true)]
async fn refusals_for_want_of_room_are_waited_out() {
    let (report, _) = ran(
        Fake::refusing("t", 5),
        json!({"calls": [call("a", 0, json!({})), call("b", 0, json!({}))]}),
    )
    .await;
    assert!(report.succeeded(), "{:?}", codes(&report));
    assert_eq!(report.took, Duration::from_millis(250));
    let (report, _) = ran(
        Fake::refusing("t", u32::MAX),
        json!({"timeout": 2, "calls": [call("a", 0, json!({})), call("b", 0, json!({}))]}),
    )
    .await;
    assert_eq!(report.took, Duration::from_secs(2));
    assert_eq!(report.cut, Some(Cut::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_batch_has_a_bound_of_its_own() {
    let calls: Vec<Value> = (0..20)
        .map(|n| call(&format!("c{n}"), 10, json!({})))
        .collect();
    let (report, notes) = ran(Fake::default(), json!({"max_parallel": 4, "calls": calls})).await;
    assert_eq!((notes.most_running, report.max_parallel), (4, 4));
    assert_eq!(report.took, Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn time_that_is_over_keeps_what_is_done() {
    let (report, _) = ran(
        Fake::default(),
        json!({"timeout": "1s", "calls": [
            call("done", 10, json!({})),
            call("long", 5000, json!({})),
            call("after", 0, json!({"depends_on": ["long"]})),
        ]}),
    )
    .await;
    assert_eq!(
        codes(&report),
        [("done", "ok"), ("long", "TIMEOUT"), ("after", "TIMEOUT")]
    );
    let answer = report.to_json(ANSWER_BYTES);
    assert_eq!(
        answer["cancellation"],
        json!({"was_cancelled": false, "processed": 1, "total_requested": 3, "remaining": 2})
    );
    assert_eq!(
        answer["results"][1]["error"]["message"],
        "ended: the batch may take 1 s, and that is over"
    );
    assert_eq!(answer["results"][1]["error"]["data"]["stdout"], "half");
    assert_eq!(answer["counts"]["failed"], 1);
    assert_eq!(answer["counts"]["skipped"], 1);
    assert_eq!(report.took, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_batch_answers_with_what_is_done() {
    let watch = Watch::default();
    let cancel = watch.cancel.clone();
    let request = json!({"calls": [
        call("done", 10, json!({})), call("long", 5000, json!({})),
        call("queued", 0, json!({"tool_name": "narrow"})), call("after", 0, json!({"depends_on": ["long"]})),
    ]});
    // The one place of the tool is never free.
    let fake = Arc::new(Fake::with_places(&[("narrow", 0)]));
    let running = run(plan(request), fake, watch);
    let cancelling = async {
        sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(running, cancelling);
    assert_eq!(
        codes(&report),
        [
            ("done", "ok"),
            ("long", "CANCELLED"),
            ("queued", "CANCELLED"),
            ("after", "CANCELLED")
        ]
    );
    let answer = report.to_json(ANSWER_BYTES);
    assert_eq!(
        answer["cancellation"],
        json!({"was_cancelled": true, "processed": 1, "total_requested": 4, "remaining": 3})
    );
    assert_eq!(answer["counts"]["skipped"], 2);
    assert_eq!(report.took, Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn completions_come_as_they_happen_and_every_call_has_one() {
    let (completed, mut completions) = mpsc::channel(1);
    let watch = Watch {
        completed: Some(completed),
        ..Watch::default()
    };
    let request = json!({"calls": [
        call("slow", 100, json!({})), call("fast", 1, json!({"params": {"fails": true}})),
        call("skipped", 0, json!({"depends_on": ["fast"]})),
    ]});
    let running = run(plan(request), Arc::new(Fake::default()), watch);
    let reading = async {
        let mut ids = Vec::new();
        while let Some(result) = completions.recv().await {
            ids.push(result.call_id.clone());
        }
        ids
    };
    let (report, ids) = tokio::join!(running, reading);
    assert_eq!(ids, ["fast", "skipped", "slow"]);
    assert_eq!(
        codes(&report).iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        ["slow", "fast", "skipped"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_full_cuts_results_and_says_so() {
    let text = "x".repeat(400_000);
    let calls: Vec<Value> = (0..4)
        .map(|n| call(&format!("c{n}"), 0, json!({"params": {"gives": text}})))
        .collect();
    let (report, _) = ran(Fake::default(), json!({"calls": calls})).await;
    let answer = report.to_json(ANSWER_BYTES);
    let cut: Vec<bool> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["result"].is_null())
        .collect();
    assert_eq!(cut, [false, false, true, true]);
    assert_eq!(
        answer["results"][2]["cut"],
        "400000 bytes are left out: the answer has no room for them; call it alone, or in a smaller batch"
    );
    assert_eq!(answer["results"][2]["success"], true);
    assert!(answer.to_string().len() < ANSWER_BYTES + 10_000);
}

#[tokio::test(start_paused = true)]
async fn references_cannot_blow_parameters_up() {
    let text = "x".repeat(1_000_000);
    let many = vec!["${big.result}"; 5];
    let (report, notes) = ran(
        Fake::default(),
        json!({"calls": [
            call("big", 0, json!({"params": {"gives": text}})),
            call("five", 0, json!({"params": {"x": many}})),
        ]}),
    )
    .await;
    assert_eq!(codes(&report)[1], ("five", "INVALID_ARGUMENTS"));
    assert!(!notes.started.contains_key("five"));
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_one_call_is_its_own_failure() {
    // The fake falls over a call without an id.
    let (report, _) = ran(
        Fake::default(),
        json!({"calls": [{"tool_name": "t"}, call("fine", 0, json!({}))]}),
    )
    .await;
    assert_eq!(codes(&report), [("call_1", "INTERNAL"), ("fine", "ok")]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_calls_that_wait_for_each_other_stay_cheap() {
    let wide: Vec<Value> = (0..4999)
        .map(|n| json!({"id": format!("a{n}"), "gives": n}))
        .collect();
    let after: Vec<Value> = (0..4999).map(|n| json!({"id": format!("b{n}")})).collect();
    let began = std::time::SystemTime::now();
    let (report, notes) = ran(
        Fake::with_places(&[("t", 10)]),
        json!({"calls": [
            call("a", 1, json!({"for_each": wide})),
            call("b", 1, json!({"for_each": after, "depends_on": ["a"]})),
            call("sum", 0, json!({"params": {"first": "${a.result[0]}"}, "depends_on": ["b"]})),
        ]}),
    )
    .await;
    assert!(report.succeeded());
    assert_eq!((report.results.len(), notes.most_waiting), (9999, 1));
    assert!(
        began.elapsed().unwrap() < Duration::from_secs(20),
        "a quadratic step somewhere"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_run_is_not_repeated() {
    let (report, notes) = ran(
        Fake::default(),
        json!({"calls": [
            call("at_once", 0, json!({"params": {"fails": "late"}})),
            call("later", 10, json!({"params": {"fails": "late"}})),
        ]}),
    )
    .await;
    assert_eq!(
        codes(&report),
        [("at_once", "QUEUE_TIMEOUT"), ("later", "QUEUE_TIMEOUT")]
    );
    assert_eq!(notes.starts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_as_long_as_anything_reads_it() {
    let (report, notes) = ran(Fake::default(), json!({"calls": [
        call("each", 0, json!({"for_each": [{"id": "e0", "gives": 1}, {"id": "e1", "gives": 2}]})),
        call("one", 10, json!({"params": {"x": "${each[0].result}"}})),
        call("all", 10, json!({"params": {"x": "${each.result}"}, "depends_on": ["one"]})),
        call("again", 0, json!({"params": {"x": "${each[1].result}"}, "depends_on": ["all"]})),
    ]})).await;
    assert!(report.succeeded(), "{:?}", codes(&report));
    assert_eq!(notes.params["all"]["x"], json!([1, 2]));
    assert_eq!(notes.params["again"]["x"], 2);
}
