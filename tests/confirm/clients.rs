//! Real clients: the official Python SDK of both generations asks its person and hands the answer back.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the clients they test with"
)]

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{RUNNER, repository, texts, tool_from};
use crate::wire::Folder;

fn check(variable: &str, script: &str, transport: &str, versions: &[&str]) {
    let Some(python) = tool_from(variable) else {
        return;
    };
    let folder = Folder::new();
    let server = (transport == "http").then(|| folder.serve());
    let config = folder.path().join("gantz.yaml");
    let arguments = match &server {
        Some(server) => vec!["http", server.url.as_str()],
        None => vec!["stdio", RUNNER, config.to_str().unwrap()],
    };
    let output = Command::new(&python)
        .arg(repository("tests/confirm").join(script))
        .args(arguments)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{script} failed:\n{stderr}");
    let answers: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), versions.len());
    for (answer, version) in answers.iter().zip(versions) {
        assert_eq!(answer["version"], *version);
        assert_eq!(answer["asked"], json!(["Delete a?", "Delete b?"]));
        assert_eq!(answer["accepted"], "gone\n");
        assert_eq!(answer["declined"]["error"]["code"], "CONFIRMATION_DECLINED");
        assert_eq!(answer["refused"]["error"]["code"], "CONFIRMATION_REQUIRED");
    }
    assert_eq!(folder.deleted(), vec!["a"; versions.len()]);
}

#[test]
fn python_2() {
    for transport in ["http", "stdio"] {
        let versions = ["2026-07-28", "2025-11-25"];
        check(
            "RUNNER_TEST_PYTHON_MCP_2",
            "check_mcp_2.py",
            transport,
            &versions,
        );
    }
}

#[test]
fn python_1() {
    for transport in ["http", "stdio"] {
        check(
            "RUNNER_TEST_PYTHON_MCP_1",
            "check_mcp_1.py",
            transport,
            &["2025-11-25"],
        );
    }
}
