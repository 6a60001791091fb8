//! `runner batch` and `runner map` as a user meets them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
#[cfg(unix)]
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{command, runner, texts};

pub(crate) const TOOLS: &str = r#"
name: batch
server: { builtin_tools: [batch] }
concurrency: { max_parallel: 30 }
tools:
  - name: make
    description: Print a value
    parameters:
      - { name: value, type: object, required: true }
    script: { command: printf, args: ["%s", "{{value | json}}"] }
  - name: types
    description: Print what came
    parameters:
      - { name: count, type: integer, required: true }
      - { name: words, type: array, items: { type: string } }
      - { name: text, type: string }
    script: { command: cat, args: [], stdin: json }
  - name: narrow
    description: Count who runs beside it
    parameters:
      - { name: n, type: integer, required: true }
    concurrency: { max_parallel: 4, queue_size: 1 }
    script:
      shell: |
        mkdir -p running && touch running/$$
        ls running | wc -l >> most
        sleep 0.02
        rm running/$$
        echo '{"n": '{{n}}'}'
  - name: fails
    description: Fail
    script: { shell: "echo half; exit 3" }
  - name: hold
    description: Show that it runs, and stay
    parameters:
      - { name: n, type: integer, required: true }
    concurrency: { max_parallel: 30 }
    script: { shell: "mkdir -p held; touch held/{{n}}; sleep 600" }
  - name: long
    description: Take long
    script: { shell: "echo half; touch started; sleep 600" }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    folder
}

/// Exit code, standard output and standard error of `runner batch` with these calls.
fn batch(folder: &Path, request: &Value, options: &[&str]) -> (i32, String, String) {
    fs::write(folder.join("calls.json"), request.to_string()).unwrap();
    let mut arguments = vec!["batch", "calls.json"];
    arguments.extend_from_slice(options);
    let output = runner(folder, &arguments);
    let (stdout, stderr) = texts(&output);
    (output.status.code().unwrap(), stdout, stderr)
}

#[test]
fn references_carry_values_with_their_types_from_script_to_script() {
    let folder = folder();
    let request = json!({"calls": [
        {"call_id": "types", "tool_name": "types", "params": {
            "count": "${made.result.count}", "words": "${made.result.words}", "text": "${made.result.count} of ${made.result.words}"}},
        {"call_id": "made", "tool_name": "make", "params": {"value": {"count": 3, "words": ["a b", "$(id)"]}}},
    ]});
    let (code, stdout, stderr) = batch(folder.path(), &request, &["--format", "json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        answer["results"][0]["result"],
        json!({"count": 3, "words": ["a b", "$(id)"], "text": "3 of [\"a b\",\"$(id)\"]"})
    );
    assert_eq!(answer["counts"]["succeeded"], 2);
}

#[test]
fn failures_are_exit_code_one_and_a_stream_ends_with_how_it_went() {
    let folder = folder();
    let request = json!({"calls": [
        {"call_id": "bad", "tool_name": "fails"},
        {"call_id": "after", "tool_name": "fails", "depends_on": ["bad"]},
        {"call_id": "none", "tool_name": "typos"},
        {"call_id": "fine", "tool_name": "make", "params": {"value": {}}},
    ]});
    let (code, stdout, stderr) = batch(folder.path(), &request, &[]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("bad  EXIT_STATUS  "), "{stdout}");
    assert!(stdout.ends_with("fine  ok  {}\n"), "{stdout}");
    assert!(
        stderr.starts_with("1 of 4 calls succeeded, 2 failed, 1 not run in "),
        "{stderr}"
    );

    let (code, stdout, _) = batch(folder.path(), &request, &["--stream", "--format", "json"]);
    assert_eq!(code, 1);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    let mut ids: Vec<&str> = lines[..4]
        .iter()
        .map(|line| line["call_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["after", "bad", "fine", "none"]);
    assert_eq!(lines[4]["counts"]["skipped"], 1);
    let unknown = lines.iter().find(|line| line["call_id"] == "none").unwrap();
    assert_eq!(unknown["error"]["remediation"], "did you mean `types`?");
}

#[test]
fn a_batch_that_cannot_run_is_exit_code_two() {
    let folder = folder();
    let request = json!({"calls": [
        {"call_id": "a", "tool_name": "fails", "depends_on": ["b"]},
        {"call_id": "b", "tool_name": "fails", "depends_on": ["a"]},
    ]});
    let (code, stdout, stderr) = batch(folder.path(), &request, &[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "error: the batch cannot run, and nothing of it did\n  /calls/0: these calls wait for each other: a -> b -> a\n"
    );
}

/// The largest figure the tool wrote down.
fn most(folder: &Path) -> u32 {
    let figures = fs::read_to_string(folder.join("most")).unwrap();
    figures
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .max()
        .unwrap()
}

#[test]
fn a_map_over_200_items_holds_the_tool_s_limit_and_never_meets_a_full_queue() {
    let folder = folder();
    let mut child = command(folder.path(), &["map", "narrow", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for n in 0..200 {
        writeln!(input, "{{\"n\": {n}}}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert_eq!(
        (output.status.code(), stderr.as_str()),
        (Some(0), "200 of 200 succeeded\n")
    );
    let numbers: Vec<u64> = stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["result"]["n"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert!(
        (2..=4).contains(&most(folder.path())),
        "{} at once",
        most(folder.path())
    );
}

#[test]
fn a_batch_of_many_never_meets_a_full_queue() {
    let folder = folder();
    let items: Vec<Value> = (0..60).map(|n| json!({"n": n})).collect();
    let request = json!({"calls": [{"call_id": "all", "tool_name": "narrow", "for_each": items}]});
    let (code, _, stderr) = batch(folder.path(), &request, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(most(folder.path()) <= 4);
}

#[test]
fn a_map_says_which_lines_are_no_items() {
    let folder = folder();
    fs::write(
        folder.path().join("items"),
        "{\"n\": 1}\n\n[]\n{\"m\": 1}\n",
    )
    .unwrap();
    let output = runner(folder.path(), &["map", "narrow", "items"]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(
        (output.status.code(), stderr.as_str()),
        (Some(1), "1 of 3 succeeded\n")
    );
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let message = lines[1]["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("line 3 is not a JSON object"),
        "{message}"
    );
    assert_eq!(lines[2]["error"]["code"], "INVALID_ARGUMENTS");

    let output = runner(folder.path(), &["map", "narow", "items"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("did you mean `narrow`?"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_batch_answers_with_what_is_done() {
    let folder = folder();
    let request = json!({"calls": [
        {"call_id": "made", "tool_name": "make", "params": {"value": {"a": 1}}},
        {"call_id": "long", "tool_name": "long", "depends_on": ["made"]},
        {"call_id": "after", "tool_name": "fails", "depends_on": ["long"]},
    ]});
    fs::write(folder.path().join("calls.json"), request.to_string()).unwrap();
    let child = command(folder.path(), &["batch", "calls.json", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.path().join("started").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_str(&texts(&output).0).unwrap();
    assert_eq!(
        answer["cancellation"],
        json!({"was_cancelled": true, "processed": 1, "total_requested": 3, "remaining": 2})
    );
    assert_eq!(answer["results"][0]["result"], json!({"a": 1}));
    assert_eq!(answer["results"][1]["error"]["code"], "CANCELLED");
    assert_eq!(answer["results"][1]["error"]["data"]["stdout"], "half\n");
    assert_eq!(
        answer["results"][2]["error"]["message"],
        "not run: the batch was cancelled"
    );
}
