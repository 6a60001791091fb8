//! Limits and load of a running server: to a person, to a program and to a model.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;

use reqwest::Client;
use serde_json::{Value, json};
use support::{Server, command, repository, texts};

/// Sends a request of the current revision, with a token where one is given.
async fn send(server: &Server, token: &str, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
    });
    let mut request = Client::new()
        .post(&server.url)
        .bearer_auth(token)
        .header("Accept", "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("Mcp-Name", name);
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let response = request.json(&body).send().await.unwrap();
    response.json().await.unwrap()
}

async fn call(server: &Server, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    send(server, "", "tools/call", params).await["result"].clone()
}

fn tool<'a>(status: &'a Value, name: &str) -> &'a Value {
    let tools = status["tools"].as_array().unwrap();
    tools.iter().find(|tool| tool["name"] == name).unwrap()
}

fn topics(status: &Value) -> Vec<String> {
    let advice = status["recommendations"].as_array().unwrap();
    advice
        .iter()
        .map(|advice| {
            let tool = advice["tool"].as_str().unwrap_or("-");
            format!("{tool} {}", advice["about"].as_str().unwrap())
        })
        .collect()
}

/// Runs `runner status`.
fn shown(arguments: &[&str], token: Option<&str>) -> (bool, String, String) {
    let mut words = vec!["status"];
    words.extend_from_slice(arguments);
    let mut command = command(&repository(""), &words);
    command.env_remove("RUNNER_TOKEN");
    command.envs(token.map(|token| ("RUNNER_TOKEN", token)));
    let output = command.output().unwrap();
    let (stdout, stderr) = texts(&output);
    (output.status.success(), stdout, stderr)
}

#[tokio::test]
async fn what_was_observed_becomes_advice() {
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    let fresh = call(&server, "status", json!({})).await["structuredContent"].clone();
    assert_eq!(fresh["recommendations"], json!([]));
    assert_eq!(tool(&fresh, "slow")["max_parallel"], 1);

    // Three at once for a place and a queue of one: one is refused, one waits.
    let slow = |seconds: f64| call(&server, "slow", json!({"seconds": seconds}));
    tokio::join!(slow(0.9), slow(0.9), slow(0.9));
    call(&server, "fails", json!({})).await;
    let status = call(&server, "status", json!({})).await["structuredContent"].clone();
    let topics = topics(&status);
    for expected in ["slow batch_size", "slow timeout", "- circuit_breaker"] {
        assert!(topics.contains(&expected.to_owned()), "{topics:?}");
    }
    let observed = &tool(&status, "slow")["observed"];
    let figure = |name: &str| observed[name].as_u64().unwrap();
    assert_eq!(
        ["runs", "near_timeout", "asked", "waited", "refused"].map(figure),
        [2, 2, 3, 1, 1]
    );
    assert!(figure("longest_run_ms") >= 900 && figure("longest_wait_ms") >= 500);
}

#[tokio::test]
async fn what_runs_and_waits_is_shown_to_people_and_programs() {
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    let slow = || call(&server, "slow", json!({"seconds": 0.9}));
    let url = server.url.clone();
    let look = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        tokio::task::spawn_blocking(move || {
            (
                shown(&[&url], None),
                shown(&[&url, "--format", "json"], None),
            )
        })
        .await
        .unwrap()
    };
    let (_, _, ((is_done, text, stderr), (_, json, _))) = tokio::join!(slow(), slow(), look);
    assert!(is_done, "{stderr}");
    assert!(text.starts_with("figures: 1 of "), "{text}");
    let line = text.lines().find(|line| line.starts_with("slow")).unwrap();
    let words: Vec<&str> = line
        .split("  ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(words[..4], ["slow", "1 of 1", "1 of 1", "-"], "{text}");
    let line = text
        .lines()
        .find(|line| line.starts_with("hidden_one"))
        .unwrap();
    assert!(line.contains("7 of 7"), "{text}");
    assert!(text.contains("group private: 0 of 3 running"), "{text}");
    assert!(text.contains("circuit breaker partner: closed"), "{text}");
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(tool(&status, "slow")["waiting"], 1);
}

