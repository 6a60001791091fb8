//! Clients are told that the list of tools changed, and only then.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::support::{Server, command};
use crate::world::{A_WHILE, Events, SOON, World, request, tool, tools};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const CHANGED: &str = "notifications/tools/list_changed";

/// A client over standard input and output, one JSON message a line.
struct Stdio_ {
    child: Child,
    lines: Receiver<Value>,
}

impl Stdio_ {
    fn start(world: &World) -> Self {
        let config = world.config();
        let arguments = ["serve", "--stdio", config.to_str().unwrap()];
        let mut child = command(config.parent().unwrap(), &arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let message = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn send(&mut self, message: &Value) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{message}").unwrap();
    }

    fn next(&self, wait: Duration) -> Option<Value> {
        self.lines.recv_timeout(wait).ok()
    }
}

impl Drop for Stdio_ {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
    })
}

fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

#[test]
fn a_client_on_stdio_is_told_when_the_list_is_another_one() {
    // With one thread in the pool, reading standard input must not keep the reload from running.
    let threads = "concurrency: {thread_pool_size: 1}\n";
    let world = World::new(&format!("{threads}{}", tools(&["a"])));
    let mut client = Stdio_::start(&world);
    client.send(&initialize());
    let hello = client.next(Duration::from_secs(10)).unwrap();
    assert_eq!(
        hello["result"]["capabilities"]["tools"]["listChanged"],
        true
    );
    client.send(&initialized());
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}));
    let list = client.next(SOON).unwrap();
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(
        list["result"]["ttlMs"],
        Value::Null,
        "the older revisions know no freshness"
    );

    // What a tool does is not shown.
    world.save(&format!("{threads}tools:\n{}", tool("a", "echo other", "")));
    assert_eq!(client.next(A_WHILE), None);

    world.replace(&format!("{threads}{}", tools(&["a", "b"])));
    let told = client.next(SOON).expect("a notice");
    assert_eq!(told["method"], CHANGED);
    assert_eq!(client.next(A_WHILE), None, "one notice for one change");
    client.send(&json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}));
    let list = client.next(SOON).unwrap();
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 2);
}

#[test]
fn a_subscriber_on_stdio_is_told_until_it_cancels() {
    let world = World::new(&tools(&["a"]));
    let mut client = Stdio_::start(&world);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    client.send(&json!({
        "jsonrpc": "2.0", "id": "sub", "method": "subscriptions/listen",
        "params": {"_meta": meta, "notifications": {"toolsListChanged": true}},
    }));
    let acknowledged = client.next(Duration::from_secs(10)).unwrap();
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    world.replace(&tools(&["a", "b"]));
    let told = client.next(SOON).expect("a notice");
    assert_eq!(told["method"], CHANGED);
    assert_eq!(told["params"]["_meta"][SUBSCRIPTION], "sub");
    assert_eq!(
        client.next(A_WHILE),
        None,
        "told once, not by right of the connection as well"
    );

    client.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": "sub", "_meta": meta},
    }));
    std::thread::sleep(Duration::from_millis(200));
    world.replace(&tools(&["a"]));
    let after: Vec<Value> = std::iter::from_fn(|| client.next(A_WHILE)).collect();
    assert!(
        after.iter().all(|message| message["method"] != CHANGED),
        "{after:?}"
    );
}

async fn listen(server: &Server, id: u64, wanted: Value) -> Events {
    let params = json!({"notifications": wanted});
    let response = request(server, id, "subscriptions/listen", params)
        .send()
        .await;
    let mut events = Events::of(response.unwrap());
    let acknowledged = events.next(SOON).await.unwrap();
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], id);
    events
}

#[tokio::test]
async fn a_subscriber_over_http_is_told_what_it_asked_for() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    let mut tools_only = listen(&server, 7, json!({"toolsListChanged": true})).await;
    let mut prompts_only = listen(&server, 8, json!({"promptsListChanged": true})).await;
    for names in [&["a", "b"][..], &["b"]] {
        world.replace(&tools(names));
        let told = tools_only.next(SOON).await.expect("a notice");
        assert_eq!(told["method"], CHANGED);
        assert_eq!(told["params"]["_meta"][SUBSCRIPTION], 7);
    }
    assert_eq!(tools_only.next(A_WHILE).await, None);
    assert_eq!(prompts_only.next(Duration::from_millis(10)).await, None);
}

#[tokio::test]
async fn a_subscription_ends_in_order_when_the_server_stops() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    let mut events = listen(&server, 7, json!({"toolsListChanged": true})).await;
    crate::signals::send(&server, rustix::process::Signal::TERM);
    let end = events.next(SOON).await.expect("a result");
    assert_eq!(
        (&end["id"], &end["result"]["resultType"]),
        (&json!(7), &json!("complete"))
    );
}

#[tokio::test]
async fn a_session_over_http_is_told_on_its_stream() {
    let world = World::new(&tools(&["a"]));
    let server = world.serve(&[]);
    let accept = "application/json, text/event-stream";
    let post = |message: Value, session: Option<&str>| {
        let request = Client::new().post(&server.url).header(ACCEPT, accept);
        let request = match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        };
        request.json(&message).send()
    };
    let response = post(initialize(), None).await.unwrap();
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    post(initialized(), Some(&session)).await.unwrap();
    let stream = Client::new()
        .get(&server.url)
        .header(ACCEPT, "text/event-stream")
        .header("mcp-session-id", &session)
        .send()
        .await
        .unwrap();
    let mut events = Events::of(stream);
    world.replace(&tools(&["a", "b"]));
    let told = events.next(SOON).await.expect("a notice");
    assert_eq!(told["method"], CHANGED);
    assert_eq!(events.next(A_WHILE).await, None);
}
