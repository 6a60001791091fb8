//! What the output of a script costs: one process, read to its end. `cargo bench --bench capture`.
#![cfg(unix)]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "../tests/executor/support.rs"]
mod support;

use criterion::{Criterion, SamplingMode, Throughput};
use runner::executor::ScriptExecutor;
use support::argv;

/// What is printed, and how much of it is kept, in bytes.
const CASES: [(&str, u64, usize); 3] = [
    ("nothing", 0, 1 << 20),
    ("64 MiB, 1 MiB kept", 64 << 20, 1 << 20),
    ("64 MiB, all kept", 64 << 20, 64 << 20),
];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let executor = ScriptExecutor::new();
    let mut group = criterion.benchmark_group("capture");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for (name, printed, kept) in CASES {
        let mut draft = argv("/usr/bin/head", &["-c", &printed.to_string(), "/dev/zero"]);
        draft.output.max_bytes = kept;
        let call = draft.call();
        if printed > 0 {
            group.throughput(Throughput::Bytes(printed));
        }
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let run = runtime.block_on(executor.run(&call, ()));
                run.result.expect("it succeeds")
            });
        });
    }
    group.finish();
    runtime.block_on(executor.drain(None));
    criterion.final_summary();
}
