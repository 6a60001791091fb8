//! Pages and items on the command line.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a terminal is made by a program")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{RUNNER, command, runner, texts};
use crate::world::runs;

const TOOLS: &str = r#"
name: command
tools:
  - name: rows
    description: Give rows
    script: { shell: "echo ran >> runs; seq 1 450 | paste -sd, | sed 's/^/[/; s/$/]/'" }
    pagination: { default_size: 3 }
  - name: hangs
    description: Give five items, then wait for a file
    script: { shell: "for n in 1 2 3 4 5; do echo $n; done; touch ready; while ! [ -e done ]; do sleep 0.05; done; echo 6" }
    output: { format: jsonl }
    timeout: 60s
  - name: late
    description: Give five items, then hang
    script: { command: python3, args: [-c, "import time\nfor n in range(1, 6): print(n)\ntime.sleep(600)"] }
    output: { format: jsonl }
    timeout: 5s
    kill_grace: 500ms
  - name: kept
    description: Give items and keep them
    script: { shell: "seq 1 3" }
    output: { format: jsonl }
    cache: true
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    folder
}

fn call(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let state = folder.join("state");
    let mut arguments = vec!["call", "--state-dir", state.to_str().unwrap()];
    arguments.extend_from_slice(words);
    let output = runner(folder, &arguments);
    let (stdout, stderr) = texts(&output);
    (output.status.code(), stdout, stderr)
}

#[test]
fn a_page_is_printed_with_the_way_to_the_rest() {
    let folder = folder();
    let (code, stdout, stderr) = call(folder.path(), &["rows"]);
    let page =
        json!({"items": [1, 2, 3], "total": 450, "offset": 0, "has_more": true, "next_offset": 3});
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), page);
    assert!(stdout.ends_with("}\n"));
    assert_eq!(
        (code, stderr.as_str()),
        (
            Some(0),
            "the first 3 of 450 items; `--all` prints all of them, one a line\n"
        )
    );
    let (_, stdout, _) = call(folder.path(), &["rows", "--format", "json", "page_size=5"]);
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(outcome["result"]["items"], json!([1, 2, 3, 4, 5]));
}

#[test]
fn all_pages_of_one_run_are_printed() {
    let folder = folder();
    let (code, stdout, stderr) = call(folder.path(), &["rows", "--all"]);
    let numbers: Vec<u32> = stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=450).collect::<Vec<u32>>());
    assert_eq!(
        (code, stderr.as_str(), runs(folder.path())),
        (Some(0), "", 1)
    );
    let states = fs::read_dir(folder.path().join("state")).unwrap().flatten();
    let left = states.filter(|entry| entry.path().is_dir()).count();
    assert_eq!(left, 0, "nothing is left when the program has ended");
}

#[test]
fn items_are_printed_as_they_come() {
    let folder = folder();
    let mut child = command(folder.path(), &["call", "hangs", "--stream"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=5 {
        assert_eq!(lines.next().unwrap().unwrap(), number.to_string());
    }
    // The script is still running: it ends when this file is there.
    fs::write(folder.path().join("done"), "").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "6");
    assert!(lines.next().is_none(), "and nothing is printed twice");
    assert!(child.wait().unwrap().success());
}

#[test]
fn ctrl_c_gives_the_items_that_came() {
    let folder = folder();
    let child = command(folder.path(), &["call", "hangs", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while !folder.path().join("ready").exists() {
        assert!(Instant::now() < until, "the script never printed its items");
        std::thread::sleep(Duration::from_millis(20));
    }
    let words = ["-INT", &child.id().to_string()];
    assert!(Command::new("kill").args(words).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = &outcome["error"];
    assert_eq!(
        (
            &error["code"],
            &error["data"]["items"],
            &error["data"]["complete"]
        ),
        (&json!("CANCELLED"), &json!([1, 2, 3, 4, 5]), &json!(false))
    );
}

#[test]
fn a_timeout_gives_the_items_that_came() {
    let folder = folder();
    let (code, stdout, _) = call(folder.path(), &["late", "--format", "json"]);
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    let data = &outcome["error"]["data"];
    assert_eq!(
        (code, &data["items"], &data["complete"]),
        (Some(1), &json!([1, 2, 3, 4, 5]), &json!(false))
    );
    let (code, stdout, stderr) = call(folder.path(), &["late"]);
    assert_eq!((code, stdout.as_str()), (Some(1), "1\n2\n3\n4\n5\n"));
    assert!(stderr.starts_with("error: `late` was ended after its timeout of 5 s"));
}

#[test]
fn a_terminal_sees_items_as_they_come_and_once() {
    const TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let folder = folder();
    for tool in ["late", "kept"] {
        let began = Instant::now();
        let seen = Command::new("python3")
            .args(["-c", TERMINAL, RUNNER, "call", tool])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(began.elapsed() < Duration::from_mins(1));
        let seen = String::from_utf8(seen.stdout).unwrap();
        assert_eq!(seen.matches("3\r\n").count(), 1, "{seen:?}");
    }
}

#[test]
fn ways_that_do_not_fit_are_refused() {
    let folder = folder();
    for (words, told) in [
        (
            &["rows", "--stream"],
            "`--stream` is for tools with `output.format: jsonl`, and `rows` is none",
        ),
        (
            &["late", "--all"],
            "`--all` is for tools with `pagination`, and `late` has none",
        ),
    ] {
        let (code, _, stderr) = call(folder.path(), words);
        assert_eq!(code, Some(2));
        assert!(stderr.contains(told), "{stderr}");
    }
    let (code, _, stderr) = call(folder.path(), &["late", "--stream", "--format", "json"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("choose one"), "{stderr}");
}
