//! Clients that mean harm, over HTTP: each thing they can hold or send has a bound, and the server goes on.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use runner::config::{Env, LoadOptions, load};
use runner::mcp::http::{self, ConnectionBounds, HttpOptions};
use runner::runner::Runner;
use serde_json::{Value, json};
use support::{Server, repository};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const MIB: usize = 1024 * 1024;

fn server() -> Server {
    Server::start(&repository("tests/clients/gantz.yaml"))
}

/// A connection of bare bytes.
struct Raw(TcpStream);

impl Raw {
    fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // A server that has refused and closed may well not take the rest.
        drop(self.0.write_all(bytes.as_ref()));
        self
    }

    /// All there is until the server closes, or the first part that holds `mark`.
    fn read_until(&mut self, mark: &str) -> String {
        let mut seen = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => seen.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&seen)),
            }
            if !mark.is_empty() && String::from_utf8_lossy(&seen).contains(mark) {
                break;
            }
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    fn read_to_end(&mut self) -> String {
        self.read_until("")
    }
}

fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// The head of a request without its end, with what the protocol asks for.
fn head(first_line: &str) -> String {
    format!(
        "{first_line} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n\
         mcp-name: echo_json\r\n"
    )
}

fn call(text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo_json", "arguments": {"text": text},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                  "io.modelcontextprotocol/clientCapabilities": {}}}})
}

/// A call whose body has exactly `length` bytes.
fn call_of(length: usize) -> String {
    let mut text = call("x").to_string();
    let padding = " ".repeat(length - text.len());
    text.push_str(&padding);
    text
}

fn post(connection: &mut Raw, body: &str) {
    let head = head("POST /mcp");
    connection.send(format!("{head}content-length: {}\r\n\r\n", body.len()));
    connection.send(body);
}

/// That the server still does what it is for.
fn assert_serves(url: &str) {
    let mut connection = Raw::connect(url);
    post(&mut connection, &call("still here").to_string());
    let answer = connection.read_until("still here");
    assert_eq!(status(&answer), 200, "{answer}");
}

#[test]
fn a_body_of_four_mebibytes_is_served_and_one_byte_more_is_not() {
    let server = server();
    let mut exact = Raw::connect(&server.url);
    post(&mut exact, &call_of(4 * MIB));
    let answer = exact.read_until("}}}");
    assert_eq!(status(&answer), 200, "{answer}");
    let mut larger = Raw::connect(&server.url);
    post(&mut larger, &call_of(4 * MIB + 1));
    let answer = larger.read_to_end();
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("larger than 4194304 bytes"), "{answer}");
}

#[test]
fn chunks_without_an_announced_length_are_counted() {
    let server = server();
    let send = |length: usize| {
        let mut connection = Raw::connect(&server.url);
        let head = head("POST /mcp");
        connection.send(format!("{head}transfer-encoding: chunked\r\n\r\n"));
        for chunk in call_of(length).as_bytes().chunks(50_000) {
            connection.send(format!("{:x}\r\n", chunk.len()));
            connection.send(chunk).send("\r\n");
        }
        connection.send("0\r\n\r\n");
        connection
    };
    assert_eq!(status(&send(4 * MIB).read_until("}}}")), 200);
    assert_eq!(status(&send(4 * MIB + 1).read_to_end()), 413);
}

