//! Threads, signal handlers and forks of kept workers that speak while an answer is on its way.

use std::path::Path;
use std::time::Duration;

use runner::tool::OutputFormat;
use serde_json::json;

use crate::calls::Draft;
use crate::kept::{kept, room, run};

/// Tells of progress all the time, while an answer that no pipe takes at once is on its way.
const BEATING: &str = "
import signal, threading, time
def main(arguments, context):
    over = threading.Event()
    def beat(*_):
        context.progress(1, None, 'beat')
    def beats():
        while not over.is_set():
            beat()
            time.sleep(0.0002)
    if arguments['by'] == 'signal':
        signal.signal(signal.SIGALRM, beat)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    else:
        threading.Thread(target=beats, daemon=True).start()
    threading.Timer(1, over.set).start()
    for n in range(arguments['items']):
        yield {'n': n, 'data': 'y' * 300_000}
    over.set()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return {'data': 'y' * 5_000_000, 'end': True}
";

fn beating(folder: &Path, by: &str, items: usize) -> Draft {
    let mut draft = kept(folder, BEATING);
    draft.arguments = json!({ "by": by, "items": items });
    draft.output.max_bytes = 32 << 20;
    draft.output.inline_bytes = 32 << 20;
    draft.timeout(Duration::from_mins(2))
}

#[tokio::test]
async fn what_is_told_meanwhile_stands_in_no_answer() {
    let (folder, executor) = room();
    for by in ["thread", "signal"] {
        let mut draft = beating(folder.path(), by, 20);
        draft.output.format = OutputFormat::Jsonl;
        let answer = run(&executor, draft).await.result.unwrap();
        let items = answer.structured.unwrap();
        let items = items.as_array().unwrap();
        assert_eq!(items.len(), 21, "{by}");
        for (n, item) in items[..20].iter().enumerate() {
            assert_eq!(item["n"], n, "{by}");
            assert_eq!(item["data"].as_str().unwrap().len(), 300_000, "{by}");
        }
        assert_eq!(items[20]["data"].as_str().unwrap().len(), 5_000_000, "{by}");
    }
    executor.drain(None).await;
}

/// A result is written by the main thread while another has the way for itself.
#[tokio::test]
async fn a_thread_cuts_no_result() {
    let (folder, executor) = room();
    let script = "import threading
def main(arguments, context):
    over = threading.Event()
    def beats():
        while not over.wait(0.0005): context.progress(1, None, 'beat')
    threading.Thread(target=beats, daemon=True).start()
    threading.Timer(1, over.set).start()
    return {'data': 'y' * 8_000_000, 'end': True}";
    for _ in 0..3 {
        let mut draft = kept(folder.path(), script).timeout(Duration::from_mins(2));
        draft.output.format = OutputFormat::Json;
        draft.output.max_bytes = 16 << 20;
        draft.output.inline_bytes = 16 << 20;
        let answer = run(&executor, draft).await.result.unwrap();
        let answer = answer.structured.unwrap();
        assert_eq!(answer["data"].as_str().unwrap().len(), 8_000_000);
        assert_eq!(answer["end"], true);
    }
    executor.drain(None).await;
}

/// In a fork another thread may have held what it speaks by, and never lets go of it.
#[tokio::test]
async fn a_fork_is_held_up_by_no_thread_that_spoke() {
    let (folder, executor) = room();
    let script = "import os, threading
def main(arguments, context):
    over = threading.Event()
    def beats():
        while not over.is_set(): context.progress(1, None, 'beat' * 200)
    for _ in range(2): threading.Thread(target=beats, daemon=True).start()
    statuses = []
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            context.progress(2, None, 'from the fork')
            os._exit(7)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    over.set()
    return sorted(set(statuses))";
    let answer = run(&executor, kept(folder.path(), script)).await.result;
    assert_eq!(answer.unwrap().text, "[7]");
    executor.drain(None).await;
}
