//! Circuit breakers in the life of a call.

use tokio::time::{Instant, sleep};

use super::*;

fn guarded(failure_threshold: u32, half_open_requests: u32) -> Tool {
    Tool {
        circuit_breaker: Some(breaker(failure_threshold, half_open_requests)),
        ..tool()
    }
}

/// The tool without its breaker, so that it fills the last place.
fn other(bench: &Bench) -> Arc<Tool> {
    Arc::new(Tool {
        name: bench.tool.name.clone(),
        ..tool()
    })
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_refuses_and_says_when_to_return() {
    let bench = Bench::new(guarded(2, 1), |run| {
        (SECOND, if run < 3 { exit(1) } else { text("back") })
    });
    for _ in 0..2 {
        bench.runner.call(bench.call()).await;
    }
    sleep(10 * SECOND).await;
    let refused = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(
        refused.envelope(),
        json!({"error": {
            "code": "CIRCUIT_OPEN", "type": "overload",
            "message": "circuit breaker `database` is open, because what it guards kept failing: nothing is tried for 30 s after the last failure",
            "remediation": "call again in 20 s: until then nothing that `database` guards is called",
            "retry_after_ms": 20_000,
            "data": {"circuit_breaker": "database"},
        }})
    );
    assert_eq!(bench.carrier.started().len(), 2);
    sleep(refused.retry_after.unwrap()).await;
    assert_eq!(bench.runner.call(bench.call()).await.result, text("back"));
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_did_says_nothing_about_the_tool() {
    let bench = Bench::new(guarded(1, 1), |run| match run {
        1 | 2 => (20 * SECOND, text("late")),
        _ => (
            SECOND,
            Err(Failure::new(FailureCode::OutputInvalid, "no JSON")),
        ),
    });
    // A budget shorter than the tool's timeout, a cancel, and an output that is not what was promised.
    let mut impatient = bench.call();
    impatient.context.budget = Some(SECOND);
    let outcome = bench.runner.call(impatient).await;
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::Timeout);
    let fickle = bench.call();
    let cancel = fickle.cancel.clone();
    let calling = bench.spawn(fickle);
    sleep(SECOND).await;
    cancel.cancel();
    assert_eq!(
        calling.await.unwrap().result.unwrap_err().code,
        FailureCode::Cancelled
    );
    for _ in 0..2 {
        let outcome = bench.runner.call(bench.call()).await;
        assert_eq!(outcome.result.unwrap_err().code, FailureCode::OutputInvalid);
    }
}

#[tokio::test(start_paused = true)]
async fn the_tools_own_timeout_counts_as_a_failure() {
    let mut subject = guarded(1, 1);
    subject.limits.timeout = 2 * SECOND;
    let bench = Bench::new(subject, |_| (20 * SECOND, text("late")));
    bench.runner.call(bench.call()).await;
    let refused = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_too_little_time_does_not_open_it_for_all() {
    let mut subject = guarded(1, 1);
    subject.limits.max_timeout = Some(60 * SECOND);
    let bench = Bench::new(subject, |_| (50 * SECOND, text("late")));
    let asking = |seconds: u64| {
        let mut call = bench.call();
        let given = serde_json::Map::from_iter([("timeout_seconds".to_owned(), seconds.into())]);
        call.arguments = Arguments::parse(&call.tool, given).unwrap();
        bench.runner.call(call)
    };
    for _ in 0..3 {
        let hurried = asking(1).await.result.unwrap_err();
        assert_eq!(hurried.code, FailureCode::Timeout);
    }
    assert_eq!(asking(60).await.result, text("late"));
    let own = asking(40).await.result.unwrap_err();
    assert_eq!(own.code, FailureCode::Timeout);
    let refused = asking(60).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
}

#[tokio::test(start_paused = true)]
async fn what_an_open_breaker_turns_away_does_not_wait_for_a_place() {
    let mut subject = guarded(1, 1);
    subject.limits.max_parallel = count(2);
    let bench = Bench::new(subject, |run| match run {
        1 => (20 * SECOND, text("late")),
        2 => (SECOND, exit(1)),
        _ => (20 * SECOND, text("later")),
    });
    let calls = [bench.spawn(bench.call()), bench.spawn(bench.call())];
    sleep(2 * SECOND).await;
    let waiting = bench.spawn(call_by(&other(&bench), "ada", json!({})));
    sleep(Duration::from_millis(1)).await;
    let since = Instant::now();
    let refused = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
    assert_eq!(since.elapsed(), Duration::ZERO);
    for call in calls {
        drop(call.await.unwrap());
    }
    drop(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_while_a_call_waits_turns_it_away_at_the_start() {
    let mut subject = guarded(1, 1);
    subject.limits.max_parallel = count(1);
    let bench = Bench::new(subject, |_| (SECOND, exit(1)));
    let calls: Vec<_> = (0..3).map(|_| bench.spawn(bench.call())).collect();
    let mut codes = Vec::new();
    for call in calls {
        codes.push(call.await.unwrap().result.unwrap_err().code);
    }
    assert_eq!(
        codes,
        [
            FailureCode::ExitStatus,
            FailureCode::CircuitOpen,
            FailureCode::CircuitOpen
        ]
    );
    assert_eq!(bench.carrier.started().len(), 1);
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_as_many_through_as_it_says_however_many_come() {
    let bench = Bench::new(guarded(1, 2), |run| {
        (SECOND, if run == 1 { exit(1) } else { text("back") })
    });
    bench.runner.call(bench.call()).await;
    sleep(30 * SECOND).await;
    let calls: Vec<_> = (0..6).map(|_| bench.spawn(bench.call())).collect();
    let mut through = 0;
    for call in calls {
        match call.await.unwrap().result {
            Ok(_) => through += 1,
            Err(failure) => {
                assert_eq!(failure.code, FailureCode::CircuitOpen);
                assert_eq!(failure.retry_after, Some(SECOND));
            }
        }
    }
    assert_eq!(through, 2);
    // Both succeeded: it is closed.
    let calls: Vec<_> = (0..6).map(|_| bench.spawn(bench.call())).collect();
    for call in calls {
        assert!(call.await.unwrap().result.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_whose_caller_goes_away_frees_its_place() {
    let bench = Bench::new(guarded(1, 1), |run| match run {
        1 => (SECOND, exit(1)),
        2 => (20 * SECOND, text("late")),
        _ => (SECOND, text("back")),
    });
    bench.runner.call(bench.call()).await;
    sleep(30 * SECOND).await;
    let calling = bench.spawn(bench.call());
    sleep(SECOND).await;
    calling.abort();
    assert!(calling.await.is_err());
    assert_eq!(bench.runner.call(bench.call()).await.result, text("back"));
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_wait_for_an_attempt_that_its_breaker_will_turn_away() {
    let mut subject = guarded(2, 1);
    subject.retry = Some(retry(5));
    let bench = Bench::new(subject, |_| (SECOND, exit(1)));
    let since = Instant::now();
    let outcome = bench.runner.call(bench.call()).await;
    // The second failure opens the breaker for 30 s; the third attempt would be due after two.
    assert_eq!(bench.starts(since), [0, 2]);
    assert_eq!(since.elapsed(), 3 * SECOND);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::ExitStatus);
    assert!(outcome.warnings[0].starts_with("not tried again: circuit breaker `database` is open"));
}

#[tokio::test(start_paused = true)]
async fn the_next_call_does_not_start_before_the_breaker_knows_how_the_last_one_ended() {
    let mut subject = guarded(1, 1);
    subject.limits.max_parallel = count(1);
    let bench = Bench::new(subject, |_| (SECOND, exit(1)));
    let calls = [bench.spawn(bench.call()), bench.spawn(bench.call())];
    let mut codes = Vec::new();
    for call in calls {
        codes.push(call.await.unwrap().result.unwrap_err().code);
    }
    assert_eq!(codes, [FailureCode::ExitStatus, FailureCode::CircuitOpen]);
    assert_eq!(bench.carrier.started().len(), 1);
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_no_tool_names_any_more_is_forgotten() {
    let bench = Bench::new(guarded(1, 1), |run| {
        let takes = if run == 1 { 5 * SECOND } else { SECOND };
        (takes, if run < 3 { exit(1) } else { text("back") })
    });
    let catalog = |tool: Tool| {
        let limits = bench.runner.catalog().limits.clone();
        Catalog::new("bench", limits, vec![Arc::new(tool)])
    };
    let early = bench.spawn(bench.call());
    sleep(SECOND / 2).await;
    bench.runner.call(bench.call()).await;
    let refused = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
    bench.runner.reload(catalog(guarded(1, 1)));
    assert_eq!(
        bench.runner.engine.breakers.count(),
        1,
        "it keeps its state"
    );
    let refused = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
    bench.runner.reload(catalog(tool()));
    assert_eq!(bench.runner.engine.breakers.count(), 0);
    bench.runner.reload(catalog(guarded(1, 1)));
    assert_eq!(bench.runner.call(bench.call()).await.result, text("back"));
    // What a call learned under the name's earlier breaker counts for no other.
    early.await.unwrap().result.unwrap_err();
    assert_eq!(bench.runner.call(bench.call()).await.result, text("back"));
}
