//! `runner test` as an author meets it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use proptest::prelude::*;
use runner::cases::{Mismatch, State, Verdict, junit};
use serde_json::{Value, json};
use support::{command, repository, runner, texts};

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), config).unwrap();
    folder
}

/// Exit code, standard output and standard error of `runner test`.
fn test(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let state = folder.join("state");
    let mut arguments = vec!["test", "--state-dir", state.to_str().unwrap()];
    arguments.extend_from_slice(words);
    let output = runner(folder, &arguments);
    let (stdout, stderr) = texts(&output);
    (output.status.code().unwrap(), stdout, stderr)
}

/// The text without its times, which are never twice the same.
fn timeless(text: &str) -> String {
    let time = regex::Regex::new(r"(less than )?[0-9.]+ m?s\b").unwrap();
    time.replace_all(text, "TIME").into_owned()
}

const PASSING: &str = r#"
tools:
  - name: greet
    description: Greets
    parameters: [{ name: name, type: string, required: true }]
    script: { command: printf, args: ["Hello, %s!\n", "{{name}}"] }
    test:
      - { name: a name, input: { name: Ada }, expect: { contains: Ada, equals: "Hello, Ada!", matches: "^Hel+o" } }
      - { input: {}, expect: { error: INVALID_ARGUMENTS } }
      - { input: { name: "x\ny" }, expect: { equals: "Hello, x\ny!\n" } }
  - name: sum
    description: Counts
    script: { shell: "echo '{\"n\": 3, \"items\": [{\"id\": 1, \"more\": true}], \"text\": \"x\"}'" }
    test:
      - expect: { json: { n: 3.0, items: [{ id: 1 }] }, contains: items }
      - expect: { equals: { items: [{ id: 1, more: true }], n: 3, text: x } }
  - name: number
    description: Prints a number
    script: { shell: echo 168 }
    test:
      - expect: { equals: 168, contains: 16 }
      - expect: { equals: "168", error: false }
  - name: fails
    description: Fails
    script: { shell: "echo half; echo no such file >&2; exit 3" }
    test:
      - expect: { error: EXIT_STATUS }
      - expect: { error: 3, contains: half }
      - expect: { error: no such file }
      - expect: { error: true }
  - name: slow
    description: Takes long
    timeout: 200ms
    kill_grace: 100ms
    script: { shell: "echo began; sleep 60" }
    test: [{ expect: { error: TIMEOUT, matches: began } }]
"#;

#[test]
fn what_holds_passes_with_a_line_for_each_case() {
    let folder = folder(PASSING);
    let (code, stdout, stderr) = test(folder.path(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let lines: Vec<String> = timeless(&stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 14, "{stdout}");
    assert!(
        lines.contains(&"greet: a name  ok  TIME".to_owned()),
        "{stdout}"
    );
    assert!(
        lines.contains(&"sum: 2         ok  TIME".to_owned()),
        "{stdout}"
    );
    assert_eq!(lines[13], "12 passed, 0 failed in TIME");
}

const FAILING: &str = r#"
env: { API_TOKEN: "${API_TOKEN}" }
tools:
  - name: lines
    description: Prints lines
    script: { shell: "printf 'one\ntwo\nthree\n'" }
    test:
      - name: other text
        expect:
          equals: |
            one
            2
            three
      - expect: { contains: four, matches: "^x+$" }
      - expect: { error: TIMEOUT }
      - expect: { json: {} }
  - name: data
    description: Prints JSON
    script: { shell: "echo '{\"a\": {\"b\": [1, 2]}, \"c\": null}'" }
    test:
      - expect: { equals: { a: { b: [1] } }, json: { a: { b: [1, "2"] }, d: 1 } }
  - name: broken
    description: Fails
    script: { shell: "echo half; echo why $API_TOKEN >&2; exit 3" }
    test:
      - expect: { contains: half }
      - expect: { error: SPAWN_FAILED }
      - expect: { error: 4, contains: half }
"#;

#[test]
fn what_does_not_hold_is_told_with_its_place_and_its_difference() {
    let folder = folder(FAILING);
    let output = command(folder.path(), &["test"])
        .env("API_TOKEN", "hunter2-hunter2")
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), stderr.as_str()), (Some(1), ""));
    assert!(!stdout.contains("hunter2"), "{stdout}");
    let failed = stdout.split_once("\n\n").unwrap().1;
    assert_eq!(
        timeless(failed),
        "\
FAILED lines: other text (gantz.yaml:8:9)
  `equals`: the output is not the expected one
      one
    - 2
    + two
      three

FAILED lines: 2 (gantz.yaml:14:9)
  `contains`: the output does not contain the text
    - four
    + one
    + two
    + three
  `matches`: no part of the output matches
    - ^x+$
    + one
    + two
    + three

FAILED lines: 3 (gantz.yaml:15:9)
  `error`: the call should fail with TIMEOUT, and it succeeded
    + one
    + two
    + three

FAILED lines: 4 (gantz.yaml:16:9)
  `json`: the output is not JSON: expected value at line 1 column 1
    + one
    + two
    + three

FAILED data: 1 (gantz.yaml:21:9)
  `equals`: the JSON is not the expected one
    + /a/b/1: 2  (not expected)
    + /c: null  (not expected)
  `json`: the JSON is not the expected one
    - /a/b/1: \"2\"  (expected)
    + /a/b/1: 2  (got)
    - /d: 1  (expected, and not there)

FAILED broken: 1 (gantz.yaml:26:9)
  `error`: the call failed
    + EXIT_STATUS: `broken` ended with exit status 3
      standard output:
    + half
      standard error:
    + why ***

FAILED broken: 2 (gantz.yaml:27:9)
  `error`: the call should fail with SPAWN_FAILED
    + EXIT_STATUS: `broken` ended with exit status 3
      standard output:
    + half
      standard error:
    + why ***

FAILED broken: 3 (gantz.yaml:28:9)
  `error`: the call should fail with exit status or HTTP status 4
    + EXIT_STATUS: `broken` ended with exit status 3
      standard output:
    + half
      standard error:
    + why ***

0 passed, 8 failed in TIME
"
    );
}

