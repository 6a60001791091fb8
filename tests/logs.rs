//! What is written about calls: the log on standard error, and the audit log.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program with a limit on files"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use support::{RUNNER, command, runner, texts};

const CONFIG: &str = r#"
env: { UPSTREAM: "${UPSTREAM_TOKEN}" }
tools:
  - name: say
    description: Says it
    parameters:
      - { name: text, type: string }
      - { name: api_key, type: string }
    script: { shell: "echo {{text}}" }
  - name: fails
    description: Fails
    script: { shell: exit 3 }
"#;

const SECRET: &str = "hunter22-from-the-environment";

fn send(stdin: &mut ChildStdin, id: u32, name: &str, arguments: &Value) {
    let request = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
        "name": name, "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "log-tests", "version": "0"},
        },
    }});
    writeln!(stdin, "{request}").unwrap();
}

/// Serves over stdio, makes these calls one after the other, and gives what was said on standard error.
fn served(folder: &Path, options: &[&str], calls: &[(&str, Value)]) -> String {
    fs::write(folder.join("gantz.yaml"), CONFIG).unwrap();
    let mut words = vec!["serve", "--stdio"];
    words.extend_from_slice(options);
    let mut child = command(folder, &words)
        .env("UPSTREAM_TOKEN", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for (id, (name, arguments)) in (1..).zip(calls) {
        send(&mut stdin, id, name, arguments);
        answers.next().unwrap().unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    said
}

/// The lines about calls in a log of JSON.
fn calls(said: &str) -> Vec<Value> {
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines =
        lines.filter(|line| line["target"] == "runner" && line["fields"]["message"] == "call");
    lines.map(|line| line["fields"].clone()).collect()
}

fn a_few() -> Vec<(&'static str, Value)> {
    vec![
        (
            "say",
            json!({"text": format!("the token is {SECRET}"), "api_key": "another-one"}),
        ),
        ("fails", json!({})),
        ("say", json!({"text": 5})),
        ("no_such", json!({})),
    ]
}

#[test]
fn each_call_is_one_line_and_arguments_are_not_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let said = served(folder.path(), &[], &a_few());
    let calls = calls(&said);
    let told: Vec<(&str, &str)> = calls
        .iter()
        .map(|call| {
            (
                call["tool"].as_str().unwrap(),
                call["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("say", "OK"),
        ("fails", "EXIT_STATUS"),
        ("say", "INVALID_ARGUMENTS"),
        ("no_such", "UNKNOWN_TOOL"),
    ];
    assert_eq!(told, expected, "{said}");
    assert_eq!(calls[0]["client"], "log-tests");
    assert_eq!(calls[0]["call_id"].as_str().unwrap().len(), 16);
    assert!(calls[0]["ran_ms"].is_u64() && calls[0]["queued_ms"].is_u64());
    assert!(calls[0].get("arguments").is_none() && !said.contains("the token is"));
}

#[test]
fn arguments_are_logged_where_asked_for_and_secrets_never() {
    let folder = tempfile::tempdir().unwrap();
    let said = served(folder.path(), &["--log-arguments"], &a_few());
    assert!(
        !said.contains(SECRET) && !said.contains("another-one"),
        "{said}"
    );
    let calls = calls(&said);
    assert_eq!(
        calls[0]["arguments"],
        r#"{"text":"the token is ***","api_key":"***"}"#
    );
    assert_eq!(calls[2]["arguments"], r#"{"text":5}"#);
}

#[test]
fn the_format_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let said = served(folder.path(), &["--log-format", "text"], &a_few());
    let line = said
        .lines()
        .find(|line| line.contains("EXIT_STATUS"))
        .unwrap();
    assert!(
        line.contains(r#"tool="fails""#) && line.contains("ran_ms="),
        "{line}"
    );
    assert!(!line.starts_with('{') && !line.contains('\u{1b}'), "{line}");
}

/// What collects logs chokes on a line of another kind.
#[test]
fn every_line_is_json_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let said = served(folder.path(), &["--log-format", "json"], &a_few());
    assert_eq!(calls(&said).len(), 4, "{said}");
    let messages = messages(&said);
    let count = |start: &str| {
        messages
            .iter()
            .filter(|(_, text)| text.starts_with(start))
            .count()
    };
    assert_eq!(count("serving one client on standard input"), 1, "{said}");
    assert_eq!(count("for a client that starts it itself:\n{"), 1, "{said}");

    // A file that is no YAML, and one with a mistake in it.
    for text in ["tools: [", "tools: [{name: a}]"] {
        fs::write(folder.path().join("gantz.yaml"), text).unwrap();
        let words = ["serve", "--port", "0", "--log-format", "json"];
        let output = runner(folder.path(), &words);
        let said = texts(&output).1;
        let is_told =
            |(level, text): &(String, String)| level == "ERROR" && text.starts_with("error: ");
        let found = self::messages(&said).iter().any(is_told);
        assert!(!output.status.success() && found, "{said}");
    }
    let output = runner(
        folder.path(),
        &[
            "serve",
            "absent.yaml",
            "--log-format",
            "json",
            "--env-file",
            "absent.env",
        ],
    );
    let said = texts(&output).1;
    assert_eq!(self::messages(&said).len(), 1, "{said}");
    assert!(said.contains("absent.env"), "{said}");
}

/// The level and the words of each line of a log that is JSON throughout.
fn messages(said: &str) -> Vec<(String, String)> {
    let record = |line: &str| {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} in\n{said}"));
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        (word(&line["level"]), word(&line["fields"]["message"]))
    };
    said.lines().map(record).collect()
}

#[test]
fn the_audit_log_has_every_call_and_is_only_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let options = ["--audit", audit.to_str().unwrap()];
    served(folder.path(), &options, &a_few());
    served(folder.path(), &options, &a_few()[..1]);
    let text = fs::read_to_string(&audit).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("another-one"));
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let outcomes: Vec<&str> = records
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "OK",
            "EXIT_STATUS",
            "INVALID_ARGUMENTS",
            "UNKNOWN_TOOL",
            "OK"
        ]
    );
    assert_eq!(
        records[0]["arguments_sha256"],
        records[4]["arguments_sha256"]
    );
    assert_ne!(
        records[0]["arguments_sha256"],
        records[2]["arguments_sha256"]
    );
    assert_ne!(records[0]["call_id"], records[4]["call_id"]);
    assert_eq!(
        (&records[0]["client"], &records[0]["tool"]),
        (&json!("log-tests"), &json!("say"))
    );
    assert!(records[0]["time"].as_str().unwrap().ends_with('Z'));
    let mode = fs::metadata(&audit).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_audit_log_that_cannot_be_opened_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), CONFIG).unwrap();
    let mut child = command(folder.path(), &["serve", "--port", "0", "--audit", "."]);
    let refused = child.env("UPSTREAM_TOKEN", SECRET).output().unwrap();
    let (_, said) = texts(&refused);
    assert!(
        !refused.status.success() && said.contains("could not open the audit log `.`"),
        "{said}"
    );
    assert!(said.contains("it is not a file"), "{said}");
}

