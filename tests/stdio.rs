//! The protocol over standard input and output, as raw lines: framing, cancelling, and the client's end.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::lines::LineClient;
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
  - name: wait
    description: Wait
    concurrency: { max_parallel: 100 }
    script: { shell: exec sleep 600 }
  - name: length
    description: Count the bytes of a text
    parameters:
      - { name: text, type: string, required: true }
    script: { command: wc, args: ["-c"], stdin: "{{text}}" }
  - name: much
    description: Print much
    script: { shell: "head -c 1000000 /dev/zero | tr '\\0' x" }
    output: { inline_bytes: 1MB, max_bytes: 1MB }
"#;

/// The process ids that `hang` has noted, once it has.
fn pids(client: &LineClient) -> Vec<u32> {
    let noted = client.folder.path().join("pids");
    eventually("`hang` notes its processes", || {
        let text = fs::read_to_string(&noted).unwrap_or_default();
        let pids: Vec<u32> = text
            .split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .collect();
        (pids.len() == 2 && text.ends_with('\n')).then_some(pids)
    })
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
fn the_end_of_the_input_ends_everything_at_once() {
    let mut client = LineClient::greeted(TOOLS);
    client.call(1, "hang");
    let pids = pids(&client);
    assert!(pids.iter().copied().all(is_alive));
    let ended = Instant::now();
    drop(client.input.take());
    let status = client.child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(
        ended.elapsed() < Duration::from_secs(4),
        "{:?}",
        ended.elapsed()
    );
    eventually("the tree is gone", || {
        (!pids.iter().copied().any(is_alive)).then_some(())
    });
}

#[test]
fn a_cancelled_call_ends_its_processes_and_the_next_one_runs() {
    let mut client = LineClient::greeted(TOOLS);
    client.call(1, "hang");
    let pids = pids(&client);
    client.cancel(1);
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
    let mut client = LineClient::start(TOOLS);
    client.send_line(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.send_line("{not json");
    assert_eq!(client.receive()["error"]["code"], -32700);
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
    assert_eq!(client.receive()["result"]["protocolVersion"], "2024-11-05");
    client.send_line(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":7}"#);
    assert_eq!(client.receive()["error"]["code"], -32602);
    client.call(3, "hi");
    assert_eq!(client.receive()["result"]["content"][0]["text"], "hi\n");
}

#[test]
fn the_oldest_revision_gets_what_it_knows() {
    let mut client = LineClient::start(TOOLS);
    client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
    client.receive();
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let tool = client.receive()["result"]["tools"][1].clone();
    let keys: Vec<&String> = tool.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "description", "inputSchema"]);
}

#[test]
fn calls_cancelled_in_the_midst_of_others_take_nobody_else_with_them() {
    let mut client = LineClient::greeted(TOOLS);
    // Every other call hangs; those are called off in another order than they came in.
    for id in 0..20_u32 {
        client.call(id, if id % 2 == 0 { "wait" } else { "hi" });
    }
    for id in (0..20_u32).rev().filter(|id| id % 2 == 0) {
        client.cancel(id);
        client.call(100 + id, "hi");
    }
    let mut answered: Vec<u64> = (0..20)
        .map(|_| {
            let answer = client.receive();
            assert_eq!(answer["result"]["content"][0]["text"], "hi\n", "{answer}");
            answer["id"].as_u64().unwrap()
        })
        .collect();
    answered.sort_unstable();
    let odd = (0..20).filter(|id| id % 2 == 1);
    let expected: Vec<u64> = odd.chain((100..120).filter(|id| id % 2 == 0)).collect();
    assert_eq!(answered, expected);
    assert_eq!(
        client.ask(200, "ping", &json!({}))["id"],
        200,
        "nothing is left to be said"
    );
}

#[test]
fn a_message_as_long_as_may_be_is_served_and_its_answer_is_one_line() {
    let mut client = LineClient::greeted(TOOLS);
    let text = "é\"\\\n".repeat(200_000);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "length", "arguments": {"text": text}}});
    assert!(call.to_string().len() < 4 * 1024 * 1024);
    client.send(&call);
    let answer = client.receive();
    let told = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(told.trim(), text.len().to_string());
    client.call(2, "much");
    let answer = client.receive();
    assert_eq!(
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .len(),
        1_000_000
    );
}

#[test]
fn the_end_of_the_input_before_the_first_word_ends_the_server() {
    for said in [
        "",
        "\n",
        "{not json\n",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n",
        "{\"jsonrpc\":",
    ] {
        let mut client = LineClient::start(TOOLS);
        client.raw(said.as_bytes());
        drop(client.input.take());
        client.assert_ends();
        assert!(client.child.wait().unwrap().success(), "{said:?}");
    }
}

#[test]
fn a_client_of_the_current_revision_needs_no_handshake() {
    let mut client = LineClient::start(TOOLS);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}),
    );
    let found = client.ask(1, "server/discover", &json!({"_meta": meta}));
    let versions = found["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{found}");
    let answer = client.ask(2, "tools/call", &json!({"name": "hi", "_meta": meta}));
    assert_eq!(answer["result"]["content"][0]["text"], "hi\n", "{answer}");
    let without = client.ask(3, "tools/list", &json!({}));
    assert_eq!(without["error"]["code"], -32602, "{without}");
}

/// Asks the server to stop.
fn stop(client: &LineClient) {
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&client.child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
}

#[test]
fn a_signal_ends_the_server_with_its_calls() {
    let mut client = LineClient::greeted(TOOLS);
    client.call(1, "hang");
    let pids = pids(&client);
    stop(&client);
    assert!(client.child.wait().unwrap().success());
    eventually("the tree is gone", || {
        (!pids.iter().copied().any(is_alive)).then_some(())
    });
}

/// The ids of all answers until the output ends, in order.
fn last_answers(client: &mut LineClient) -> Vec<u64> {
    let mut text = String::new();
    client.output.read_to_string(&mut text).unwrap();
    let mut ids: Vec<_> = text
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            answer["id"]
                .as_u64()
                .unwrap_or_else(|| panic!("no answer: {line}"))
        })
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_was_read_before_the_end_of_the_input_is_answered_once() {
    let all: Vec<u64> = (1..=100).collect();
    for tool in ["hi", "wait"] {
        let mut client = LineClient::greeted(TOOLS);
        let calls: Vec<_> = all
            .iter()
            .map(|id| {
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}})
                    .to_string()
            })
            .collect();
        client.raw((calls.join("\n") + "\n").as_bytes());
        drop(client.input.take());
        assert_eq!(last_answers(&mut client), all, "`{tool}`");
        assert!(client.child.wait().unwrap().success());
    }
}

#[test]
fn calls_are_answered_when_the_server_is_asked_to_stop() {
    let mut client = LineClient::greeted(TOOLS);
    client.call(1, "hang");
    drop(pids(&client));
    for id in 2..=40 {
        client.call(id, "wait");
    }
    // Read in order: when this is answered, all before it have been read.
    client.send(&json!({"jsonrpc": "2.0", "id": 41, "method": "ping"}));
    assert_eq!(client.receive()["id"], 41);
    stop(&client);
    assert_eq!(last_answers(&mut client), (1..=40).collect::<Vec<u64>>());
}

#[test]
fn a_refusal_of_the_first_line_is_written_although_nothing_follows() {
    let mut client = LineClient::start(TOOLS);
    client.send_line("{not json");
    drop(client.input.take());
    assert_eq!(client.receive()["error"]["code"], -32700);
}