#[test]
fn tools_and_cases_are_chosen_by_name() {
    let folder = folder(PASSING);
    let summary = |words: &[&str]| {
        let (code, stdout, _) = test(folder.path(), words);
        (code, timeless(stdout.lines().last().unwrap()))
    };
    assert_eq!(summary(&["number", "sum"]).1, "4 passed, 0 failed in TIME");
    assert_eq!(
        summary(&["gantz.yaml", "number"]).1,
        "2 passed, 0 failed in TIME"
    );
    assert_eq!(summary(&["-k", "greet: a"]).1, "1 passed, 0 failed in TIME");
}

#[test]
fn nothing_to_run_is_said_and_is_no_success() {
    let folder = folder(PASSING);
    let said = |words: &[&str]| {
        let (code, stdout, stderr) = test(folder.path(), words);
        assert_eq!((code, stdout.as_str()), (2, ""));
        stderr
    };
    assert_eq!(
        said(&["gret"]),
        "error: gantz.yaml: no tool is named `gret`\n\nhint: did you mean `greet`?\n"
    );
    assert!(
        said(&["-k", "nothing"])
            .starts_with("error: gantz.yaml: none of the 12 cases has `nothing` in its name\n")
    );
    let none = "tools: [{ name: t, description: T, script: { shell: 'true' } }]";
    fs::write(folder.path().join("none.yaml"), none).unwrap();
    assert!(
        said(&["none.yaml"])
            .starts_with("error: none.yaml: no tool has a `test`\n\nhint: give a tool some")
    );
    assert!(said(&["none.yaml", "t"]).starts_with("error: none.yaml: `t` has no `test`\n"));
    assert!(said(&["absent.yaml"]).starts_with("error: cannot read `absent.yaml`"));
}

