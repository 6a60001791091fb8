//! Retry, circuit breaker and cache with real processes, as users meet them.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Server, runner, texts};

/// A tool that fails until it was run three times, and notes each run.
const FLAKY: &str = r#"
name: flaky
timeouts: { patient: { read: 10, total: 60 }, brief: { total: 400ms } }
circuit_breakers: { upstream: { failure_threshold: 2, recovery_timeout: 30, half_open_requests: 1 } }
tools:
  - name: flaky
    description: Fails twice
    timeout: patient
    retry: { max_attempts: 5, initial_delay: 10ms, retry_exit_codes: [75] }
    script: { shell: "echo run >> runs; echo half; [ $(wc -l < runs) -ge 3 ] || exit 75; echo done" }
  - name: hopeless
    description: Fails for good
    retry: { max_attempts: 5, initial_delay: 10ms, retry_exit_codes: [75] }
    script: { shell: "echo run >> runs; exit 1" }
  - name: guarded
    description: Fails behind a breaker
    circuit_breaker: upstream
    script: { shell: "echo run >> runs; exit 1" }
  - name: hangs
    description: Never ends
    timeout: brief
    retry: { max_attempts: 5, initial_delay: 10ms }
    kill_grace: 10s
    script: { shell: "echo run >> runs; exec sleep 60" }
  - name: slow
    description: Takes its time
    cache: { ttl: 60, shared: true }
    parameters: [{ name: id, type: integer }]
    script: { shell: "echo run >> runs; sleep 0.3; echo {{id}} $$" }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), FLAKY).unwrap();
    folder
}

fn runs(folder: &Path) -> usize {
    let noted = fs::read_to_string(folder.join("runs")).unwrap_or_default();
    noted.lines().count()
}

#[test]
fn a_flaky_script_is_run_until_it_succeeds() {
    let folder = folder();
    let output = runner(folder.path(), &["call", "flaky", "--format", "json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["success"], true, "{outcome}");
    assert_eq!(outcome["result"], "half\ndone\n");
    assert_eq!(outcome["timing"]["attempts"], 3);
    assert_eq!(outcome["warnings"], json!(["succeeded at attempt 3 of 5"]));
    assert_eq!(runs(folder.path()), 3);
}

#[test]
fn a_failure_that_is_not_listed_is_final() {
    let folder = folder();
    let output = runner(folder.path(), &["call", "hopeless", "--format", "json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["error"]["code"], "EXIT_STATUS");
    assert_eq!(outcome["error"]["data"]["attempts"], 1);
    assert_eq!(runs(folder.path()), 1);
}

#[test]
fn one_attempt_may_take_all_of_total_and_then_there_is_no_other() {
    let folder = folder();
    let output = runner(folder.path(), &["call", "hangs", "--format", "json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = &outcome["error"];
    assert_eq!(error["code"], "TIMEOUT", "{outcome}");
    assert_eq!(error["data"]["timeout_ms"], 400);
    assert_eq!(error["data"]["attempts"], 1);
    assert_eq!(runs(folder.path()), 1);
}

#[test]
fn explain_shows_all_of_it_with_its_source() {
    let folder = folder();
    let explained = |tool| {
        let (stdout, stderr) = texts(&runner(folder.path(), &["explain", tool]));
        assert_eq!(stderr, "");
        stdout
    };
    let flaky = explained("flaky");
    let row = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    };
    assert_eq!(row(&flaky, "timeout "), "timeout 10 s gantz.yaml:8:5");
    assert_eq!(row(&flaky, "total "), "total 60 s gantz.yaml:3:34");
    assert_eq!(
        row(&flaky, "retry "),
        "retry 5 attempts, waits up to 10 ms × 2, at most 30 s, exit codes 75 gantz.yaml:9:5"
    );
    assert_eq!(
        row(&flaky, "circuit breaker "),
        "circuit breaker none default"
    );
    assert_eq!(row(&flaky, "cache "), "cache none default");
    assert_eq!(
        row(&explained("guarded"), "circuit breaker "),
        "circuit breaker upstream, opens after 2 failures in a row, for 30 s, then 1 to try gantz.yaml:4:21"
    );
    assert_eq!(
        row(&explained("slow"), "cache "),
        "cache 60 s, shared by all clients gantz.yaml:27:5"
    );
}

async fn call(url: &str, tool: &str, arguments: Value) -> Value {
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    let response = reqwest::Client::new()
        .post(url)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", tool)
        .json(&request)
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let body = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("data: ")
                .filter(|data| data.starts_with('{'))
        })
        .unwrap_or(&text);
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no answer: {text}"))
}

#[tokio::test]
async fn equal_calls_of_a_server_run_once_and_an_open_breaker_says_when_to_return() {
    let folder = folder();
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let calls = (0..8).map(|_| call(&server.url, "slow", json!({"id": 7})));
    let answers = futures::future::join_all(calls).await;
    let text = |answer: &Value| answer["result"]["content"][0]["text"].clone();
    assert!(
        text(&answers[0]).as_str().unwrap().starts_with("7 "),
        "{:?}",
        answers[0]
    );
    assert!(
        answers
            .iter()
            .all(|answer| text(answer) == text(&answers[0]))
    );
    assert_eq!(runs(folder.path()), 1);
    let later = call(&server.url, "slow", json!({"id": 7})).await;
    assert_eq!(text(&later), text(&answers[0]));
    assert_eq!(later["result"]["_meta"]["runner/timing"]["cached"], true);
    assert_eq!(runs(folder.path()), 1);

    for _ in 0..2 {
        let failed = call(&server.url, "guarded", json!({})).await;
        assert!(failed.to_string().contains("EXIT_STATUS"), "{failed}");
    }
    let refused = call(&server.url, "guarded", json!({})).await.to_string();
    assert!(
        refused.contains("CIRCUIT_OPEN") && refused.contains("retry_after_ms"),
        "{refused}"
    );
    assert_eq!(runs(folder.path()), 3);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_run_from_one_that_stays() {
    let folder = folder();
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let leaving = tokio::time::timeout(
        Duration::from_millis(150),
        call(&server.url, "slow", json!({"id": 1})),
    );
    let staying = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&server.url, "slow", json!({"id": 1})).await
    };
    let (left, stayed) = tokio::join!(leaving, staying);
    assert!(left.is_err(), "it was to leave before the answer: {left:?}");
    let text = &stayed["result"]["content"][0]["text"];
    assert!(text.as_str().unwrap().starts_with("1 "), "{stayed}");
    assert_eq!(runs(folder.path()), 1);
}
