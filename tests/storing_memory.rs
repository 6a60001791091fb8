//! A gibibyte of output, stored to the last byte in the memory of megabytes. A binary of its own: other tests
//! would disturb the figures.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "executor/support.rs"]
mod support;

use std::io::Read;
use std::time::Duration;

use runner::store::{Store, StoreLimits};
use runner::tool::Owner;
use support::{python, sh};
use tokio::time::Instant;

const GIBIBYTE: u64 = 1 << 30;

/// The figure named `key` in `/proc/self/status`, in KiB.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Prints a gibibyte: blocks of 64 KiB, each of lines with its own number.
const FLOOD: &str = r#"
import os
for number in range(16384):
    block = b"%063d\n" % number * 1024
    while block:
        block = block[os.write(1, block):]
"#;

/// Whether the output is what [`FLOOD`] prints, to the last byte.
fn is_the_flood(mut output: impl Read) -> bool {
    let mut block = vec![0; 64 * 1024];
    let is_right = (0..16384).all(|number| {
        output.read_exact(&mut block).unwrap();
        block == format!("{number:063}\n").repeat(1024).as_bytes()
    });
    is_right && output.read(&mut block).unwrap() == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_is_stored_and_memory_stays_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(Some(root.path().to_owned()), StoreLimits::default());
    sh("seq 1 10000").run().await.result.unwrap();
    let before = memory("VmRSS:");
    // The highest mark so far is forgotten: see proc(5), clear_refs.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();

    let began = Instant::now();
    let draft = python(FLOOD).timeout(Duration::from_mins(2));
    let run = draft.run_storing(store.clone()).await;
    let took = began.elapsed();
    let (highest, after) = (memory("VmHWM:"), memory("VmRSS:"));
    println!("resident: {before} KiB before, {highest} KiB at most, {after} KiB after; {took:?}");

    let output = run.result.unwrap();
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
    let left_out = GIBIBYTE - (64 << 10);
    assert!(
        output
            .text
            .contains(&format!("[... {left_out} bytes left out ...]"))
    );
    assert!(output.text.ends_with("016383\n"));
    let stored = output.stored.unwrap();
    assert_eq!((stored.bytes, stored.total), (GIBIBYTE, GIBIBYTE));
    let (file, bytes) = store.open(stored.id.as_str(), &Owner::Bearer).unwrap();
    assert_eq!(bytes, GIBIBYTE);
    assert!(is_the_flood(file), "what is stored is not what was printed");
    assert!(
        highest < before + 32 * 1024,
        "{before} KiB before, {highest} KiB at most"
    );
    assert!(
        after < before + 8 * 1024,
        "{before} KiB before, {after} KiB after"
    );
    store.close();
}