#[test]
fn the_whole_is_told_as_json() {
    let folder = folder(FAILING);
    let (code, stdout, _) = test(folder.path(), &["--format", "json", "lines"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 1);
    assert_eq!(
        (
            &report["passed"],
            &report["failed"],
            &report["not_run"],
            &report["file"]
        ),
        (&json!(0), &json!(4), &json!(0), &json!("gantz.yaml"))
    );
    let first = &report["cases"][0];
    assert_eq!(
        (
            &first["tool"],
            &first["name"],
            &first["line"],
            &first["column"],
            &first["outcome"]
        ),
        (
            &json!("lines"),
            &json!("other text"),
            &json!(8),
            &json!(9),
            &json!("failed")
        )
    );
    assert_eq!(
        first["mismatches"],
        json!([{"key": "equals", "message": "the output is not the expected one", "details": ["  one", "- 2", "+ two", "  three"]}])
    );
    assert!(first["ran_ms"].is_u64());
}

/// What Python's parser reads in a report.
const READ: &str = r"
import sys, json, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
case = lambda c: {**c.attrib, 'failure': [f.attrib['message'] + '|' + f.text for f in c.findall('failure')], 'skipped': len(c.findall('skipped'))}
print(json.dumps({**root.attrib, 'suites': [{**s.attrib, 'cases': [case(c) for c in s]} for s in root]}))
";

/// The report as Python reads it.
fn read_by_python(path: &Path) -> Value {
    #[expect(
        clippy::disallowed_methods,
        reason = "the report is read by a parser that is not ours"
    )]
    let output = std::process::Command::new("python3")
        .args(["-c", READ])
        .arg(path)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn a_report_for_ci_servers_is_sound_xml_whatever_is_in_it() {
    let folder = folder(
        r#"
tools:
  - name: odd
    description: Prints odd text
    script: { shell: "printf '\\033[1m<b>&\"\\000\\001 é\\n\\t]]>'" }
    test:
      - { name: "<a> \"quoted\" & 'more'\nü", expect: { contains: "<never>" } }
      - { name: fine, expect: { contains: "<b>" } }
"#,
    );
    let (code, _, stderr) = test(folder.path(), &["--junit", "report.xml"]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    let report = read_by_python(&folder.path().join("report.xml"));
    assert_eq!(
        (
            &report["name"],
            &report["tests"],
            &report["failures"],
            &report["skipped"]
        ),
        (&json!("gantz.yaml"), &json!("2"), &json!("1"), &json!("0"))
    );
    let suite = &report["suites"][0];
    assert_eq!(
        (&suite["name"], &suite["failures"]),
        (&json!("odd"), &json!("1"))
    );
    let case = &suite["cases"][0];
    assert_eq!(case["name"], "<a> \"quoted\" & 'more'\nü");
    assert_eq!(
        (&case["classname"], &case["file"], &case["line"]),
        (&json!("odd"), &json!("gantz.yaml"), &json!("7"))
    );
    assert_eq!(
        case["failure"][0],
        "contains: the output does not contain the text|`contains`: the output does not contain the text\n  - <never>\n  \
         + \\u{1b}[1m<b>&\"\\u{0}\\u{1} é\n  + \t]]>"
    );
    assert_eq!(suite["cases"][1]["failure"], json!([]));
}

/// What a report makes of a text: characters that XML cannot hold are spelled out.
fn as_reported(text: &str) -> String {
    let spelled = |c: char| match c {
        '\t' | '\n' | '\r' => c.to_string(),
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => c.escape_unicode().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(spelled).collect()
}

/// Any text, with more of what is special in XML than chance would give.
fn texts_to_report() -> impl Strategy<Value = Vec<String>> {
    let special = prop::sample::select(vec![
        '<',
        '>',
        '&',
        '"',
        '\'',
        ']',
        '\n',
        '\r',
        '\t',
        '\0',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{fffd}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{10ffff}',
        '\u{2028}',
        ' ',
    ]);
    let character = prop_oneof![special, any::<char>()];
    let text = prop::collection::vec(character, 0..30).prop_map(String::from_iter);
    prop::collection::vec(text, 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_text_comes_through_a_report(texts in texts_to_report()) {
        let verdict = |text: &String| Verdict {
            tool: "tool".to_owned(),
            name: text.clone(),
            line: 1,
            column: 1,
            ran: std::time::Duration::ZERO,
            state: State::Failed(vec![Mismatch { key: "equals", message: text.clone(), details: vec![text.clone()] }]),
        };
        let verdicts: Vec<Verdict> = texts.iter().map(verdict).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        fs::write(&path, junit(&texts[0], &verdicts)).unwrap();
        let report = read_by_python(&path);
        prop_assert_eq!(report["name"].as_str().unwrap(), as_reported(&texts[0]));
        let cases = report["suites"][0]["cases"].as_array().unwrap();
        prop_assert_eq!(cases.len(), texts.len());
        for (case, text) in cases.iter().zip(&texts) {
            let text = as_reported(text);
            prop_assert_eq!(case["name"].as_str().unwrap(), &text);
            let failure = format!("equals: {text}|`equals`: {text}\n  {text}");
            prop_assert_eq!(case["failure"][0].as_str().unwrap(), failure);
        }
    }
}

#[test]
fn cases_run_under_the_limits_of_their_tools_and_never_meet_a_full_queue() {
    let cases: Vec<String> = (0..40)
        .map(|n| format!("      - {{ input: {{ n: {n} }}, expect: {{ json: {{ n: {n} }} }} }}"))
        .collect();
    let cases = cases.join("\n");
    let folder = folder(&format!(
        r#"
tools:
  - name: narrow
    description: Counts who runs beside it
    parameters: [{{ name: n, type: integer, required: true }}]
    concurrency: {{ max_parallel: 3, queue_size: 1 }}
    script:
      shell: |
        mkdir -p running && touch running/$$
        ls running | wc -l >> most
        sleep 0.02
        rm running/$$
        echo '{{"n": '{{{{n}}}}'}}'
    test:
{cases}"#
    ));
    let (code, stdout, stderr) = test(folder.path(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let most = fs::read_to_string(folder.path().join("most")).unwrap();
    let most: Vec<u32> = most
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect();
    assert_eq!(most.len(), 40);
    assert!(*most.iter().max().unwrap() <= 3);
}

#[test]
fn an_output_longer_than_an_answer_is_judged_whole() {
    let folder = folder(
        r#"
tools:
  - name: long
    description: Prints much
    script: { shell: "yes 0123456789 | head -n 200000; echo end" }
    test: [{ expect: { matches: "^(0123456789\n)*end\n$" } }]
    output: { max_bytes: 64KiB, inline_bytes: 4KiB }
"#,
    );
    let (code, stdout, _) = test(folder.path(), &[]);
    assert_eq!(code, 0, "{stdout}");
}

const HOLDING: &str = r#"
tools:
  - name: quick
    description: Is done at once
    script: { shell: echo done }
    test: [{ expect: { contains: done } }]
  - name: hold
    description: Shows that it runs, and stays
    concurrency: { max_parallel: 1 }
    kill_grace: GRACE
    script: { shell: "TRAP; echo $$ > held; while :; do sleep 0.1; done" }
    test: [{ expect: { contains: never } }, { expect: { contains: never } }]
"#;

/// Starts the cases of [`HOLDING`] and waits until one has passed and one runs; its process is the group it tells.
fn holding(folder: &Path) -> (std::process::Child, impl Iterator<Item = String>, i32) {
    let mut child = command(folder, &["test", "--junit", "report.xml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("quick: 1  ok"));
    let held = folder.join("held");
    let deadline = std::time::Duration::from_mins(1);
    let began = tokio::time::Instant::now();
    let pid = loop {
        let text = fs::read_to_string(&held).unwrap_or_default();
        if let Ok(pid) = text.trim().parse() {
            break pid;
        }
        assert!(began.elapsed() < deadline, "the case never ran");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    (child, lines, pid)
}

fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// Waits until the process is gone.
fn gone(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let began = tokio::time::Instant::now();
    while rustix::process::test_kill_process(pid).is_ok() {
        assert!(
            began.elapsed() < std::time::Duration::from_mins(1),
            "it lives on"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_ends_the_scripts_and_tells_what_is_done() {
    let folder = folder(&HOLDING.replace("TRAP", ":").replace("GRACE", "1s"));
    let (mut child, lines, pid) = holding(folder.path());
    interrupt(&child);
    let rest: Vec<String> = lines.collect();
    let rest = timeless(&rest.join("\n"));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    for case in ["hold: 1   not run\n", "hold: 2   not run\n"] {
        assert!(rest.contains(case), "{rest}");
    }
    assert!(
        rest.ends_with("\n1 passed, 0 failed, 2 not run in TIME"),
        "{rest}"
    );
    gone(pid);
    let report = read_by_python(&folder.path().join("report.xml"));
    assert_eq!(
        (&report["tests"], &report["skipped"]),
        (&json!("3"), &json!("2"))
    );
}

#[test]
fn a_second_interrupt_ends_at_once() {
    // The script ignores being asked, and would have an hour for it.
    let folder = folder(
        &HOLDING
            .replace("TRAP", "trap '' TERM INT")
            .replace("GRACE", "1h"),
    );
    let (mut child, lines, pid) = holding(folder.path());
    interrupt(&child);
    // Two signals within a quarter of a second are one wish.
    std::thread::sleep(std::time::Duration::from_millis(600));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(lines);
    gone(pid);
}

#[test]
fn the_cases_of_this_repository_pass() {
    for config in [
        "gantz.yaml",
        "examples/shell/gantz.yaml",
        "examples/batch/gantz.yaml",
    ] {
        let output = runner(&repository(""), &["test", config]);
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{config}:\n{stdout}\n{stderr}");
    }
}

#[test]
fn what_init_writes_passes_its_own_cases() {
    let folder = tempfile::tempdir().unwrap();
    assert!(runner(folder.path(), &["init"]).status.success());
    let (code, stdout, stderr) = test(folder.path(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
}
