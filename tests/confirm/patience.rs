//! How long a call waits for a person where nobody bounds it, and what its client hears meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runner::config::{LoadOptions, load_text};
use runner::mcp::stdio::serve;
use runner::runner::Runner;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::wire::{TOOLS, error};

#[tokio::test(start_paused = true)]
async fn five_minutes_with_signs_of_life() {
    let file = load_text(
        Path::new("f"),
        TOOLS,
        Path::new("/"),
        &LoadOptions::default(),
    );
    let runner = Arc::new(Runner::new(file.unwrap().catalog));
    let (near, far) = duplex(64 * 1024);
    let (input, output) = tokio::io::split(near);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(input, output, runner, stop.clone()));
    let (reader, mut writer) = tokio::io::split(far);
    let mut lines = BufReader::new(reader).lines();
    let mut told = async || -> Value {
        let line = lines.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    for message in [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}}, "clientInfo": {"name": "t", "version": "0"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "delete", "arguments": {"path": "a"}, "_meta": {"progressToken": "p"}}}),
    ] {
        writer
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }
    assert_eq!(told().await["id"], 0);
    let question = told().await;
    assert_eq!(question["method"], "elicitation/create");
    let since = Instant::now();
    let mut signs_of_life = 0;
    let over = loop {
        let message = told().await;
        if message["method"] != "notifications/progress" {
            break message;
        }
        signs_of_life += 1;
    };
    assert_eq!(over["method"], "notifications/cancelled", "{over}");
    assert_eq!(over["params"]["requestId"], question["id"]);
    let waited = since.elapsed();
    assert!((299..=301).contains(&waited.as_secs()), "{waited:?}");
    assert!((28..=30).contains(&signs_of_life), "{signs_of_life}");
    let late = error(&told().await);
    assert_eq!(
        late["message"],
        "nobody answered the question within 300 s: `delete` was not run"
    );
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_mins(1), serving).await;
    ended.unwrap().unwrap().unwrap();
}
