//! Output of the command line that gets lost is told, and never taken for the whole.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
#[cfg(target_os = "linux")]
use support::Server;
#[cfg(unix)]
use support::command;
use support::{run, texts};

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), config).unwrap();
    folder
}

#[cfg(unix)]
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

const LONG: &str = r#"
name: long
tools:
  - name: text
    description: Give much text
    parameters: [{ name: n, type: integer, default: 1000000 }]
    script: { shell: "yes abcdefghij | head -n {{n}}" }
  - name: cut
    description: Give much text, of which the middle may go
    script: { shell: "yes abcdefghij | head -n 100000" }
    output: { on_overflow: truncate }
  - name: numbers
    description: Give numbers
    parameters: [{ name: n, type: integer, default: 1000000 }]
    script: { shell: "seq {{n}}" }
    output: { format: jsonl }
  - name: pages
    description: Give numbers in pages
    parameters: [{ name: n, type: integer, default: 1000000 }]
    script: { shell: "seq {{n}}" }
    output: { format: jsonl }
    pagination: true
  - name: wide
    description: Give two small items and a large one
    script: { command: python3, args: [-c, "print('1\\n\"' + 'x' * 100000 + '\"\\n3')"] }
    output: { format: jsonl }
    pagination: { default_size: 2 }
  - name: object
    description: Give one large object
    script: { command: python3, args: [-c, "import json; print(json.dumps({'text': 'x' * 100000}))"] }
    output: { format: json }
"#;

const STORE_HINT: &str = "hint: name a folder that can be written with `--state-dir`, or raise `output.inline_bytes` \
                          and `output.max_bytes`\n";

/// A call where nothing can be stored: a file is where the folder should be.
fn unstored(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let state = folder.join("state");
    fs::write(&state, "in the way").unwrap();
    let options = ["--state-dir", state.to_str().unwrap()];
    run(folder, &[&["call"], arguments, &options].concat())
}

#[test]
fn a_result_of_which_a_part_is_lost_is_a_failure_that_says_how_much() {
    let folder = folder(LONG);
    let (code, stdout, stderr) = unstored(folder.path(), &["text"]);
    assert!(stdout.starts_with("abcdefghij\n") && stdout.ends_with("abcdefghij\n"));
    let expected = format!(
        "error: only 65536 of 11000000 bytes were printed, the rest is lost\n\n{STORE_HINT}"
    );
    assert_eq!(code, 1);
    assert!(stderr.ends_with(&expected), "{stderr}");
    let (code, _, stderr) = unstored(folder.path(), &["text", "--format", "json"]);
    assert_eq!(code, 1);
    assert!(stderr.ends_with(&expected), "{stderr}");

    let (code, stdout, stderr) = unstored(folder.path(), &["numbers"]);
    let count = is_counted(&stdout);
    let expected = format!(
        "error: only {count} of 1000000 items were printed, the rest is lost\n\n{STORE_HINT}"
    );
    assert!(code == 1 && count > 10_000);
    assert!(stderr.ends_with(&expected), "{stderr}");
}

#[test]
fn all_pages_without_a_store_are_what_memory_has() {
    let folder = folder(LONG);
    let (code, stdout, stderr) = unstored(folder.path(), &["pages", "--all"]);
    let count = is_counted(&stdout);
    let left = 1_000_000 - count;
    let expected = format!(
        "error: only {count} of 1000000 items were printed, the rest is lost\n\n{STORE_HINT}"
    );
    assert!(code == 1 && count > 10_000, "{code} {count}");
    assert!(stderr.ends_with(&expected), "{stderr}");
    let warning = format!("): the {left} items after these cannot be had\n");
    assert!(stderr.contains(&warning), "{stderr}");

    // What fits in memory is printed whole, however long a page may be.
    let (code, stdout, stderr) = unstored(folder.path(), &["pages", "--all", "n=100000"]);
    assert_eq!((code, is_counted(&stdout)), (0, 100_000), "{stderr}");
    assert!(
        stderr.ends_with("): all items are in this answer\n"),
        "{stderr}"
    );

    let (code, stdout, stderr) = unstored(folder.path(), &["pages", "--all", "n=0"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));

    // One page is all that was asked for.
    let (code, stdout, stderr) = unstored(folder.path(), &["pages"]);
    let page: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &page["total"]), (0, &json!(1_000_000)));
    assert!(
        stderr.ends_with("): the 999950 items after these cannot be had\n"),
        "{stderr}"
    );
}

#[test]
fn what_memory_has_as_a_whole_is_printed_without_a_store() {
    let folder = folder(LONG);
    let (code, stdout, _) = unstored(folder.path(), &["object"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, object["text"].as_str().unwrap().len()), (0, 100_000));
    let (code, stdout, _) = unstored(folder.path(), &["numbers", "n=100000"]);
    assert_eq!((code, is_counted(&stdout)), (0, 100_000));
    let (code, stdout, _) = unstored(folder.path(), &["numbers", "--stream"]);
    assert_eq!((code, is_counted(&stdout)), (0, 1_000_000));
    let (code, _, stderr) = unstored(folder.path(), &["cut"]);
    assert_eq!(code, 0, "the file says that it may be cut");
    assert!(
        stderr.starts_with("warning: printed 1100000 bytes"),
        "{stderr}"
    );
}

#[test]
fn an_item_that_no_page_can_hold_is_missing() {
    let folder = folder(LONG);
    let arguments = ["call", "wide", "--all", "--state-dir", "state"];
    let (code, stdout, stderr) = run(folder.path(), &arguments);
    assert_eq!((code, stdout.as_str()), (1, "1\n3\n"), "{stderr}");
    let expected =
        format!("error: only 2 of 3 items were printed, the rest is lost\n\n{STORE_HINT}");
    assert!(stderr.ends_with(&expected), "{stderr}");
}

#[test]
fn what_one_json_object_cannot_hold_is_told() {
    let folder = folder(LONG);
    let state = folder.path().join("state");
    let state = ["--state-dir", state.to_str().unwrap()];
    let all = run(folder.path(), &[&["call", "numbers"][..], &state].concat());
    assert_eq!((all.0, is_counted(&all.1)), (0, 1_000_000));
    let (code, stdout, stderr) = run(
        folder.path(),
        &[&["call", "numbers", "--format", "json"][..], &state].concat(),
    );
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    let count = outcome["result"].as_array().unwrap().len();
    assert_eq!(code, 1);
    let expected = format!(
        "error: only {count} of 1000000 items were printed, the rest is too long for `--format json`\n\n\
         hint: without `--format json` all of it is printed\n"
    );
    assert!(stderr.ends_with(&expected), "{stderr}");
}

/// How many lines there are, each with its number.
fn is_counted(stdout: &str) -> usize {
    let numbers: Vec<usize> = stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()));
    numbers.len()
}