#[tokio::test]
async fn the_tool_is_listed_last_and_takes_a_name() {
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    let listed = send(&server, "", "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let last = tools.last().unwrap();
    assert_eq!((tools.len(), &last["name"]), (6, &json!("status")));
    assert_eq!(last["annotations"]["readOnlyHint"], true);
    let one = call(&server, "status", json!({"tool": "quick"})).await;
    assert_eq!(
        one["structuredContent"]["tools"].as_array().unwrap().len(),
        1
    );
    let none = call(&server, "status", json!({"tool": "quik"})).await;
    assert_eq!(none["structuredContent"]["error"]["code"], "UNKNOWN_TOOL");
    let wrong = call(&server, "status", json!({"tols": 1})).await;
    assert_eq!(
        wrong["structuredContent"]["error"]["code"],
        "INVALID_ARGUMENTS"
    );
}

#[tokio::test]
async fn a_token_shows_the_tools_that_it_opens() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(repository("tests/figures/gantz.yaml")).unwrap();
    let auth = "server:\n  auth:\n    bearer_tokens:\n      - { name: some, token: a-part, tools: [quick] }\n";
    let config = folder.path().join("gantz.yaml");
    fs::write(&config, text.replacen("server:\n", auth, 1)).unwrap();
    let server = Server::start(&config);
    let url = server.url.clone();
    let (is_done, _, stderr) = shown(&[&url], None);
    assert!(!is_done && stderr.contains("RUNNER_TOKEN"), "{stderr}");
    let (is_done, text, _) = shown(&[&url, "--token", "a-part"], None);
    assert!(is_done && text.contains("quick"), "{text}");
    let (is_done, again, _) = shown(&[&url], Some("a-part"));
    assert!(is_done && again == text, "{again}");
    let params = json!({"name": "status", "arguments": {}});
    let seen = send(&server, "a-part", "tools/call", params)
        .await
        .to_string();
    for name in ["hidden_one", "slow", "private", "partner"] {
        assert!(!text.contains(name) && !seen.contains(name), "{name}");
    }
    let probe = json!({"name": "status", "arguments": {"tool": "hidden_one"}});
    let probed = send(&server, "a-part", "tools/call", probe).await;
    assert_eq!(
        probed["result"]["structuredContent"]["error"]["data"]["nearest"],
        json!([])
    );
}

#[tokio::test]
async fn databases_are_shown_to_those_who_see_a_tool_that_asks_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    let text = "
name: asks
server:
  auth:
    bearer_tokens:
      - { name: all, token: all-token }
      - { name: some, token: some-token, tools: [other] }
databases: { shop: { url: 'sqlite:shop.db?mode=rwc', pool: { max_size: 3 } } }
tools:
  - { name: ask, description: Asks, sql: { database: shop, query: SELECT 1 } }
  - { name: other, description: Does not, script: { command: 'true' } }
";
    fs::write(&config, text).unwrap();
    let server = Server::start(&config);
    let url = server.url.clone();
    let before = shown(&[&url, "--token", "all-token"], None);
    assert!(before.0 && !before.1.contains("database"), "{before:?}");
    let params = json!({"name": "ask", "arguments": {}});
    let asked = send(&server, "all-token", "tools/call", params).await;
    assert_eq!(asked["result"]["isError"], false, "{asked}");
    let (_, text, stderr) = shown(&[&url, "--token", "all-token"], None);
    let line = "database shop: 0 of 3 connections in use, 1 idle, 0 queries waiting";
    assert!(text.lines().any(|found| found == line), "{text}{stderr}");
    let (_, json, _) = shown(&[&url, "--token", "all-token", "--format", "json"], None);
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        status["databases"],
        json!([{"name": "shop", "in_use": 0, "idle": 1, "waiting": 0, "max": 3}])
    );
    let (is_done, text, _) = shown(&[&url, "--token", "some-token"], None);
    assert!(is_done && !text.contains("shop"), "{text}");
}

#[test]
fn where_nobody_answers_it_says_so() {
    let (is_done, _, stderr) = shown(&["http://127.0.0.1:9"], None);
    assert!(!is_done && stderr.contains("no runner answers"), "{stderr}");
}
