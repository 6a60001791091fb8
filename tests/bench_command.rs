//! `runner bench` as a user meets it: real scripts, called again and again.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{runner, texts};

const TOOLS: &str = r#"
concurrency: { max_parallel: 8 }
retry: { default: { max_attempts: 3, initial_delay: 0.01 } }
circuit_breakers: { all: { failure_threshold: 1 } }
tools:
  - name: rest
    description: Rest for a moment and count
    cache: true
    annotations: { idempotent: true }
    circuit_breaker: all
    concurrency: { max_parallel: 2 }
    parameters:
      - { name: word, required: true }
    script: { shell: 'echo "{{word}}" >> ran; ls running* 2>/dev/null | wc -l >> beside; : > running$$; sleep 0.02; rm running$$' }
  - name: limited
    description: At most five and then one a second
    rate_limit: { requests_per_second: 1, burst: 5, on_limit: reject }
    script: { shell: "true" }
  - name: fails
    description: Fail
    annotations: { idempotent: true }
    script: { shell: "echo x >> failed; exit 3" }
  - name: asks
    description: Ask first
    confirm: Really?
    script: { shell: "echo x >> asked" }
  - name: erase
    description: Erase everything
    annotations: { destructive: true }
    script: { shell: "echo x >> erased" }
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    folder
}

fn bench(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = runner(folder, &[&["bench"], arguments].concat());
    let (stdout, stderr) = texts(&output);
    (output.status.code(), stdout, stderr)
}

fn figures(folder: &Path, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = bench(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn lines(folder: &Path, file: &str) -> u64 {
    let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().count().try_into().unwrap()
}

#[test]
fn a_sweep_suggests_how_many_calls_at_once_are_worth_while() {
    let folder = folder();
    let path = folder.path();
    let report = figures(
        path,
        &[
            "rest",
            "word=a b",
            "--duration",
            "0.3",
            "--max-callers",
            "4",
        ],
    );
    let levels = report["levels"].as_array().unwrap();
    let callers: Vec<_> = levels.iter().map(|level| &level["callers"]).collect();
    assert_eq!(callers[..2], [1, 2]);
    let suggested = &report["suggested_max_parallel"];
    assert!(callers.contains(&suggested), "{report:#}");
    // Each call was a run, though the tool caches; one more was made to see whether it works.
    let counted = levels
        .iter()
        .map(|level| level["succeeded"].as_u64().unwrap());
    assert_eq!(lines(path, "ran"), counted.sum::<u64>() + 1, "{report:#}");
    assert!(
        fs::read_to_string(path.join("ran"))
            .unwrap()
            .starts_with("a b\n")
    );
}

#[test]
fn a_sweep_is_a_table_a_suggestion_and_a_histogram() {
    let folder = folder();
    let arguments = ["rest", "word=a", "--duration", "0.2", "--max-callers", "2"];
    let (code, stdout, stderr) = bench(folder.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let head = "callers   calls/s       p50       p99  failed\n      1  ";
    assert!(stdout.starts_with(head), "{stdout}");
    assert!(
        stdout.contains("\nsuggested: concurrency: { max_parallel: "),
        "{stdout}"
    );
    assert!(stdout.contains("the file allows 2\n"), "{stdout}");
    assert!(stdout.trim_end().ends_with('#'), "{stdout}");
}

#[test]
fn callers_of_a_closed_loop_keep_to_the_limits_of_the_file() {
    let folder = folder();
    let arguments = ["rest", "word=a", "--callers", "6", "--duration", "0.5"];
    let report = figures(folder.path(), &arguments);
    assert_eq!(report["failed"], 0, "{report:#}");
    assert_eq!(
        lines(folder.path(), "ran"),
        report["succeeded"].as_u64().unwrap() + 1
    );
    let beside = fs::read_to_string(folder.path().join("beside")).unwrap();
    let most = beside.lines().map(|line| line.trim().parse().unwrap_or(9));
    assert!(
        most.max().unwrap_or(9) <= 1,
        "more than two ran at once: {beside}"
    );
    // Who waits for a place waits longer than the tool runs.
    let (latency, ran) = (&report["latency_ms"]["p50"], &report["ran_ms"]["p50"]);
    assert!(latency.as_f64() > ran.as_f64(), "{report:#}");
}

#[test]
fn every_call_of_an_open_loop_is_accounted_for() {
    let folder = folder();
    let report = figures(
        folder.path(),
        &["limited", "--rate", "40", "--duration", "0.5"],
    );
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(count("succeeded") + count("failed") + count("missed"), 20);
    // The rate of the tool holds: five, less the one that was tried before, and what half a second and more adds.
    assert!((4..10).contains(&count("succeeded")), "{report:#}");
    assert_eq!(report["failures"]["RATE_LIMITED"], report["failed"]);
    let (_, stdout, _) = bench(
        folder.path(),
        &["limited", "--rate", "40", "--duration", "0.5"],
    );
    assert!(stdout.contains(" failed with RATE_LIMITED: "), "{stdout}");
}

#[test]
fn a_tool_that_fails_is_not_measured() {
    let folder = folder();
    let (code, stdout, stderr) = bench(folder.path(), &["fails"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let head =
        "error: the first call of `fails` failed, so there is nothing to measure: EXIT_STATUS: ";
    assert!(stderr.starts_with(head), "{stderr}");
    assert_eq!(lines(folder.path(), "failed"), 1, "it is not tried again");
    let (code, _, stderr) = bench(folder.path(), &["rest"]);
    assert_eq!(code, Some(2), "a mistake in the arguments");
    assert!(stderr.contains("INVALID_ARGUMENTS"), "{stderr}");
}

#[test]
fn a_destructive_tool_needs_a_word() {
    let folder = folder();
    let (code, _, stderr) = bench(folder.path(), &["erase"]);
    assert_eq!(code, Some(2));
    assert_eq!(
        stderr,
        "error: `erase` says that it is destructive, and would be called many times\n\n\
         hint: `--yes` does it all the same\n"
    );
    assert_eq!(lines(folder.path(), "erased"), 0);
    let (code, _, stderr) = bench(folder.path(), &["asks"]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.starts_with("error: `asks` asks a person first, "),
        "{stderr}"
    );
    let arguments = ["asks", "--yes", "--callers", "1", "--duration", "0.1"];
    assert_eq!(bench(folder.path(), &arguments).0, Some(0));
    let arguments = ["erase", "--yes", "--callers", "1", "--duration", "0.1"];
    assert_eq!(bench(folder.path(), &arguments).0, Some(0));
    assert!(lines(folder.path(), "erased") > 1);
}

#[test]
fn figures_that_make_no_sense_are_refused() {
    let folder = folder();
    for (arguments, told) in [
        (
            ["rest", "--rate", "0"],
            "a number from 0.01 to 100000 is needed",
        ),
        (
            ["rest", "--duration", "nan"],
            "a number from 0.1 to 3600 is needed",
        ),
        (["rest", "--callers", "0"], "0 is not in 1..=10000"),
    ] {
        let (code, _, stderr) = bench(folder.path(), &arguments);
        assert_eq!(code, Some(2));
        assert!(stderr.contains(told), "{stderr}");
    }
    let (code, _, stderr) = bench(folder.path(), &["rset"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean `rest`?"), "{stderr}");
}
