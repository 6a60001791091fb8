//! The protocol over standard input and output, as raw lines: framing, cancelling, and the client's end.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::command;
use tokio::time::Instant;

const TOOLS: &str = r#"
name: stdio
tools:
  - name: hang
    description: Note the process ids of a small tree, then wait
    script: { shell: "sleep 600 & echo $$ $! > pids; wait" }
  - name: hi
    description: Say hi
    script: { shell: echo hi }
"#;

/// A client that speaks in raw lines.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    folder: tempfile::TempDir,
}

impl Client {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
        let mut child = command(folder.path(), &["serve", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            folder,
        }
    }

    /// A client that has shaken hands as of 2025-11-25.
    fn greeted() -> Self {
        let mut client = Self::start();
        client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
        assert_eq!(client.receive()["result"]["protocolVersion"], "2025-11-25");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        self.send_raw(&message.to_string());
    }

    fn send_raw(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn call(&mut self, id: u32, tool: &str) {
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}}),
        );
    }

    fn receive(&mut self) -> Value {
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    /// The process ids that `hang` has noted, once it has.
    fn pids(&self) -> Vec<u32> {
        let noted = self.folder.path().join("pids");
        eventually("`hang` notes its processes", || {
            let text = fs::read_to_string(&noted).unwrap_or_default();
            let pids: Vec<u32> = text
                .split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect();
            (pids.len() == 2 && text.ends_with('\n')).then_some(pids)
        })
    }
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "never happened: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn the_end_of_the_input_ends_everything_within_a_second() {
    let mut client = Client::greeted();
    client.call(1, "hang");
    let pids = client.pids();
    assert!(pids.iter().copied().all(is_alive));
    let ended = Instant::now();
    drop(client.input.take());
    let status = client.child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(
        ended.elapsed() < Duration::from_secs(1),
        "{:?}",
        ended.elapsed()
    );
    eventually("the tree is gone", || {
        (!pids.iter().copied().any(is_alive)).then_some(())
    });
}

#[test]
fn a_cancelled_call_ends_its_processes_and_the_next_one_runs() {
    let mut client = Client::greeted();
    client.call(1, "hang");
    let pids = client.pids();
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}),
    );
    eventually("the tree is gone", || {
        (!pids.iter().copied().any(is_alive)).then_some(())
    });
    client.call(2, "hi");
    let answer = client.receive();
    assert_eq!(
        answer["id"], 2,
        "nothing is said about a cancelled call: {answer}"
    );
    assert_eq!(answer["result"]["content"][0]["text"], "hi\n");
}

#[test]
fn a_client_that_errs_is_told_and_served_on() {
    let mut client = Client::start();
    client.send_raw(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.send_raw("{not json");
    assert_eq!(client.receive()["error"]["code"], -32700);
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
    assert_eq!(client.receive()["result"]["protocolVersion"], "2024-11-05");
    client.send_raw(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":7}"#);
    assert_eq!(client.receive()["error"]["code"], -32602);
    client.call(3, "hi");
    assert_eq!(client.receive()["result"]["content"][0]["text"], "hi\n");
}

#[test]
fn the_oldest_revision_gets_what_it_knows() {
    let mut client = Client::start();
    client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
    client.receive();
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let tool = client.receive()["result"]["tools"][1].clone();
    let keys: Vec<&String> = tool.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "description", "inputSchema"]);
}

#[test]
fn a_signal_ends_the_server_with_its_calls() {
    let mut client = Client::greeted();
    client.call(1, "hang");
    let pids = client.pids();
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&client.child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(client.child.wait().unwrap().success());
    eventually("the tree is gone", || {
        (!pids.iter().copied().any(is_alive)).then_some(())
    });
}
