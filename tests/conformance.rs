//! The official conformance suite, for both eras of the protocol, against a server whose tools are the suite's
//! fixtures (`tests/conformance/`).
//!
//! `.ci/run` installs the suite; without it these tests skip and say so. The suite speaks HTTP only: standard
//! input and output have `tests/stdio.rs` and `tests/stdio_hostile.rs`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the suite they are tested by"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Server, repository, texts, tool_from};

/// Names the folder into which `npm` has installed Node and the suite.
const SUITE: &str = "RUNNER_TEST_CONFORMANCE";

#[test]
fn the_current_revision_conforms() {
    conforms("2026-07-28");
}

#[test]
fn the_last_revision_with_sessions_conforms() {
    conforms("2025-11-25");
}

#[test]
fn every_expected_failure_has_its_reason() {
    for revision in ["2026-07-28", "2025-11-25"] {
        let text = fs::read_to_string(repository(&expected_failures(revision))).unwrap();
        let (_, entries) = text.split_once("server:\n").unwrap();
        let lines: Vec<&str> = entries.lines().map(str::trim).collect();
        for (reason, entry) in lines.iter().step_by(2).zip(lines.iter().skip(1).step_by(2)) {
            assert!(reason.starts_with("# "), "{revision}: {reason}");
            assert!(entry.starts_with("- "), "{revision}: {entry}");
        }
        assert_eq!(lines.len() % 2, 0, "{revision}: {lines:?}");
    }
}

/// Runs what `revision` requires. An unexpected failure is one, and so is an expected one that passes; the
/// documentation says how many checks passed and how many are expected not to.
fn conforms(revision: &str) {
    let Some(suite) = tool_from(SUITE) else {
        return;
    };
    let suite = repository(&suite).join("node_modules/.bin");
    // One of the tools rewrites the file that is served.
    let folder = tempfile::tempdir().unwrap();
    copy(&repository("tests/conformance"), folder.path());
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let output = Command::new(suite.join("node"))
        .arg(suite.join("conformance"))
        .args(["server", "--url", &server.url, "--requirements", revision])
        .arg("--expected-failures")
        .arg(repository(&expected_failures(revision)))
        .arg("-o")
        .arg(folder.path().join("results"))
        .output()
        .unwrap();
    let (told, complaints) = texts(&output);
    assert!(
        output.status.success(),
        "{revision}:\n{told}\n{complaints}\nthe server:\n{}",
        server.said()
    );
    let (passed, failed) = totals(&told);
    let page = fs::read_to_string(repository("docs/serving.md")).unwrap();
    let sentence = format!("{passed} checks pass and {failed} do not for {revision}");
    let text = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains(&sentence),
        "docs/serving.md should say: {sentence}"
    );
}

fn expected_failures(revision: &str) -> String {
    format!("tests/conformance/expected-failures-{revision}.yaml")
}

/// From the suite's last words: `Total: 131 passed, 51 failed`.
fn totals(told: &str) -> (u32, u32) {
    let line = told.lines().find_map(|line| line.strip_prefix("Total: "));
    let (passed, failed) = line.unwrap().split_once(", ").unwrap();
    let figure = |part: &str| part.split(' ').next().unwrap().parse().unwrap();
    (figure(passed), figure(failed))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