/// With a limit of no bytes for any file, as on a full disk.
#[test]
fn an_audit_log_that_cannot_be_written_is_said_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), CONFIG).unwrap();
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$0\" serve --stdio --audit audit.jsonl";
    let mut child = Command::new("sh")
        .args(["-c", limited, RUNNER])
        .current_dir(folder.path())
        .env_remove("RUNNER_LOG")
        .env("UPSTREAM_TOKEN", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 1..5 {
        send(&mut stdin, id, "say", &json!({"text": "hello"}));
        assert!(answers.next().unwrap().unwrap().contains("hello"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(
        said.matches("the audit log cannot be written").count(),
        1,
        "{said}"
    );
    assert!(said.contains("the audit log lacks 4 calls"), "{said}");
}

/// Hosts that start a server over stdio often read nothing it says.
#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), CONFIG).unwrap();
    let mut child = command(folder.path(), &["serve", "--stdio", "--log-arguments"])
        .env("UPSTREAM_TOKEN", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    // Refused at once, and each with a line of 4 KiB: together more than a pipe holds.
    let long = json!({"text": "x".repeat(8192), "not": "known"});
    for id in 1..60 {
        send(&mut stdin, id, "say", &long);
        assert!(
            answers
                .next()
                .unwrap()
                .unwrap()
                .contains("INVALID_ARGUMENTS")
        );
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn one_call_says_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("gantz.yaml"),
        CONFIG.replace("${UPSTREAM_TOKEN}", "x"),
    )
    .unwrap();
    let output = runner(folder.path(), &["call", "say", "text=hi", "api_key=x"]);
    assert_eq!(texts(&output), ("hi\n".to_owned(), String::new()));
}
