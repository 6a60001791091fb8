//! How many can ask to be told.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runner::config::{LoadOptions, load_text};
use runner::mcp::stdio;
use runner::runner::Runner;
use runner::tool::Catalog;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex,
    split,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::world::tools;

fn catalog(names: &[&str]) -> Catalog {
    let path = Path::new("gantz.yaml");
    let loaded = load_text(path, tools(names), Path::new("/"), &LoadOptions::default());
    loaded.unwrap().catalog
}

/// A server in this process, and the client's end of its only connection.
struct Connection {
    runner: Arc<Runner>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Connection {
    fn new() -> Self {
        let (near, far) = duplex(16 * 1024 * 1024);
        let (input, output) = split(far);
        let runner = Arc::new(Runner::new(catalog(&["a"])));
        let stop = CancellationToken::new();
        tokio::spawn(stdio::serve(input, output, Arc::clone(&runner), stop));
        let (reader, writer) = split(near);
        Self {
            runner,
            lines: BufReader::new(reader).lines(),
            writer,
        }
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        let line = timeout(Duration::from_secs(30), self.lines.next_line());
        let line = line.await.expect("a message in time").unwrap();
        serde_json::from_str(&line.expect("a message")).unwrap()
    }

    /// What comes within a second, where nothing should.
    async fn more(&mut self) -> Option<String> {
        let line = timeout(Duration::from_secs(1), self.lines.next_line());
        line.await.ok()?.unwrap()
    }

    async fn listen(&mut self, id: usize) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
        let method = "subscriptions/listen";
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
    }
}

#[tokio::test]
async fn a_subscription_past_the_bound_is_refused_and_room_is_made() {
    let mut connection = Connection::new();
    for id in 0..1025 {
        connection.listen(id).await;
        let acknowledged = connection.next().await;
        assert_eq!(
            acknowledged["method"],
            "notifications/subscriptions/acknowledged"
        );
    }
    let refused = connection.next().await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("all 1024 subscriptions are in use"),
        "{message}"
    );
    assert_eq!(connection.more().await, None);

    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}});
    connection.send(cancelled).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    connection.listen(2000).await;
    let acknowledged = connection.next().await;
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    assert_eq!(connection.more().await, None, "not refused");
}

#[tokio::test]
async fn who_says_hello_twice_is_told_once() {
    let mut connection = Connection::new();
    connection
        .send(json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
        }))
        .await;
    connection.next().await;
    for _ in 0..5 {
        connection
            .send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
    }
    connection
        .send(json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}))
        .await;
    connection.next().await;
    connection.runner.reload(catalog(&["a", "b"]));
    let told = connection.next().await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(connection.more().await, None);
}

#[tokio::test]
async fn a_list_that_is_the_same_again_is_no_news() {
    let mut connection = Connection::new();
    connection.listen(1).await;
    connection.next().await;
    connection.runner.reload(catalog(&["a"]));
    assert_eq!(connection.more().await, None);
    connection.runner.reload(catalog(&["b"]));
    let told = connection.next().await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
}
