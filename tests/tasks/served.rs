//! A server of tools whose calls become tasks, and a client of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Server, repository};

pub(crate) const VERSION: &str = "2026-07-28";

/// Patience with a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(40);

/// A folder with the tools, and a state directory beside them.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(
            repository("tests/tasks/gantz.yaml"),
            folder.path().join("gantz.yaml"),
        )
        .unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn state(&self) -> String {
        self.text("state")
    }

    /// Serves the tools over HTTP.
    pub(crate) fn serve(&self) -> Served {
        let state = self.state();
        let server = Server::start_with(&self.file("gantz.yaml"), &["--state-dir", &state]);
        Served {
            at: Endpoint::new(&server.url),
            server,
        }
    }
}

/// A server, and its endpoint.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) at: Endpoint,
}

/// Whom a client says it is, and whether it knows tasks.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: String,
    token: Option<String>,
    knows_tasks: bool,
}

impl Endpoint {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: None,
            knows_tasks: true,
        }
    }

    pub(crate) fn without_tasks(&self) -> Self {
        Self {
            knows_tasks: false,
            ..self.clone()
        }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        let name = ["name", "taskId"]
            .iter()
            .find_map(|key| params[*key].as_str().map(str::to_owned));
        add_meta(&mut params, self.knows_tasks);
        let mut request = Client::new()
            .post(&self.url)
            .header(ACCEPT, "application/json, text/event-stream")
            .header("Mcp-Protocol-Version", VERSION)
            .header("Mcp-Method", method);
        if let Some(name) = name {
            request = request.header("Mcp-Name", name);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// The whole answer to a request.
    pub(crate) async fn answer(&self, method: &str, params: Value) -> Value {
        let response = self.request(method, params).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// The result of a request; a refusal is a surprise.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.result("tools/call", params).await
    }

    /// Calls a tool and gives the id of the task it becomes.
    pub(crate) async fn start(&self, tool: &str, arguments: Value) -> String {
        let created = self.call(tool, arguments).await;
        assert_eq!(created["resultType"], "task", "{created}");
        assert_eq!(created["status"], "working");
        created["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, id: &str) -> Value {
        self.result("tasks/get", json!({"taskId": id})).await
    }

    pub(crate) async fn cancel(&self, id: &str) {
        let answer = self.result("tasks/cancel", json!({"taskId": id})).await;
        assert_eq!(answer["resultType"], "complete");
        assert!(answer.get("taskId").is_none());
    }

    /// The task once it is as `wanted` says.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let task = self.get(id).await;
            if wanted(&task) {
                return task;
            }
            assert!(begun.elapsed() < LONG, "still {task}");
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// The task once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.until(id, |task| task["status"] != "working").await
    }
}

/// What every request of this revision carries.
pub(crate) fn add_meta(params: &mut Value, knows_tasks: bool) {
    let extensions = if knows_tasks {
        json!({"io.modelcontextprotocol/tasks": {}})
    } else {
        json!({})
    };
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    });
    let mut given = params["_meta"].take();
    match given.as_object_mut() {
        Some(given) => {
            given.extend(meta.as_object().unwrap().clone());
            params["_meta"] = json!(given);
        }
        None => params["_meta"] = meta,
    }
}

/// Waits until `done` is true.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LONG, "never happened: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
