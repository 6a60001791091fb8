//! Over standard input and output: the question is a line of the server's own in the older revisions, and a result
//! in the current one.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::command;
use crate::wire::{Folder, accept, error, text};

/// A client that speaks in raw lines.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    folder: Folder,
}

impl Client {
    fn start() -> Self {
        let folder = Folder::new();
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

    /// A client that has shaken hands, with these capabilities.
    fn greeted(version: &str, capabilities: &Value) -> Self {
        let mut client = Self::start();
        client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "0"}}}));
        assert_eq!(client.receive()["result"]["protocolVersion"], version);
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn asking() -> Self {
        Self::greeted("2025-11-25", &json!({"elicitation": {}}))
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn receive(&mut self) -> Value {
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    fn delete(&mut self, id: u32, meta: &Value) {
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "delete", "arguments": {"path": "a"}, "_meta": meta}}),
        );
    }

    /// The id of the question that comes next.
    fn question(&mut self) -> Value {
        let question = self.receive();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert_eq!(question["params"]["message"], "Delete a?");
        question["id"].clone()
    }

    fn answer(&mut self, id: &Value, result: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_client_of_each_older_revision_is_asked() {
    for version in ["2025-06-18", "2025-11-25"] {
        let mut client = Client::greeted(version, &json!({"elicitation": {}}));
        client.delete(1, &json!({}));
        let question = client.question();
        assert_eq!(client.folder.deleted(), [""; 0]);
        client.answer(&question, &accept());
        let answer = client.receive();
        assert_eq!((&answer["id"], text(&answer)), (&json!(1), "gone\n"));
        assert_eq!(client.folder.deleted(), ["a"]);

        client.delete(2, &json!({}));
        let question = client.question();
        client.answer(&question, &json!({"action": "decline"}));
        let declined = error(&client.receive());
        assert_eq!(declined["code"], "CONFIRMATION_DECLINED");
        // The old answer is no answer to anything any more.
        client.answer(&question, &accept());
        client.delete(3, &json!({}));
        let question = client.question();
        client.answer(&question, &json!({"action": "cancel"}));
        assert_eq!(error(&client.receive())["code"], "CONFIRMATION_DECLINED");
        assert_eq!(client.folder.deleted(), ["a"]);
    }
}

#[test]
fn who_cannot_ask_or_fails_to_is_refused() {
    let refused = |client: &mut Client| {
        let refused = error(&client.receive());
        assert_eq!(refused["code"], "CONFIRMATION_REQUIRED");
        assert_eq!(
            refused["message"],
            "`delete` runs only after a person has said yes, and nobody could be asked: nothing was run"
        );
        assert_eq!(client.folder.deleted(), [""; 0]);
    };
    for (version, capabilities) in [
        ("2025-11-25", json!({})),
        ("2025-11-25", json!({"elicitation": {"url": {}}})),
        ("2025-03-26", json!({"elicitation": {}})),
    ] {
        let mut client = Client::greeted(version, &capabilities);
        client.delete(1, &json!({}));
        refused(&mut client);
    }
    let mut client = Client::asking();
    client.delete(1, &json!({}));
    let question = client.question();
    client.send(&json!({"jsonrpc": "2.0", "id": question, "error": {"code": -32601, "message": "no such method"}}));
    refused(&mut client);
    client.delete(2, &json!({}));
    let question = client.question();
    client.answer(&question, &json!({"answer": "yes"}));
    refused(&mut client);
}

#[test]
fn the_caller_s_time_bounds_the_wait_and_the_question_is_taken_back() {
    let mut client = Client::asking();
    client.delete(1, &json!({"timeout_ms": 250, "progressToken": "p"}));
    let question = client.question();
    let over = client.receive();
    assert_eq!(over["method"], "notifications/cancelled", "{over}");
    assert_eq!(over["params"]["requestId"], question);
    let late = error(&client.receive());
    assert_eq!(late["code"], "CONFIRMATION_REQUIRED");
    let message = late["message"].as_str().unwrap();
    assert!(
        message.starts_with("nobody answered the question within 0."),
        "{message}"
    );
    client.answer(&question, &accept());
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}));
    assert_eq!(client.receive()["id"], 2);
    assert_eq!(client.folder.deleted(), [""; 0]);
}

#[test]
fn what_a_person_takes_is_taken_from_the_caller_s_time() {
    let mut client = Client::asking();
    client.send(
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "slow", "_meta": {"timeout_ms": 5000}}}),
    );
    let question = client.receive()["id"].clone();
    std::thread::sleep(std::time::Duration::from_secs(1));
    client.answer(&question, &accept());
    let ended = error(&client.receive());
    assert_eq!(ended["code"], "TIMEOUT", "{ended}");
    let given = ended["data"]["timeout_ms"].as_u64().unwrap();
    assert!(given <= 4000, "{ended}");
}

#[test]
fn a_call_that_is_called_off_takes_its_question_back() {
    let mut client = Client::asking();
    client.delete(1, &json!({}));
    let question = client.question();
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}),
    );
    let over = client.receive();
    assert_eq!(over["method"], "notifications/cancelled", "{over}");
    assert_eq!(over["params"]["requestId"], question);
    client.answer(&question, &accept());
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}));
    assert_eq!(client.receive()["id"], 2);
    assert_eq!(client.folder.deleted(), [""; 0]);
}

#[test]
fn a_question_holds_no_place_and_their_number_is_bounded() {
    let mut client = Client::asking();
    let questions: Vec<Value> = (1..=8)
        .map(|id| {
            client.delete(id, &json!({}));
            client.question()
        })
        .collect();
    client.delete(9, &json!({}));
    let answer = client.receive();
    assert_eq!(answer["id"], 9);
    let full = error(&answer);
    assert_eq!(full["code"], "QUEUE_FULL");
    assert_eq!(
        full["message"],
        "8 questions of this client wait for a person: nothing was run"
    );
    assert_eq!(full["retry_after_ms"], 10_000);
    // One place for all tools, and it is free.
    client.send(
        &json!({"jsonrpc": "2.0", "id": 10, "method": "tools/call", "params": {"name": "hi"}}),
    );
    assert_eq!(text(&client.receive()), "hi\n");
    client.answer(&questions[7], &accept());
    assert_eq!(client.receive()["id"], 8);
    client.delete(11, &json!({}));
    client.question();
    assert_eq!(client.folder.deleted(), ["a"]);
}

#[test]
fn a_client_that_leaves_leaves_no_question() {
    let mut client = Client::asking();
    client.delete(1, &json!({}));
    client.question();
    drop(client.input.take());
    assert!(client.child.wait().unwrap().success());
    assert_eq!(client.folder.deleted(), [""; 0]);
}

#[test]
fn the_current_revision_asks_in_a_result() {
    let mut client = Client::start();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
    });
    client.delete(1, &meta);
    let asked = client.receive();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    client.send(
        &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "delete", "arguments": {"path": "a"}, "_meta": meta,
        "inputResponses": {"confirm": accept()}, "requestState": asked["result"]["requestState"]}}),
    );
    assert_eq!(text(&client.receive()), "gone\n");
    assert_eq!(client.folder.deleted(), ["a"]);
}
