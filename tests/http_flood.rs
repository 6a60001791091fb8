//! More calls and more sessions than there is room for, over HTTP: exact bounds, and nothing left behind.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::{Server, repository};
use tokio::sync::Semaphore;
use tokio::time::Instant;

const CALLS: usize = 10_000;

/// Calls on their way at once: more than are held. The client opens up to twice as many connections, which the
/// server has to take all.
const AT_ONCE: usize = 400;

const GATED: &str = r#"
name: flood
concurrency: { max_parallel: 20 }
tools:
  - name: gated
    description: Wait for the gate
    timeout: 5m
    concurrency: { max_parallel: 10, queue_size: 100, queue_timeout: 5m }
    script: { shell: "while [ ! -e gate ]; do sleep 0.05; done; echo through" }
"#;

const BOTH: &str = "application/json, text/event-stream";

async fn call(client: &Client, url: &str) -> (String, Duration) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "gated", "arguments": {},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                  "io.modelcontextprotocol/clientCapabilities": {}}}});
    let request = client
        .post(url)
        .header(ACCEPT, BOTH)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "gated");
    let begun = Instant::now();
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    (response.text().await.unwrap(), begun.elapsed())
}

/// What came of so many calls at once: how many were refused before the gate opened and how many went
/// through, and how long the refusals took.
async fn flood(server: &Server, gate: &std::path::Path) -> (usize, usize, Vec<Duration>) {
    let client = Client::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let (client, url, places) = (client.clone(), server.url.clone(), Arc::clone(&places));
        calls.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            call(&client, &url).await
        });
    }
    let mut refusals = Vec::new();
    while refusals.len() < CALLS - 110 {
        let (answer, took) = calls.join_next().await.unwrap().unwrap();
        assert!(answer.contains("QUEUE_FULL"), "{answer}");
        assert!(answer.contains("retry_after_ms"), "{answer}");
        refusals.push(took);
    }
    // Exactly 110 are held, however long one waits.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(calls.try_join_next().is_none());
    fs::write(gate, "").unwrap();
    let mut through = 0;
    while let Some(answered) = calls.join_next().await {
        let (answer, _) = answered.unwrap();
        assert!(answer.contains("through"), "{answer}");
        through += 1;
    }
    fs::remove_file(gate).unwrap();
    (refusals.len(), through, refusals)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_once_are_admitted_to_the_last_place_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    fs::write(&config, GATED).unwrap();
    let server = Server::start(&config);
    let mut after = Vec::new();
    for _ in 0..2 {
        let (refused, through, mut took) = flood(&server, &folder.path().join("gate")).await;
        assert_eq!((refused, through), (CALLS - 110, 110));
        took.sort_unstable();
        let resident = resident_kib(&server);
        println!(
            "refusals: median {:?}, p99 {:?}; resident after: {resident} KiB",
            took[took.len() / 2],
            took[took.len() * 99 / 100]
        );
        after.push(resident);
        assert_eq!(
            descriptors_settle(&server).await,
            descriptors_of_idle(&config).await
        );
    }
    let grown = after[1].saturating_sub(after[0]);
    assert!(grown < 16 * 1024, "the second flood left {grown} KiB more");
}

fn resident_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .unwrap()
        .count()
}

/// The open descriptors once they no longer become fewer.
async fn descriptors_settle(server: &Server) -> usize {
    let mut seen = descriptors(server);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = descriptors(server);
        if now >= seen {
            return now;
        }
        seen = now;
    }
}

/// The open descriptors of a server that has answered one call.
async fn descriptors_of_idle(config: &std::path::Path) -> usize {
    let server = Server::start(config);
    let gate = config.with_file_name("gate");
    fs::write(&gate, "").unwrap();
    call(&Client::new(), &server.url).await;
    fs::remove_file(&gate).unwrap();
    descriptors_settle(&server).await
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sessions_are_opened_and_the_bound_is_exact() {
    let server = Server::start(&repository("tests/clients/gantz.yaml"));
    let client = Client::new();
    let before = resident_kib(&server);
    let places = Arc::new(Semaphore::new(64));
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let request = client
            .post(&server.url)
            .header(ACCEPT, BOTH)
            .json(&initialize());
        let places = Arc::clone(&places);
        opening.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            let response = request.send().await.unwrap();
            let wait = response.headers().get(RETRY_AFTER).cloned();
            let status = response.status();
            response.bytes().await.unwrap();
            (status, wait)
        });
    }
    let mut opened = 0;
    while let Some(answer) = opening.join_next().await {
        match answer.unwrap() {
            (StatusCode::OK, _) => opened += 1,
            (StatusCode::SERVICE_UNAVAILABLE, Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(opened, 1000);
    let grown = resident_kib(&server).saturating_sub(before);
    println!("1,000 sessions: {grown} KiB");
    assert!(grown < 128 * 1024, "{grown} KiB");
}

/// A client of a session.
struct Session {
    client: Client,
    url: String,
    id: String,
}

impl Session {
    async fn open(server: &Server) -> Self {
        let client = Client::new();
        let request = client.post(&server.url).header(ACCEPT, BOTH);
        let response = request.json(&initialize()).send().await.unwrap();
        let id = response.headers()["mcp-session-id"].to_str().unwrap();
        let session = Self {
            id: id.to_owned(),
            url: server.url.clone(),
            client,
        };
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(session.post(&ready).await.status(), StatusCode::ACCEPTED);
        session
    }

    async fn post(&self, message: &Value) -> reqwest::Response {
        let request = self.client.post(&self.url).header(ACCEPT, BOTH);
        let request = request.header("mcp-session-id", &self.id).json(message);
        request.send().await.unwrap()
    }

    async fn call(&self, id: usize, text: &str) -> reqwest::Response {
        self.post(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "echo_json", "arguments": {"text": text}}}),
        )
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_streams_nobody_reads_holds_up_nothing() {
    let server = Server::start(&repository("tests/clients/gantz.yaml"));
    let session = Session::open(&server).await;
    let mut unread = Vec::new();
    for _ in 0..40 {
        let stream = Client::new()
            .get(&server.url)
            .header(ACCEPT, "text/event-stream");
        let stream = stream.header("mcp-session-id", &session.id).send().await;
        unread.push(stream.unwrap());
    }
    for id in 1..30 {
        unread.push(session.call(id, &"x".repeat(30_000)).await);
    }
    let answer = session.call(99, "read").await.text().await.unwrap();
    assert!(answer.contains("read"), "{answer}");
    let ended = session.client.delete(&server.url);
    let ended = ended.header("mcp-session-id", &session.id).send().await;
    assert!(ended.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_of_a_session_with_one_id_are_both_answered() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    fs::write(&config, GATED).unwrap();
    let server = Server::start(&config);
    let session = Session::open(&server).await;
    let gated =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "gated"}});
    let first = session.post(&gated).await;
    let second = session.post(&gated).await.text().await.unwrap();
    assert!(
        second.contains("-32600") && second.contains("\"id\":7"),
        "{second}"
    );
    fs::write(folder.path().join("gate"), "").unwrap();
    let first = first.text().await.unwrap();
    assert!(first.contains("through"), "{first}");
}
