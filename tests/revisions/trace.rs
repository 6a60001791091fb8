//! The trace a caller is in reaches scripts and services, when it is one.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::STATELESS;
use crate::client::{Client, Transport};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A service that answers with the head of each request.
fn mirror() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let length = head.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            drop(stream.write_all(&[answer.as_bytes(), &head].concat()));
        }
    });
    port
}

fn tools() -> String {
    let port = mirror();
    format!(
        r#"
name: trace
tools:
  - name: script
    description: Show the trace
    script: {{ shell: 'echo "$TRACEPARENT|$TRACESTATE|$BAGGAGE"' }}
  - name: service
    description: Show the request
    http: {{ url: "http://127.0.0.1:{port}/" }}
  - name: own
    description: Show the request
    http: {{ url: "http://127.0.0.1:{port}/", headers: {{ baggage: "of=the-file" }} }}
"#
    )
}

async fn told(client: &mut Client, tool: &str, meta: &Value) -> String {
    let params = json!({"name": tool, "_meta": meta});
    let (answer, _) = client.ask("tools/call", params).await;
    let text = &answer["result"]["content"][0]["text"];
    text.as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

#[tokio::test]
async fn a_trace_reaches_scripts_and_services() {
    for transport in [Transport::Stdio, Transport::Http] {
        let mut client = Client::connect(&tools(), STATELESS, transport).await;
        let meta = json!({"traceparent": PARENT, "tracestate": "a=1,b=2", "baggage": "user=7"});
        let seen = told(&mut client, "script", &meta).await;
        assert_eq!(seen, format!("{PARENT}|a=1,b=2|user=7\n"));
        let seen = told(&mut client, "service", &meta).await;
        for header in [
            &format!("traceparent: {PARENT}"),
            "tracestate: a=1,b=2",
            "baggage: user=7",
        ] {
            assert!(seen.contains(&format!("{header}\r\n")), "{header}: {seen}");
        }
        let seen = told(&mut client, "own", &meta).await;
        assert!(
            seen.contains("baggage: of=the-file\r\n") && !seen.contains("user=7"),
            "{seen}"
        );
        assert!(seen.contains(PARENT), "{seen}");
    }
}

#[tokio::test]
async fn what_is_no_trace_reaches_nobody() {
    let mut client = Client::connect(&tools(), "2025-11-25", Transport::Stdio).await;
    for meta in [
        json!({"traceparent": "00-\n", "tracestate": "a=1", "baggage": "a\n=1"}),
        json!({"traceparent": 7, "tracestate": ["a=1"], "baggage": {"a": 1}}),
        json!({"tracestate": "a=1"}),
        json!({"traceparent": "() { :; }; touch P", "baggage": "x".repeat(10_000)}),
    ] {
        assert_eq!(told(&mut client, "script", &meta).await, "||\n", "{meta}");
        let seen = told(&mut client, "service", &meta).await;
        assert!(
            !seen.contains("trace") && !seen.contains("baggage"),
            "{seen}"
        );
    }
}
