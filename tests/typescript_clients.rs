//! Real clients: the official TypeScript SDK of both generations, and the Inspector's command line, over both
//! transports and in both eras.
//!
//! `.ci/run` installs them, with the Node they need; without them these tests skip and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the clients they test with"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{RUNNER, Server, repository, texts, tool_from};

/// Names the folder into which `npm` has installed Node and the clients.
const CLIENTS: &str = "RUNNER_TEST_TYPESCRIPT_MCP";

/// The clients, and a file for them to be served and to change.
struct World {
    clients: PathBuf,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Option<Self> {
        let clients = repository(&tool_from(CLIENTS)?);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gantz.yaml");
        fs::copy(repository("tests/clients/more.yaml"), file).unwrap();
        Some(Self { clients, folder })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gantz.yaml")
    }

    /// Node, about to run `script`. What it keeps at home is kept in the test's folder.
    fn node(&self, script: &Path) -> Command {
        let mut command = Command::new(self.clients.join("node_modules/.bin/node"));
        command.arg(script).env("HOME", self.folder.path());
        command
    }

    /// What the TypeScript client saw.
    fn check(&self, generation: &str, mode: &str, transport: &str, target: &str) -> Value {
        let output = self
            .node(&repository("tests/clients/check_typescript.cjs"))
            .arg(&self.clients)
            .args([generation, mode])
            .arg(self.file())
            .args([transport, target])
            .output()
            .unwrap();
        let (seen, complaints) = texts(&output);
        assert!(output.status.success(), "{complaints}");
        serde_json::from_str(&seen).unwrap()
    }

    fn over_stdio(&self, generation: &str, mode: &str) -> Value {
        self.check(generation, mode, "stdio", RUNNER)
    }

    fn over_http(&self, generation: &str, mode: &str) -> Value {
        let server = Server::start(&self.file());
        self.check(generation, mode, "http", &server.url)
    }

    /// The Inspector's command line, of a server over stdio or at a URL.
    fn inspect(&self, era: &str, url: Option<&str>, request: &[&str]) -> Output {
        let inspector = self.clients.join("node_modules/.bin/mcp-inspector");
        let mut command = self.node(&inspector);
        command.arg("--cli").args(request);
        command.args(["--protocol-era", era]);
        match url {
            Some(url) => command.arg(url),
            None => command
                .args([RUNNER, "serve"])
                .arg(self.file())
                .arg("--stdio"),
        };
        command.output().unwrap()
    }
}

#[test]
fn typescript_1_over_stdio() {
    if let Some(world) = World::new() {
        assert_seen(&world.over_stdio("1", "legacy"), "2025-11-25");
    }
}

#[test]
fn typescript_1_over_http() {
    if let Some(world) = World::new() {
        assert_seen(&world.over_http("1", "legacy"), "2025-11-25");
    }
}

#[test]
fn typescript_2_over_stdio() {
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        if let Some(world) = World::new() {
            assert_seen(&world.over_stdio("2", mode), version);
        }
    }
}

#[test]
fn typescript_2_over_http() {
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        if let Some(world) = World::new() {
            assert_seen(&world.over_http("2", mode), version);
        }
    }
}

fn assert_seen(seen: &Value, version: &str) {
    assert_eq!(seen["version"], version);
    assert_eq!(
        seen["tools"],
        json!(["structured", "breaks", "waits", "tells"])
    );
    assert_eq!(seen["structured"], json!({"count": 7}));
    // A failure is for the model to read, also where the tool promises a structure that a failure has not.
    for (call, code) in [("bad", "INVALID_ARGUMENTS"), ("breaks", "EXIT_STATUS")] {
        let result = &seen[call]["result"];
        assert_eq!(result["isError"], true, "{seen}");
        assert_failure(result, code);
    }
    assert_eq!(seen["unknown"]["error"]["code"], -32602, "{seen}");
    assert_eq!(seen["cancelled"], json!(["error"]), "{seen}");
    assert_eq!(
        seen["after"], false,
        "the cancelled call has left its place"
    );
    let told: Vec<_> = (1..=3)
        .map(|step| json!({"progress": step, "total": 3, "message": format!("step {step}")}))
        .collect();
    assert_eq!(seen["progress"], json!(told));
    let changed = seen["changed"][2].as_str().unwrap();
    assert!(changed.starts_with("Wait, as before\n"), "{changed}");
}

fn assert_failure(result: &Value, code: &str) {
    let text = result["content"][0]["text"].as_str().unwrap();
    let told: Value = serde_json::from_str(text).unwrap();
    assert_eq!(told["error"]["code"], code, "{told}");
}

/// The Inspector's command line asks once and ends: it has no way to cancel, and shows no progress and no changes.
#[test]
fn the_inspector_over_stdio() {
    for era in ["legacy", "modern"] {
        if let Some(world) = World::new() {
            assert_inspected(&world, era, None);
        }
    }
}

#[test]
fn the_inspector_over_http() {
    for era in ["legacy", "modern"] {
        if let Some(world) = World::new() {
            let server = Server::start(&world.file());
            assert_inspected(&world, era, Some(&server.url));
        }
    }
}

fn assert_inspected(world: &World, era: &str, url: Option<&str>) {
    let ask = |request: &[&str], code| {
        let output = world.inspect(era, url, request);
        let (told, complaints) = texts(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{request:?}: {told}{complaints}"
        );
        serde_json::from_str::<Value>(&told).unwrap()
    };
    let tools = ask(&["--method", "tools/list"], 0)["tools"].take();
    assert_eq!(tools.as_array().unwrap().len(), 4);
    let of = |name, arguments: &[&'static str]| {
        [&["--tool-name", name, "--method", "tools/call"], arguments].concat()
    };
    let structured = ask(&of("structured", &["--tool-arg", "count=7"]), 0);
    assert_eq!(structured["structuredContent"], json!({"count": 7}));
    // 5 is its code for a tool that failed.
    assert_failure(&ask(&of("breaks", &[]), 5), "EXIT_STATUS");
    let told = ask(&of("tells", &[]), 0);
    assert_eq!(told["content"][0]["text"], "done\n");
}
