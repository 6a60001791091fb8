//! Attempts, the waits between them, and what ends both.

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;

fn failing_until(success: usize) -> impl Fn(usize) -> (Duration, Result<Output, Failure>) {
    move |run| (SECOND, if run < success { exit(1) } else { text("done") })
}

fn with_retry(attempts: u32) -> Tool {
    Tool {
        retry: Some(retry(attempts)),
        ..tool()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_tried_until_it_succeeds_and_says_so() {
    let bench = Bench::new(with_retry(5), failing_until(3));
    let since = Instant::now();
    let outcome = bench.runner.call(bench.call()).await;
    assert_eq!(outcome.result, text("done"));
    // Runs of a second, waits of one and two.
    assert_eq!(bench.starts(since), [0, 2, 5]);
    assert_eq!(outcome.timing.attempts, 3);
    assert_eq!(outcome.timing.to_json()["attempts"], 3);
    assert_eq!(outcome.warnings, ["succeeded at attempt 3 of 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_all_attempts_says_how_many() {
    let bench = Bench::new(with_retry(3), |_| (SECOND, exit(1)));
    let outcome = bench.runner.call(bench.call()).await;
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::ExitStatus);
    assert_eq!(failure.data["attempts"], 3);
    assert_eq!(failure.data["stdout"], "half");
    assert_eq!(bench.carrier.started().len(), 3);
    assert!(outcome.warnings.is_empty());
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn without_retry_a_call_runs_once() {
    let bench = Bench::new(tool(), |_| (SECOND, exit(1)));
    let outcome = bench.runner.call(bench.call()).await;
    assert!(!outcome.result.unwrap_err().data.contains_key("attempts"));
    assert!(outcome.timing.to_json().get("attempts").is_none());
    assert_eq!(bench.carrier.started().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_listed_exit_codes_are_tried_again() {
    let mut listed = with_retry(5);
    listed.retry.as_mut().unwrap().exit_codes = vec![75];
    let bench = Bench::new(listed, |run| (SECOND, exit(if run == 1 { 75 } else { 2 })));
    let failure = bench.runner.call(bench.call()).await.result.unwrap_err();
    assert_eq!(failure.data["exit_code"], 2);
    assert_eq!(failure.data["attempts"], 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_use_to_try_again_is_not() {
    for code in [
        FailureCode::OutputInvalid,
        FailureCode::SpawnFailed,
        FailureCode::Cancelled,
    ] {
        let bench = Bench::new(with_retry(5), move |_| {
            (SECOND, Err(Failure::new(code, "it failed")))
        });
        bench.runner.call(bench.call()).await;
        assert_eq!(bench.carrier.started().len(), 1, "{code:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_after_the_callers_deadline() {
    let bench = Bench::new(with_retry(10), |_| (SECOND, exit(1)));
    let mut call = bench.call();
    // Attempts start at 0, 2, 5 and would at 10: 9.9 s are not enough for that.
    call.context.budget = Some(Duration::from_millis(9900));
    let since = Instant::now();
    let outcome = bench.runner.call(call).await;
    assert_eq!(bench.starts(since), [0, 2, 5]);
    // Nobody waits for an attempt that will not come.
    assert_eq!(since.elapsed(), 6 * SECOND);
    assert_eq!(outcome.result.unwrap_err().data["attempts"], 3);
    assert_eq!(
        outcome.warnings,
        ["not tried again: the time for all attempts is over before the next"]
    );
}

#[tokio::test(start_paused = true)]
async fn total_bounds_all_attempts_and_cuts_the_last_one_short() {
    let mut subject = with_retry(10);
    subject.limits.total = Some(Duration::from_millis(7500));
    // The third attempt starts at 5 s, and has 2.5 s of its 4, a quarter of which is for its end.
    let bench = Bench::new(subject, |run| {
        (if run < 3 { SECOND } else { 4 * SECOND }, exit(1))
    });
    let since = Instant::now();
    let outcome = bench.runner.call(bench.call()).await;
    assert_eq!(since.elapsed(), Duration::from_millis(6875));
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(
        failure.message.contains("7.5 s for all its attempts"),
        "{}",
        failure.message
    );
    assert_eq!(failure.data["attempts"], 3);
}

#[tokio::test(start_paused = true)]
async fn total_counts_from_the_first_start_and_not_from_the_queue() {
    let mut subject = with_retry(2);
    subject.limits.max_parallel = count(1);
    subject.limits.total = Some(5 * SECOND);
    let bench = Bench::new(subject, |run| match run {
        1 => (10 * SECOND, text("first")),
        2 => (SECOND, exit(1)),
        _ => (SECOND, text("again")),
    });
    let first = bench.spawn(bench.call());
    sleep(Duration::from_millis(1)).await;
    let outcome = bench.runner.call(bench.call()).await;
    assert_eq!(outcome.result, text("again"));
    // The first run takes 10 s, twice what all attempts of one call may take; it is cut short.
    assert_eq!(
        first.await.unwrap().result.unwrap_err().code,
        FailureCode::Timeout
    );
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_ended_an_attempt_buys_no_other() {
    let bench = Bench::new(with_retry(5), |_| (20 * SECOND, text("late")));
    let mut call = bench.call();
    call.context.budget = Some(5 * SECOND);
    let outcome = bench.runner.call(call).await;
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::Timeout);
    assert_eq!(bench.carrier.started().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_one_attempt_is_tried_again() {
    let mut subject = with_retry(2);
    subject.limits.timeout = 3 * SECOND;
    let bench = Bench::new(subject, |run| {
        (if run == 1 { 20 * SECOND } else { SECOND }, text("done"))
    });
    let outcome = bench.runner.call(bench.call()).await;
    assert_eq!(outcome.result, text("done"));
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_to_be_tried_again_a_call_holds_nothing_and_then_comes_first() {
    let mut subject = with_retry(2);
    subject.limits.max_parallel = count(1);
    // The wait is 10 s.
    subject.retry.as_mut().unwrap().initial_delay = 10 * SECOND;
    let bench = Bench::new(subject, |run| match run {
        1 => (SECOND, exit(1)),
        _ => (7 * SECOND, text("done")),
    });
    let since = Instant::now();
    let flaky = bench.spawn(bench.call());
    sleep(Duration::from_millis(1)).await;
    let others: Vec<_> = (0..3).map(|_| bench.spawn(bench.call())).collect();
    sleep(2 * SECOND).await;
    assert_eq!(bench.carrier.started().len(), 2, "the place is not held");
    let outcome = flaky.await.unwrap();
    // Others run from 1 to 8 and from 8 to 15; the second attempt is due at 11 and starts at 15, before the third.
    assert_eq!(since.elapsed(), 22 * SECOND);
    assert_eq!(outcome.timing.queued, 4 * SECOND);
    for other in others {
        assert!(other.await.unwrap().result.is_ok());
    }
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn another_attempt_waits_outside_the_queue_size() {
    let mut subject = with_retry(2);
    subject.limits.max_parallel = count(1);
    subject.limits.queue_size = 1;
    let bench = Bench::new(subject, |run| match run {
        1 => (SECOND, exit(1)),
        _ => (10 * SECOND, text("done")),
    });
    let flaky = bench.spawn(bench.call());
    sleep(Duration::from_millis(1)).await;
    let second = bench.spawn(bench.call());
    sleep(SECOND).await;
    let third = bench.spawn(bench.call());
    sleep(SECOND).await;
    assert_eq!(flaky.await.unwrap().result, text("done"));
    assert!(second.await.unwrap().result.is_ok());
    assert!(third.await.unwrap().result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_queue_timeout_spans_the_waits_of_all_attempts() {
    let mut subject = with_retry(2);
    subject.limits.max_parallel = count(1);
    subject.limits.queue_timeout = 10 * SECOND;
    subject.retry.as_mut().unwrap().initial_delay = Duration::ZERO;
    // A: 0 to 8. B waits 8 s of its 10, fails at 9; C runs from 9 to 29. B has 2 s left to wait.
    let bench = Bench::new(subject, |run| match run {
        1 => (8 * SECOND, text("a")),
        2 => (SECOND, exit(1)),
        _ => (20 * SECOND, text("c")),
    });
    let since = Instant::now();
    let first = bench.spawn(bench.call());
    sleep(Duration::from_millis(1)).await;
    let second = bench.spawn(bench.call());
    sleep(Duration::from_millis(1)).await;
    let third = bench.spawn(bench.call());
    let outcome = second.await.unwrap();
    let elapsed = since.elapsed();
    assert!(first.await.unwrap().result.is_ok());
    assert!(third.await.unwrap().result.is_ok());
    let failure = outcome.result.unwrap_err();
    assert_eq!(
        failure.code,
        FailureCode::ExitStatus,
        "the last failure, not the refusal"
    );
    assert_eq!(failure.data["attempts"], 1);
    assert_eq!(elapsed.as_secs(), 11);
    assert!(
        outcome.warnings[0].starts_with("not tried again: tool `fetch` did not start within")
            && outcome.warnings[0].contains("`concurrency.queue_timeout` of tool `fetch`"),
        "{:?}",
        outcome.warnings
    );
}

#[tokio::test(start_paused = true)]
async fn every_attempt_costs_its_tokens() {
    let mut subject = with_retry(3);
    subject.limits.buckets = vec![bucket(0.1)];
    subject.retry.as_mut().unwrap().initial_delay = Duration::ZERO;
    let bench = Bench::new(subject, failing_until(3));
    let since = Instant::now();
    let outcome = bench.runner.call(bench.call()).await;
    assert!(outcome.result.is_ok());
    assert_eq!(bench.starts(since), [0, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_between_attempts_ends_the_call_at_once() {
    let bench = Bench::new(with_retry(5), |_| (SECOND, exit(1)));
    let call = bench.call();
    let cancel = call.cancel.clone();
    let since = Instant::now();
    let calling = bench.spawn(call);
    sleep(Duration::from_millis(1500)).await;
    cancel.cancel();
    let outcome = calling.await.unwrap();
    assert_eq!(since.elapsed(), Duration::from_millis(1500));
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(failure.data["attempts"], 1);
    assert_eq!(
        failure.data["stdout"], "half",
        "what the attempt printed is not lost"
    );
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_attempts_gives_the_last_failure_at_once() {
    let bench = Bench::new(with_retry(5), |_| (SECOND, exit(1)));
    let since = Instant::now();
    let calling = bench.spawn(bench.call());
    sleep(Duration::from_millis(1500)).await;
    bench.runner.drain().await;
    let outcome = calling.await.unwrap();
    assert_eq!(since.elapsed(), Duration::from_millis(1500));
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::ExitStatus);
    assert_eq!(
        outcome.warnings,
        ["not tried again: the runner is stopping"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn attempts_and_time_are_bounded(
        attempts in 1_u32..8, initial in 0_u64..5000, base in 1.0_f64..4.0, takes in 0_u64..3000,
        budget in prop::option::of(1_u64..60_000), total in prop::option::of(1_u64..60_000),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut subject = with_retry(attempts);
            subject.limits.total = total.map(Duration::from_millis);
            let policy = subject.retry.as_mut().unwrap();
            policy.initial_delay = Duration::from_millis(initial);
            policy.exponential_base = base;
            let bench = Bench::new(subject, move |_| (Duration::from_millis(takes), exit(1)));
            let mut call = bench.call();
            call.context.budget = budget.map(Duration::from_millis);
            let since = Instant::now();
            let outcome = bench.runner.call(call).await;
            let started = bench.carrier.started();
            prop_assert!(started.len() <= attempts as usize);
            prop_assert_eq!(started.len(), outcome.timing.attempts as usize);
            let end = budget.into_iter().chain(total).min();
            if let Some(end) = end.map(Duration::from_millis) {
                // Timers of tokio are exact to a millisecond, and never early.
                let end = end + Duration::from_millis(1);
                prop_assert!(since.elapsed() <= end);
                prop_assert!(started.iter().all(|start| *start - since < end));
            } else if takes <= 30_000 {
                prop_assert_eq!(started.len(), attempts as usize);
            }
            prop_assert!(bench.is_idle());
            Ok(())
        })?;
    }
}

/// A call that asks for this many seconds, of a tool with 10 that allows 20.
fn asking(bench: &Bench, seconds: u64) -> Call {
    let mut call = bench.call();
    let given = serde_json::Map::from_iter([("timeout_seconds".to_owned(), seconds.into())]);
    call.arguments = Arguments::parse(&call.tool, given).unwrap();
    call
}

fn choosing(attempts: u32) -> Tool {
    let mut subject = with_retry(attempts);
    subject.limits.timeout = 10 * SECOND;
    subject.limits.max_timeout = Some(20 * SECOND);
    subject
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_time_that_was_asked_for() {
    let bench = Bench::new(choosing(2), |run| {
        (if run == 1 { 19 * SECOND } else { SECOND }, text("done"))
    });
    let since = Instant::now();
    let outcome = bench.runner.call(asking(&bench, 3)).await;
    assert_eq!(outcome.result, text("done"));
    // It ran out of what it asked for, which is no budget: it is tried again.
    assert_eq!(bench.starts(since), [0, 4]);
    assert_eq!(outcome.timing.timeout, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn one_attempt_gets_all_it_asked_for_whatever_the_total() {
    let mut subject = choosing(3);
    subject.limits.total = Some(12 * SECOND);
    let bench = Bench::new(subject, |run| {
        (15 * SECOND, if run == 1 { exit(1) } else { text("late") })
    });
    let since = Instant::now();
    let outcome = bench.runner.call(asking(&bench, 18)).await;
    // The second attempt has the rest of the 18 seconds, of which a quarter is for its end.
    assert_eq!(bench.starts(since), [0, 16]);
    assert_eq!(since.elapsed(), Duration::from_millis(17_500));
    let failure = outcome.result.unwrap_err();
    assert_eq!(
        failure.message,
        "`fetch` was ended after 1.5 s: the 18 s for all its attempts were over"
    );
}
