//! What a batch costs beside its calls, over a graph 50 deep in which each call refers to two results of the layer
//! before: planning it, running it with calls that cost next to nothing, and those calls made bare. `cargo bench --bench batch`.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use runner::batch::{ANSWER_BYTES, Caller, Ended, Plan, Watch, run};
use runner::tool::{Output, Timing};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const DEPTH: usize = 50;

/// Calls that cost next to nothing.
struct Bare;

impl Caller for Bare {
    async fn call(
        &self,
        _: &str,
        params: Map<String, Value>,
        started: Arc<Notify>,
        _: CancellationToken,
    ) -> Ended {
        started.notify_one();
        let value = json!({"id": params.get("id"), "list": [1, 2, 3]});
        let output = Output {
            text: value.to_string(),
            structured: Some(value),
            ..Output::default()
        };
        Ended {
            result: Ok(output),
            timing: Timing::default(),
            warnings: Vec::new(),
        }
    }

    fn max_parallel(&self) -> u32 {
        64
    }
}

/// `width` calls in each of 50 layers.
fn request(width: usize) -> Value {
    let call = |layer: usize, number: usize| {
        let mut params = json!({"id": layer * width + number, "text": "some text"});
        if let Some(before) = layer.checked_sub(1) {
            let beside = (number + 1) % width;
            params["one"] = json!(format!("${{c{before}_{number}.result.id}}"));
            params["other"] = json!(format!("see ${{c{before}_{beside}.result.list[1]}}"));
        }
        let tool = format!("tool{}", number % 8);
        json!({"call_id": format!("c{layer}_{number}"), "tool_name": tool, "params": params})
    };
    let calls: Vec<Value> = (0..DEPTH)
        .flat_map(|layer| (0..width).map(move |number| call(layer, number)))
        .collect();
    json!({"calls": calls})
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for width in [20, 200] {
        measure(&mut criterion, &runtime, width);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, width: usize) {
    let calls = width * DEPTH;
    let request = request(width);
    let mut group = criterion.benchmark_group(format!("batch of {calls}"));
    group
        .sample_size(20)
        .throughput(Throughput::Elements(calls as u64));
    group.bench_function("plan", |bench| {
        bench.iter_batched(
            || request.clone(),
            |request| Plan::parse(request, false).expect("sound"),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("run", |bench| {
        bench.iter_batched(
            || Plan::parse(request.clone(), false).expect("sound"),
            |plan| on_the_pool(runtime, run_to_the_answer(plan)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("the calls alone", |bench| {
        bench.iter(|| on_the_pool(runtime, bare_calls(calls)));
    });
    group.finish();
}

/// On a thread of the pool, as a batch is in a server.
fn on_the_pool<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(runtime.spawn(work)).expect("it ends")
}

async fn run_to_the_answer(plan: Plan) -> String {
    let report = run(plan, Arc::new(Bare), Watch::default()).await;
    assert!(report.succeeded(), "every call succeeds");
    report.to_json(ANSWER_BYTES).to_string()
}

async fn bare_calls(calls: usize) {
    for id in 0..calls {
        let mut params = Map::new();
        params.insert("id".into(), id.into());
        let ended = Bare
            .call(
                "tool",
                params,
                Arc::new(Notify::new()),
                CancellationToken::new(),
            )
            .await;
        std::hint::black_box(ended);
    }
}
