//! A folder with a gantz.yaml, its server, and clients of both eras.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{Stream, StreamExt};
use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::support::Server;

/// A saved file is served, and clients are told, within this.
pub(crate) const SOON: Duration = Duration::from_millis(1500);

/// Long enough to say that nothing comes.
pub(crate) const A_WHILE: Duration = Duration::from_secs(1);

/// A folder and the file in it.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("gantz.yaml")
    }

    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        Server::start_with(&self.config(), options)
    }

    /// Writes over the file.
    pub(crate) fn save(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    /// Puts another file in the file's place, as most editors do.
    pub(crate) fn replace(&self, config: &str) {
        fs::write(self.path("new"), config).unwrap();
        fs::rename(self.path("new"), self.config()).unwrap();
    }
}

/// A configuration of tools that print their names.
pub(crate) fn tools(names: &[&str]) -> String {
    let tools: String = names.iter().map(|name| tool(name, name, "")).collect();
    format!("name: world\ntools:\n{tools}")
}

/// A tool that runs `shell`, and what else is to be said of it.
pub(crate) fn tool(name: &str, shell: &str, more: &str) -> String {
    let shell = if name == shell {
        format!("echo {name}")
    } else {
        shell.to_owned()
    };
    format!(
        "  - {{name: {name}, description: A tool, {more} script: {{command: sh, args: [-c, '{shell}']}}}}\n"
    )
}

/// Waits until `found` holds; fails when that takes longer than a reload may.
pub(crate) async fn soon(what: &str, mut found: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !found().await {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn said(server: &Server, text: &str) {
    soon(text, async || server.said().contains(text)).await;
}

pub(crate) async fn exists(path: &Path) {
    soon("a file", async || path.exists()).await;
}

/// A request of the current revision.
pub(crate) fn request(server: &Server, id: u64, method: &str, mut params: Value) -> RequestBuilder {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
    });
    let mut request = Client::new()
        .post(&server.url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("Mcp-Name", name);
    }
    request.json(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// What `tools/list` answers.
pub(crate) async fn list(server: &Server) -> Value {
    let response = request(server, 1, "tools/list", json!({})).send().await;
    let answer: Value = response.unwrap().json().await.unwrap();
    answer["result"].clone()
}

/// The names that `tools/list` shows.
pub(crate) async fn names(server: &Server) -> Vec<String> {
    let list = list(server).await;
    let tools = list["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Calls a tool in a task of its own; gives the text of its answer.
pub(crate) fn call(server: &Server, tool: &str) -> tokio::task::JoinHandle<String> {
    let params = json!({"name": tool, "arguments": {}});
    let request = request(server, 1, "tools/call", params);
    tokio::spawn(async move {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let text = answer["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{answer}")).trim().to_owned()
    })
}

/// The messages of an event stream.
pub(crate) struct Events {
    stream: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>>>>,
    buffer: String,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        let type_ = response.headers()["content-type"].to_str().unwrap();
        assert!(type_.starts_with("text/event-stream"), "{type_}");
        let stream = response
            .bytes_stream()
            .map(|chunk| chunk.map(|c| c.to_vec()));
        Self {
            stream: Box::pin(stream),
            buffer: String::new(),
        }
    }

    /// The next message within `wait`; `None` when there is none, or the stream ends.
    pub(crate) async fn next(&mut self, wait: Duration) -> Option<Value> {
        timeout(wait, self.message()).await.ok().flatten()
    }

    async fn message(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.buffer.find('\n') {
                let line: String = self.buffer.drain(..=end).collect();
                if let Some(data) = line.strip_prefix("data:").map(str::trim)
                    && !data.is_empty()
                {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            let chunk = self.stream.next().await?.ok()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
