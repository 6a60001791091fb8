//! What admission costs, beside what a bare semaphore costs in the same run: the time of one call. `cargo bench --bench
//! admission`.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use criterion::Criterion;
use runner::scheduler::{Demand, Scheduler};
use runner::tool::{
    BucketUse, Groups, OnLimit, Rate, RateLimit, RunnerLimits, ToolLimits, ToolName,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Calls of a turn where none waits, and those that wait together where they do.
const CALLS: u32 = 10_000;
const WAITING: u32 = 10_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut measure = Measure(&mut criterion, &runtime);
    measure.turns("semaphore, free", semaphore_free);
    measure.turns("admission, free", || admission_free(Vec::new()));
    measure.turns("admission, free, two buckets", || admission_free(buckets()));
    measure.turns("semaphore, 10,000 waiting", semaphore_contended);
    measure.turns("admission, 10,000 waiting", || admission_contended(1));
    measure.turns("admission, 10,000 waiting in 100 tools", || {
        admission_contended(100)
    });
    measure.turns("admission, refused", admission_refused);
    measure.turns(
        "admission, cancelled among 10,000 waiting",
        admission_cancelled,
    );
    criterion.final_summary();
}

struct Measure<'a>(&'a mut Criterion, &'a Runtime);

impl Measure<'_> {
    /// Measures turns that say how long they took for how many calls.
    fn turns<F: Future<Output = (Duration, u32)>>(&mut self, name: &str, turn: impl Fn() -> F) {
        let runtime = self.1;
        self.0.bench_function(name, |bench| {
            bench.iter_custom(|wanted| {
                let (mut took, mut done) = (Duration::ZERO, 0);
                while done < wanted {
                    let (time, calls) = runtime.block_on(turn());
                    took += time;
                    done += u64::from(calls);
                }
                // A turn cannot be cut short.
                Duration::from_nanos(
                    u64::try_from(took.as_nanos() * u128::from(wanted) / u128::from(done))
                        .unwrap_or(u64::MAX),
                )
            });
        });
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("above zero")
}

fn buckets() -> Vec<BucketUse> {
    let rate = Rate {
        requests_per_second: 1e9,
        burst: number(1_000_000_000),
    };
    ["t0/concurrency", "shared"]
        .map(|name| BucketUse {
            bucket: name.to_owned(),
            limit: RateLimit {
                rate,
                on_limit: OnLimit::Queue,
            },
            cost: NonZeroU32::MIN,
        })
        .to_vec()
}

fn tool(max_parallel: u32, queue_size: u32, buckets: Vec<BucketUse>) -> ToolLimits {
    ToolLimits {
        max_parallel: number(max_parallel),
        buckets,
        group: Some("g".into()),
        queue_size,
        queue_timeout: Duration::from_hours(1),
        per_key: None,
        timeout: Duration::from_secs(30),
        max_timeout: None,
        progress_extends_timeout: None,
        connect: None,
        total: None,
        kill_grace: Duration::from_secs(5),
    }
}

fn scheduler(tools: &[(ToolName, ToolLimits)], max_parallel: u32) -> Scheduler {
    let limits = RunnerLimits {
        max_parallel: number(max_parallel),
        thread_pool_size: NonZeroUsize::MIN,
        queue_size: 2 * WAITING,
        groups: Groups::from_iter([("g".to_owned(), number(1000))]),
    };
    Scheduler::new(&limits, tools.iter().map(|(name, limits)| (name, limits)))
}

fn tools(count: u32, limits: &ToolLimits) -> Vec<(ToolName, ToolLimits)> {
    let name = |nth| ToolName::parse(&format!("t{nth}")).expect("a name");
    (0..count).map(|nth| (name(nth), limits.clone())).collect()
}

async fn semaphore_free() -> (Duration, u32) {
    let semaphore = Arc::new(Semaphore::new(10));
    let began = Instant::now();
    for _ in 0..CALLS {
        drop(semaphore.clone().acquire_owned().await);
    }
    (began.elapsed(), CALLS)
}

async fn admission_free(buckets: Vec<BucketUse>) -> (Duration, u32) {
    let tools = tools(1, &tool(10, 100, buckets));
    let scheduler = scheduler(&tools, 10);
    let never = CancellationToken::new();
    let began = Instant::now();
    for _ in 0..CALLS {
        drop(
            scheduler
                .admit(Demand::named(&tools[0].0, &tools[0].1), &never)
                .await,
        );
    }
    (began.elapsed(), CALLS)
}

type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Polls once, so that the call takes its place in the queue.
fn begin<'a, T>(future: impl Future<Output = T> + 'a) -> Waiting<'a, T> {
    let mut future: Waiting<'a, T> = Box::pin(future);
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "it has to wait");
    future
}

async fn semaphore_contended() -> (Duration, u32) {
    let semaphore = Arc::new(Semaphore::new(1));
    let mut permit = semaphore.clone().acquire_owned().await;
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| begin(semaphore.clone().acquire_owned()))
        .collect();
    let began = Instant::now();
    for next in waiting {
        drop(permit);
        permit = next.await;
    }
    (began.elapsed(), WAITING)
}

async fn admission_contended(tool_count: u32) -> (Duration, u32) {
    let tools = tools(tool_count, &tool(10, 2 * WAITING, Vec::new()));
    let scheduler = scheduler(&tools, 1);
    let never = CancellationToken::new();
    let demand = |nth: u32| {
        let (name, limits) = &tools[(nth % tool_count) as usize];
        Demand::named(name, limits)
    };
    let mut permit = scheduler.admit(demand(0), &never).await;
    let waiting: Vec<_> = (0..WAITING)
        .map(|nth| begin(scheduler.admit(demand(nth), &never)))
        .collect();
    let began = Instant::now();
    for next in waiting {
        drop(permit);
        permit = next.await;
    }
    (began.elapsed(), WAITING)
}

async fn admission_refused() -> (Duration, u32) {
    let tools = tools(1, &tool(1, 0, Vec::new()));
    let scheduler = scheduler(&tools, 1);
    let never = CancellationToken::new();
    let demand = || Demand::named(&tools[0].0, &tools[0].1);
    let held = scheduler.admit(demand(), &never).await;
    let began = Instant::now();
    for _ in 0..CALLS {
        assert!(
            scheduler.admit(demand(), &never).await.is_err(),
            "there is no room"
        );
    }
    let took = began.elapsed();
    drop(held);
    (took, CALLS)
}

async fn admission_cancelled() -> (Duration, u32) {
    let tools = tools(1, &tool(1, 2 * WAITING, Vec::new()));
    let scheduler = scheduler(&tools, 1);
    let never = CancellationToken::new();
    let demand = || Demand::named(&tools[0].0, &tools[0].1);
    let held = scheduler.admit(demand(), &never).await;
    let mut waiting: Vec<_> = (0..WAITING)
        .map(|_| begin(scheduler.admit(demand(), &never)))
        .collect();
    let began = Instant::now();
    // From the middle outwards: the order of arrival must not matter.
    while !waiting.is_empty() {
        drop(waiting.swap_remove(waiting.len() / 2));
    }
    let took = began.elapsed();
    drop(held);
    (took, WAITING)
}
