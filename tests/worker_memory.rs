//! Answers of hundreds of megabytes in the memory of a few. A binary of its own: other tests would disturb the figures.
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "executor/support.rs"]
mod support;

use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::{PersistentWorker, Worker};
use support::argv;

const SCRIPT: &str = "def main(arguments):
    if arguments['as'] == 'text': return 'x' * 100_000_000 + 'end'
    if arguments['as'] == 'json': return ['x' * 100_000_000, 'end']
    if arguments['as'] == 'lines': return lines()
def lines():
    for _ in range(1000): yield 'x' * 100_000
";

/// The figure named `key` in `/proc/self/status`, in KiB.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key));
    let figure = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    figure.expect("a figure")
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_never_whole_in_memory() {
    const MIB: u64 = 1024;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("script.py"), SCRIPT).expect("written");
    let executor = ScriptExecutor::new();
    let call = |what: &str| {
        let mut draft = argv("/usr/bin/python3", &["script.py"]).timeout(Duration::from_mins(2));
        folder.path().clone_into(&mut draft.working_dir);
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
        draft.arguments = serde_json::json!({ "as": what });
        draft.call()
    };
    executor
        .run(&call("nothing"), ())
        .await
        .result
        .expect("it is warm");
    let before = memory("VmRSS:");
    // The highest mark so far is forgotten: see proc(5), clear_refs.
    std::fs::write("/proc/self/clear_refs", "5").expect("written");
    for (what, total) in [
        ("text", 100_000_003_u64),
        ("json", 100_000_011),
        ("lines", 100_001_000),
    ] {
        let output = executor
            .run(&call(what), ())
            .await
            .result
            .expect("an answer");
        let left_out = total - (64 << 10);
        let note = format!("[... {left_out} bytes left out ...]");
        assert!(output.text.contains(&note), "{what}: not {left_out}");
    }
    let highest = memory("VmHWM:");
    println!("resident: {before} KiB before, {highest} KiB at most");
    assert!(
        highest < before + 8 * MIB,
        "{before} KiB before, {highest} KiB at most"
    );
    executor.drain(None).await;
}
