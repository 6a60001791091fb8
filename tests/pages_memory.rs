//! A page of a million items, read in the memory of megabytes. A binary of its own: other tests would disturb the figures.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::path::Path;

use runner::config::{LoadOptions, load_text};
use runner::runner::Runner;
use runner::store::{Store, StoreLimits};
use runner::tool::CallContext;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Prints a million items of about a hundred bytes each as one list.
const TOOLS: &str = r#"
tools:
  - name: million
    description: Give a million items
    script:
      command: python3
      args:
        - -c
        - |
          import sys
          text = 'x' * 80
          sys.stdout.write('[')
          for block in range(1000):
              items = ','.join('{"n": %d, "text": "%s"}' % (block * 1000 + n, text) for n in range(1000))
              sys.stdout.write((',' if block else '') + items)
          print(']')
    timeout: 120s
    pagination: true
"#;

/// The figure named `key` in `/proc/self/status`, in KiB.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn page(runner: &Runner, arguments: Value) -> Value {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    let (context, cancel) = (CallContext::default(), CancellationToken::new());
    let call = runner
        .prepare("million", arguments, context, cancel)
        .await
        .unwrap();
    let outcome = runner.call(call).await;
    outcome.result.unwrap().structured.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_items_are_paged_and_memory_stays_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(Some(root.path().to_owned()), StoreLimits::default());
    let options = LoadOptions::default();
    let loaded = load_text(Path::new("f"), TOOLS, Path::new("/"), &options).unwrap();
    let runner = Runner::storing(loaded.catalog, store.clone());
    let before = memory("VmRSS:");
    // The highest mark so far is forgotten: see proc(5), clear_refs.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();

    let began = Instant::now();
    let first = page(&runner, json!({})).await;
    let first_took = began.elapsed();
    assert_eq!(
        (&first["total"], &first["next_offset"]),
        (&json!(1_000_000), &json!(50))
    );
    let began = Instant::now();
    for offset in [0_u64, 49, 123_456, 500_000, 777_777, 999_990, 999_999] {
        let next = json!({"result_id": first["result_id"], "offset": offset, "page_size": 10});
        let page = page(&runner, next).await;
        let numbers: Vec<u64> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["n"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = (offset..1_000_000.min(offset + 10)).collect();
        assert_eq!(numbers, expected);
    }
    let page_took = began.elapsed() / 7;
    let highest = memory("VmHWM:");
    println!(
        "resident: {before} KiB before, {highest} KiB at most; first page {first_took:?}, a further one {page_took:?}"
    );
    assert!(
        highest < before + 24 * 1024,
        "{before} KiB before, {highest} KiB at most"
    );
    store.close();
}
