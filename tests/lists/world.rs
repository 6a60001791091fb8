//! A server for files of tools, and what clients ask of it.

use std::fs;
use std::path::Path;

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Server;

/// A folder with a file of tools, and a server for it that stores in a folder beside.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl World {
    pub(crate) fn new(tools: &str) -> Self {
        Self::with(tools, &[])
    }

    /// The same, with more options.
    pub(crate) fn with(tools: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), tools).unwrap();
        let state = folder.path().join("state");
        let mut all = vec!["--state-dir", state.to_str().unwrap()];
        all.extend_from_slice(options);
        let server = Server::start_with(&folder.path().join("gantz.yaml"), &all);
        Self { folder, server }
    }

    fn request(&self, method: &str, name: Option<&str>, mut params: Value) -> RequestBuilder {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let mut request = Client::new()
            .post(&self.server.url)
            .header(ACCEPT, "application/json, text/event-stream")
            .header("Mcp-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", method);
        if let Some(name) = name {
            request = request.header("Mcp-Name", name);
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let name = params["uri"].as_str().map(str::to_owned);
        let request = self.request(method, name.as_deref(), params);
        request.send().await.unwrap().json().await.unwrap()
    }

    fn calling(&self, tool: &str, arguments: &Value, meta: &Value) -> RequestBuilder {
        let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
        self.request("tools/call", Some(tool), params)
    }

    /// The result of a call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.call_as("nobody", tool, arguments).await
    }

    /// The result of a call with a token.
    pub(crate) async fn call_as(&self, token: &str, tool: &str, arguments: Value) -> Value {
        let request = self.calling(tool, &arguments, &json!({}));
        let answer = request.bearer_auth(token).send().await.unwrap();
        let mut answer = messages(&answer.text().await.unwrap()).pop().unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].take()
    }

    /// The page that a call gives.
    pub(crate) async fn page(&self, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        let text: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "the text says the same");
        result["structuredContent"].take()
    }

    /// The error that a call fails with.
    pub(crate) async fn failure(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        let mut envelope: Value = serde_json::from_str(text).unwrap();
        envelope["error"].take()
    }

    /// The messages that a call with a progress token is answered with, the result last.
    pub(crate) async fn told(&self, tool: &str) -> Vec<Value> {
        let request = self.calling(tool, &json!({}), &json!({"progressToken": "t"}));
        messages(&request.send().await.unwrap().text().await.unwrap())
    }

    /// How often the script ran that adds a line to the file `runs`.
    pub(crate) fn runs(&self) -> usize {
        runs(self.folder.path())
    }
}

/// The messages of an answer: one, or a stream of events where it takes longer.
fn messages(answer: &str) -> Vec<Value> {
    let lines = answer.lines();
    let data = lines.map(|line| line.strip_prefix("data:").unwrap_or(line));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .filter(Value::is_object)
        .collect()
}

/// The lines of the file `runs`.
pub(crate) fn runs(folder: &Path) -> usize {
    let runs = fs::read_to_string(folder.join("runs"));
    runs.unwrap_or_default().lines().count()
}

/// The numbers of the items of a page.
pub(crate) fn numbers(page: &Value) -> Vec<u64> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["n"].as_u64().unwrap())
        .collect()
}
