//! The built-in tool over MCP, as raw lines.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::TOOLS;
use crate::support::lines::LineClient;

fn greeted() -> LineClient {
    LineClient::greeted(TOOLS)
}

fn batch(client: &mut LineClient, id: u32, arguments: &Value) {
    client.send(
        &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
        "name": "batch", "arguments": arguments, "_meta": {"progressToken": "p"}}}),
    );
}

#[test]
fn batch_is_listed_last_and_tells_of_each_call_as_it_completes() {
    let mut client = greeted();
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let listed = client.receive();
    let tools = listed["result"]["tools"].as_array().unwrap();
    let last = tools.last().unwrap();
    assert_eq!((tools.len(), &last["name"]), (7, &json!("batch")));
    assert_eq!(last["inputSchema"]["required"], json!(["calls"]));

    let items: Vec<Value> = (0..10).map(|n| json!({"n": n})).collect();
    batch(
        &mut client,
        2,
        &json!({"calls": [
            {"call_id": "all", "tool_name": "narrow", "for_each": items},
            {"call_id": "bad", "tool_name": "fails"},
        ]}),
    );
    let mut progress = Vec::new();
    let answer = loop {
        let message = client.receive();
        if message["method"] == "notifications/progress" {
            assert_eq!(message["params"]["total"], 11.0);
            progress.push(message["params"]["progress"].as_f64().unwrap());
        } else {
            break message;
        }
    };
    assert_eq!(progress, (1..=11).map(f64::from).collect::<Vec<_>>());
    let result = &answer["result"];
    assert_eq!(result["isError"], false);
    let structured = &result["structuredContent"];
    assert_eq!(structured["counts"]["succeeded"], 10);
    assert_eq!(structured["results"][9]["result"], json!({"n": 9}));
    assert_eq!(structured["errors"][0]["code"], "EXIT_STATUS");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&text, structured);
}

#[test]
fn a_batch_that_cannot_run_is_for_the_model_to_mend() {
    let mut client = greeted();
    batch(&mut client, 3, &json!({"calls": [{"tool_name": "batch"}]}));
    let result = client.receive()["result"].clone();
    assert_eq!(result["isError"], true);
    let error = &result["structuredContent"]["error"];
    assert_eq!(error["code"], "INVALID_ARGUMENTS");
    assert_eq!(
        error["data"]["violations"][0]["pointer"],
        "/calls/0/tool_name"
    );
}

#[test]
fn a_cancelled_batch_ends_its_calls_and_the_server_lives_on() {
    let mut client = greeted();
    batch(&mut client, 4, &json!({"calls": [{"tool_name": "long"}]}));
    while !client.folder.path().join("started").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}}),
    );
    batch(
        &mut client,
        5,
        &json!({"calls": [{"tool_name": "make", "params": {"value": {"ok": true}}}]}),
    );
    let answer = loop {
        let message = client.receive();
        if message["id"] == 5 {
            break message;
        }
    };
    assert_eq!(
        answer["result"]["structuredContent"]["results"][0]["result"],
        json!({"ok": true})
    );
}

#[test]
fn eight_built_in_calls_run_at_once() {
    let mut client = greeted();
    for n in 0..9 {
        batch(
            &mut client,
            100 + n,
            &json!({"calls": [{"tool_name": "hold", "params": {"n": n}}]}),
        );
    }
    let held = client.folder.path().join("held");
    let count = || fs::read_dir(&held).map_or(0, Iterator::count);
    while count() < 8 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), 8);
    // The calls before it have their places; which of the nine waits is not said.
    let waiting = (0..9).find(|n| !held.join(n.to_string()).exists()).unwrap();
    let running = u32::from(waiting == 0);
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 100 + running}}),
    );
    while count() < 9 {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_caller_may_tighten_a_batch_but_not_loosen_it() {
    let mut client = greeted();
    let items: Vec<Value> = (0..6).map(|n| json!({"n": n})).collect();
    let calls = json!([{"tool_name": "narrow", "for_each": items}]);
    let mut tightened = |id: u32, own: u32, asked: Value| {
        client.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "batch", "arguments": {"calls": calls, "max_parallel": own}, "_meta": asked}}),
        );
        client.receive()["result"]["structuredContent"].clone()
    };
    let answer = tightened(1, 3, json!({"max_parallel": 2}));
    assert_eq!(answer["counts"]["max_parallel"], 2);
    let answer = tightened(2, 3, json!({"max_parallel": 20, "timeout_ms": 60_000}));
    assert_eq!(
        (
            &answer["counts"]["max_parallel"],
            &answer["counts"]["succeeded"]
        ),
        (&json!(3), &json!(6))
    );
    let answer = tightened(3, 1, json!({"timeout_ms": 50}));
    // The calls have the batch's budget, so either they end first or it does.
    let late: Vec<&Value> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["success"] == false)
        .collect();
    assert!(
        late.len() >= 3,
        "six calls of 20 ms do not fit in 50: {answer}"
    );
    assert!(
        late.iter()
            .all(|result| result["error"]["code"] == "TIMEOUT"),
        "{answer}"
    );
}
