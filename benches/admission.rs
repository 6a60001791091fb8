//! What admission costs, beside what a bare semaphore costs in the same run.
//!
//! `cargo bench --bench admission` prints nanoseconds per call, and on Linux the memory of a call that waits; nothing
//! is asserted, as machines differ.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use runner::config::{LoadOptions, load_text};
use runner::runner::Runner;
use runner::scheduler::{Demand, Scheduler};
use runner::tool::{
    BucketUse, CallContext, Groups, OnLimit, Rate, RateLimit, RunnerLimits, ToolLimits, ToolName,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const CALLS: u32 = 200_000;
const WAITING: u32 = 10_000;

/// Calls that wait while their memory is counted.
const CROWD: u32 = 100_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        report("semaphore, free", semaphore_free().await);
        report("admission, free", admission_free(Vec::new()).await);
        report(
            "admission, free, two buckets",
            admission_free(buckets()).await,
        );
        report("semaphore, 10,000 waiting", semaphore_contended().await);
        report("admission, 10,000 waiting", admission_contended(1).await);
        report(
            "admission, 10,000 waiting in 100 tools",
            admission_contended(100).await,
        );
        report("admission, refused", admission_refused().await);
        report(
            "admission, cancelled among 10,000 waiting",
            admission_cancelled().await,
        );
        let [all, future] = crowd_in_scheduler().await;
        report_memory("scheduler, 100,000 waiting, a call", all);
        report_memory("  of it the future that waits", future);
        let [all, future] = crowd_in_runner().await;
        report_memory("whole runner, 100,000 waiting, a call", all);
        report_memory("  of it the future that waits", future);
    });
}

#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
fn report_memory(what: &str, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        println!("{what:<45} {bytes:>8} bytes");
    }
}

#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
fn report(what: &str, (took, calls): (Duration, u32)) {
    println!(
        "{what:<45} {:>8.0} ns",
        took.as_secs_f64() * 1e9 / f64::from(calls)
    );
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
        connect: None,
        progress_extends_timeout: None,
        total: None,
        kill_grace: Duration::from_secs(5),
    }
}

fn scheduler(tools: &[(ToolName, ToolLimits)], max_parallel: u32) -> Scheduler {
    let limits = RunnerLimits {
        max_parallel: number(max_parallel),
        thread_pool_size: NonZeroUsize::MIN,
        queue_size: 2 * CROWD,
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

/// Resident memory that belongs to no file, in bytes; `None` where the system does not tell.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// What each of a crowd weighs: all of it, and the future alone.
fn weigh<'a, F: Future + 'a>(each: impl Fn() -> F) -> [Option<u64>; 2] {
    let future = size_of::<F>() as u64;
    let mut crowd = Vec::with_capacity(CROWD as usize);
    let before = memory();
    crowd.extend((0..CROWD).map(|_| begin(each())));
    let after = memory();
    drop(crowd);
    let all = after
        .zip(before)
        .map(|(after, before)| (after - before) / u64::from(CROWD));
    [all, all.map(|_| future)]
}

/// A call in the scheduler alone, of one tool in one group with two buckets.
async fn crowd_in_scheduler() -> [Option<u64>; 2] {
    let tools = tools(1, &tool(1, 2 * CROWD, buckets()));
    let scheduler = scheduler(&tools, 1);
    let never = CancellationToken::new();
    let demand = || Demand::named(&tools[0].0, &tools[0].1);
    let held = scheduler.admit(demand(), &never).await;
    let weighed = weigh(|| scheduler.admit(demand(), &never));
    drop(held);
    weighed
}

/// A call on its whole way through the runner, with an argument and a way to call it off of its own.
async fn crowd_in_runner() -> [Option<u64>; 2] {
    let text = format!(
        "concurrency: {{ max_parallel: 1, queue_size: {0} }}\ntools:\n  - name: wait\n    description: Waits\n    \
         parameters: [{{ name: text }}]\n    concurrency: {{ queue_size: {0}, queue_timeout: 1h }}\n    timeout: 1h\n    \
         script: {{ command: sleep, args: [\"3600\"] }}\n",
        2 * CROWD
    );
    let loaded = load_text(
        Path::new("bench"),
        text,
        Path::new("/"),
        &LoadOptions::default(),
    );
    let loaded = loaded.unwrap_or_else(|error| panic!("{}", error.render(false)));
    let runner = Runner::new(loaded.catalog);
    let call = || {
        let arguments = serde_json::Map::from_iter([("text".to_owned(), "some words".into())]);
        let never = CancellationToken::new();
        let prepared = runner.prepare("wait", arguments, CallContext::default(), never);
        let prepared = futures::FutureExt::now_or_never(prepared);
        let call = prepared
            .expect("short arguments are checked at once")
            .expect("they are sound");
        runner.call(call)
    };
    let first = begin(call());
    let weighed = weigh(call);
    drop(first);
    runner.abandon().await;
    weighed
}
