//! What a call of a Python script costs: a fresh interpreter against a fork of a warm one and a worker that stays, in one run. Compare the
//! ratios, not the times, on a machine that others use. Prints only; `cargo bench --bench worker`.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "figures are all it is for")]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "../tests/executor/support.rs"]
mod support;

use std::path::Path;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::{Call, ForkWorker, PersistentWorker, Worker};
use tokio::time::Instant;

use support::argv;

/// Calls of each kind in a turn; kinds take turns, so that a busy moment falls on all.
const FRESH: usize = 20;
const WARM: usize = 100;
const KEPT: usize = 2000;
const TURNS: u32 = 5;

const LIGHT: &str = "import json, sys\nprint(json.dumps({'a': 1}))\n";

const HEAVY: [&str; 12] = [
    "asyncio",
    "concurrent.futures",
    "decimal",
    "difflib",
    "email.message",
    "http.client",
    "multiprocessing",
    "sqlite3",
    "ssl",
    "unittest",
    "urllib.request",
    "xml.dom.minidom",
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        println!(
            "{:<34} {:>10} {:>10} {:>7} {:>7}",
            "", "fresh", "fork", "ratio", "target"
        );
        report("a script that imports json", LIGHT, &["json"], 6).await;
        let heavy = format!(
            "import json, {}\nprint(json.dumps({{'a': 1}}))\n",
            HEAVY.join(", ")
        );
        let preload: Vec<&str> = HEAVY.into_iter().chain(["json"]).collect();
        report("a script with heavy imports", &heavy, &preload, 20).await;
        let exits = format!("{heavy}sys = __import__('sys')\nsys.exit(0)\n");
        report("the same, ending by sys.exit", &exits, &preload, 5).await;
        report_kept().await;
    });
}

async fn report(name: &str, script: &str, preload: &[&str], target: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("script.py"), script).expect("written");
    let executor = ScriptExecutor::new();
    let (fresh, warm) = (
        call(folder.path(), None),
        call(folder.path(), Some(preload)),
    );
    run(&executor, &fresh, 2).await;
    run(&executor, &warm, 2).await;
    let (mut spawned, mut forked) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        spawned += run(&executor, &fresh, FRESH).await;
        forked += run(&executor, &warm, WARM).await;
    }
    let each = |all: Duration, calls: usize| {
        all.as_secs_f64() * 1000.0 / f64::from(u32::try_from(calls).expect("few") * TURNS)
    };
    let (spawned, forked) = (each(spawned, FRESH), each(forked, WARM));
    println!(
        "{name:<34} {spawned:>7.2} ms {forked:>7.2} ms {:>7.1} {target:>7}",
        spawned / forked
    );
    executor.drain(None).await;
}

/// The light script, as one that is loaded once: what stays is a call, a line each way, and the answer.
async fn report_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = "import json, sys\ndef main(arguments): return {'a': 1}\n";
    std::fs::write(folder.path().join("script.py"), LIGHT).expect("written");
    std::fs::write(folder.path().join("kept.py"), main).expect("written");
    let executor = ScriptExecutor::new();
    let fresh = call(folder.path(), None);
    let kept = kept(folder.path());
    run(&executor, &fresh, 2).await;
    run(&executor, &kept, KEPT).await;
    let (mut spawned, mut answered) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TURNS {
        spawned += run(&executor, &fresh, FRESH).await;
        answered += run(&executor, &kept, KEPT).await;
    }
    let each = |all: Duration, calls: usize| {
        all.as_secs_f64() * 1000.0 / f64::from(u32::try_from(calls).expect("few") * TURNS)
    };
    let (spawned, answered) = (each(spawned, FRESH), each(answered, KEPT));
    println!(
        "\n{:<34} {:>10} {:>10} {:>7} {:>7}",
        "", "fresh", "persistent", "ratio", "target"
    );
    println!(
        "{:<34} {spawned:>7.2} ms {answered:>7.4} ms {:>7.1} {:>7}",
        "a script that imports json",
        spawned / answered,
        100
    );
    executor.drain(None).await;
}

fn kept(folder: &Path) -> Call {
    let mut draft = argv("/usr/bin/python3", &["kept.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft.worker = Some(Worker::Persistent(PersistentWorker {
        options: 0,
        size: 1.try_into().expect("one"),
        multiplex: 1.try_into().expect("one"),
        max_calls: None,
        max_rss: None,
        idle_timeout: Duration::from_mins(10),
        start_timeout: Duration::from_mins(1),
        preload: Vec::new(),
    }));
    draft.call()
}

async fn run(executor: &ScriptExecutor, call: &Call, times: usize) -> Duration {
    let started = Instant::now();
    for _ in 0..times {
        let run = executor.run(call, ()).await;
        run.result.expect("it succeeds");
    }
    started.elapsed()
}

fn call(folder: &Path, preload: Option<&[&str]>) -> Call {
    let mut draft = argv("/usr/bin/python3", &["script.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft.worker = preload.map(|modules| {
        Worker::Fork(ForkWorker {
            options: 0,
            fixed: 1,
            preload: modules.iter().map(ToString::to_string).collect(),
        })
    });
    draft.call()
}
