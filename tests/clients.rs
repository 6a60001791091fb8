//! Real clients: the official Python SDK of both generations lists and calls tools over both transports.
//!
//! `.ci/run` installs the clients; without them these tests skip and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the clients they test with"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{RUNNER, Server, repository, tool_from};

const PYTHON_MCP_2: &str = "RUNNER_TEST_PYTHON_MCP_2";
const PYTHON_MCP_1: &str = "RUNNER_TEST_PYTHON_MCP_1";

#[test]
fn python_2_over_http() {
    let Some(python) = tool_from(PYTHON_MCP_2) else {
        return;
    };
    let server = Server::start(&repository("tests/clients/gantz.yaml"));
    let answers = run(&python, "check_mcp_2.py", &["http", &server.url]);
    assert_versions(&answers, &["2026-07-28", "2025-11-25"]);
}

#[test]
fn python_2_over_stdio() {
    let Some(python) = tool_from(PYTHON_MCP_2) else {
        return;
    };
    let config = repository("tests/clients/gantz.yaml");
    let answers = run(
        &python,
        "check_mcp_2.py",
        &["stdio", RUNNER, config.to_str().unwrap()],
    );
    assert_versions(&answers, &["2026-07-28", "2025-11-25"]);
}

#[test]
fn python_1_over_http() {
    let Some(python) = tool_from(PYTHON_MCP_1) else {
        return;
    };
    let server = Server::start(&repository("tests/clients/gantz.yaml"));
    let answers = run(&python, "check_mcp_1.py", &["http", &server.url]);
    assert_versions(&answers, &["2025-11-25"]);
}

#[test]
fn python_1_over_stdio() {
    let Some(python) = tool_from(PYTHON_MCP_1) else {
        return;
    };
    let config = repository("tests/clients/gantz.yaml");
    let answers = run(
        &python,
        "check_mcp_1.py",
        &["stdio", RUNNER, config.to_str().unwrap()],
    );
    assert_versions(&answers, &["2025-11-25"]);
}

fn run(python: &str, script: &str, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(python)
        .arg(repository("tests/clients").join(script))
        .args(arguments)
        .output()
        .unwrap();
    let (stdout, stderr) = support::texts(&output);
    assert!(output.status.success(), "{script} failed:\n{stderr}");
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// One answer for each version, and each is right.
fn assert_versions(answers: &[Value], versions: &[&str]) {
    let seen: Vec<&str> = answers
        .iter()
        .map(|answer| answer["version"].as_str().unwrap())
        .collect();
    assert_eq!(seen, versions);
    for answer in answers {
        assert_answer(answer);
    }
}

fn assert_answer(answer: &Value) {
    assert_eq!(answer["tools"], json!(["echo_json", "fails"]));
    let description = answer["description"].as_str().unwrap();
    let told = "Runs as a subprocess, up to 5 at a time, 100 per second, timeout 30 s.";
    assert!(description.ends_with(told), "{description}");

    let got = json!({"got": "a'b\"$(touch P)\n"});
    assert_eq!(answer["structured"], got);
    let text: Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, got);

    let bad = &answer["bad"][1]["error"];
    assert_eq!(
        (&answer["bad"][0], &bad["code"]),
        (&json!(true), &json!("INVALID_ARGUMENTS"))
    );
    assert_eq!(
        bad["data"]["violations"].as_array().unwrap().len(),
        2,
        "{bad}"
    );

    let failing = &answer["failing"][1]["error"];
    assert_eq!(
        (&answer["failing"][0], &failing["code"]),
        (&json!(true), &json!("EXIT_STATUS"))
    );
    assert_eq!(failing["data"]["exit_code"], 3);
    assert_eq!(failing["data"]["stdout"], "half\n");
    assert_eq!(failing["data"]["stderr"], "why\n");

    assert_eq!(answer["unknown"]["code"], -32602);
    assert_eq!(answer["unknown"]["data"]["error"]["code"], "UNKNOWN_TOOL");
}
