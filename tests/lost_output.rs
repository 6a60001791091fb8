//! Output of the command line that gets lost is told, and never taken for the whole.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;

#[cfg(target_os = "linux")]
use support::Server;
#[cfg(unix)]
use support::command;
use support::{runner, texts};

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), config).unwrap();
    folder
}

/// Exit code, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = runner(folder, arguments);
    let (stdout, stderr) = texts(&output);
    (output.status.code().unwrap(), stdout, stderr)
}

const PRINTS: &str = r#"
name: prints
tools:
  - name: say
    description: Say it back
    parameters: [{ name: text, type: string, default: hi }]
    script: { shell: "printf '%s\\n' \"{{text}}\"" }
  - name: items
    description: Give items for a minute, and leave a mark at the end
    script: { shell: "for n in $(seq 600); do echo $n; sleep 0.1; done; touch ended" }
    output: { format: jsonl }
    timeout: 2m
  - name: rows
    description: Give many rows
    script: { shell: "echo run >> runs; seq 1000" }
    output: { format: jsonl }
    pagination: true
"#;

#[cfg(target_os = "linux")]
const NO_SPACE: &str = "error: the output could not be written: No space left on device (os error 28)\n\n\
                        hint: make room where it goes, or send it elsewhere; a tool that was called has run all the same\n";

/// Exit code and standard error of a command whose output goes to a full disk.
#[cfg(target_os = "linux")]
fn on_a_full_disk(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(folder, arguments).stdout(full).output().unwrap();
    (output.status.code().unwrap(), texts(&output).1)
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = folder(PRINTS);
    fs::write(folder.path().join("items.jsonl"), "{}\n").unwrap();
    fs::write(
        folder.path().join("calls.json"),
        r#"{"calls": [{"tool_name": "say"}]}"#,
    )
    .unwrap();
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let commands: [&[&str]; 22] = [
        &["call", "say"],
        &["call", "say", "--format", "json"],
        &["call", "items", "--stream"],
        &["call", "rows", "--all"],
        &["call", "rows"],
        &["batch", "calls.json"],
        &["batch", "calls.json", "--stream"],
        &["batch", "calls.json", "--stream", "--format", "json"],
        &["map", "say", "items.jsonl"],
        &["list"],
        &["list", "--format", "json"],
        &["explain", "say"],
        &["schema"],
        &["snippet", "cursor"],
        &["completions", "bash"],
        &["validate"],
        &["status", &server.url],
        &["init", "fresh"],
        &["bench", "say", "--callers", "1", "--duration", "0.1"],
        &["help"],
        &["call", "--help"],
        &["--version"],
    ];
    for arguments in commands {
        let (code, stderr) = on_a_full_disk(folder.path(), arguments);
        assert_eq!(code, 1, "{arguments:?}: {stderr}");
        assert!(stderr.ends_with(NO_SPACE), "{arguments:?}: {stderr}");
        assert_eq!(
            stderr.matches("error:").count(),
            1,
            "{arguments:?}: {stderr}"
        );
    }
    assert!(
        !folder.path().join("ended").exists(),
        "a stream that nobody gets is called off"
    );
    let (code, stderr) = on_a_full_disk(folder.path(), &["call", "say", "text"]);
    assert_eq!(code, 2, "{stderr}");
}

/// Far more items than a pipe and a queue hold: the first that is lost ends it.
#[cfg(target_os = "linux")]
#[test]
fn a_map_whose_results_are_lost_ends_early() {
    let folder = folder(PRINTS);
    fs::write(folder.path().join("items.jsonl"), "{}\n".repeat(10_000)).unwrap();
    let (code, stderr) = on_a_full_disk(folder.path(), &["map", "rows", "items.jsonl"]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("; cancelled, and the items after them were not read\nerror: the output"),
        "{stderr}"
    );
    let runs = fs::read_to_string(folder.path().join("runs")).unwrap();
    assert!(runs.lines().count() < 5_000, "{}", runs.lines().count());
}

/// As `head` does when it has enough.
#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = folder(PRINTS);
    for arguments in [&["call", "say"][..], &["list"], &["help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(folder.path(), arguments)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(texts(&output).1, "", "{arguments:?}");
    }
}
