//! The cache in the life of a call.

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;

fn caching() -> Tool {
    Tool {
        cache: Some(CacheRules {
            ttl: 60 * SECOND,
            shared: false,
        }),
        ..tool()
    }
}

/// Each run takes two seconds and gives its number.
fn numbered(run: usize) -> (Duration, Result<Output, Failure>) {
    (2 * SECOND, text(&run.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_given_until_it_is_too_old() {
    let bench = Bench::new(caching(), numbered);
    let first = bench.runner.call(bench.call()).await;
    assert!(!first.timing.cached);
    sleep(59 * SECOND).await;
    let since = Instant::now();
    let again = bench.runner.call(bench.call()).await;
    assert_eq!(again.result, text("1"));
    assert_eq!(since.elapsed(), Duration::ZERO);
    assert_eq!(again.timing.to_json()["cached"], true);
    assert_eq!(again.timing.attempts, 0);
    assert_ne!(again.call, first.call);
    sleep(SECOND).await;
    assert_eq!(bench.runner.call(bench.call()).await.result, text("2"));
}

#[tokio::test(start_paused = true)]
async fn a_hit_costs_no_place_and_no_token_and_passes_an_open_breaker() {
    let mut subject = caching();
    subject.limits.max_parallel = count(1);
    subject.limits.buckets = vec![bucket(0.01)];
    subject.circuit_breaker = Some(breaker(1, 1));
    let bench = Bench::new(subject, |run| match run {
        1 => (SECOND, text("1")),
        _ => (SECOND, exit(1)),
    });
    bench.runner.call(bench.call()).await;
    let mut other = call_by(&bench.tool, "ada", json!({"n": 2}));
    other.context.budget = Some(SECOND);
    let refused = bench.runner.call(other).await.result.unwrap_err();
    assert_ne!(refused.code, FailureCode::ExitStatus, "there was one token");
    let hit = bench.runner.call(bench.call()).await;
    assert_eq!(hit.result, text("1"));
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_given_while_the_breaker_is_open() {
    let mut subject = caching();
    subject.circuit_breaker = Some(breaker(1, 1));
    let bench = Bench::new(subject, |run| match run {
        1 => (SECOND, text("1")),
        _ => (SECOND, exit(1)),
    });
    bench.runner.call(bench.call()).await;
    let other = || call_by(&bench.tool, "ada", json!({"n": 2}));
    bench.runner.call(other()).await;
    let refused = bench.runner.call(other()).await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::CircuitOpen);
    assert_eq!(bench.runner.call(bench.call()).await.result, text("1"));
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_is_not_whole_is_not_kept() {
    let cut = Output {
        text: "ha...lf".to_owned(),
        is_cut: true,
        ..Output::default()
    };
    let sorry = Output {
        structured: Some(json!({"content": [], "isError": true})),
        is_mcp_result: true,
        ..Output::default()
    };
    for result in [exit(1), Ok(cut), Ok(sorry)] {
        let given = result.clone();
        let bench = Bench::new(caching(), move |_| (SECOND, given.clone()));
        for _ in 0..2 {
            bench.runner.call(bench.call()).await;
        }
        assert_eq!(bench.carrier.started().len(), 2, "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_do_not_see_each_others_answers() {
    let bench = Bench::new(caching(), numbered);
    let call = |client| call_by(&bench.tool, client, json!({}));
    assert_eq!(bench.runner.call(call("ada")).await.result, text("1"));
    assert_eq!(bench.runner.call(call("bob")).await.result, text("2"));
    assert_eq!(bench.runner.call(call("ada")).await.result, text("1"));
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_while_a_follower_remains() {
    let bench = Bench::new(caching(), numbered);
    let leader = bench.call();
    let cancel = leader.cancel.clone();
    let leading = bench.spawn(leader);
    sleep(Duration::from_millis(500)).await;
    let following = bench.spawn(bench.call());
    sleep(Duration::from_millis(500)).await;
    cancel.cancel();
    let left = leading.await.unwrap().result.unwrap_err();
    assert_eq!(left.code, FailureCode::Cancelled);
    let followed = following.await.unwrap();
    assert_eq!(followed.result, text("1"));
    assert!(followed.timing.cached);
    assert_eq!(followed.timing.queued, Duration::from_millis(1500));
    assert_eq!(bench.carrier.started().len(), 1);
    assert!(bench.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_when_the_client_of_the_leader_has_gone() {
    let bench = Bench::new(caching(), numbered);
    let leading = bench.spawn(bench.call());
    sleep(Duration::from_millis(500)).await;
    let following = bench.spawn(bench.call());
    sleep(Duration::from_millis(500)).await;
    leading.abort();
    assert!(leading.await.is_err());
    assert_eq!(following.await.unwrap().result, text("1"));
    assert_eq!(bench.carrier.started().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_to_leave_ends_the_run_and_gets_what_it_printed() {
    let bench = Bench::new(caching(), numbered);
    let calls = [bench.call(), bench.call()];
    let cancels = [0, 1].map(|index: usize| calls[index].cancel.clone());
    let calling = calls.map(|call| bench.spawn(call));
    sleep(SECOND).await;
    cancels.iter().for_each(CancellationToken::cancel);
    let mut outputs = Vec::new();
    for call in calling {
        let failure = call.await.unwrap().result.unwrap_err();
        assert_eq!(failure.code, FailureCode::Cancelled);
        outputs.push(failure.data.contains_key("stdout"));
    }
    outputs.sort_unstable();
    assert_eq!(outputs, [false, true]);
    assert!(bench.is_idle());
    // Nobody joins a run that was ended.
    assert_eq!(bench.runner.call(bench.call()).await.result, text("2"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_waits_for_is_dropped() {
    let bench = Bench::new(caching(), numbered);
    let calling = bench.spawn(bench.call());
    sleep(SECOND).await;
    calling.abort();
    assert!(calling.await.is_err());
    assert!(bench.is_idle());
    assert_eq!(bench.runner.call(bench.call()).await.result, text("2"));
}

#[tokio::test(start_paused = true)]
async fn each_caller_keeps_to_its_own_budget() {
    let bench = Bench::new(caching(), |_| (20 * SECOND, text("done")));
    let mut leader = bench.call();
    leader.context.budget = Some(4 * SECOND);
    let since = Instant::now();
    let leading = bench.spawn(leader);
    sleep(SECOND).await;
    let following = bench.spawn(bench.call());
    let failure = leading.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    // A quarter of a budget is set aside for the end of the run.
    assert_eq!(since.elapsed(), 3 * SECOND);
    assert_eq!(following.await.unwrap().result, text("done"));
    assert_eq!(since.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_out_of_time_gets_what_was_printed() {
    let bench = Bench::new(caching(), |_| (20 * SECOND, text("done")));
    let mut call = bench.call();
    call.context.budget = Some(4 * SECOND);
    let failure = bench.runner.call(call).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "half");
    assert_eq!(
        failure.message,
        "`fetch` gave no answer within 3 s, all that the caller granted"
    );
    let mut hopeless = bench.call();
    hopeless.context.budget = Some(Duration::ZERO);
    let failure = bench.runner.call(hopeless).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(bench.carrier.started().len(), 1, "no time, no run");
}

#[tokio::test(start_paused = true)]
async fn followers_share_a_failure_and_the_next_call_tries_anew() {
    let bench = Bench::new(caching(), |run| {
        (SECOND, if run == 1 { exit(3) } else { text("2") })
    });
    let calls: Vec<_> = (0..3).map(|_| bench.spawn(bench.call())).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().result, exit(3));
    }
    assert_eq!(bench.runner.call(bench.call()).await.result, text("2"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_landed_is_followed_no_more_though_some_have_yet_to_hear_of_it() {
    let bench = Bench::new(caching(), |run| {
        (SECOND, if run == 1 { exit(3) } else { text("2") })
    });
    let (runner, first, second) = (Arc::clone(&bench.runner), bench.call(), bench.call());
    let eager = tokio::spawn(async move {
        let failed = runner.call(first).await.result;
        (failed, runner.call(second).await.result)
    });
    sleep(Duration::from_millis(1)).await;
    let follower = bench.spawn(bench.call());
    assert_eq!(eager.await.unwrap(), (exit(3), text("2")));
    assert_eq!(follower.await.unwrap().result, exit(3));
}

#[tokio::test(start_paused = true)]
async fn a_bug_on_the_way_is_told_to_all_who_wait() {
    let mut subject = caching();
    // The token of the first call leaves the others time to meet in the queue.
    subject.limits.buckets = vec![bucket(1.0)];
    let bench = Bench::new(subject, |run| {
        assert!(run != 2, "the bug");
        numbered(run)
    });
    let _token = bench.spawn(call_by(&bench.tool, "ada", json!({"n": 1})));
    sleep(Duration::from_millis(1)).await;
    let calls: Vec<_> = (0..2).map(|_| bench.spawn(bench.call())).collect();
    for call in calls {
        let failure = call.await.unwrap().result.unwrap_err();
        assert_eq!(failure.code, FailureCode::Internal);
    }
    assert_eq!(bench.carrier.started().len(), 2);
    assert_eq!(bench.runner.call(bench.call()).await.result, text("3"));
    assert!(bench.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn of_equal_calls_one_runs_whoever_leaves(
        callers in prop::collection::vec((0_u64..1900, prop::option::of(0_u64..3000)), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let bench = Bench::new(caching(), numbered);
            // One stays from the beginning to the end; the others come and leave as they like.
            let steady = bench.spawn(bench.call());
            sleep(Duration::from_millis(1)).await;
            let calling: Vec<_> = callers.iter().map(|(comes, leaves)| {
                let (comes, leaves) = (*comes, *leaves);
                let (call, runner) = (bench.call(), Arc::clone(&bench.runner));
                let cancel = call.cancel.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(comes)).await;
                    if let Some(leaves) = leaves {
                        tokio::spawn(async move {
                            sleep(Duration::from_millis(leaves)).await;
                            cancel.cancel();
                        });
                    }
                    runner.call(call).await.result
                })
            }).collect();
            prop_assert_eq!(steady.await.unwrap().result, text("1"));
            for (call, (_, leaves)) in calling.into_iter().zip(&callers) {
                let result = call.await.unwrap();
                if leaves.is_none() {
                    prop_assert_eq!(result, text("1"));
                }
            }
            prop_assert_eq!(bench.carrier.started().len(), 1);
            prop_assert!(bench.is_idle());
            Ok(())
        })?;
    }
}
