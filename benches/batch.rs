//! What a batch costs beside its calls: 1,000 calls over a graph 50 deep, each referring to two results of
//! the layer before, against the same calls made bare in the same run. Prints only; `cargo bench --bench batch`.
#![expect(clippy::print_stdout, reason = "figures are all it is for")]

use std::sync::Arc;
use std::time::Duration;

use runner::batch::{ANSWER_BYTES, Caller, Ended, Plan, Watch, run};
use runner::tool::{Output, Timing};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const DEPTH: usize = 50;
const ROUNDS: usize = 30;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // On a thread of the pool, as a batch is in a server.
    let measured = runtime.block_on(async { tokio::spawn(measure()).await });
    measured.expect("it ends");
}

async fn measure() {
    for width in [20, 200] {
        let calls = width * DEPTH;
        let (mut bare, mut planned, mut whole) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            bare = bare.min(bare_calls(calls).await);
            let request = request(width);
            let began = Instant::now();
            let plan = Plan::parse(request, false).expect("sound");
            planned = planned.min(began.elapsed());
            let report = run(plan, Arc::new(Bare), Watch::default()).await;
            assert!(report.succeeded(), "every call succeeds");
            std::hint::black_box(report.to_json(ANSWER_BYTES).to_string());
            whole = whole.min(began.elapsed());
        }
        let each = |time: Duration| micros(time) / f64::from(u32::try_from(calls).expect("small"));
        println!(
            "{calls:>6} calls, {DEPTH} deep: bare {:.2} us a call, in a batch {:.2} us (plan {:.2} us), own {:.2} us",
            each(bare),
            each(whole),
            each(planned),
            each(whole.saturating_sub(bare))
        );
    }
}

async fn bare_calls(calls: usize) -> Duration {
    let began = Instant::now();
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
    began.elapsed()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