#[test]
fn a_body_is_asked_for_before_it_is_sent_and_only_if_it_fits() {
    let server = server();
    let expecting = |length: usize| {
        let mut connection = Raw::connect(&server.url);
        let head = head("POST /mcp");
        connection.send(format!(
            "{head}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        ));
        let first = status(&connection.read_until("\r\n\r\n"));
        (connection, first)
    };
    let (mut fits, first) = expecting(call_of(500).len());
    assert_eq!(first, 100);
    fits.send(call_of(500));
    assert_eq!(status(&fits.read_until("}}}")), 200);
    assert_eq!(expecting(4 * MIB + 1).1, 413);
}

#[test]
fn large_bodies_share_a_bound_and_small_ones_pass_beside_them() {
    let server = server();
    // Each holds all but the last byte of its body back, and with it what arrived.
    let held: Vec<Raw> = (0..17)
        .map(|_| {
            let mut connection = Raw::connect(&server.url);
            let body = call_of(4 * MIB);
            let head = head("POST /mcp");
            connection.send(format!("{head}content-length: {}\r\n\r\n", body.len()));
            connection.send(&body[..body.len() - 1]);
            connection
        })
        .collect();
    let refused = eventually(|| {
        held.iter().find_map(|connection| {
            connection.0.set_nonblocking(true).unwrap();
            let mut answer = [0; 1024];
            let length = (&connection.0).read(&mut answer).unwrap_or(0);
            (length > 0).then(|| String::from_utf8_lossy(&answer[..length]).into_owned())
        })
    });
    assert_eq!(status(&refused), 503, "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert_serves(&server.url);
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it never happened"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn headers_are_bounded_in_size_and_number() {
    let server = server();
    let answer = |headers: &str| {
        let mut connection = Raw::connect(&server.url);
        let head = head("POST /mcp");
        connection.send(format!("{head}{headers}content-length: 0\r\n\r\n"));
        status(&connection.read_until("\r\n\r\n"))
    };
    assert_eq!(answer(&format!("x: {}\r\n", "y".repeat(MIB))), 431);
    let mut many = String::new();
    for number in 0..200 {
        write!(many, "x-{number}: y\r\n").unwrap();
    }
    assert_eq!(answer(&many), 431);
    let mut connection = Raw::connect(&server.url);
    connection.send(format!(
        "GET /{} HTTP/1.1\r\nhost: a\r\n\r\n",
        "a".repeat(MIB)
    ));
    assert!(matches!(
        status(&connection.read_until("\r\n\r\n")),
        414 | 431
    ));
    assert_serves(&server.url);
}

#[test]
fn a_request_that_names_its_host_or_origin_twice_is_refused() {
    let server = server();
    let ask = |request: &str, headers: &str| {
        let mut connection = Raw::connect(&server.url);
        let (head, body) = (head(request), call("hi").to_string());
        connection.send(format!(
            "{head}{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        connection.read_to_end()
    };
    let local = "origin: http://localhost:1\r\n";
    for request in ["POST /mcp", "POST /mcp/", "GET /metrics", "GET /status"] {
        for (headers, name) in [
            ("host: evil.example\r\n", "Host"),
            ("host: 127.0.0.1\r\n", "Host"),
            (
                "origin: http://localhost:1\r\norigin: https://evil.example\r\n",
                "Origin",
            ),
        ] {
            let answer = ask(request, headers);
            assert_eq!(status(&answer), 400, "{request} {headers}: {answer}");
            let why = format!("a request has one `{name}` header, and this one has more");
            assert!(answer.contains(&why), "{answer}");
        }
        assert_eq!(status(&ask(request, local)), 200, "{request}");
    }
}

#[test]
fn only_the_endpoint_itself_is_the_endpoint() {
    let server = server();
    for (request, expected) in [
        ("GET //mcp", 404),
        ("GET /mcp/..", 404),
        ("GET /mcp/../healthz", 404),
        ("GET /%6dcp", 404),
        ("GET /../etc/passwd", 404),
        ("GET /", 404),
        ("GET /mcp", 405),
        ("DELETE /mcp", 405),
        ("PUT /mcp", 405),
        ("OPTIONS /mcp", 405),
        ("BREW /mcp", 405),
        ("POST /healthz", 405),
        ("POST /", 404),
        ("CONNECT evil.example:443", 404),
    ] {
        let mut connection = Raw::connect(&server.url);
        let head = head(request);
        connection.send(format!(
            "{head}content-length: 0\r\nconnection: close\r\n\r\n"
        ));
        let answer = connection.read_to_end();
        assert_eq!(status(&answer), expected, "{request}: {answer}");
    }
    assert_serves(&server.url);
}

#[test]
fn bytes_that_are_no_request_end_their_connection_only() {
    let server = server();
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /mcp HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"POST /mcp HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /mcp HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
        b"GET /mcp HTTP/1.1\r\nhost: a\nb\r\n c\r\n\r\n",
    ] {
        let mut connection = Raw::connect(&server.url);
        connection.send(bytes);
        connection.0.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = connection.read_to_end();
        assert!(
            answer.is_empty() || (400..500).contains(&status(&answer)),
            "{answer}"
        );
    }
    assert_serves(&server.url);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut connection = Raw::connect(&server.url);
    for number in 0..50 {
        post(
            &mut connection,
            &call(&format!("number {number:02}")).to_string(),
        );
    }
    let answers = connection.read_until("number 49");
    let places: Vec<usize> = (0..50)
        .map(|number| answers.find(&format!("number {number:02}")).unwrap())
        .collect();
    assert!(places.is_sorted());
}

#[test]
fn deep_json_and_wide_json_are_refused_or_answered() {
    let server = server();
    let nested = |open: &str, close: &str| {
        let mut body = call("@").to_string();
        let deep = open.repeat(MIB) + &close.repeat(MIB);
        body = body.replace("\"@\"", &deep);
        let mut connection = Raw::connect(&server.url);
        post(&mut connection, &body);
        connection.read_until("}}")
    };
    let answer = nested("[", "]");
    assert_eq!(status(&answer), 400, "{answer}");
    assert!(answer.contains("-32700"), "{answer}");
    let mut wide = call("@").to_string();
    wide = wide.replace("\"@\"", &format!("[{}0]", "[],".repeat(MIB)));
    let mut connection = Raw::connect(&server.url);
    post(&mut connection, &wide);
    let answer = connection.read_until("}}");
    assert!(answer.contains("INVALID_ARGUMENTS"), "{answer}");
    assert!(answer.len() < 4096, "{} bytes", answer.len());
    assert_serves(&server.url);
}

#[test]
fn names_of_a_megabyte_get_short_answers() {
    let server = server();
    let long = "n".repeat(MIB);
    for (method, body) in [
        (
            "tools/call",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": &long}}),
        ),
        (
            "no/such",
            json!({"jsonrpc": "2.0", "id": 1, "method": &long, "params": {}}),
        ),
        (
            "tools/call",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "echo_json", "arguments": {&long: 1}}}),
        ),
    ] {
        let mut body = body;
        body["params"]["_meta"] = call("")["params"]["_meta"].clone();
        let mut connection = Raw::connect(&server.url);
        let head = head("POST /mcp").replace("tools/call", method);
        let body = body.to_string();
        connection.send(format!(
            "{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let answer = connection.read_to_end();
        assert!(answer.len() < 4096, "{}", &answer[..4096]);
        assert!(answer.contains("\"error\""), "{answer}");
    }
    assert_serves(&server.url);
}

#[test]
fn what_a_client_says_of_itself_does_not_break_its_call() {
    let server = server();
    let metas = [
        json!({"timeout_ms": u64::MAX}),
        json!({"timeout_ms": -1}),
        json!({"timeout_ms": 1e300}),
        json!({"traceparent": "00-\u{0}\n\u{1b}[2J"}),
        json!({"traceparent": "0".repeat(MIB)}),
        json!({"io.modelcontextprotocol/clientInfo": {"name": "a\nb\u{0}\u{1b}[2J", "version": ""}}),
        json!({"io.modelcontextprotocol/clientInfo": {"name": "n".repeat(MIB), "version": "0"}}),
        json!({"progressToken": "t".repeat(MIB)}),
    ];
    for meta in metas {
        let mut body = call("fine");
        let known = body["params"]["_meta"].as_object_mut().unwrap();
        known.extend(meta.as_object().unwrap().clone());
        let mut connection = Raw::connect(&server.url);
        post(&mut connection, &body.to_string());
        let answer = connection.read_until("}}}");
        let shown: String = meta.to_string().chars().take(100).collect();
        assert!(answer.contains(r#"{"got":"fine"}"#), "{shown}: {answer}");
    }
    let mut none = call("late");
    none["params"]["_meta"]["timeout_ms"] = json!(0);
    let mut connection = Raw::connect(&server.url);
    post(&mut connection, &none.to_string());
    let answer = connection.read_until("}}}");
    assert!(answer.contains("TIMEOUT"), "{answer}");
}

/// A server in this process, with bounds that a test can wait for.
async fn impatient(bounds: ConnectionBounds) -> String {
    let options = LoadOptions {
        env: Env::from_process(),
        ..LoadOptions::default()
    };
    let Ok(loaded) = load(&repository("tests/clients/gantz.yaml"), &options) else {
        panic!("the file is sound");
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = http::endpoint_url(listener.local_addr().unwrap());
    let options = HttpOptions {
        connections: bounds,
        ..HttpOptions::default()
    };
    let runner = std::sync::Arc::new(Runner::new(loaded.catalog));
    tokio::spawn(
        async move { http::serve(listener, runner, &options, CancellationToken::new()).await },
    );
    url
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_past_the_bound_are_told_and_places_come_back() {
    let url = impatient(ConnectionBounds {
        connections: 4,
        ..ConnectionBounds::default()
    })
    .await;
    blocking(move || {
        let mut held: Vec<Raw> = (0..4).map(|_| Raw::connect(&url)).collect();
        for connection in &mut held {
            post(connection, &call("held").to_string());
            connection.read_until("held");
        }
        let mut fifth = Raw::connect(&url);
        post(&mut fifth, &call("refused").to_string());
        let answer = fifth.read_to_end();
        assert_eq!(status(&answer), 503, "{answer}");
        assert!(answer.contains("all connections are in use"), "{answer}");
        held.pop();
        eventually(|| {
            let mut next = Raw::connect(&url);
            post(&mut next, &call("hello again").to_string());
            next.read_until("}}").contains("hello again").then_some(())
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_lose_their_connections() {
    let url = impatient(ConnectionBounds {
        header_timeout: Duration::from_millis(500),
        body_timeout: Duration::from_millis(500),
        ..ConnectionBounds::default()
    })
    .await;
    blocking(move || {
        let silent = Raw::connect(&url);
        let mut headers = Raw::connect(&url);
        headers.send("POST /mcp HTTP/1.1\r\nhost: a\r\n");
        let mut body = Raw::connect(&url);
        let head = head("POST /mcp");
        body.send(format!("{head}content-length: 1000\r\n\r\n{{"));
        // Both drip on: bytes that come do not buy more time.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1200) {
            headers.send("x: y\r\n");
            body.send(" ");
            std::thread::sleep(Duration::from_millis(100));
        }
        let answer = body.read_to_end();
        assert_eq!(status(&answer), 408, "{answer}");
        for mut connection in [silent, headers] {
            let answer = connection.read_to_end();
            assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_serves(&url);
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_loses_its_connection() {
    let url = impatient(ConnectionBounds {
        connections: 1,
        unread_timeout: Duration::from_secs(1),
        ..ConnectionBounds::default()
    })
    .await;
    blocking(move || {
        let mut deaf = Raw::connect(&url);
        deaf.0
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let text = "x".repeat(60_000);
        let body = call(&text).to_string();
        let head = head("POST /mcp");
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        // Asks until the server's answers fill every buffer between the two, and it stops to read.
        while deaf.0.write_all(request.as_bytes()).is_ok() {}
        eventually(|| {
            let mut next = Raw::connect(&url);
            post(&mut next, &call("room again").to_string());
            next.read_until("}}").contains("room again").then_some(())
        });
    })
    .await;
}
