//! A served folder whose tools ask, and requests to it as clients send them.

use std::fs;

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::Server;

pub(crate) const TOOLS: &str = r#"
name: confirm
server: { builtin_tools: [batch] }
concurrency: { max_parallel: 1 }
tools:
  - name: delete
    description: Delete a file
    confirm: "Delete {{path}}?"
    parameters: [{ name: path, required: true }]
    script: { shell: "printf '%s\\n' {{path}} >> deleted; echo gone" }
  - name: lenient
    description: Delete what can be made again
    confirm: "Really?"
    confirm_fallback: allow
    script: { shell: echo ran }
  - name: hi
    description: Say hi
    script: { shell: echo hi }
  - name: slow
    description: Take long
    confirm: "Wait?"
    script: { shell: sleep 600 }
"#;

/// A folder with the tools, and what they deleted.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::with(TOOLS)
    }

    pub(crate) fn with(tools: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), tools).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, options: &[&str]) -> Server {
        Server::start_with(&self.path().join("gantz.yaml"), options)
    }

    /// What was deleted, a line each.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("deleted")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// A client of 2026-07-28 over HTTP.
pub(crate) struct Caller {
    pub(crate) url: String,
    pub(crate) capabilities: Value,
    pub(crate) name: &'static str,
    pub(crate) token: Option<&'static str>,
}

impl Caller {
    /// One that can ask.
    pub(crate) fn of(server: &Server) -> Self {
        Self {
            url: server.url.clone(),
            capabilities: json!({"elicitation": {}}),
            name: "tests",
            token: None,
        }
    }

    pub(crate) fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": self.name, "version": "0"},
        });
        let mut request = Client::new()
            .post(&self.url)
            .header(ACCEPT, "application/json, text/event-stream")
            .header("Mcp-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("Mcp-Name", name);
        }
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// The whole answer to `tools/call` with these parameters.
    pub(crate) async fn call(&self, params: Value) -> Value {
        let response = self.request("tools/call", params).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// Calls `delete`, and gives the result that asks.
    pub(crate) async fn asked(&self, path: &str) -> Value {
        let answer = self
            .call(json!({"name": "delete", "arguments": {"path": path}}))
            .await;
        assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
        answer["result"].clone()
    }

    /// Calls `delete` again with an answer to the question that `asked` put.
    pub(crate) async fn answered(&self, asked: &Value, path: &str, answer: Value) -> Value {
        self.call(json!({
            "name": "delete",
            "arguments": {"path": path},
            "inputResponses": {"confirm": answer},
            "requestState": asked["requestState"],
        }))
        .await
    }
}

/// The error that a failed call tells its model.
pub(crate) fn error(answer: &Value) -> Value {
    let result = &answer["result"];
    assert_eq!(result["isError"], true, "{answer}");
    let text = result["content"][0]["text"].as_str().unwrap();
    let envelope: Value = serde_json::from_str(text).unwrap();
    envelope["error"].clone()
}

/// What a call that ran printed.
pub(crate) fn text(answer: &Value) -> &str {
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

pub(crate) fn accept() -> Value {
    json!({"action": "accept", "content": {}})
}
