//! A client that means harm, over standard input: each line is answered or skipped, nothing grows, nothing hangs.

#![cfg(unix)]

mod support;

use std::io::{BufReader, Read, Write};
use std::process::ChildStdout;
use std::time::Duration;

use serde_json::json;
use support::lines::LineClient;
use tokio::time::Instant;

const TOOLS: &str = r"
name: hostile
tools:
  - name: hi
    description: Say hi
    script: { shell: echo hi }
  - name: hang
    description: Wait
    script: { shell: exec sleep 600 }
";

fn greeted() -> LineClient {
    LineClient::greeted(TOOLS)
}

/// That the server still answers, and with nothing before it.
fn assert_serves(client: &mut LineClient) {
    client.call("still", "hi");
    let answer = client.receive();
    assert_eq!(answer["id"], "still", "{answer}");
    assert_eq!(answer["result"]["content"][0]["text"], "hi\n");
}

#[test]
fn bytes_that_are_no_message_are_answered_line_by_line() {
    let mut client = greeted();
    for line in [
        &b"\0\0\0"[..],
        b"\xff\xfe{}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xc3\x28\"}}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\0ng\"}",
        b"\"a string\"",
        b"[[[[[[",
    ] {
        client.raw(line);
        client.raw(b"\n");
        let answer = client.receive();
        assert!(answer["error"]["code"].is_i64(), "{answer}");
    }
    client.raw(&[b"[".repeat(1024 * 1024), b"\n".to_vec()].concat());
    assert_eq!(client.receive()["error"]["code"], -32700);
    client.raw(b"\n\r\n  \n\t\n");
    assert_serves(&mut client);
}

#[test]
fn messages_may_come_in_any_pieces() {
    let mut client = greeted();
    let text = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    for byte in text {
        client.raw(&[*byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    client.raw(b"\n{\"jsonrpc\":\"2.0\",");
    assert_eq!(client.receive()["id"], 7);
    client.raw(b"\"id\":8,\"method\":\"ping\"}\n");
    assert_eq!(client.receive()["id"], 8);
}

#[test]
fn a_line_without_an_end_takes_bounded_memory_and_its_end_is_answered() {
    let mut client = greeted();
    assert_serves(&mut client);
    let before = client.resident();
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..64 {
        client.raw(&piece);
    }
    let grown = client.resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more");
    client.raw(b"\n");
    let answer = client.receive();
    assert_eq!(
        answer["error"]["message"],
        "the message is longer than 4194304 bytes"
    );
    assert_serves(&mut client);
}

#[test]
fn a_client_that_reads_no_answers_is_not_read_on_and_gets_all_of_them_later() {
    const REQUESTS: u64 = 50_000;
    let mut client = greeted();
    assert_serves(&mut client);
    let before = client.resident();
    // Fills the pipe, waits there, and goes on when answers are read.
    let mut input = client.input_too();
    let writer = std::thread::spawn(move || {
        for id in 1..=REQUESTS {
            let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "nobody"}});
            writeln!(input, "{call}").unwrap();
        }
    });
    std::thread::sleep(Duration::from_secs(5));
    assert!(
        !writer.is_finished(),
        "all was taken in without an answer read"
    );
    let grown = client.resident().saturating_sub(before);
    println!("{grown} KiB more while {REQUESTS} requests wait");
    assert!(grown < 16 * 1024, "{grown} KiB more");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..REQUESTS {
        let answer = client.receive();
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        assert!(
            seen.insert(answer["id"].as_u64().unwrap()),
            "twice: {answer}"
        );
    }
    writer.join().unwrap();
    assert_serves(&mut client);
}

#[test]
fn of_calls_past_every_bound_each_is_answered_once() {
    const CALLS: usize = 6000;
    let mut client = greeted();
    let mut lines = String::new();
    for id in 0..CALLS {
        lines += &json!({"jsonrpc": "2.0", "id": format!("c{id}"), "method": "tools/call", "params": {"name": "hang"}}).to_string();
        lines.push('\n');
    }
    let mut input = client.input_too();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    // Those that run or wait are not answered; all others are refused.
    let mut refused = std::collections::HashSet::new();
    while refused.len() < CALLS - 200 {
        let answer = client.receive();
        let text = answer.to_string();
        assert!(
            text.contains("QUEUE_FULL") || text.contains("-31000"),
            "{text}"
        );
        assert!(refused.insert(answer["id"].to_string()), "twice: {text}");
    }
    writer.join().unwrap();
    client.send(&json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}));
    loop {
        let answer = client.receive();
        if answer["id"] == "p" {
            break;
        }
        assert!(refused.insert(answer["id"].to_string()));
    }
}

#[test]
fn an_id_that_is_taken_is_refused_and_the_first_request_still_answered() {
    let mut client = greeted();
    client.call(json!(5), "hang");
    client.call(json!(5), "hi");
    let answer = client.receive();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(5), &json!(-32600))
    );
    client.cancel(5);
    let begun = Instant::now();
    loop {
        // The id is free again when the cancelled call is over.
        client.call(json!(5), "hi");
        let answer = client.receive();
        if answer["result"]["content"][0]["text"] == "hi\n" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn cancelling_what_is_not_there_is_nothing() {
    let mut client = greeted();
    for id in [
        json!(77),
        json!("x".repeat(100_000)),
        json!(null),
        json!({}),
    ] {
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    }
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/nonsense", "params": [1]}));
    client.send(&json!({"jsonrpc": "2.0", "id": 999, "result": {}}));
    client.send(&json!({"jsonrpc": "2.0", "id": 999, "error": {"code": 1, "message": "m"}}));
    client.call(json!("last"), "hi");
    // What is malformed may be answered without an id; the call is answered in any case.
    loop {
        let answer = client.receive();
        if answer["id"] == "last" {
            break;
        }
        assert!(
            answer["id"].is_null() && answer["error"].is_object(),
            "{answer}"
        );
    }
}

#[test]
fn a_client_that_closes_its_end_of_the_output_is_gone() {
    let mut client = greeted();
    client.call(json!(1), "hang");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    // Swapping the reader closes the one the server writes to; its input stays open.
    let gone = std::mem::replace(
        &mut client.output,
        BufReader::new(ChildStdout::from(std::os::fd::OwnedFd::from(reader))),
    );
    drop(gone);
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}));
    client.assert_ends();
    let mut rest = String::new();
    client.output.read_to_string(&mut rest).unwrap();
}
