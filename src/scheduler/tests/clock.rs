//! The face under a paused clock: times are exact.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::fixture::{bucket, keys, name, runner, tool};
use crate::scheduler::core::Core;
use crate::scheduler::{Demand, Permit, Refusal, Scheduler};
use crate::tool::{OnLimit, RunnerLimits, ToolLimits, ToolName};

const RUN: Duration = Duration::from_millis(200);

#[derive(Clone)]
struct Bench {
    scheduler: Scheduler,
    tools: Vec<(ToolName, ToolLimits)>,
}

impl Bench {
    fn new(limits: &RunnerLimits, tools: Vec<(&str, ToolLimits)>) -> Self {
        let tools: Vec<_> = tools
            .into_iter()
            .map(|(text, limits)| (name(text), limits))
            .collect();
        let scheduler = Scheduler::new(limits, tools.iter().map(|(name, limits)| (name, limits)));
        Self { scheduler, tools }
    }

    fn demand(&self, tool: usize) -> Demand<'_> {
        Demand::named(&self.tools[tool].0, &self.tools[tool].1)
    }

    async fn admit(&self, tool: usize) -> Result<Permit, Refusal> {
        self.scheduler
            .admit(self.demand(tool), &CancellationToken::new())
            .await
    }

    fn assert_idle(&self) {
        let snapshot = self.scheduler.snapshot();
        assert_eq!((snapshot.running, snapshot.waiting), (0, 0));
        self.scheduler.shared_core(Core::assert_empty);
    }

    /// So many calls at once, each running for that long; gives how long all of it took.
    async fn run_all(&self, calls: u32, run: Duration) -> Duration {
        let began = Instant::now();
        let mut all = JoinSet::new();
        for _ in 0..calls {
            let bench = self.clone();
            all.spawn(async move {
                let _permit = bench.admit(0).await.expect("there is room");
                sleep(run).await;
            });
        }
        all.join_all().await;
        self.assert_idle();
        began.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn five_calls_at_once_take_as_long_as_one() {
    let bench = Bench::new(&runner(10, 100), vec![("t", tool(5, 100))]);
    assert_eq!(bench.run_all(5, RUN).await, RUN);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_ten_at_a_time_take_ten_rounds() {
    let bench = Bench::new(&runner(10, 100), vec![("t", tool(10, 100))]);
    assert_eq!(bench.run_all(100, RUN).await, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_rate_lets_through_its_burst_and_its_rate_and_never_more() {
    let mut limits = tool(1000, 1000);
    limits.buckets = vec![bucket("t/concurrency", 10.0, 5, 1)];
    let bench = Bench::new(&runner(1000, 1000), vec![("t", limits)]);
    let began = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..205 {
        let bench = bench.clone();
        all.spawn(async move {
            let permit = bench.admit(0).await.expect("there is room");
            assert_eq!(permit.queued(), began.elapsed());
            began.elapsed()
        });
    }
    let mut starts = all.join_all().await;
    starts.sort();
    let tenths = (1..=200).map(|nth| nth * Duration::from_millis(100));
    let expected: Vec<_> = std::iter::repeat_n(Duration::ZERO, 5)
        .chain(tenths)
        .collect();
    assert_eq!(starts, expected);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_past_the_queue_timeout_or_the_callers_own_deadline() {
    let mut limits = tool(1, 10);
    limits.queue_timeout = Duration::from_secs(10);
    let bench = Bench::new(&runner(10, 100), vec![("t", limits)]);
    let holder = bench.admit(0).await.expect("it is free");
    let began = Instant::now();
    let soon = bench
        .demand(0)
        .wait_until(Some(began + Duration::from_secs(3)));
    let never = CancellationToken::new();
    let (tools, callers) = tokio::join!(
        async {
            (
                bench.admit(0).await.expect_err("it stays taken"),
                began.elapsed(),
            )
        },
        async {
            (
                bench
                    .scheduler
                    .admit(soon, &never)
                    .await
                    .expect_err("it stays taken"),
                began.elapsed(),
            )
        },
    );
    assert_eq!(
        (tools.1, callers.1),
        (Duration::from_secs(10), Duration::from_secs(3))
    );
    assert!(
        tools
            .0
            .to_string()
            .contains("`concurrency.queue_timeout` of tool `t` ended the wait")
    );
    assert!(
        callers
            .0
            .to_string()
            .contains("`timeout_ms` of the caller ended the wait")
    );
    drop(holder);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_can_be_cancelled() {
    let bench = Bench::new(&runner(1, 10), vec![("t", tool(1, 10))]);
    let holder = bench.admit(0).await.expect("it is free");
    let cancel = CancellationToken::new();
    let (refusal, ()) = tokio::join!(bench.scheduler.admit(bench.demand(0), &cancel), async {
        sleep(RUN).await;
        cancel.cancel();
    });
    assert_eq!(refusal.expect_err("it was cancelled"), Refusal::Cancelled);
    assert_eq!(bench.scheduler.snapshot().waiting, 0);
    let late = bench.scheduler.admit(bench.demand(0), &cancel).await;
    assert_eq!(
        late.expect_err("it was cancelled before"),
        Refusal::Cancelled
    );
    drop(holder);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_leaves_no_trace() {
    let bench = Bench::new(&runner(1, 10), vec![("t", tool(1, 10))]);
    let holder = bench.admit(0).await.expect("it is free");
    assert!(timeout(RUN, bench.admit(0)).await.is_err());
    assert_eq!(bench.scheduler.snapshot().waiting, 0);

    // Dropped after it was let in, and before it was told so.
    let mut told_late = Box::pin(bench.admit(0));
    assert!(timeout(RUN, &mut told_late).await.is_err());
    drop(holder);
    assert_eq!(bench.scheduler.snapshot().running, 1);
    drop(told_late);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_rejects_says_when_to_come_back() {
    let mut limits = tool(10, 10);
    let mut own = bucket("t/rate_limit", 2.0, 1, 1);
    own.limit.on_limit = OnLimit::Reject;
    limits.buckets = vec![own];
    let bench = Bench::new(&runner(10, 10), vec![("t", limits)]);
    drop(bench.admit(0).await.expect("the bucket is full"));
    let refusal = bench.admit(0).await.expect_err("it is empty");
    assert_eq!(
        refusal.to_string(),
        "tool `t` is over its rate: `rate_limit` of tool `t` allows 2 per second with a burst of 1"
    );
    sleep(refusal.retry_after().expect("a moment to come back")).await;
    drop(bench.admit(0).await.expect("it said so"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_tool_and_a_quiet_key_wait_for_one_call_at_most() {
    let mut keyed = tool(2, 1000);
    keyed.per_key = Some(keys(None, 10));
    let bench = Bench::new(
        &runner(1, 2000),
        vec![("noisy", keyed), ("quiet", tool(1, 10))],
    );
    let never = CancellationToken::new();
    let mut noise = JoinSet::new();
    for _ in 0..200 {
        let bench = bench.clone();
        noise.spawn(async move {
            let demand = bench.demand(0).key(Some("noisy".into()));
            let _permit = bench
                .scheduler
                .admit(demand, &CancellationToken::new())
                .await
                .expect("room");
            sleep(RUN).await;
        });
    }
    sleep(RUN / 2).await;
    let quiet = async {
        let permit = bench.admit(1).await.expect("there is room");
        permit.queued()
    };
    assert!(quiet.await <= 2 * RUN);
    let key = bench.demand(0).key(Some("quiet".into()));
    let permit = bench
        .scheduler
        .admit(key, &never)
        .await
        .expect("there is room");
    assert!(permit.queued() <= 2 * RUN, "{:?}", permit.queued());
    noise.shutdown().await;
    drop(permit);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn closing_refuses_who_waits_and_lets_end_what_runs() {
    let bench = Bench::new(&runner(1, 10), vec![("t", tool(1, 10))]);
    let holder = bench.admit(0).await.expect("it is free");
    let (waiting, ()) = tokio::join!(bench.admit(0), async {
        sleep(RUN).await;
        bench.scheduler.close();
    });
    assert_eq!(waiting.expect_err("it is closed"), Refusal::ShuttingDown);
    assert_eq!(
        bench.admit(0).await.expect_err("it is closed"),
        Refusal::ShuttingDown
    );
    assert!(
        timeout(RUN, bench.scheduler.idle()).await.is_err(),
        "one still runs"
    );
    let began = Instant::now();
    let ((), ()) = tokio::join!(bench.scheduler.idle(), async {
        sleep(RUN).await;
        drop(holder);
    });
    assert_eq!(began.elapsed(), RUN);
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_at_once_are_let_in_as_far_as_there_is_room() {
    let bench = Bench::new(&runner(1000, 1000), vec![("t", tool(10, 100))]);
    let gate = std::sync::Arc::new(Semaphore::new(0));
    let mut all = JoinSet::new();
    for _ in 0..10_000 {
        let (bench, gate) = (bench.clone(), gate.clone());
        all.spawn(async move {
            match bench.admit(0).await {
                Ok(_permit) => gate.acquire().await.is_ok(),
                Err(Refusal::QueueFull {
                    ahead: 100,
                    figure: 100,
                    ..
                }) => false,
                Err(other) => panic!("{other}"),
            }
        });
    }
    // All of them have been answered or wait, once the clock can move on.
    advance(Duration::from_millis(1)).await;
    sleep(Duration::from_millis(1)).await;
    let snapshot = bench.scheduler.snapshot();
    assert_eq!((snapshot.running, snapshot.waiting), (10, 100));
    gate.add_permits(10_000);
    let accepted = all
        .join_all()
        .await
        .into_iter()
        .filter(|accepted| *accepted)
        .count();
    assert_eq!(accepted, 110);
    bench.assert_idle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_come_give_up_and_end_at_once_lose_no_place() {
    let mut limits = tool(3, 10_000);
    limits.buckets = vec![bucket("t/concurrency", 1e6, 100, 1)];
    let bench = Bench::new(
        &runner(4, 10_000),
        vec![("t", limits), ("u", tool(2, 10_000))],
    );
    let running = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let mut all = JoinSet::new();
    for call in 0..4000_u32 {
        let (bench, running) = (bench.clone(), running.clone());
        all.spawn(async move {
            let cancel = CancellationToken::new();
            if call % 7 == 0 {
                cancel.cancel();
            }
            let demand = bench.demand((call % 2) as usize);
            let patience = Duration::from_micros(u64::from(call % 5) * 400 + 1);
            let admit = bench.scheduler.admit(demand, &cancel);
            let permit = if call % 3 == 0 {
                timeout(patience, admit).await.ok()
            } else {
                Some(admit.await)
            };
            if let Some(Ok(permit)) = permit {
                assert!(running.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 4);
                tokio::task::yield_now().await;
                running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                drop(permit);
            }
        });
    }
    all.join_all().await;
    bench.scheduler.idle().await;
    bench.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_permit_can_be_dropped_on_any_thread() {
    const fn is_static<T: Send + 'static>(_: &T) {}
    let bench = Bench::new(&runner(1, 10), vec![("t", tool(1, 10))]);
    let permit = bench.admit(0).await.expect("it is free");
    is_static(&permit);
    std::thread::spawn(move || drop(permit))
        .join()
        .expect("no panic");
    bench.assert_idle();
}

/// What an arrival finds overdue makes room for it at once: the two must not be taken for one another. The thread sleeps,
/// so that nothing but the arrival sees that the time has passed.
#[tokio::test]
async fn who_comes_when_another_gives_up_is_not_told_what_the_other_is() {
    let mut hasty = tool(1, 10);
    hasty.queue_timeout = Duration::from_millis(20);
    let tools = vec![("hasty", hasty), ("patient", tool(1, 10))];
    let bench = Bench::new(&runner(10, 10), tools);
    let runs = bench.admit(0).await.expect("it is free");
    let also_runs = bench.admit(1).await.expect("it is free");

    let overdue = bench.admit(0);
    tokio::pin!(overdue);
    assert!(futures::poll!(overdue.as_mut()).is_pending());
    std::thread::sleep(Duration::from_millis(40));
    let waits = bench.admit(1);
    tokio::pin!(waits);
    assert!(futures::poll!(waits.as_mut()).is_pending());

    let refusal = overdue.await.expect_err("its time is over");
    let Refusal::QueueTimeout { tool, .. } = &refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(tool.as_str(), "hasty");
    assert!(futures::poll!(waits.as_mut()).is_pending(), "it waits on");
    drop(also_runs);
    drop((runs, waits.await.expect("its turn has come")));
    bench.assert_idle();
}

/// Every way out at once, on several threads: each call is told of itself, and none that the runner is stopping.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_told_what_another_is() {
    let mut hasty = tool(1, 10_000);
    hasty.queue_timeout = Duration::from_millis(2);
    let mut choosy = tool(2, 10_000);
    choosy.buckets = vec![bucket("choosy/concurrency", 300.0, 1, 1)];
    choosy.buckets[0].limit.on_limit = OnLimit::Reject;
    let tools = vec![
        ("hasty", hasty),
        ("patient", tool(1, 10_000)),
        ("choosy", choosy),
    ];
    let bench = Bench::new(&runner(3, 10_000), tools);
    let mut all = JoinSet::new();
    for call in 0..3000_u32 {
        let bench = bench.clone();
        all.spawn(async move {
            sleep(Duration::from_micros(u64::from(call) * 100)).await;
            let number = (call % 3) as usize;
            let own = bench.tools[number].0.clone();
            match bench.admit(number).await {
                Ok(permit) => {
                    sleep(Duration::from_micros(300)).await;
                    drop(permit);
                }
                Err(
                    Refusal::QueueTimeout { tool, .. }
                    | Refusal::RateLimited { tool, .. }
                    | Refusal::QueueFull { tool, .. },
                ) => assert_eq!(tool, own),
                Err(refusal) => panic!("{own}: {refusal:?}"),
            }
        });
    }
    all.join_all().await;
    bench.scheduler.idle().await;
    bench.assert_idle();
}
