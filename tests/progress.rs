//! The progress of scripts as clients and users see it.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a terminal is made by a program")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};
use support::{RUNNER, Server, command};
use tempfile::TempDir;

const TOOLS: &str = r"
name: progress
tools:
  - name: steps
    description: Tell of each step
    script: { command: python3, args: [steps.py] }
    progress_extends_timeout: { max: 1m }
";

const STEPS: &str = r#"
import sys, time
for step in range(1, 51):
    print(f"::progress {step}/50 step {step}", file=sys.stderr)
    time.sleep(0.02)
print("::progress 1/50 backwards", file=sys.stderr)
print("::warning look here", file=sys.stderr)
print("all done")
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    fs::write(folder.path().join("steps.py"), STEPS).unwrap();
    folder
}

/// Checks a conversation: progress rises, is not more than ten a second, ends with the last, and the result follows.
fn check(messages: &[Value], has_messages: bool) {
    let (result, told) = messages.split_last().unwrap();
    assert_eq!(result["result"]["content"][0]["text"], "all done\n");
    assert_eq!(
        result["result"]["_meta"]["runner/warnings"],
        json!(["look here"])
    );
    let told: Vec<_> = told.iter().map(|message| &message["params"]).collect();
    assert!((3..20).contains(&told.len()), "{} in a second", told.len());
    let figures: Vec<_> = told
        .iter()
        .map(|told| told["progress"].as_f64().unwrap())
        .collect();
    assert!(
        figures.is_sorted_by(|earlier, later| earlier < later),
        "{figures:?}"
    );
    for told in told {
        assert_eq!(
            (&told["progressToken"], &told["total"]),
            (&json!("t"), &json!(50.0))
        );
        assert_eq!(told["message"].is_string(), has_messages);
    }
}

#[tokio::test]
async fn over_http_on_the_request_s_own_stream() {
    let folder = folder();
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let params = json!({"name": "steps", "arguments": {}, "_meta": {
        "progressToken": "t",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let answer = Client::new()
        .post(&server.url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "steps")
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        .send()
        .await
        .unwrap();
    let events = answer.text().await.unwrap();
    let data = events.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages: Vec<Value> = data
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    check(&messages, true);
}

/// The messages that answer a call over stdio, in a revision.
fn over_stdio(version: &str, token: &Value) -> Vec<Value> {
    let folder = folder();
    let mut child = command(folder.path(), &["serve", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut send = |message: Value| writeln!(input, "{message}").unwrap();
    send(
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}),
    );
    send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    send(
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "steps", "_meta": token}}),
    );
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut messages = Vec::new();
    for line in lines.skip(1) {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let is_result = message.get("id").is_some();
        messages.push(message);
        if is_result {
            break;
        }
    }
    drop(input);
    child.wait().unwrap();
    messages
}

#[test]
fn over_stdio_with_what_each_revision_knows() {
    let token = json!({"progressToken": "t"});
    check(&over_stdio("2025-11-25", &token), true);
    check(&over_stdio("2024-11-05", &token), false);
    assert_eq!(
        over_stdio("2025-11-25", &json!({})).len(),
        1,
        "nobody asked"
    );
}

/// A terminal, by Python's standard library: prints what the program writes to it.
const TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

#[test]
fn a_terminal_shows_a_bar_and_a_pipe_nothing() {
    let folder = folder();
    let seen = Command::new("python3")
        .args(["-c", TERMINAL, RUNNER, "call", "steps"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let seen = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.contains("[############"), "{seen:?}");
    assert!(seen.contains(" % step "), "{seen:?}");
    assert!(
        seen.ends_with("\r\u{1b}[2Kall done\r\nwarning: look here\r\n"),
        "{seen:?}"
    );

    let piped = support::runner(folder.path(), &["call", "steps"]);
    let (stdout, stderr) = support::texts(&piped);
    assert_eq!(
        (stdout.as_str(), stderr.as_str()),
        ("all done\n", "warning: look here\n")
    );
}
