//! Output of gigabytes in the memory of megabytes. A binary of its own: other tests would disturb the figures.
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "executor/support.rs"]
mod support;

use std::time::Duration;

use support::{bash, sh};

/// The figure named `key` in `/proc/self/status`, in KiB.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key));
    let figure = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    figure.expect("a figure")
}

#[tokio::test]
async fn a_flood_leaves_memory_where_it_was() {
    const MIB: u64 = 1024;
    sh("head -c 4000000 /dev/zero").run().await.result.unwrap();
    let before = memory("VmRSS:");
    // The highest mark so far is forgotten: see proc(5), clear_refs.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();

    let run = sh("head -c 2147483648 /dev/zero | tr '\\0' x; echo; echo end")
        .run()
        .await;
    let text = run.result.unwrap().text;
    let left_out = 2_147_483_648_u64 + 5 - (64 << 10);
    assert!(text.contains(&format!("[... {left_out} bytes left out ...]")));
    assert!(text.ends_with("x\nend\n"));

    let flood = "trap '' TERM; yes & yes >&2 & yes";
    let flood = bash(flood)
        .timeout(Duration::from_secs(1))
        .grace(Duration::from_millis(500));
    let failure = flood.run().await.result.unwrap_err();
    assert!(
        failure.data["stdout"]
            .as_str()
            .unwrap()
            .starts_with("y\ny\n")
    );
    assert!(failure.data["stderr"].as_str().unwrap().ends_with("y\ny\n"));

    let (highest, after) = (memory("VmHWM:"), memory("VmRSS:"));
    println!("resident: {before} KiB before, {highest} KiB at most, {after} KiB after");
    assert!(
        highest < before + 6 * MIB,
        "{before} KiB before, {highest} KiB at most"
    );
    assert!(
        after < before + 4 * MIB,
        "{before} KiB before, {after} KiB after"
    );
}
